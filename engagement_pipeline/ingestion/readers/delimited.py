"""CSV, TSV and the like: rows of text fields under the names of the first line, or of the catalog.

Here: fields to records of text. Not here: packing and encodings (`content`).

Polars reads chunks that end where a row does. What it and Python's reader would not read alike (a quote in
the middle of a field, a carriage return alone) is left to Python's, from there to the end of the file, and
so is a chunk with a row that has too many fields: how a row is read must not depend on its neighbours.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from polars.exceptions import ComputeError

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.readers.content import CHUNK, text_chunks
from engagement_pipeline.ingestion.readers.rows import BLOCK_ROWS, RAW, ROW_BYTES, Unreadable

if TYPE_CHECKING:
    import _csv

LINE_FEED, RETURN = b"\n\r"


class Style(NamedTuple):
    """The marks of a file."""

    delimiter: str
    quote: str | None

    def reader(self, lines: Iterable[str]) -> "_csv.Reader":
        """Python's reader of such lines; strict, or half of a broken row would pass for a whole one."""
        csv.field_size_limit(ROW_BYTES)
        if self.quote is None:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=True)


def read_delimited(path: Path, source: Source) -> Iterator[pl.DataFrame]:
    """Blocks of RAW: rows as records of text with the columns in the order of their names.

    An empty field is null; a row without any text is left out, but counted; one with too many fields is the
    line as it came, for which it will be rejected. Raises Unreadable for a quote that never closes.
    """
    style, names, done, lines = _style(source), source.csv.header, 0, 0
    chunks = text_chunks(path, source.csv.encoding)
    for rows, rest in _whole_rows(chunks, style):
        if rest is not None:
            yield from _by_python(chain([rest], chunks), style, names, done, lines)
            return
        body = rows
        if names is None:
            names, body = _split_header(rows, style)
            lines += rows.count(b"\n") - body.count(b"\n")
        if names is None or not body:
            continue
        fields = _by_polars(body, style, len(names))
        if fields is None:
            for block, number in _python_blocks([body], style, names, done, lines):
                yield block
                done = number
        else:
            numbers = pl.int_range(done + 1, done + fields.height + 1, eager=True)
            fields.columns = names
            yield _as_records(fields, numbers)
            done += fields.height
        lines += body.count(b"\n")


def header_of(path: Path, source: Source) -> list[str]:
    """The names of the file's columns; none for a file without text."""
    if source.csv.header is not None:
        return source.csv.header
    lines = _lines(text_chunks(path, source.csv.encoding))
    return _first_names(_style(source).reader(lines)) or []


def _style(source: Source) -> Style:
    form = source.csv
    usual = "\t" if source.format == "tsv" else ","
    return Style(form.delimiter or usual, None if form.quote == "none" else form.quote)


def _whole_rows(chunks: Iterable[bytes], style: Style) -> Iterator[tuple[bytes, bytes | None]]:
    """Texts that end where a row does, line end included; last, a text that Python is to read on from."""
    rest = b""
    for chunk in chunks:
        text = rest + chunk
        end = _end_of_rows(text, style)
        if end is None or (end == 0 and len(text) > ROW_BYTES + CHUNK):
            yield b"", text
            return
        if end:
            yield text[:end], None
        rest = text[end:]
    if not rest:
        return
    if _end_of_rows(rest + b"\n", style) == len(rest) + 1:
        yield rest + b"\n", None
    else:
        yield b"", rest


def _end_of_rows(text: bytes, style: Style) -> int | None:
    """Where the last whole row ends; None when a quote or carriage return is where it should not be."""
    if b"\r" in text and text.count(b"\r") != text.count(b"\r\n") + text.endswith(b"\r"):
        return None
    if style.quote is None or (quote := style.quote.encode()) not in text:
        return text.rfind(b"\n") + 1
    data = np.frombuffer(text, dtype=np.uint8)
    marks = data == quote[0]
    inside = (np.cumsum(marks, dtype=np.uint8) & 1).view(np.bool_)
    places = np.flatnonzero(marks)
    opening, closing = places[::2], places[1::2]
    # A pair of quotes within a field looks like one that closes and one that opens at once.
    edges = np.zeros(256, dtype=np.bool_)
    edges[[*style.delimiter.encode(), *quote, LINE_FEED]] = True
    behind = np.append(edges, True)
    behind[RETURN] = True
    before = data[opening[opening > 0] - 1]
    after = np.where(closing + 1 < data.size, data[np.minimum(closing + 1, data.size - 1)], 256)
    if not (edges[before].all() and behind[after].all()):
        return None
    ends = np.flatnonzero((data == LINE_FEED) & ~inside)
    return int(ends[-1]) + 1 if ends.size else 0


