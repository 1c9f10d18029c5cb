"""Files to raw rows: every format becomes numbered rows of JSON text, in bounded blocks.

Here: choosing the format's reader, and what is wrong with a file in words. Not here: which files there are
(`landing`), and what their fields mean (`canonical`).

A row's text depends on that row alone, never on its neighbours, its block or the file's column order:
identity and conflicts of events are judged by its hash.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import NoDataError, PanicException, PolarsError

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.readers.avro import avro_columns, read_avro
from engagement_pipeline.ingestion.readers.content import BROKEN
from engagement_pipeline.ingestion.readers.delimited import header_of, read_delimited
from engagement_pipeline.ingestion.readers.document import read_documents
from engagement_pipeline.ingestion.readers.jsonl import read_json_lines
from engagement_pipeline.ingestion.readers.parquet import read_parquet
from engagement_pipeline.ingestion.readers.rows import (
    BLOCK_ROWS,
    RAW,
    ROW_BYTES,
    TOO_LARGE,
    Unreadable,
    UnreadableFile,
    bounded,
)

__all__ = ["BLOCK_ROWS", "RAW", "ROW_BYTES", "TOO_LARGE", "UnreadableFile", "columns_of", "read_raw"]

KINDS = {
    "csv": "CSV",
    "tsv": "TSV",
    "jsonl": "JSON lines",
    "json": "a JSON document",
    "parquet": "a parquet file",
    "delta": "a parquet file",
    "avro": "an Avro file",
}


def read_raw(path: Path, source: Source) -> Iterator[pl.DataFrame]:
    """Blocks of `row_number` (Int64, from 1, in the file's order) and `raw` (String).

    `raw` is the row as a JSON object; a CSV row with too many fields, or a JSON line that is none, is the
    text as it came. Blank rows are left out but counted by `row_number`; an array in a line of JSON lines
    counts as many rows as it has elements. Of a row beyond ROW_BYTES only the beginning is kept, behind
    TOO_LARGE. Raises UnreadableFile, also after some blocks were given.
    """
    try:
        if path.stat().st_size == 0:
            return
        for block in _blocks(path, source):
            for start in range(0, block.height, BLOCK_ROWS):
                yield bounded(block.slice(start, BLOCK_ROWS))
    except NoDataError:
        return
    except Unreadable as error:
        raise UnreadableFile(path.name, error.why, error.remedy) from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise UnreadableFile(
            path.name, error.strerror or str(error), "Let the pipeline read it, or take it away"
        ) from error
    except BROKEN as error:
        raise UnreadableFile(
            path.name,
            f"the file is cut off or damaged ({_first_line(error)})",
            "Have it delivered again; a complete copy lands by itself",
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            path.name,
            f"it is not {KINDS[source.format]} in UTF-8 ({_first_line(error)})",
            "Declare the encoding it has, `csv: {encoding: cp1252}` say, or have it delivered in UTF-8",
        ) from error
    # A panic is polars' own word for a file that it did not expect; nothing of it is in use any more.
    except (PolarsError, PanicException, csv.Error) as error:
        raise UnreadableFile(
            path.name,
            f"it is not {KINDS[source.format]} ({_first_line(error)})",
            "Have it delivered again in the format its source declares, or correct `format`",
        ) from error


def columns_of(path: Path, source: Source) -> list[str] | None:
    """The column names of a table's file; None for JSON, an empty or an unreadable file."""
    try:
        if path.stat().st_size == 0:
            return None
        match source.format:
            case "parquet" | "delta":
                return list(pl.read_parquet_schema(path))
            case "avro":
                return avro_columns(path) or None
            case "csv" | "tsv":
                return header_of(path, source) or None
    except (PolarsError, PanicException, Unreadable, UnicodeDecodeError, csv.Error, *BROKEN):
        return None
    return None


def _blocks(path: Path, source: Source) -> Iterator[pl.DataFrame]:
    match source.format:
        case "csv" | "tsv":
            return read_delimited(path, source)
        case "jsonl":
            return read_json_lines(path)
        case "json":
            return read_documents(path, source.records)
        case "parquet" | "delta":
            return read_parquet(path)
        case "avro":
            return read_avro(path)
        case _:
            raise ValueError(f"{source.format} is no format of files")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
