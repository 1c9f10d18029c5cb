"""A block of landed rows through every mapping of its source at once.

Here: what a row gives to events, profiles and identities, which rows no mapping takes, and every reason for
which one was rejected. Not here: what each mapping does (`canonical`, `profiles`, `identities`) and what
becomes of a whole batch (`verdicts`).
"""

from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.events import split
from engagement_pipeline.core.frames import IDENTITIES, REJECTED, event_schema, profile_schema
from engagement_pipeline.ingestion.canonical import candidates, event_origins
from engagement_pipeline.ingestion.identities import alias_reads, identities_in
from engagement_pipeline.ingestion.profiles import profile_reads, snapshots_in
from engagement_pipeline.ingestion.routing import Reads, Rows, read_rows


class Judged(NamedTuple):
    """What a block of landed rows gave."""

    events: pl.DataFrame
    """Valid events, columns of `frames.event_schema`; exploded rows give several with one `row_number`."""
    profiles: pl.DataFrame
    """Columns of `frames.profile_schema`: `batch`, `row_number`, `person_id`, `observed_at`, the facts,
    and `consent.<channel>` for every channel that the mapping says something of."""
    identities: pl.DataFrame
    """Columns of `frames.IDENTITIES`."""
    rejected: pl.DataFrame
    """Columns of `frames.REJECTED`, one row per raw row and rule; a raw row may be rejected by one mapping
    and taken by another."""
    ignored: pl.DataFrame
    """`batch`, `row_number` of rows that the source leaves out on purpose."""

    @property
    def rejected_rows(self) -> int:
        """Raw rows with at least one broken rule."""
        return self.rejected.select("batch", "row_number").n_unique()


def judge(landed: pl.DataFrame, source: Source, catalog: Catalog) -> Judged:
    """All that landed rows (columns of `frames.LANDED`) give, and why some of them do not count.

    Each row is read once for all mappings.
    """
    return judge_rows(read_all(landed, source, catalog), catalog)


def read_all(landed: pl.DataFrame, source: Source, catalog: Catalog) -> Rows:
    """Landed rows with all that the mappings of their source read of them."""
    reads: Reads = [
        *((each, event_origins(each, source, catalog)) for each in source.events),
        *([profile_reads(source)] if source.profiles else []),
        *alias_reads(source),
    ]
    return read_rows(landed, source, reads)


def judge_rows(rows: Rows, catalog: Catalog) -> Judged:
    """`judge` of rows that `read_all` gave."""
    source = rows.source
    events, profiles = event_schema(catalog).to_frame(), profile_schema(source).to_frame()
    identities, rejected = IDENTITIES.to_frame(), [rows.left_over()]
    if source.events:
        found = split(candidates(rows, catalog), catalog)
        events, rejected = found.valid, [*rejected, found.rejected]
    if source.profiles:
        profiles, refused = snapshots_in(rows, catalog)
        rejected.append(refused)
    if source.aliases:
        identities, refused = identities_in(rows, catalog)
        rejected.append(refused)
    return Judged(events, profiles, identities, _once(pl.concat(rejected)), rows.ignored)


def _once(rejected: pl.DataFrame) -> pl.DataFrame:
    """One row per raw row and rule, also where several elements or mappings break one rule."""
    key = ["batch", "row_number", "rule"]
    if not rejected.select(key).is_duplicated().any():
        return rejected.sort(key)
    more = pl.col("reason").n_unique() - 1
    reason = pl.col("reason").first()
    return (
        rejected.group_by(key, maintain_order=True)
        .agg(
            pl.col("file").first(),
            pl.when(more > 0)
            .then(pl.concat_str(reason, pl.lit(" (and "), more, pl.lit(" more like it)")))
            .otherwise(reason)
            .alias("reason"),
            pl.col("raw").first(),
        )
        .select(REJECTED.names())
        .sort(key)
    )
