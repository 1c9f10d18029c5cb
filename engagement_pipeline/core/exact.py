"""Arithmetic that gives the same bits on every machine, thread count and split of the work.

Here: the only ways in which numbers are rounded and integers become floats. Not here: what the numbers mean.
"""

import polars as pl

from engagement_pipeline.core.frames import HUNDREDTHS, POINT

BILLIONTH = 1_000_000_000
"""A rule's weight times decay is held in whole billionths."""
INT64_MAX = 2**63 - 1


def divide(numerator: pl.Expr, denominator: pl.Expr | float) -> pl.Expr:
    """IEEE division, Float64, null where either is null.

    Polars turns division by a scalar, a literal column included, into multiplication by its reciprocal, which
    misses the nearest double in three of ten cases: 3 / 10000 would not equal the 0.0003 that a band starts
    at. Adding a zero taken from the numerator makes the denominator a column of its own.
    """
    top = numerator.cast(pl.Float64)
    return top / (top * 0.0 + denominator)


def quantise(total: pl.Expr, divisor: int) -> pl.Expr:
    """floor(total / divisor + 1/2), in the integers of `total`."""
    kind = pl.Int64() if divisor <= INT64_MAX else pl.Int128()
    return (total + pl.lit(divisor // 2, dtype=kind)) // pl.lit(divisor, dtype=kind)


def narrow(total: pl.Expr) -> pl.Expr:
    """Int64; null where it does not fit, which `points.check_points` then refuses by name."""
    return total.cast(pl.Int64, strict=False)


def in_hundredths(value: pl.Expr) -> pl.Expr:
    """A finite Float64 as whole hundredths, Int64, halves upwards."""
    return (value * float(HUNDREDTHS) + 0.5).floor().cast(pl.Int64)


def in_points(points: pl.Expr) -> pl.Expr:
    """Whole ten-thousandths as points: the double nearest to the decimal, so that 41 is 41."""
    return divide(points, float(POINT))
