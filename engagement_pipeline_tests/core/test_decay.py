import pytest

from engagement_pipeline.catalog.specs import HalfLife, Linear
from engagement_pipeline.core.decay import factors


def test_without_decay_every_age_counts_in_full():
    assert factors(3, "none", 4) == (3_000_000_000,) * 4


def test_half_life_halves_every_so_many_days():
    table = factors(8, HalfLife(half_life=2), 7)
    assert [table[age] for age in (0, 2, 4, 6)] == [8 * 10**9, 4 * 10**9, 2 * 10**9, 10**9]
    assert table[1] == 5_656_854_249  # 8 / sqrt(2), rounded


def test_linear_runs_out():
    assert factors(1, Linear(linear=4), 6) == (10**9, 750_000_000, 500_000_000, 250_000_000, 0, 0)


@pytest.mark.parametrize("decay", [HalfLife(half_life=30), Linear(linear=90)])
def test_age_never_adds(decay):
    table = factors(5, decay, 120)
    assert list(table) == sorted(table, reverse=True)
    negative = factors(-5, decay, 120)
    assert list(negative) == sorted(negative)
