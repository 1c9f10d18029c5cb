"""References: the population that a relative scale is read against, as a histogram of points.

Here: fitting one, its version, and ranks within it. Not here: turning ranks into scores (`scales`) and which
reference is in force on which date (`orchestration`).
"""

import hashlib

import polars as pl

from engagement_pipeline.core.exact import divide, narrow, quantise

MILLION = 1_000_000
HISTOGRAM = pl.Schema({"points": pl.Int64(), "persons": pl.Int64()})


def fit(standing: pl.LazyFrame, population: str) -> pl.LazyFrame:
    """`HISTOGRAM` of the population, sorted by points.

    standing: see `scores.standing`. population: `known` leaves out those the score does not apply to,
    `active` also those without any counted event.
    """
    states = ["scored"] if population == "active" else ["scored", "inactive"]
    return (
        standing.filter(pl.col("state").is_in(states))
        .group_by("points")
        .agg(persons=pl.len().cast(pl.Int64))
        .sort("points")
    )


def version(histogram: pl.DataFrame) -> str:
    """12 hex digits that are equal for equal histograms only, whatever the order of their rows."""
    ordered = histogram.sort("points")
    text = "\n".join(
        f"{points}:{persons}" for points, persons in ordered.select("points", "persons").iter_rows()
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def percentile(percent: float) -> pl.Expr:
    """The points that so many percent of the population do not exceed, Int64; null in an empty population.

    Between two people it is interpolated: with people 0 to n - 1 in order of points, the one at
    (n - 1) × percent / 100 (Hyndman and Fan's type 7, Excel's PERCENTILE.INC), rounded to ten-thousandths of
    a point, halves upwards. For a `HISTOGRAM` that is sorted by points.
    """
    upto, whole = pl.col("persons").cum_sum(), 100 * MILLION
    place = (pl.col("persons").sum() - 1).cast(pl.Int128) * round(percent * MILLION)
    below = pl.col("points").filter(upto > place // whole).first().cast(pl.Int128)
    above = pl.col("points").filter(upto > place // whole + 1).first().cast(pl.Int128)
    return narrow(below + quantise((above - below).fill_null(0) * (place % whole), whole))


def ranks(histogram: pl.LazyFrame, points: pl.LazyFrame) -> pl.LazyFrame:
    """`points`, `rank` (Float64 in [0, 1]) for every distinct one of the column `points`.

    The rank is the middle one: the share of the population below plus half of the share with equal points.
    Points nobody in the population has get the share below them: 0 under the lowest, 1 over the highest.
    In an empty population every rank is 0.
    """
    steps = histogram.sort("points").select(
        "points",
        pl.col("points").alias("step"),
        upto=pl.col("persons").cum_sum(),
        persons="persons",
        total=pl.col("persons").sum(),
    )
    # Twice the rank is whole, so that a half needs no float before the one division.
    doubled = (
        pl.when(pl.col("step") == pl.col("points"))
        .then(2 * pl.col("upto") - pl.col("persons"))
        .otherwise(2 * pl.col("upto"))
    )
    return (
        points.select("points")
        .drop_nulls()
        .unique()
        .sort("points")
        .join_asof(steps, on="points", strategy="backward")
        .select("points", rank=divide(doubled, 2 * pl.col("total").cast(pl.Float64)).fill_null(0.0))
    )
