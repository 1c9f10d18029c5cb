"""Moments in the made-up people's lives: the dice that `behaviour` rolls.

Here: drawing who does something when, waiting, thinning out, putting in order.
Not here: what it is that they do.
"""

from collections.abc import Sequence
from datetime import datetime, time

import numpy as np
import polars as pl

from engagement_pipeline.example.people import DAYS, START

Rng = np.random.Generator

_HOURS = np.array(
    [2, 1, 1, 1, 1, 2, 5, 9, 11, 11, 10, 10, 12, 11, 9, 9, 10, 13, 17, 20, 22, 19, 12, 6], float
)
_WEEKDAYS = np.array([0.8, 0.78, 0.8, 0.85, 0.92, 1.0, 0.98])  # Monday to Sunday, relative


def pick(rng: Rng, options: Sequence[str], count: int, p: Sequence[float] | None = None) -> pl.Series:
    """Draws from the options, evenly without `p`."""
    return pl.Series(np.asarray(options)[rng.choice(len(options), count, p=p)])


def happen(rng: Rng, people: pl.DataFrame, rate: np.ndarray | pl.Series | float) -> pl.DataFrame:
    """Moments of each person, `rate` of them expected over the whole sample: columns of `people`, `at`."""
    share_of_days = ((people["last"] - people["first"]) / DAYS).to_numpy()
    counts = rng.poisson(np.asarray(rate) * people["activity"].to_numpy() * share_of_days)
    row = np.repeat(np.arange(people.height), counts)
    who = people[row]
    first, last = who["first"].to_numpy(), who["last"].to_numpy()
    day = np.floor(first + (last - first) * lean(rng, who["slope"].to_numpy())).astype(int)
    day = np.minimum(day, DAYS - 1)
    kept = rng.random(len(row)) < _WEEKDAYS[(day + START.weekday()) % 7]
    hour = rng.choice(24, len(row), p=_HOURS / _HOURS.sum())
    seconds = day * 86_400 + hour * 3600 + rng.integers(0, 3600, len(row))
    return who.with_columns(at=moment(seconds)).filter(pl.Series(kept)).rechunk()


def lean(rng: Rng, slope: np.ndarray) -> np.ndarray:
    """Draws from [0, 1) with a density that falls or rises by `slope` from the middle to the ends."""
    even = rng.random(len(slope))
    level = np.where(slope == 0, 1e-9, slope)
    drawn: np.ndarray = (np.sqrt((1 - level) ** 2 + 4 * level * even) - (1 - level)) / (2 * level)
    return drawn


def moment(seconds: np.ndarray) -> pl.Series:
    """Local times, from seconds since the start of the first day."""
    origin = np.datetime64(datetime.combine(START, time()), "us")
    return pl.Series(origin + (seconds * 1_000_000).astype("timedelta64[us]"))


def later(rng: Rng, moments: pl.DataFrame, mean_hours: float) -> pl.DataFrame:
    """The same, each some time later: `mean_hours` on average, most of them sooner."""
    wait = (rng.exponential(mean_hours * 3600, moments.height)).astype(int) + 5
    return moments.with_columns(at=pl.col("at") + pl.duration(seconds=pl.lit(pl.Series(wait))))


def some(rng: Rng, moments: pl.DataFrame, share: float | pl.Series | np.ndarray) -> pl.DataFrame:
    """Each with the chance `share`, which may differ from row to row."""
    # In one chunk: pl.format of polars 2.1 panics on a filtered frame with an empty chunk.
    return moments.filter(pl.Series(rng.random(moments.height) < np.asarray(share))).rechunk()


def sometimes(rng: Rng, frame: pl.DataFrame, text: str, share: float) -> pl.Expr:
    """The text in a share of the rows, null in the others."""
    return pl.when(pl.Series(rng.random(frame.height) < share)).then(pl.lit(text))


def events(*parts: pl.DataFrame) -> pl.DataFrame:
    """All of them in the order of time, those past the last day left out; people's traits dropped."""
    end = pl.lit(START).dt.offset_by(f"{DAYS}d").cast(pl.Datetime("us"))
    traits = pl.selectors.by_name(
        "trend", "slope", "activity", "first", "last", "plan", "country", "age", "joined_on", "email_opt_in",
        "push_opt_in", "sms_opt_in", "mood", "machine_opens", "in_crm", require_all=False,
    ) | pl.selectors.starts_with("likes_")  # fmt: skip
    together = pl.concat([part.drop(traits) for part in parts], how="diagonal").filter(pl.col("at") < end)
    return together.sort("at", "person_id", "event", maintain_order=True)


def once(moments: pl.DataFrame) -> pl.DataFrame:
    """The first of each person."""
    return moments.unique("person_id", keep="first", maintain_order=True)


def wave(people: pl.DataFrame, day: int, hour: int) -> pl.DataFrame:
    """Everyone who is there by `day`, all at the same hour."""
    present = people.filter(pl.col("first") <= day)
    return present.with_columns(at=moment(np.full(present.height, day * 86_400 + hour * 3600)))
