"""JSON lines: one record a line, or an array of records a line (the bodies that webhooks deliver).

Here: lines to rows. Not here: whether a row is JSON (`decode`).
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from engagement_pipeline.ingestion.readers.content import text_chunks
from engagement_pipeline.ingestion.readers.rows import RAW, ROW_BYTES

BLANK = " \t\r\n\f\v\ufeff"
BLANKS = re.compile(r"[ \t]*")
SCANNER = json.JSONDecoder()


def read_json_lines(path: Path) -> Iterator[pl.DataFrame]:
    """Blocks of RAW. Rows are numbered as lines, but an array of n records counts as n of them."""
    before = 0
    for text in _whole_lines(text_chunks(path)):
        lines = _lines(text)
        block = pl.DataFrame(
            {"row_number": pl.int_range(before + 1, before + lines.len() + 1, eager=True), "raw": lines},
            schema=RAW,
        )
        before += lines.len()
        arrays = lines.str.starts_with("[")
        if arrays.any():
            block, added = _unfolded(block, arrays)
            before += added
        yield block.filter(pl.col("raw") != "")


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks that end where a line does. Of a line beyond ROW_BYTES only a little more than that is kept."""
    rest = b""
    for chunk in chunks:
        if len(rest) > ROW_BYTES:  # the tail of a line that is too long already
            begin = chunk.find(b"\n")
            if begin < 0:
                continue
            yield rest
            rest, chunk = b"", chunk[begin + 1 :]
        end = chunk.rfind(b"\n")
        if end < 0:
            rest = (rest + chunk)[: ROW_BYTES + 1]
            continue
        yield rest + chunk[:end]
        rest = chunk[end + 1 :]
    if rest:
        yield rest


def _lines(text: bytes) -> pl.Series:
    """One entry per line, without blanks around it."""
    try:
        text.decode()
    except UnicodeDecodeError:
        # Broken bytes show as `\\xff`, which no JSON string may hold: their lines become malformed,
        # and only theirs.
        text = text.decode("utf-8", errors="backslashreplace").encode()
    # Polars takes text that begins with "x^" for compressed, and ends a text with its last line end.
    lines = pl.scan_lines(io.BytesIO(b"\n" + text + b"\n"), name="raw").collect().to_series()
    return lines.slice(1).str.strip_chars(BLANK)


def _unfolded(block: pl.DataFrame, arrays: pl.Series) -> tuple[pl.DataFrame, int]:
    """The block with each array's elements in its place, and how many rows there are more."""
    lists = [
        _elements(text) if array else [text]
        for text, array in zip(block["raw"].to_list(), arrays, strict=True)
    ]
    flat = [text for each in lists for text in each]
    first = int(block["row_number"][0])
    numbers = pl.int_range(first, first + len(flat), eager=True)
    return pl.DataFrame({"row_number": numbers, "raw": flat}, schema=RAW), len(flat) - block.height


def _elements(text: str) -> list[str]:
    """The elements of an array as they are written; the text itself when it is no whole array."""
    found: list[str] = []
    at = _past_blanks(text, 1)
    if text[at : at + 1] == "]":
        return [""] if at + 1 == len(text) else [text]
    try:
        while True:
            _, end = SCANNER.raw_decode(text, at)
            found.append(text[at:end])
            at = _past_blanks(text, end)
            if text[at : at + 1] != ",":
                break
            at = _past_blanks(text, at + 1)
    except (ValueError, RecursionError):
        return [text]
    return found if text[at:] == "]" else [text]


def _past_blanks(text: str, at: int) -> int:
    match = BLANKS.match(text, at)
    return match.end() if match else at
