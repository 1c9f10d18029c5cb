"""How a score moves over its dates: where everybody stood on each, and what changed between two of them.

Here: rows of one score on several as-of dates in, small frames out. Two dates side by side are two versions
side by side, so `comparison` has the matrix (`migration` of `sides`) and the movers. Not here: who is told of
a fall (`alerts`), why one person's score changed (`changes`), what it looks like (`reports.trend_text`).
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import polars as pl

WEEK = 7
LOOKS = (28, 21, 14, 7, 1, 0)
"""Days before a date that its page shows: so many partitions are read, however long the history is."""
QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9}


def trend(scores: pl.LazyFrame) -> pl.LazyFrame:
    """A row per date, in order: `as_of`, `people` (with a row), `scored` (with a score; both Int64), `mean`,
    `p10`, `median`, `p90` of the scores (Float64, null where nobody has one; quantiles are scores that
    somebody has), `definition`, `reference` (of the date's rows; null where they have none).

    scores: rows of `frames.SCORES` of one score.
    """
    value = pl.col("score")
    return (
        scores.group_by("as_of")
        .agg(
            people=pl.len().cast(pl.Int64),
            scored=value.count().cast(pl.Int64),
            mean=value.mean(),
            **{name: value.quantile(share, "nearest") for name, share in QUANTILES.items()},
            definition=pl.col("definition").drop_nulls().first(),
            reference=pl.col("reference").drop_nulls().first(),
        )
        .sort("as_of")
    )


def places(scores: pl.LazyFrame) -> pl.LazyFrame:
    """`as_of`, `place` (the band; without one the state, such as `unscored`), `people` (Int64) and `share`
    (Float64, of everyone with a row on the date), by date and place. The people of a date add up to its rows.

    scores: rows of `frames.SCORES` of one score.
    """
    counted = scores.group_by("as_of", place=pl.coalesce("band", "state")).agg(people=pl.len().cast(pl.Int64))
    return counted.with_columns(
        share=pl.col("people").cast(pl.Float64) / pl.col("people").sum().over("as_of").cast(pl.Float64)
    ).sort("as_of", "place")


def looks(stored: Iterable[date], as_of: date) -> list[date]:
    """The dates that a date's page shows beside it, ascending, as far as they are stored; itself last."""
    known = {*stored, as_of}
    return [day for age in LOOKS if (day := as_of - timedelta(days=age)) in known]


def since(stored: Iterable[date], as_of: date, days: int = WEEK) -> date | None:
    """The date to compare with when nobody names one: the newest that is at least so many days before; where
    there is none, the oldest before. None for the first date of all."""
    before = sorted(day for day in stored if day < as_of)
    far = [day for day in before if day <= as_of - timedelta(days=days)]
    return far[-1] if far else next(iter(before), None)


def in_order(places: Iterable[str], bands: Sequence[str]) -> list[str]:
    """Places as people read them: the bands from low to high, then states in the alphabet's order."""
    found = set(places)
    return [*(band for band in bands if band in found), *sorted(found - set(bands))]
