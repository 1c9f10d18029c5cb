"""Trend and places over dates, against plain Python; the matrix of two dates holds everyone once."""

from datetime import date, timedelta
from statistics import mean

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.core import comparison, movement
from engagement_pipeline.core.frames import SCORES

START = date(2026, 4, 1)
BANDS = ("low", "high")
cells = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from("abcde")), st.none() | st.integers(0, 9), max_size=20
)


def rows(found: dict[tuple[int, str], int | None]) -> pl.LazyFrame:
    """`frames.SCORES`; a score of None is unscored."""
    made = [
        (
            START + timedelta(days=age),
            person,
            None if score is None else score * 10_000,
            None if score is None else float(score),
            None if score is None else BANDS[score >= 5],
            "unscored" if score is None else "scored",
            None,
            "d",
        )
        for (age, person), score in found.items()
    ]
    return pl.DataFrame(made, schema=SCORES, orient="row").lazy()


@settings(max_examples=50, deadline=None)
@given(cells)
def test_the_trend_is_that_of_plain_python(found: dict[tuple[int, str], int | None]) -> None:
    days = movement.trend(rows(found)).collect()
    shares = movement.places(rows(found)).collect()
    assert days["as_of"].to_list() == sorted({START + timedelta(days=age) for age, _ in found})
    for row in days.iter_rows(named=True):
        mine = [score for (age, _), score in found.items() if START + timedelta(days=age) == row["as_of"]]
        scored = sorted(score for score in mine if score is not None)
        assert (row["people"], row["scored"]) == (len(mine), len(scored))
        assert row["mean"] == (pytest.approx(mean(scored)) if scored else None)
        assert row["median"] in scored or not scored
        there = shares.filter(pl.col("as_of") == row["as_of"])
        assert there["people"].sum() == len(mine)
        assert there["share"].sum() == pytest.approx(1.0)


@settings(max_examples=50, deadline=None)
@given(cells)
def test_the_matrix_of_two_dates_holds_everyone_once(found: dict[tuple[int, str], int | None]) -> None:
    before, after = (rows({key: each for key, each in found.items() if key[0] == age}) for age in (0, 1))
    matrix = comparison.migration(comparison.sides(before, after)).collect()
    assert matrix["people"].sum() == len({person for age, person in found if age in (0, 1)})
    for side, age in (("before", 0), ("after", 1)):
        known = matrix.filter(pl.col(side) != comparison.ABSENT)["people"].sum()
        assert known == sum(1 for at, _ in found if at == age)


def test_a_page_looks_at_few_dates() -> None:
    stored = [START + timedelta(days=age) for age in range(40)]
    ages = [(stored[-1] - day).days for day in movement.looks(stored, stored[-1])]
    assert ages == [28, 21, 14, 7, 1, 0]
    assert movement.looks([], START) == [START]


def test_the_date_to_compare_with() -> None:
    def since(*ages: int) -> int | None:
        found = movement.since([START + timedelta(days=age) for age in ages], START + timedelta(days=10))
        return None if found is None else (found - START).days

    assert since(0, 2, 3, 5, 9, 10) == 3
    assert since(2, 5, 10) == 2
    assert since(6, 8, 10) == 6
    assert since(10, 12) is None


def test_places_read_from_low_to_high_and_states_after_them() -> None:
    assert movement.in_order(["unscored", "high", "absent", "low"], BANDS) == [
        "low",
        "high",
        "absent",
        "unscored",
    ]
