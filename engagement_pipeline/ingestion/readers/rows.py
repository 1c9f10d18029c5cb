"""What every reader gives, and what it raises: numbered rows of JSON text, or a file that cannot be read.

Here: the shape and the size of rows. Not here: any format.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import polars as pl

T = TypeVar("T")

BLOCK_ROWS = 65_536
"""Rows held at once; a block of 64k rows of 300 bytes is about 20 MB, larger ones are no faster."""
BLOCK_BYTES = 16 * 1024 * 1024
"""Text held at once, one row aside."""
ROW_BYTES = 8 * 1024 * 1024
"""The longest row taken; event collectors cut theirs at 1 MB or less."""
KEPT_CHARACTERS = 1_000
TOO_LARGE = "too large: "
"""Begins what stands for a row beyond ROW_BYTES. No JSON begins so."""
RAW = pl.Schema({"row_number": pl.Int64(), "raw": pl.String()})


class UnreadableFile(Exception):  # noqa: N818 - named for what the reader of the message has in hand
    """A file that cannot be read as its source's format; nothing of it lands."""

    def __init__(self, file: str, why: str, remedy: str) -> None:
        self.file, self.why, self.remedy = file, why, remedy
        super().__init__(f"{file} cannot be read: {why}. {remedy}")


class Unreadable(Exception):  # noqa: N818
    """What is wrong with a file, said by a reader that does not know its name."""

    def __init__(self, why: str, remedy: str) -> None:
        self.why, self.remedy = why, remedy
        super().__init__(f"{why}. {remedy}")


def bounded(block: pl.DataFrame) -> pl.DataFrame:
    """The block, with a note and its beginning in place of a row beyond ROW_BYTES: it will be rejected."""
    size = pl.col("raw").str.len_bytes()
    if not block.select((size > ROW_BYTES).any()).item():
        return block
    note = pl.concat_str(
        pl.lit(f"{TOO_LARGE}a row may have {ROW_BYTES:,} bytes and this one has "),
        size.cast(pl.String),
        pl.lit(" or more: "),
        pl.col("raw").str.slice(0, KEPT_CHARACTERS),
    )
    return block.with_columns(pl.when(size > ROW_BYTES).then(note).otherwise("raw").alias("raw"))


def in_blocks(numbered: Iterable[tuple[int, str]]) -> Iterator[pl.DataFrame]:
    """Blocks of at most BLOCK_ROWS rows and about BLOCK_BYTES of text."""
    block: list[tuple[int, str]] = []
    size = 0
    for number, text in numbered:
        block.append((number, text))
        size += len(text)
        if len(block) == BLOCK_ROWS or size >= BLOCK_BYTES:
            yield pl.DataFrame(block, schema=RAW, orient="row")
            block, size = [], 0
    if block:
        yield pl.DataFrame(block, schema=RAW, orient="row")
