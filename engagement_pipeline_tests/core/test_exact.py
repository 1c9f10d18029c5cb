import math
import random
from fractions import Fraction

import polars as pl
import pytest

from engagement_pipeline.core.exact import divide, in_hundredths, in_points, narrow, quantise


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_division_is_ieee_division(engine):
    numbers = list(range(-20_000, 20_000))
    frame = pl.LazyFrame({"n": numbers})
    found = frame.select(in_points(pl.col("n"))).collect(engine=engine).to_series().to_list()
    assert found == [n / 10_000 for n in numbers]
    scalar = frame.select(pl.col("n") / 10_000).collect(engine=engine).to_series().to_list()
    assert scalar != found, "polars divides by scalars exactly now: `divide` can go"


def test_division_of_null_is_null():
    assert pl.select(divide(pl.lit(None, dtype=pl.Int64), 4.0)).item() is None


def test_points_meet_the_edges_people_write():
    whole = pl.DataFrame({"n": [3, 3_000, 410_000, 710_000, 7_001]})
    assert whole.select(in_points(pl.col("n"))).to_series().to_list() == [0.0003, 0.3, 41.0, 71.0, 0.7001]


@pytest.mark.parametrize("divisor", [100_000, 10_000_000, 7, 10**20])
@pytest.mark.parametrize("kind", [pl.Int64, pl.Int128])
def test_quantising_rounds_halves_upwards_in_integers(divisor, kind):
    random.seed(1)
    totals = [n * divisor // 2 + d for n in range(-5, 6) for d in (-1, 0, 1)]
    totals = [t for t in totals if abs(t) < 2**62] + [random.randint(-(2**62), 2**62) for _ in range(50)]
    found = pl.DataFrame({"t": pl.Series(totals, dtype=kind)}).select(quantise(pl.col("t"), divisor))
    assert found.to_series().to_list() == [math.floor(Fraction(t, divisor) + Fraction(1, 2)) for t in totals]


def test_what_leaves_64_bits_becomes_null_instead_of_wrapping():
    sums = pl.DataFrame({"x": pl.Series([2**63 - 1, 2**63, -(2**63) - 1], dtype=pl.Int128)})
    assert sums.select(narrow(pl.col("x"))).to_series().to_list() == [2**63 - 1, None, None]


def test_values_become_hundredths_halves_upwards():
    values = pl.DataFrame({"v": [12.34, 0.005, -0.005, 1e9, None]})
    assert values.select(in_hundredths(pl.col("v"))).to_series().to_list() == [1234, 1, 0, 10**11, None]
