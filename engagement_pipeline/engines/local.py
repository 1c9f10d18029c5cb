"""The engine that runs on this machine, bucket by bucket.

Here: splitting the work so that it fits in memory. Not here: the work (`core`).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from engagement_pipeline.core.changing import changing
from engagement_pipeline.core.frames import DAILY_MEASURES, DAILY_MESSAGES
from engagement_pipeline.core.measures import Measure, daily_measures, daily_messages, read_by
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.engines.span import People, Stretch, windows
from engagement_pipeline.engines.window import Window, added_up, read, with_people

KEY_WEIGHT = 10
"""A person's points with their contributions need about as much memory as ten rows of measures. Counting only
people, or only rows, does not bound the memory where the busiest people stand together."""


@dataclass(frozen=True)
class LocalEngine:
    """More buckets need less memory and more time, for each reads what it needs from the files anew."""

    buckets: int = 1

    def measures(self, events: pl.LazyFrame, measures: Collection[Measure]) -> Iterator[pl.DataFrame]:
        """`frames.DAILY_MEASURES`; a part per range of days, ascending. Rows within a part come in no order:
        sorting them takes four times as long as computing them, and storage sorts what it writes anyway."""
        for part in self._split(events, "event_date"):
            yield daily_measures(_once(part, measures), measures).collect()

    def messages(self, events: pl.LazyFrame, measures: Collection[Measure]) -> Iterator[pl.DataFrame]:
        """`frames.DAILY_MESSAGES`; parts as those of `measures`."""
        for part in self._split(events, "event_date"):
            yield daily_messages(_once(part, measures), measures).collect()

    def points(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        as_of: date,
        messages: pl.LazyFrame | None = None,
        known: pl.DataFrame | None = None,
    ) -> Iterator[dict[str, pl.DataFrame]]:
        """`frames.POINTS` by score; a part per range of person ids, ascending, so that the parts of a score
        appended to each other are sorted and a reader skips the row groups it does not need."""
        windows = self.windows(daily, plans, as_of, messages)
        if known is None:
            for window in windows:
                yield {plan.name: window.points(plan) for plan in plans}
            return
        for window, people in with_people(windows, known, plans, as_of):
            yield {plan.name: window.points(plan, people if plan.reads_people else None) for plan in plans}

    def windows(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        as_of: date,
        messages: pl.LazyFrame | None = None,
    ) -> Iterator[Window]:
        """What the plans' points are made of, read and added up once for all of them; a part per range of
        person ids, ascending."""
        first = as_of - timedelta(days=max(plan.window for plan in plans) - 1)
        inside = self._inside(daily, plans, first, as_of, messages)
        for rows, said, *earlier in self._split_all(inside, "person_id"):
            yield added_up(pl.concat([rows, *map(_first_days, earlier)]), plans, as_of, said)

    def dates(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        days: Sequence[date],
        messages: pl.LazyFrame | None,
        aliases: pl.LazyFrame,
    ) -> Iterator[tuple[date, Iterable[Window]]]:
        """What the plans' points of each of the dates are made of, in the order of dates; read once, bucket
        by bucket. With several buckets the windows wait on disk, for a bucket is done before the next."""
        ordered = sorted(set(days))
        longest = max(plan.window for plan in plans)
        first, last = ordered[0] - timedelta(days=longest - 1), ordered[-1]
        rows, said, *earlier = self._inside(daily, plans, first, last, messages)
        daily = pl.concat([rows, *map(_first_days, earlier)])
        stretch = Stretch(daily, said, changing(aliases, ordered))
        buckets = [People(*each) for each in self._edges([rows, said, *earlier], "person_id")]
        if len(buckets) == 1:
            for window in windows(stretch, plans, ordered, buckets[0]):
                yield window.as_of, [window]
            return
        with TemporaryDirectory(prefix="engagement-windows-") as folder:
            for number, bucket in enumerate(buckets):
                for window in windows(stretch, plans, ordered, bucket):
                    window.write(Path(folder) / f"{window.as_of} {number}")
            for day in ordered:
                kept = [Path(folder) / f"{day} {number}" for number in range(len(buckets))]
                yield day, (read(each, day) for each in kept)
                for each in kept:
                    rmtree(each)

    def _inside(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        first: date,
        last: date,
        messages: pl.LazyFrame | None,
    ) -> list[pl.LazyFrame]:
        """What the plans read of measures and messages within these days; where a first time counts, what is
        known of it from before, too."""
        needed = sorted({measure for plan in plans for measure in plan.measures})
        history = sorted({measure for plan in plans for measure in plan.history})
        inside = [
            frame.filter(
                pl.col("measure").is_in(needed),
                pl.col("event_date").is_between(pl.lit(first), pl.lit(last)),
            )
            for frame in (daily, DAILY_MESSAGES.to_frame().lazy() if messages is None else messages)
        ]
        if history:
            before = pl.col("event_date") < pl.lit(first)
            inside.append(daily.filter(pl.col("measure").is_in(history), before))
        return inside

    def _split(self, frame: pl.LazyFrame, key: str) -> Iterator[pl.LazyFrame]:
        """The frame in at most as many ranges of the key as there are buckets, each about as heavy."""
        for (part,) in self._split_all([frame], key):
            yield part

    def _split_all(self, frames: list[pl.LazyFrame], key: str) -> Iterator[list[pl.LazyFrame]]:
        """Frames cut at the same places."""
        for after, last in self._edges(frames, key):
            within = [pl.col(key) > pl.lit(after)] if after is not None else []
            within += [pl.col(key) <= pl.lit(last)] if last is not None else []
            yield [frame.filter(*within) for frame in frames] if within else frames

    def _edges(self, frames: list[pl.LazyFrame], key: str) -> list[tuple[Any, Any]]:
        """After which key each range begins, and its last one; the outermost have none."""
        if self.buckets == 1:
            return [(None, None)]
        weight = pl.len().cast(pl.Int64) + KEY_WEIGHT
        rows = pl.concat([frame.select(key) for frame in frames])
        keys = rows.group_by(key).agg(weight=weight).sort(key).collect(engine="streaming")
        before = pl.col("weight").cum_sum() - pl.col("weight")
        ranges = keys.group_by(before * self.buckets // pl.col("weight").sum(), maintain_order=True)
        ends = [None, *ranges.agg(pl.col(key).last())[key][:-1], None]
        return list(pairwise(ends))


def _once(events: pl.LazyFrame, measures: Collection[Measure]) -> pl.LazyFrame:
    """The events in memory, as far as measures read them. Lazily every condition is pushed into a scan of its
    own: 57 measures read a file of 8 MB 22 times over, in the same time here and 22 times as long from afar.
    """
    columns = events.collect_schema().names()
    read = read_by(measures)
    return events.select(name for name in columns if name in read).collect().lazy()


def _first_days(earlier: pl.LazyFrame) -> pl.LazyFrame:
    """Of what was done before every window only when it was first done: a row a person, not one a day."""
    return (
        earlier.group_by("measure", "person_id")
        .agg(pl.col("event_date").min(), quantity=pl.lit(1, dtype=pl.Int64))
        .select(DAILY_MEASURES.names())
        .sort("measure")
    )
