"""Watermarks: places in a table that only grows, as values, as text, and a little further back.

Here: which values can be one. Not here: reading them from a database (`pull`) or the ledger (`pulling`).

As text a number is `17`, a date `2026-03-01`, a time `2026-03-01T10:00:00.5` (with Z where the column has a
zone), and text that holds a time, as SQLite keeps them, stands in quotes: it is compared as text.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil

DEFAULT_OVERLAP = timedelta(hours=1)
DEFAULT_NUMBERS = 1000
ZONES = timedelta(hours=14)
"""A time without a zone may lie this far from UTC and be the present."""
Watermark = datetime | date | Decimal | int | str
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?)?")


class WrongWatermark(Exception):  # noqa: N818  the words are what the reader sees
    """A value that says nothing about what is new."""


def checked(value: object) -> Watermark:
    """The value, if it can be a watermark. Raises WrongWatermark."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, bool):
        raise WrongWatermark(f"holds {value}")
    if isinstance(value, date | int):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, str) and _ISO.fullmatch(value):
        return value
    raise WrongWatermark(f"holds {str(value)[:40]!r} ({type(value).__name__})")


def as_text(value: Watermark) -> str:
    """The value as it stands in a batch's name."""
    if isinstance(value, datetime):
        return value.isoformat().removesuffix("+00:00") + ("Z" if value.tzinfo else "")
    return f"'{value}'" if isinstance(value, str) else str(value)


def from_text(text: str) -> Watermark:
    """The value of its text. Raises ValueError."""
    if text.startswith("'"):
        return text[1:-1]
    if "T" in text:
        return datetime.fromisoformat(text)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text)
    return int(text) if re.fullmatch(r"-?\d+", text) else Decimal(text)


def same_kind(one: Watermark, other: Watermark) -> bool:
    """Whether the two can be compared."""
    return _kind(one) == _kind(other)


def _kind(value: Watermark) -> str:
    if isinstance(value, datetime):
        return "time with a zone" if value.tzinfo else "time"
    return {date: "date", str: "text"}.get(type(value), "number")


def begin(last: Watermark, overlap: timedelta | int | None, received_at: datetime) -> Watermark:
    """Where a pull begins that follows one which reached `last` at `received_at`.

    A time that lay ahead of then (`9999-12-31` for "never") counts as then: behind it nothing would ever be
    new. Raises WrongWatermark for a time with a number's overlap and the other way round.
    """
    if isinstance(last, int | Decimal):
        if isinstance(overlap, timedelta):
            raise WrongWatermark("holds numbers, so `overlap` must be a number too, such as 1000")
        return last - (DEFAULT_NUMBERS if overlap is None else overlap)
    if isinstance(overlap, int) and overlap:
        raise WrongWatermark("holds times, so `overlap` must be a time too, such as 1h")
    span = overlap if isinstance(overlap, timedelta) else timedelta(0) if overlap == 0 else DEFAULT_OVERLAP
    if isinstance(last, str):
        back = _back(datetime.fromisoformat(last[:19]).replace(tzinfo=None), span, received_at)
        # A shorter text stands before all that begin with it, so fractions and zones may be left out.
        style = "%Y-%m-%d" if len(last) == 10 else f"%Y-%m-%d{last[10]}%H:%M:%S"
        return back.strftime(style)[: 19 if last[16:17] == ":" else 16]
    if isinstance(last, datetime):
        return _back(last, span, received_at)
    midnight = datetime.combine(last, datetime.min.time())
    return _back(midnight, timedelta(days=ceil(span / timedelta(days=1))), received_at).date()


def _back(last: datetime, span: timedelta, received_at: datetime) -> datetime:
    now = received_at.astimezone(UTC)
    if last.tzinfo is None:
        now = now.replace(tzinfo=None)
        reached = now - ZONES if last > now + ZONES else last
    else:
        reached = min(last, now)
    return max(reached, datetime.min.replace(tzinfo=last.tzinfo) + span) - span