def _split_header(text: bytes, style: Style) -> tuple[list[str] | None, bytes]:
    """The names in the first row that has any text, and what stands below; None where no row has."""
    lines = io.StringIO(text.decode(), newline="")
    names = _first_names(style.reader(lines))
    # The reader takes whole lines and nothing ahead.
    return names, lines.read().encode()


def _first_names(rows: Iterable[list[str]]) -> list[str] | None:
    for row in rows:
        if any(name.strip() for name in row):
            return _distinct(name.strip().removeprefix("\ufeff").strip() for name in row)
    return None


def _distinct(names: Iterable[str]) -> list[str]:
    """The names; repeated ones numbered."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        each = f"{name}_duplicated_{count - 1}" if count else name
        while each in result:
            each += "_"
        result.append(each)
    return result


def _by_polars(text: bytes, style: Style, width: int) -> pl.DataFrame | None:
    """The fields of a chunk; None when it has a row that polars would not take."""
    # Polars guesses from the first bytes whether a text is compressed, and from the first row how many
    # fields there are: a header of our own answers both.
    header = style.delimiter.join(f"f{number}" for number in range(width)).encode()
    scan = pl.scan_csv(
        io.BytesIO(header + b"\n" + text),
        separator=style.delimiter,
        quote_char=style.quote,
        infer_schema=False,
        glob=False,
    )
    try:
        return scan.collect()
    except ComputeError:
        return None


def _as_records(fields: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """RAW with the columns in the order of their names; rows without any field are blank."""
    names = sorted(fields.columns)
    # `""` and nothing at all are the same to most writers of CSV, so they are one here.
    texts = fields.select(pl.col(name).replace("", None) for name in names)
    return texts.select(
        numbers.cast(pl.Int64).alias("row_number"),
        raw=pl.when(pl.any_horizontal(pl.col(names).is_not_null())).then(
            pl.struct(names).struct.json_encode()
        ),
    ).drop_nulls("raw")


# --- row by row -------------------------------------------------------------------------------------


def _by_python(
    chunks: Iterable[bytes], style: Style, names: list[str] | None, done: int, lines: int
) -> Iterator[pl.DataFrame]:
    for block, _ in _python_blocks(chunks, style, names, done, lines):
        yield block


def _python_blocks(
    chunks: Iterable[bytes], style: Style, names: list[str] | None, done: int, lines: int
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Blocks, each with the number of its last row; `lines` were read before."""
    reader = style.reader(_lines(chunks))
    try:
        if names is None:
            names = _first_names(reader)
        rows: list[list[str]] = []
        size = 0
        for row in reader:
            rows.append(row)
            size += sum(map(len, row))
            if len(rows) == BLOCK_ROWS or size > CHUNK:
                yield _block(rows, names or [], done, style), done + len(rows)
                done += len(rows)
                rows, size = [], 0
        if rows:
            yield _block(rows, names or [], done, style), done + len(rows)
    except csv.Error as error:
        raise Unreadable(
            f"line {lines + reader.line_num} breaks the rules of CSV ({error})",
            "Look for a quote that is opened and never closed at or above that line; when quotes are a part "
            "of the text, declare `csv: {quote: none}`",
        ) from error


def _block(rows: list[list[str]], names: list[str], done: int, style: Style) -> pl.DataFrame:
    width = len(names)
    numbered = list(enumerate(rows, start=done + 1))
    fitting = [(number, row) for number, row in numbered if not any(row[width:])]
    fields = pl.DataFrame(
        [(row + [""] * (width - len(row)))[:width] for _, row in fitting],
        schema=dict.fromkeys(names, pl.String()),
        orient="row",
    )
    wide = [(number, _as_line(row, style)) for number, row in numbered if any(row[width:])]
    numbers = pl.Series([number for number, _ in fitting], dtype=pl.Int64)
    ragged = pl.DataFrame(wide, schema=RAW, orient="row")
    return pl.concat([_as_records(fields, numbers), ragged]).sort("row_number")


def _as_line(row: list[str], style: Style) -> str:
    text = io.StringIO()
    if style.quote is None:
        text.write(style.delimiter.join(row))
    else:
        csv.writer(text, delimiter=style.delimiter, quotechar=style.quote, lineterminator="").writerow(row)
    return text.getvalue().replace("\r", " ").replace("\n", " ")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    lines = io.TextIOWrapper(io.BufferedReader(_Chunks(chunks), 2**18), encoding="utf-8", newline="")
    while line := lines.readline(ROW_BYTES):
        if len(line) == ROW_BYTES:
            raise Unreadable(
                f"a line has more than {ROW_BYTES:,} characters", "Look for a line end that is missing"
            )
        yield line


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks, self.rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = memoryview(chunk)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
