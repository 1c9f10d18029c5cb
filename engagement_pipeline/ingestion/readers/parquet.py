"""Parquet: rows as JSON records, a block at a time.

Here: reading the file. Not here: what its types become (`records`).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from engagement_pipeline.ingestion.readers.probe import PROBE
from engagement_pipeline.ingestion.readers.records import as_json
from engagement_pipeline.ingestion.readers.rows import BLOCK_ROWS, RAW, Unreadable

DEEPEST = 50
"""Polars recurses through types; some hundred levels overflow its stack, which nothing can catch."""


def read_parquet(path: Path) -> Iterator[pl.DataFrame]:
    """Blocks of RAW. Raises Unreadable for a file that harms its reader, has no columns, or has bytes where
    JSON has no place."""
    PROBE.look(path.absolute())
    done = 0
    table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    schema = table.collect_schema()
    if not schema:
        raise Unreadable("it has no columns", "Have it delivered again with its columns")
    for name, kind in schema.items():
        if _levels(kind) > DEEPEST:
            raise Unreadable(
                f"column {name!r} has more than {DEEPEST} lists and records within each other", "Leave it out"
            )
    for block in table.collect_batches(chunk_size=BLOCK_ROWS):
        numbers = pl.int_range(done + 1, done + block.height + 1, eager=True)
        yield pl.DataFrame({"row_number": numbers, "raw": as_json(block)}, schema=RAW)
        done += block.height


def _levels(kind: pl.DataType) -> int:
    if isinstance(kind, pl.Struct):
        return 1 + max((_levels(each.dtype) for each in kind.fields), default=0)  # type: ignore[arg-type]
    if isinstance(kind, pl.List | pl.Array):
        return 1 + _levels(kind.inner)  # type: ignore[arg-type]
    return 0
