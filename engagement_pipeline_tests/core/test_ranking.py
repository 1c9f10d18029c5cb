"""Curves against scikit-learn and scipy, ties included; the order of rows and equal people never matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from engagement_pipeline.core.ranking import FEWEST_DRAWS, Curve, draws, interval

PEOPLE = st.integers(2, 40)


@st.composite
def populations(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers with many ties, outcomes of both kinds, and how often each person counts."""
    count = draw(PEOPLE)
    values = draw(arrays.arrays(np.int64, count, elements=st.integers(-3, 3))).astype(np.float64)
    outcomes = draw(arrays.arrays(np.bool_, count))
    outcomes[0], outcomes[-1] = True, False
    weights = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 3))).astype(np.float64)
    weights[0] = weights[-1] = 1.0
    return values, outcomes, weights


@given(populations())
@settings(max_examples=150, deadline=None)
def test_areas_and_distances_are_those_of_the_libraries(known: tuple[np.ndarray, ...]) -> None:
    values, outcomes, weights = known
    read = Curve.of(values, outcomes).read(weights)
    assert read.area / read.pairs == pytest.approx(roc_auc_score(outcomes, values, sample_weight=weights))
    many = np.repeat(np.arange(len(values)), weights.astype(int))
    with_it, without = (values[many][outcomes[many] == kind] for kind in (True, False))
    assert read.distance == pytest.approx(ks_2samp(with_it, without).statistic)


@given(populations(), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_the_order_of_rows_changes_nothing(known: tuple[np.ndarray, ...], seed: int) -> None:
    values, outcomes, weights = known
    expected = outcomes * 0.5 + 0.1
    order = np.random.default_rng(seed).permutation(len(values))
    one = Curve.of(values, outcomes, expected).read(weights)
    other = Curve.of(values[order], outcomes[order], expected[order]).read(weights[order])
    assert one.area == pytest.approx(other.area)
    assert one.found == pytest.approx(other.found)
    assert one.expected == pytest.approx(other.expected)


@given(populations())
@settings(max_examples=80, deadline=None)
def test_counting_a_person_twice_is_having_two_of_them(known: tuple[np.ndarray, ...]) -> None:
    values, outcomes, weights = known
    many = np.repeat(np.arange(len(values)), weights.astype(int))
    one = Curve.of(values, outcomes, outcomes * 0.7).read(weights)
    other = Curve.of(values[many], outcomes[many], outcomes[many] * 0.7).read(np.ones(len(many)))
    for name in ("pairs", "area", "distance", "people"):
        assert getattr(one, name) == pytest.approx(getattr(other, name)), name
    assert one.found == pytest.approx(other.found)
    assert one.expected == pytest.approx(other.expected)


@given(populations())
@settings(max_examples=80, deadline=None)
def test_tenths_hold_everybody_and_equal_people_share(known: tuple[np.ndarray, ...]) -> None:
    values, outcomes, weights = known
    read = Curve.of(values, outcomes).read(weights)
    assert read.found.sum() == pytest.approx((outcomes * weights).sum())
    alike = Curve.of(np.zeros(len(values)), outcomes).read(weights)
    assert alike.found == pytest.approx(np.full(10, (outcomes * weights).sum() / 10))
    assert alike.area / alike.pairs == pytest.approx(0.5)
    assert alike.distance == pytest.approx(0)


def test_tenths_of_a_hundred_people_are_ten_each() -> None:
    values = np.arange(100, dtype=np.float64)
    outcomes = values >= 85
    assert Curve.of(values, outcomes).read(np.ones(100)).found.tolist() == [10, 5, 0, 0, 0, 0, 0, 0, 0, 0]


def test_one_kind_of_people_has_no_pairs() -> None:
    read = Curve.of(np.array([1.0, 2.0]), np.array([False, False])).read(np.ones(2))
    assert (read.pairs, read.distance, read.found.sum()) == (0, 0, 0)


def test_draws_begin_with_everyone_and_are_always_the_same() -> None:
    first, again = (np.array(list(draws(50, 1_000))) for _ in range(2))
    assert (first == again).all()
    assert (first[0] == 1).all()
    assert (first.sum(axis=1) == 50).all()
    assert len(first) == 401
    assert len(list(draws(3, 10**9))) == FEWEST_DRAWS + 1


def test_an_interval_needs_draws() -> None:
    assert interval(np.full(10, 0.5)) == (None, None)
    assert interval(np.append(np.full(100, 0.5), np.nan)) == (0.5, 0.5)
    low, high = interval(np.linspace(0, 1, 401))
    assert (low, high) == (pytest.approx(0.025), pytest.approx(0.975))
