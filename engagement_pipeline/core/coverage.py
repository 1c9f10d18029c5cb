"""Coverage: whether a source delivered what is expected of it, and what that means for scores.

Here: judging days by their number of events, and which state a score's date is in because of it. Not here:
where the numbers come from (`ingestion.coverage`), and giving people their state (`scores`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from statistics import median

import polars as pl

from engagement_pipeline.catalog.specs import Expects
from engagement_pipeline.catalog.specs.coverage import WEEKDAYS

COVERAGE = pl.Schema(
    {"day": pl.Date(), "rows": pl.Int64(), "usual": pl.Int64(), "expected": pl.Int64(), "state": pl.String()}
)
NEEDED_DAYS = 7
"""Of the days up to an as-of date so many must be there for its scores: recent days weigh most, and an outage
of two months ago is no reason to hold anything back for as long as the window lasts."""
USUAL_WEEKS = 4
"""Of these weeks' days of the same name the median is what is usual,"""
USUAL_DAYS = 3
"""if so many of them have events."""


@dataclass(frozen=True)
class Delivered:
    """What one source delivered, as far as it is stored."""

    source: str
    rows: Mapping[date, int]
    """Events by day; a day that was never made has none."""
    expects: Expects | None = None

    @property
    def begins(self) -> date | None:
        """The first day on which anything is expected: as declared, else the first with events."""
        if self.expects is not None and self.expects.since is not None:
            return self.expects.since
        return min((day for day, rows in self.rows.items() if rows), default=None)


@dataclass(frozen=True)
class Guard:
    """What the sources say of a score on one date."""

    stale: tuple[str, ...] = ()
    """Why it is stale, in words: which source lacks which days."""
    provisional: str = ""
    """Why its window is not covered yet, in words."""
    covered_from: date = date.min
    """The first date whose window is covered; a reference fitted before it is never in force."""


def coverage(delivered: Delivered, days: Sequence[date], start: date, as_of: date) -> pl.DataFrame:
    """`COVERAGE` of the days: events, what is usual (null where nothing is known of it), what is expected
    (null where nothing is) and the state: `missing` (expected, and none there), `thin` (fewer than expected)
    or `ok`.

    start: from which day on a source that never delivered is missing. as_of: the day up to
    which it counts; how late the source delivers is taken from it.
    """
    expects, begins = delivered.expects, delivered.begins
    found = []
    for day in days:
        rows, usual = delivered.rows.get(day, 0), usual_of(delivered.rows, day)
        expected = None
        if expects is not None and _judged(day, expects, max(start, begins or start), as_of):
            share = ceil(expects.share_of_usual * usual) if expects.share_of_usual and usual else 0
            expected = max(expects.at_least, share)
        state = "ok" if expected is None or rows >= expected else "thin" if rows else "missing"
        found.append((day, rows, usual, expected, state))
    return pl.DataFrame(found, schema=COVERAGE, orient="row")


def usual_of(rows: Mapping[date, int], day: date) -> int | None:
    """The median of the same day of the week in the four weeks before, days without events left out; None
    where fewer than three of them have any."""
    before = [rows.get(day - timedelta(weeks=age), 0) for age in range(1, USUAL_WEEKS + 1)]
    counted = [each for each in before if each]
    return int(median(counted)) if len(counted) >= USUAL_DAYS else None


def coverage_guard(sources: Sequence[Delivered], window: int, start: date, as_of: date) -> Guard:
    """Whether a score may be relied upon on a date; what compares dates must look at it first.

    sources: those that feed any event of its rules. start: the first day of the project on which any source
    has events. `stale`: one of the sources lacks events that are expected of it on any of the window's last
    days. `provisional`: the window begins before `start`, or before the first events of one of these sources
    that has expectations (of one without them nobody can say that it was not there yet).
    """
    days = [as_of - timedelta(days=age) for age in reversed(range(min(window, NEEDED_DAYS)))]
    stale = []
    for each in sources:
        if each.expects is not None:
            bad = coverage(each, days, start, as_of).filter(pl.col("state") != "ok")
            if bad.height:
                stale.append(f"{each.source}: {_in_words(bad)}")
    begun = [
        (each.begins, f"the first events of {each.source}")
        for each in sources
        if each.expects is not None and each.begins is not None
    ]
    latest, whose = max([(start, "the first events"), *begun])
    covered_from = latest + timedelta(days=window - 1)
    first = as_of - timedelta(days=window - 1)
    why = f"the window begins on {first}, {whose} are of {latest}" if first < latest else ""
    return Guard(tuple(stale), why, covered_from)


def _judged(day: date, expects: Expects, first: date, as_of: date) -> bool:
    over = day <= as_of - timedelta(days=expects.after)
    return over and day >= first and WEEKDAYS[day.weekday()] in expects.days


def _in_words(bad: pl.DataFrame) -> str:
    """`missing 2026-04-03; thin 2026-04-04 (3 of 100)`."""
    return "; ".join(
        f"{state} {day}" + (f" ({rows} of {expected})" if rows else "")
        for day, rows, _, expected, state in bad.iter_rows()
    )
