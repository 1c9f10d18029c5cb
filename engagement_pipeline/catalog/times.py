"""How a mapping's `format` says that times are written.

Here: which formats there are. Not here: reading times (`ingestion.values`).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl

EPOCHS = {"epoch_s": 1_000_000_000, "epoch_ms": 1_000_000, "epoch_us": 1_000, "epoch_ns": 1}
"""Nanoseconds of one unit."""
ISO = "iso"
"""ISO 8601, named where it is one of several formats."""
RECEIVED = "received"
"""As the constant or default of a time: when the row's file was received."""
UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
CALENDAR = ("days", "weeks")
"""Units that are counted on the calendar: a day is one also where the clocks change."""

EXAMPLE = datetime(2026, 4, 30, 14, 5, tzinfo=UTC)

_SINCE = re.compile(
    rf"({'|'.join(UNITS)}) since (\d{{4}}-\d{{2}}-\d{{2}})(?:[T ](\d{{2}}:\d{{2}}(?::\d{{2}})?))?"
)
_HOUR, _MINUTE = r"%[-_0]?[HkIl]", r"%[-_0]?M"
_DIRECTIVE = re.compile(r"%(?:[-_0]?[YCyqmbBhdejaAwuUWGgVDxFvHkIlPpMSfRTXrZzsctn+%]|[.]?[369]?f|#z|:{1,3}z)")


class Since(NamedTuple):
    """`hours since 2018-05-01T06:00`: a number of units from a point of time in the source's zone."""

    unit: str
    start: datetime


def written(forms: Sequence[str] | None) -> str:
    """What a time looks like that one of the formats can read; ISO 8601 where none is declared."""
    if not forms:
        return f"ISO 8601, such as {_example(ISO)}; `format` in the source's mapping declares another"
    shown = ((form, _example(form)) for form in forms)
    return "written as " + ", or ".join(
        f"{form}, such as {example}" if example else form for form, example in shown
    )


def _example(form: str) -> str | None:
    if form == ISO:
        return f"{EXAMPLE:%Y-%m-%dT%H:%M:%S}"
    if form in EPOCHS:
        return str(int(EXAMPLE.timestamp()) * 1_000_000_000 // EPOCHS[form])
    if (count := since(form)) is not None:
        return f"{(EXAMPLE.replace(tzinfo=None) - count.start).total_seconds() / UNITS[count.unit]:.10g}"
    try:
        shown: str = pl.Series([EXAMPLE]).dt.strftime(form.replace("%#z", "%z")).item()
    except pl.exceptions.ComputeError:
        return None  # some patterns can only be read, such as %-p
    return shown


def since(form: str) -> Since | None:
    """The format as a count from a point of time, if that is what it is. ValueError for no real date."""
    match = _SINCE.fullmatch(form)
    if match is None:
        return None
    return Since(match[1], datetime.fromisoformat(f"{match[2]}T{match[3] or '00:00'}"))


def wrong_with(form: str, *, of_date: bool = False) -> str | None:
    """Why a format is none, in words; None for a good one. of_date: of a fact or property of type date, which
    no number counts up to."""
    if form == ISO:
        return None
    try:
        if form in EPOCHS or since(form) is not None:
            return f"a date is written: {ISO}, or a pattern such as '%d.%m.%Y'" if of_date else None
    except ValueError as error:
        return f"{error}"
    left = _DIRECTIVE.sub("", form)
    if "%" in left:
        at = left.index("%")
        return f"'{left[at : at + 2]}' is no part of a time"
    if left == form:
        known = ", ".join([*EPOCHS, ISO])
        return f"write {known}, 'hours since 2018-05-01' or a pattern such as '%d.%m.%Y %H:%M'"
    if not re.search(r"%[-_0]?[YCyGDxFvcs+]", form):
        return "a pattern needs a year"
    if re.search(_HOUR, form) and not re.search(_MINUTE, form):
        return "an hour needs its minutes (%M)"
    return None
