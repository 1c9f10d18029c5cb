"""All that a profile source ever said, as snapshots.

Here: reading its landed rows. Not here: mapping and judging them (`profiles`) and periods (`core.people`).
"""

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.ingestion.profiles import snapshot_schema, split_profiles
from engagement_pipeline.ingestion.verdicts import landed_blocks
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import Ledger


def snapshots_of(source: Source, catalog: Catalog, lake: Lake, ledger: Ledger) -> pl.DataFrame:
    """`profiles.snapshot_schema` of every landed batch that was judged to the end."""
    schema = snapshot_schema(source)
    accepted = ledger.landed(source.source) - set(ledger.untouched(source.source))
    blocks = [
        split_profiles(block, source, catalog).snapshots.select(schema.names())
        for block in landed_blocks(source, sorted(accepted), lake)
    ]
    return pl.concat([schema.to_frame(), *blocks])
