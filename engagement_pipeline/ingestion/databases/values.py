"""Rows of a database as JSON text, each on its own: a row's text never depends on its neighbours.

Here: what every kind of value becomes. Not here: which rows (`pull`) and what a field means (`canonical`).

Text, numbers, booleans and JSON stay what they are. Decimals become text, exactly; times ISO 8601 (with a
zone: in UTC, with Z), spans of time their seconds, UUIDs and network addresses text, arrays lists; what is no
finite number `nan`, `inf` or `-inf`. Bytes and types not named here are refused.
"""

import json
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from operator import itemgetter
from typing import Any
from uuid import UUID

from engagement_pipeline.ingestion.databases.connection import DatabaseRefused

AS_TEXT = (UUID, IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
Converter = Callable[[Any], Any]
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=lambda value: plain(value)
).encode


def row_writer(
    columns: Sequence[str], converters: dict[str, Converter], subject: str
) -> Callable[[Any], str]:
    """A function that writes a row of these columns as a JSON object, keys in the order of their names.

    It raises DatabaseRefused naming the column that cannot be written.
    """
    order = sorted(range(len(columns)), key=lambda at: columns[at])
    names = [columns[at] for at in order]
    pick = itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)
    changed = [(place, converters[name]) for place, name in enumerate(names) if name in converters]

    def write(row: Any) -> str:
        values = pick(row)
        if changed:
            values = list(values)
            for place, convert in changed:
                if values[place] is not None:
                    values[place] = convert(values[place])
        record = dict(zip(names, values, strict=True))
        with suppress(TypeError, ValueError):
            return _encode(record)
        return _encode({name: _slowly(value, name, subject) for name, value in record.items()})

    return write


def plain(value: Any) -> Any:
    """A value that JSON lacks, as one that it has. Raises TypeError."""
    if isinstance(value, Decimal):
        return (
            format(value, "f").lower() if value.is_finite() else str(value).lower().replace("infinity", "inf")
        )
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        return value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = Decimal(value.days * 86_400 + value.seconds) + Decimal(value.microseconds) / 1_000_000
        return format(seconds, "f")
    if isinstance(value, AS_TEXT):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | set | frozenset):
        return (
            sorted(value) if isinstance(value, Collection) and not isinstance(value, tuple) else list(value)
        )
    raise TypeError(type(value).__name__)


def bits(value: Any) -> Any:
    """A bit field as the number that it is."""
    return int.from_bytes(value) if isinstance(value, bytes) else value


def utc(value: Any) -> Any:
    """A naive time that is known to be in UTC, with its zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _slowly(value: Any, column: str, subject: str) -> Any:
    """The value with what JSON lacks as text, at any depth; says which column cannot be written."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _slowly(each, column, subject) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_slowly(each, column, subject) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        raise DatabaseRefused(
            subject,
            f"its column {column!r} holds bytes, which have no place in an event or a "
            "profile. Name the columns that are wanted in a `query`, or encode this one there",
        )
    try:
        _encode(value)
    except (TypeError, ValueError):
        raise DatabaseRefused(
            subject,
            f"its column {column!r} holds values of the type {type(value).__name__}, "
            "which have no text of their own. Cast the column to text in a `query`, or leave it out there",
        ) from None
    return value
