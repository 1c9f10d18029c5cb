"""Parquet: rows as JSON records, a block at a time.

Here: reading the file. Not here: what its types become (`records`).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from engagement_pipeline.ingestion.readers.records import as_json
from engagement_pipeline.ingestion.readers.rows import BLOCK_ROWS, RAW, Unreadable


def read_parquet(path: Path) -> Iterator[pl.DataFrame]:
    """Blocks of RAW. Raises Unreadable for a file without columns, or with bytes where JSON has no place."""
    done = 0
    table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if not table.collect_schema():
        raise Unreadable("it has no columns", "Have it delivered again with its columns")
    for block in table.collect_batches(chunk_size=BLOCK_ROWS):
        numbers = pl.int_range(done + 1, done + block.height + 1, eager=True)
        yield pl.DataFrame({"row_number": numbers, "raw": as_json(block)}, schema=RAW)
        done += block.height
