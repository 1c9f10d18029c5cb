"""Files to raw rows: every format becomes numbered rows of JSON text, in bounded blocks.

Here: CSV, JSON lines and parquet, plain or (the text formats) compressed; what is wrong with a file.
Not here: which files there are (`landing`), and what their fields mean (`canonical`).

A row's text depends on that row alone, never on its neighbours, its block or the file's column order:
identity and conflicts of events are judged by its hash.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import polars as pl
from polars.exceptions import ComputeError, NoDataError, PolarsError

T = TypeVar("T")
Format = Literal["csv", "jsonl", "parquet"]
KINDS = {"csv": "CSV in UTF-8", "jsonl": "JSON lines", "parquet": "a parquet file"}
BLOCK_ROWS = 65_536
"""Rows held at once; a block of 64k rows of 300 bytes is about 20 MB, larger ones are no faster."""
RAW = pl.Schema({"row_number": pl.Int64(), "raw": pl.String()})
GZIP_MAGIC = b"\x1f\x8b"
BOM = "\ufeff"


class UnreadableFile(Exception):  # noqa: N818 - named for what the reader of the message has in hand
    """A file that cannot be read as its source's format; nothing of it lands."""

    def __init__(self, file: str, why: str, remedy: str) -> None:
        self.file, self.why, self.remedy = file, why, remedy
        super().__init__(f"{file} cannot be read: {why}. {remedy}")


def read_raw(path: Path, format: Format) -> Iterator[pl.DataFrame]:  # noqa: A002 - the catalog's word
    """Blocks of `row_number` (Int64, from 1, in the file's order) and `raw` (String).

    `raw` is the row as a JSON object; a CSV row with too many fields, or a JSON line that is none, is the
    text as it came. Blank lines give no row but are counted by `row_number`. Raises UnreadableFile, also
    after some blocks were given.
    """
    read = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet}[format]
    try:
        if path.stat().st_size == 0:
            return
        yield from read(path)
    except NoDataError:
        return
    except (FileNotFoundError, PermissionError) as error:
        raise UnreadableFile(
            path.name, error.strerror or str(error), "Let the pipeline read it, or take it away"
        ) from error
    except (EOFError, OSError) as error:
        raise UnreadableFile(
            path.name,
            f"the file is cut off or damaged ({_first_line(error)})",
            "Have it delivered again; a complete copy lands by itself",
        ) from error
    except (PolarsError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            path.name,
            f"it is not {KINDS[format]} ({_first_line(error)})",
            "Have it delivered again in the format its source declares, or correct `format`",
        ) from error


def columns_of(path: Path, format: Format) -> list[str] | None:  # noqa: A002 - the catalog's word
    """The column names of a CSV or parquet file; None for JSON lines, an empty or an unreadable file."""
    if format == "jsonl" or path.stat().st_size == 0:
        return None
    try:
        if format == "parquet":
            return list(pl.read_parquet_schema(path))
        return _scan_csv(path).collect_schema().names()
    except (PolarsError, OSError):
        return None


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__


# --- JSON lines -------------------------------------------------------------------------------------


def _json_lines(path: Path) -> Iterator[pl.DataFrame]:
    done = 0
    lines = pl.scan_lines(path, name="raw", row_index_name="row_number", row_index_offset=1, glob=False)
    try:
        for block in lines.collect_batches(chunk_size=BLOCK_ROWS):
            yield _trimmed(block)
            done += block.height
    except ComputeError:
        # A byte that is not UTF-8 stops polars at its block; one broken line must not cost the others.
        for rows in _in_blocks(enumerate(_lines_of_bytes(path), start=1), after=done):
            yield _trimmed(pl.DataFrame(rows, schema=RAW, orient="row"))


def _trimmed(block: pl.DataFrame) -> pl.DataFrame:
    raw = pl.col("raw").str.strip_prefix(BOM).str.strip_chars()
    return block.select(pl.col("row_number").cast(pl.Int64), raw).filter(pl.col("raw") != "")


def _lines_of_bytes(path: Path) -> Iterator[str]:
    """Lines whose broken bytes show as `\\xff`, which no JSON string may hold: they become malformed."""
    with _open(path) as file:
        for line in file:
            yield line.decode("utf-8", errors="backslashreplace")


# --- CSV --------------------------------------------------------------------------------------------


def _scan_csv(path: Path) -> pl.LazyFrame:
    # Every field is text: guessing types would change `007` and differ from file to file.
    return pl.scan_csv(
        path,
        infer_schema=False,
        glob=False,
        with_column_names=_header,
    )


def _csv(path: Path) -> Iterator[pl.DataFrame]:
    done = 0
    try:
        for block in _scan_csv(path).collect_batches(chunk_size=BLOCK_ROWS):
            yield _csv_rows(block, pl.int_range(done + 1, done + block.height + 1, eager=True))
            done += block.height
    except ComputeError:
        # Too many fields in one row, or a quote that never closes: read on slowly and tell which.
        yield from _csv_slowly(path, after=done)


