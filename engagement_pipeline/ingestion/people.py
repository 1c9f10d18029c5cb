"""What sources say of people, batch by batch: `profiles/<source>` and `identities/<source>`.

Here: storing what landed rows gave, so that landed rows are read once, and reading it back. Not here: mapping
and judging (`profiles`, `identities`), periods and who is who (`core.people`, `core.identity`).
"""

from collections.abc import Collection
from functools import partial

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.rules import validate
from engagement_pipeline.contracts.tables import schema_for
from engagement_pipeline.core.frames import IDENTITIES, profile_schema
from engagement_pipeline.ingestion.verdicts import Verdict
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.layout import table_spec


def people_tables(source: Source) -> list[str]:
    """The kinds of table that hold what a source says of people: `profiles`, `identities`, both or
    neither."""
    return [*(["profiles"] if source.profiles else []), *(["identities"] if source.aliases else [])]


def store_people(verdicts: Collection[Verdict], source: Source, catalog: Catalog, lake: Lake) -> None:
    """Replaces what the batches say of people and of who is who. Of a statement made often the first
    counts."""
    once, landed = ["batch", "alias", "person_id", "merges"], f"landed/{source.source}"
    version = lake.version(landed)
    for kind in people_tables(source) if verdicts else []:
        table = table_spec(f"{kind}/{source.source}", catalog)
        frames = [frame for each in verdicts for frame in getattr(each, kind)]
        rows = pl.concat([table.schema.to_frame(), *frames])
        if kind == "identities":
            rows = rows.sort("observed_at", "row_number").unique(once, keep="first")
        check = partial(validate, schema=schema_for(table.name, catalog))
        batches = [each.batch for each in verdicts]
        lake.replace(table, rows, batches, {} if version is None else {landed: version}, check)


def never_stored(source: Source, landed: Collection[str], lake: Lake) -> set[str]:
    """Landed batches of which a table of people knows nothing: its mapping is newer than they are."""
    return {
        batch
        for kind in people_tables(source)
        for batch in set(landed) - lake.partitions(f"{kind}/{source.source}").keys()
    }


def snapshots_of(source: Source, lake: Lake) -> pl.LazyFrame:
    """`frames.profile_schema` of all that a source ever said of people. A fact declared later than a batch
    was judged is null in it until the batch is replayed. Raises TableMissing when rows were landed but never
    looked at for people."""
    schema = profile_schema(source)
    stored = _stored(source, "profiles", schema, lake)
    known = stored.collect_schema()
    return stored.select(
        pl.col(name) if name in known else pl.lit(None, kind).alias(name) for name, kind in schema.items()
    )


def statements_of(source: Source, lake: Lake) -> pl.LazyFrame:
    """`frames.IDENTITIES` of all that a source ever said of who is who."""
    return _stored(source, "identities", IDENTITIES, lake).select(IDENTITIES.names())


def _stored(source: Source, kind: str, schema: pl.Schema, lake: Lake) -> pl.LazyFrame:
    """Raises TableMissing when rows were landed, but not looked at for what they say of people."""
    table, landed = f"{kind}/{source.source}", f"landed/{source.source}"
    return lake.scan(table) if lake.exists(table) or lake.exists(landed) else schema.to_frame().lazy()
