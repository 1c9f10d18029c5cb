"""Scales and bands: from points to the score people see, and the name of its interval.

Here: one function per method, over a column of points. Not here: who gets a row (`scores`).
"""

import math
from collections.abc import Mapping

import polars as pl

from engagement_pipeline.catalog.specs import Band, Scale
from engagement_pipeline.core.exact import divide, in_points
from engagement_pipeline.core.frames import POINT
from engagement_pipeline.core.references import percentile, ranks


def scaled(people: pl.LazyFrame, scale: Scale, histogram: pl.LazyFrame | None) -> pl.LazyFrame:
    """Add `score` (Float64, null where points are) to a frame with `points` (Int64, ten-thousandths).

    histogram: `references.HISTOGRAM`, needed when `scale.needs_reference`. More points never score less.
    """
    if scale.range is None:
        return people.with_columns(score=_curved(scale, in_points(pl.col("points"))))
    low, high = scale.range
    if scale.method == "thresholds":
        return people.with_columns(score=_stepped(scale))
    if not scale.needs_reference:
        bottom, top = (
            pl.lit(_whole(edge), dtype=pl.Int64) for edge in scale.domain or () if edge is not None
        )
        return people.with_columns(score=_between(low, high, _share(scale, bottom, top)))
    if histogram is None:
        raise ValueError(f"the {scale.method} scale needs a reference")
    if scale.method == "percentile":
        return ranks(histogram, people).with_columns(score=_between(low, high, pl.col("rank"))).drop("rank")
    share = _share(scale, pl.col("bottom"), pl.col("top"))
    return (
        people.join(edges(scale, histogram), how="cross")
        .with_columns(score=_between(low, high, share))
        .drop("bottom", "top")
    )


def edges(scale: Scale, histogram: pl.LazyFrame) -> pl.LazyFrame:
    """One row: the points at the lowest and at the highest score, `bottom` and `top` (Int64); null is what an
    empty population would have to say."""
    said = scale.domain or (None, None)
    found = {"bottom": pl.col("points").min(), "top": percentile(scale.pinned)}
    return histogram.sort("points").select(
        (found[name] if edge is None else pl.lit(_whole(edge), dtype=pl.Int64)).alias(name)
        for name, edge in zip(found, said, strict=True)
    )


def banded(
    bands: Mapping[str, Band], hysteresis: float | None = None, previous: str | None = None
) -> pl.Expr:
    """The name of the band that `score` lies in, as an Enum; null in none. Lower edges belong to a band,
    upper ones do not, unless it says otherwise.

    previous: the column with everyone's band on the day before. Who is by less than `hysteresis` outside of
    that band is still in it.
    """
    kind = pl.Enum(list(bands)) if bands else pl.String()
    found = pl.lit(None, dtype=kind)
    for name, band in bands.items():
        found = pl.when(within(band)).then(pl.lit(name, dtype=kind)).otherwise(found)
    if hysteresis is not None and previous is not None:
        for name, band in bands.items():
            stays = (pl.col(previous) == name) & within(band, hysteresis)
            found = pl.when(stays).then(pl.lit(name, dtype=kind)).otherwise(found)
    return found.alias("band")


def within(band: Band, margin: float = 0.0) -> pl.Expr:
    """Whether `score` lies in the band, or by less than `margin` outside of it."""
    score = pl.col("score")
    inside = score.is_not_null()
    if band.from_ is not None:
        near = score > band.from_ - margin if margin else pl.lit(value=False)
        inside &= near | (score >= band.from_ if band.include_from else score > band.from_)
    if band.to is not None:
        near = score < band.to + margin if margin else pl.lit(value=False)
        inside &= near | (score <= band.to if band.include_to else score < band.to)
    return inside


def _stepped(scale: Scale) -> pl.Expr:
    points = pl.col("points")
    low = scale.range[0] if scale.range else 0.0
    score = pl.lit(low, dtype=pl.Float64)
    for start, reached in scale.steps:
        score = pl.when(points >= _whole(start)).then(pl.lit(reached, dtype=pl.Float64)).otherwise(score)
    return pl.when(points.is_not_null()).then(score)


def _share(scale: Scale, bottom: pl.Expr, top: pl.Expr) -> pl.Expr:
    """How far `points` has come from bottom to top, within [0, 1], along the method's curve.

    Where there is no way between them, as in a population with equal points: 0 below, the middle at and 1
    above the one that the domain says, else that all have. 0 when there is neither (an empty population).
    """
    points = pl.col("points")
    # Differences in Float64: in Int64 the distance of two extremes could wrap. Of whole ten-thousandths where
    # the unit does not matter: they are exact.
    given = in_points if scale.method == "log" else _as_float
    at, start, end = (_curved(scale, given(each)) for each in (points, bottom, top))
    way = divide(at - start, end - start)
    if scale.method == "saturating":
        way = divide(1.0 - (-scale.bend * way.clip(0.0, 1.0)).exp(), 1.0 - math.exp(-scale.bend))
    only = top if scale.domain is not None and scale.domain[0] is None else bottom
    share = (
        pl.when(bottom.is_null() | top.is_null())
        .then(0.0)
        .when(bottom >= top)
        .then(pl.when(points < only).then(0.0).when(points == only).then(0.5).otherwise(1.0))
        .when(points >= top)
        .then(1.0)  # exactly, whatever the last bit of the curve
        .otherwise(way.clip(0.0, 1.0))
    )
    return pl.when(points.is_not_null()).then(share)


def _curved(scale: Scale, points: pl.Expr) -> pl.Expr:
    """Points as the method bends them before they are compared; negative ones as the mirror image."""
    if scale.method == "sqrt":
        return pl.when(points < 0).then(-(-points).sqrt()).otherwise(points.sqrt())
    if scale.method == "log":
        return pl.when(points < 0).then(-(-points).log1p()).otherwise(points.log1p())
    return points


def _between(low: float, high: float, share: pl.Expr) -> pl.Expr:
    """Both ends are met exactly: low + (high - low) need not be high."""
    return pl.when(share >= 1.0).then(pl.lit(high, dtype=pl.Float64)).otherwise(low + (high - low) * share)


def _as_float(points: pl.Expr) -> pl.Expr:
    return points.cast(pl.Float64)


def _whole(points: float) -> int:
    return round(points * POINT)
