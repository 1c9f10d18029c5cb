"""Avro: rows as JSON records, in the form that parquet's have.

Here: reading the file and its types. Not here: packing; Avro packs its own blocks.

Through fastavro at 16 µs a row: polars takes 1, but holds the whole file, panics on maps and does not know
unions or zstd.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from pathlib import Path
from uuid import UUID

import cramjam
import fastavro
import polars as pl
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType

from engagement_pipeline.ingestion.readers.rows import Unreadable, in_blocks

BROKEN = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError),
    *(SchemaParseException, UnknownType, SchemaResolutionError, cramjam.DecompressionError),
)
"""What fastavro raises, beside EOFError, for bytes that are not what their schema says."""


def read_avro(path: Path) -> Iterator[pl.DataFrame]:
    """Blocks of RAW. Raises Unreadable for what is no Avro file, or has a broken block."""
    yield from in_blocks(enumerate(_rows(path), start=1))


def avro_columns(path: Path) -> list[str]:
    """The names of the file's columns; none when it cannot be read or its rows are no records."""
    try:
        with path.open("rb") as file:
            schema = fastavro.reader(file).writer_schema
    except (*BROKEN, EOFError, RecursionError):
        return []
    return [each["name"] for each in schema.get("fields", [])] if isinstance(schema, dict) else []


def _rows(path: Path) -> Iterator[str]:
    done = 0
    try:
        with path.open("rb") as file:
            for record in fastavro.reader(file):
                yield _text(record)
                done += 1
    except (*BROKEN, RecursionError, StopIteration) as error:
        raise Unreadable(
            f"it is no whole Avro file: behind row {done}: {type(error).__name__}: {str(error)[:150]}",
            "Have it delivered again in the format its source declares, or correct `format`",
        ) from error


def _text(record: object) -> str:
    try:
        return _dumped(record)
    except ValueError:  # NaN, which JSON lacks
        return _dumped(_finite(record))


def _dumped(value: object) -> str:
    return json.dumps(
        value, default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def _plain(value: object) -> object:
    match value:
        case bytes() | bytearray():
            return value.hex()
        case datetime():
            return value.isoformat(sep="T" if value.tzinfo else " ")
        case date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _finite(value: object) -> object:
    """The value with text for numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return {"nan": "NaN"}.get(str(value), str(value))
    return value
