"""What assets know of an engine.

Here: the protocol. Not here: any engine; each has a module of its own.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Protocol

import polars as pl

from engagement_pipeline.core.measures import Measure
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.engines.window import Window


class Engine(Protocol):
    """Runs the core over frames of any size. Every engine gives the same rows, to the last bit."""

    def measures(self, events: pl.LazyFrame, measures: Collection[Measure]) -> Iterator[pl.DataFrame]:
        """`frames.DAILY_MEASURES` of the events, in parts that share no day."""

    def messages(self, events: pl.LazyFrame, measures: Collection[Measure]) -> Iterator[pl.DataFrame]:
        """`frames.DAILY_MESSAGES` of the events, in parts that share no day."""

    def points(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        as_of: date,
        messages: pl.LazyFrame | None = None,
        known: pl.DataFrame | None = None,
    ) -> Iterator[dict[str, pl.DataFrame]]:
        """`frames.POINTS` by score, in parts that share no person and ascend by person. messages: needed
        where a rule counts them; known (see `core.points.contributed`): where one asks about people."""

    def windows(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        as_of: date,
        messages: pl.LazyFrame | None = None,
    ) -> Iterator[Window]:
        """What the same points are made of, in the same parts, for scores that are computed one by one."""

    def dates(
        self,
        daily: pl.LazyFrame,
        plans: Sequence[ScorePlan],
        days: Sequence[date],
        messages: pl.LazyFrame | None,
        aliases: pl.LazyFrame,
    ) -> Iterator[tuple[date, Iterable[Window]]]:
        """The windows of several dates, date by date, from one reading of their days. Here `daily` and
        `messages` are of ids as they are stored, and `aliases` (`frames.ALIASES`) says who is who when."""
