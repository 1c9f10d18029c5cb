"""How long contributions are kept: for the last as-of dates of every score, as many as the project says.

They are most of what `points/<score>` takes on disk, and are computed again from stored measures when
somebody asks (`explaining`). Points, data versions and inputs stay as they are, so nothing is due because of
it. Here: which partitions. Not here: rewriting them (`storage.rewriting`), when (`upkeep`). Dagster is not
needed.
"""

import polars as pl

from engagement_pipeline.core.frames import CONTRIBUTION
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.rewriting import Change, Changed, stored_tables, thin

_KEPT = pl.col("contributions").list.len() > 0


def let_go(bench: Workbench) -> dict[str, int]:
    """Table -> as-of dates whose contributions went, where any did. Of scores that are declared no more all
    dates but the last ones go as well."""
    kept, found = bench.catalog.project.limits.contributions_kept, {}
    for table in stored_tables(bench.lake):
        kind, _, score = table.partition("/")
        if kind != "points":
            continue
        old = sorted(bench.lake.partitions(table))[:-kept]
        spec = bench.table(table) if score in bench.catalog.scores else None
        if old and (count := thin(bench.lake, table, spec, Change(_KEPT, _emptied), old)):
            found[table] = count
    return found


def _emptied(rows: pl.DataFrame) -> Changed:
    with_any = rows.select(_KEPT.sum()).item()
    nothing = pl.lit([], dtype=pl.List(pl.Struct(CONTRIBUTION)))
    return Changed(rows.with_columns(contributions=nothing.cast(rows.schema["contributions"])), 0, with_any)