def _csv_rows(block: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """JSON objects with the columns in the order of their names; rows without any field are blank."""
    names = sorted(block.columns)
    # `""` and nothing at all are the same to most writers of CSV, so they are one here.
    fields = block.select(pl.col(name).replace("", None) for name in names)
    return fields.select(
        numbers.cast(pl.Int64).alias("row_number"),
        raw=pl.when(pl.any_horizontal(pl.col(names).is_not_null())).then(
            pl.struct(names).struct.json_encode()
        ),
    ).drop_nulls("raw")


def _csv_slowly(path: Path, after: int) -> Iterator[pl.DataFrame]:
    with _open(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            names = _header(next(reader))
            for rows in _in_blocks(enumerate(reader, start=1), after):
                yield _csv_block(rows, names)
        except csv.Error as error:
            raise UnreadableFile(
                path.name,
                f"line {reader.line_num} breaks the rules of CSV ({error})",
                "Look for a quote that is opened and never closed at or above that line",
            ) from error


def _csv_block(rows: list[tuple[int, list[str]]], names: list[str]) -> pl.DataFrame:
    width = len(names)
    fitting = [(number, row) for number, row in rows if len(row) <= width]
    fields = pl.DataFrame(
        [[*row, *[None] * (width - len(row))] for _, row in fitting],
        schema=dict.fromkeys(names, pl.String()),
        orient="row",
    )
    ragged = pl.DataFrame(
        [(number, _as_line(row)) for number, row in rows if len(row) > width], schema=RAW, orient="row"
    )
    numbers = pl.Series([number for number, _ in fitting], dtype=pl.Int64)
    return pl.concat([_csv_rows(fields, numbers), ragged]).sort("row_number")


def _as_line(row: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue().replace("\r", " ").replace("\n", " ")


def _header(names: list[str]) -> list[str]:
    """Column names without blanks around them; repeated ones numbered as polars numbers them."""
    seen: dict[str, int] = {}
    result = []
    for name in (each.strip().removeprefix(BOM).strip() for each in names):
        count = seen.get(name, 0)
        result.append(f"{name}_duplicated_{count - 1}" if count else name)
        seen[name] = count + 1
    return result


# --- parquet ----------------------------------------------------------------------------------------


def _parquet(path: Path) -> Iterator[pl.DataFrame]:
    done = 0
    table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    for block in table.collect_batches(chunk_size=BLOCK_ROWS):
        numbers = pl.int_range(done + 1, done + block.height + 1, eager=True)
        yield pl.DataFrame({"row_number": numbers, "raw": _as_json(block, path)}, schema=RAW)
        done += block.height


def _as_json(block: pl.DataFrame, path: Path) -> pl.Series:
    """Rows as JSON objects. JSON has no NaN and polars writes null for it, so rows with one carry their
    floats as text: they are rejected for what they say, not for saying nothing."""
    for name, kind in block.schema.items():
        if kind != pl.Binary and _holds_bytes(kind):
            raise UnreadableFile(
                path.name, f"column {name!r} holds bytes within {kind}", "Leave the column out"
            )
    names = sorted(block.columns)
    fields = block.select(names).with_columns(pl.col(pl.Binary).bin.encode("hex"))
    plain = fields.select(raw=pl.struct(names).struct.json_encode()).to_series()
    floats = [name for name, kind in fields.schema.items() if kind.is_float()]
    if not floats:
        return plain
    wild = fields.select(pl.any_horizontal(~pl.col(floats).is_finite()).fill_null(False)).to_series()
    if not wild.any():
        return plain
    texts = fields.filter(wild).with_columns(pl.col(floats).cast(pl.String))
    return plain.scatter(wild.arg_true(), texts.select(pl.struct(names).struct.json_encode()).to_series())


def _holds_bytes(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.Struct):
        return any(_holds_bytes(field.dtype) for field in kind.fields)  # type: ignore[arg-type]
    if isinstance(kind, pl.List | pl.Array):
        return _holds_bytes(kind.inner)  # type: ignore[arg-type]
    return isinstance(kind, pl.Binary | pl.Object)


# --- bytes ------------------------------------------------------------------------------------------


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        zipped = probe.read(2) == GZIP_MAGIC
    return gzip.open(path) if zipped else path.open("rb")  # type: ignore[return-value]


def _in_blocks(numbered: Iterable[tuple[int, T]], after: int) -> Iterator[list[tuple[int, T]]]:
    """Lists of at most a block's rows, from the row behind `after`."""
    block: list[tuple[int, T]] = []
    for number, row in numbered:
        if number <= after:
            continue
        block.append((number, row))
        if len(block) == BLOCK_ROWS:
            yield block
            block = []
    if block:
        yield block
