"""Quantities: what of a person's days a rule counts, day by day.

Here: days, first times, streaks and distinct messages, made from stored measures after they were stitched, so
that they hold for the person and not for each of their ids. Not here: caps, weights and decay (`sums`), and
what is stored (`measures`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import polars as pl

Kind = Literal["sum", "days", "first", "streak", "messages"]


@dataclass(frozen=True)
class Quantity:
    """One daily quantity per person: a measure, and what is made of it."""

    measure: str
    """Id of a stored measure."""
    kind: Kind = "sum"
    window: int = 0
    """In days, where the quantity of a day depends on the others in the window: streaks and messages."""
    run: int = 0
    """Days in a row that make a streak."""

    @property
    def id(self) -> str:
        """Distinct among the quantities of one as-of date."""
        parts = [self.measure, *(str(each) for each in (self.kind, self.run, self.window) if each)]
        return self.measure if self.kind == "sum" else " ".join(parts)

    @property
    def of_messages(self) -> bool:
        """Whether it is made of `frames.DAILY_MESSAGES`."""
        return self.kind == "messages"

    @property
    def reads_history(self) -> bool:
        """Whether days before every window count: who did it for the first time is known from the start."""
        return self.kind == "first"

    def of(self, daily: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
        """`event_date`, `person_id`, `quantity` (Int64), a row per person and day, in no order.

        daily: of the measure alone, days of `event_date` up to the as-of date: for messages rows of
        `frames.DAILY_MESSAGES`, for a first time everything since the project's start, for the others
        rows of `frames.DAILY_MEASURES` of the window at least. `person_id` may be of any type.
        """
        if self.kind == "sum":
            return daily
        if self.kind == "days":
            return _once_a_day(daily)
        if self.kind == "first":
            return _once_a_day(daily.group_by("person_id").agg(pl.col("event_date").min()))
        first = as_of - timedelta(days=self.window - 1)
        inside = daily.filter(pl.col("event_date").is_between(pl.lit(first), pl.lit(as_of)))
        if self.kind == "messages":
            return _messages(inside)
        return _streaks(inside, self.run)


def _once_a_day(daily: pl.LazyFrame) -> pl.LazyFrame:
    return daily.select("event_date", "person_id", pl.lit(1, dtype=pl.Int64).alias("quantity"))


def _messages(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Each message once, on its first day. An erasure takes an id away that names the person."""
    return (
        rows.filter(pl.col("message_id").is_not_null())
        .group_by("person_id", "message_id")
        .agg(pl.col("event_date").min())
        .group_by("event_date", "person_id")
        .agg(quantity=pl.len().cast(pl.Int64))
    )


def _streaks(daily: pl.LazyFrame, run: int) -> pl.LazyFrame:
    """1 on every day that ends `run` days in a row, counted from the first day of each row of days."""
    broken = pl.any_horizontal(
        pl.col("person_id") != pl.col("person_id").shift(),
        pl.col("event_date").cast(pl.Int32).diff() != 1,
    ).fill_null(value=True)
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    begun = pl.when(broken).then(place).forward_fill()
    return _once_a_day(
        daily.select("person_id", "event_date")
        .sort("person_id", "event_date")
        .filter((place - begun + 1) % run == 0)
    )
