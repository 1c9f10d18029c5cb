"""Scales and bands: from points to the score people see, and the name of its interval.

Here: one function per method, over a column of points. Not here: who gets a row (`scores`).
"""

from collections.abc import Mapping

import polars as pl

from engagement_pipeline.catalog.specs import Band, Scale
from engagement_pipeline.core.exact import divide, in_points
from engagement_pipeline.core.frames import POINT
from engagement_pipeline.core.references import ranks


def scaled(people: pl.LazyFrame, scale: Scale, histogram: pl.LazyFrame | None) -> pl.LazyFrame:
    """Add `score` (Float64, null where points are) to a frame with `points` (Int64, ten-thousandths).

    histogram: `references.HISTOGRAM`, needed when `scale.needs_reference`.
    """
    if scale.range is None:
        return people.with_columns(score=in_points(pl.col("points")))
    low, high = scale.range
    if scale.method == "thresholds":
        return people.with_columns(score=_stepped(scale))
    if scale.domain is not None:
        bottom, top = (pl.lit(_whole(edge), dtype=pl.Int64) for edge in scale.domain)
        return people.with_columns(score=_between(low, high, _share(bottom, top)))
    if histogram is None:
        raise ValueError(f"the {scale.method} scale needs a reference")
    if scale.method == "percentile":
        by_points = ranks(histogram, people).select("points", score=_between(low, high, pl.col("rank")))
        # In the order of the people, who then need not be sorted again to be stored.
        return people.join(by_points, on="points", how="left", maintain_order="left")
    extremes = histogram.select(pl.col("points").min().alias("bottom"), pl.col("points").max().alias("top"))
    return (
        people.join(extremes, how="cross")
        .with_columns(score=_between(low, high, _share(pl.col("bottom"), pl.col("top"))))
        .drop("bottom", "top")
    )


def banded(bands: Mapping[str, Band]) -> pl.Expr:
    """The name of the band that `score` lies in; null in none. Lower edges belong to a band, upper ones do
    not, unless it says otherwise."""
    found = pl.lit(None, dtype=pl.String)
    for name, band in bands.items():
        found = pl.when(_within(band)).then(pl.lit(name)).otherwise(found)
    return found.alias("band")


def _within(band: Band) -> pl.Expr:
    score = pl.col("score")
    inside = score.is_not_null()
    if band.from_ is not None:
        inside &= score >= band.from_ if band.include_from else score > band.from_
    if band.to is not None:
        inside &= score <= band.to if band.include_to else score < band.to
    return inside


def _stepped(scale: Scale) -> pl.Expr:
    points = pl.col("points")
    low = scale.range[0] if scale.range else 0.0
    score = pl.lit(low, dtype=pl.Float64)
    for start, reached in scale.steps:
        score = pl.when(points >= _whole(start)).then(pl.lit(reached, dtype=pl.Float64)).otherwise(score)
    return pl.when(points.is_not_null()).then(score)


def _share(bottom: pl.Expr, top: pl.Expr) -> pl.Expr:
    """How far `points` has come from bottom to top, within [0, 1]; the middle when both are the same, and 0
    when there is neither (an empty population)."""
    points = pl.col("points")
    # Differences in Float64: in Int64 the distance of two extremes could wrap.
    way = divide(points.cast(pl.Float64) - bottom, top.cast(pl.Float64) - bottom).clip(0.0, 1.0)
    share = pl.when(bottom.is_null()).then(0.0).when(bottom == top).then(0.5).otherwise(way)
    return pl.when(points.is_not_null()).then(share)


def _between(low: float, high: float, share: pl.Expr) -> pl.Expr:
    """Both ends are met exactly: low + (high - low) need not be high."""
    return pl.when(share >= 1.0).then(pl.lit(high, dtype=pl.Float64)).otherwise(low + (high - low) * share)


def _whole(points: float) -> int:
    return round(points * POINT)
