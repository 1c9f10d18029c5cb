"""Windows of several as-of dates, from one reading of all their days.

Here: what a bucket of people did in the longest stretch that any of the dates needs, kept as numbers in the
order of people, and every date's sums from that. Not here: the arithmetic (`core.sums`), one date alone
(`window`), and which buckets there are (`local`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.core.changing import Changing
from engagement_pipeline.core.identity import stitched, stitched_messages
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.sums import sums
from engagement_pipeline.engines.numbering import numbered
from engagement_pipeline.engines.window import Window, by_measure, largest, read_rows

Rows = Mapping[str, pl.DataFrame]
"""By measure, of people as numbers."""


@dataclass(frozen=True)
class People:
    """The people of a bucket: those whose ids lie above `after` and up to `last`; None is no bound."""

    after: str | None = None
    last: str | None = None

    def has(self, column: str) -> pl.Expr:
        """Whether the ids are of these people."""
        found = pl.lit(value=True)
        if self.after is not None:
            found &= pl.col(column) > pl.lit(self.after)
        if self.last is not None:
            found &= pl.col(column) <= pl.lit(self.last)
        return found

    def places(self, people: pl.Series) -> tuple[int, int]:
        """The first place of theirs among sorted ids, and the one after their last."""
        first = 0 if self.after is None else int(people.search_sorted(self.after, side="right"))
        end = people.len() if self.last is None else int(people.search_sorted(self.last, side="right"))
        return first, end


@dataclass(frozen=True)
class Stretch:
    """Stored rows of all days that any of the dates needs, before stitching, of the plans' measures alone."""

    daily: pl.LazyFrame
    """`frames.DAILY_MEASURES`."""
    messages: pl.LazyFrame
    """`frames.DAILY_MESSAGES`."""
    changing: Changing
    """Who is who on the dates."""

    def steady(self, measures: Sequence[str], day: date) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """Measures and messages by person, of those who are the same people on all dates, of which this is
        one."""
        moving = self.changing.ids.to_frame("person_id").lazy()
        daily, messages = (
            frame.join(moving, on="person_id", how="anti") if self.changing.ids.len() else frame
            for frame in (self.daily, self.messages)
        )
        known = self.changing.steady.lazy()
        return stitched(daily, known, day, measures), stitched_messages(messages, known, day, measures)

    def moving(self, ids: pl.Series) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """Measures and messages by id, of some of those who are not."""
        named = ids.to_frame("person_id").lazy()
        daily, messages = (
            frame.join(named, on="person_id", how="semi") for frame in (self.daily, self.messages)
        )
        return daily, messages


def windows(
    stretch: Stretch, plans: Sequence[ScorePlan], days: Sequence[date], bucket: People
) -> Iterator[Window]:
    """The plans' windows of the ascending dates, of a bucket's people. Reads once."""
    needed = frozenset[str]().union(*(plan.measures for plan in plans))
    told = frozenset[str]().union(*(plan.message_measures for plan in plans))
    meaning = stretch.changing.meaning().filter(bucket.has("person_id"))
    ids = meaning["id"].unique().sort()
    steady = [frame.filter(bucket.has("person_id")) for frame in stretch.steady(sorted(needed), days[0])]
    moving = stretch.moving(ids) if ids.len() else [frame.clear() for frame in steady]
    frames = [
        read_rows(rows, measures, column)
        for found in (steady, moving)
        for rows, measures, column in zip(
            found, (needed - told, told), ("quantity", "message_id"), strict=True
        )
    ]
    aliases = stretch.changing.moving.filter(pl.col("alias").is_in(ids.implode()))
    people, places = numbered(
        [*(each["person_id"] for each in frames), aliases["alias"], aliases["person_id"]]
    )
    frames = [
        each.with_columns(place.alias("person_id")) for each, place in zip(frames, places, strict=False)
    ]
    known = aliases.with_columns(places[-2].alias("alias"), places[-1].alias("person_id"))
    first, end = bucket.places(people)
    kept = _measured(frames[:2], needed - told, told)
    moved = _Moving(frames[2], frames[3], known.lazy())
    del frames, places
    for run in stretch.changing.runs(days):
        today = _measured(moved.stitched(run[0], sorted(needed), first, end), needed - told, told)
        for as_of in run:
            found = _added_up(kept, today, plans, as_of)
            if first:
                found = {
                    name: frame.with_columns(pl.col("person_id") - pl.lit(first, dtype=pl.UInt32))
                    for name, frame in found.items()
                }
            yield Window(as_of, people.slice(first, end - first), found)


@dataclass(frozen=True)
class _Moving:
    """Rows of ids that are not the same people on all dates, as numbers."""

    daily: pl.DataFrame
    messages: pl.DataFrame
    aliases: pl.LazyFrame

    def stitched(self, as_of: date, measures: Sequence[str], first: int, end: int) -> list[pl.DataFrame]:
        """The moving rows by person as known on the date, of people with these places."""
        if self.daily.is_empty() and self.messages.is_empty():
            return [self.daily, self.messages]
        inside = pl.col("person_id").is_between(first, end - 1)
        return pl.collect_all(
            [
                stitched(self.daily.lazy(), self.aliases, as_of, measures).filter(inside),
                stitched_messages(self.messages.lazy(), self.aliases, as_of, measures).filter(inside),
            ]
        )


def _added_up(steady: Rows, moved: Rows, plans: Sequence[ScorePlan], as_of: date) -> dict[str, pl.DataFrame]:
    """Both are of other people: they are added up apart and put together."""
    rules = [rule for plan in plans for rule in plan.rules]
    most = {measure: max(largest(rows[measure]) for rows in (steady, moved)) for measure in steady}
    parts = [
        sums({measure: frame.lazy() for measure, frame in rows.items()}, rules, as_of, most)
        for rows in ((steady, moved) if any(frame.height for frame in moved.values()) else (steady,))
    ]
    frames = [pl.concat([part[name] for part in parts]).sort("person_id") for name in parts[0]]
    return dict(zip(parts[0], pl.collect_all(frames), strict=True))


def _measured(frames: Sequence[pl.DataFrame], counted: frozenset[str], told: frozenset[str]) -> Rows:
    """Rows of measures, then of messages, by measure, in the order of people: so they are added up in two
    thirds of the time, and what they come to is in their order."""
    found: dict[str, pl.DataFrame] = {}
    for frame, measures in zip(frames, (counted, told), strict=True):
        found |= by_measure(frame)
        found |= {measure: frame.clear() for measure in measures - found.keys()}
    return {
        measure: frame.sort("person_id").with_columns(pl.col("person_id").set_sorted())
        for measure, frame in found.items()
    }
