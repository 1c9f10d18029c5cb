from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.core.adding import AT_ONCE, Term, added
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.sums import sums

CATALOG = Path(__file__).parents[1] / "benchmarks" / "catalog_10"
AS_OF = date(2026, 3, 1)
PEOPLE = 50


def rows_of(rng, count, most):
    """In no order, with people who have several rows a day, as they have after their ids were joined."""
    days = rng.integers(0, 100, count)
    return pl.DataFrame(
        {
            "event_date": [AS_OF - timedelta(days=int(day) - 2) for day in days],
            "person_id": pl.Series(rng.integers(0, PEOPLE, count), dtype=pl.UInt32),
            "quantity": pl.Series(rng.integers(-most, most, count, endpoint=True)),
        }
    )


@pytest.mark.parametrize("most", [1, 3, 10**6, 10**12])
def test_added_at_places_they_are_the_sums_that_grouping_finds(most):
    rules = [rule for plan in plan_scores(load_catalog(CATALOG)).values() for rule in plan.rules]
    rng = np.random.default_rng(most)
    measures = sorted({quantity.measure for rule in rules for quantity in rule.quantities})
    daily = {
        each: rows_of(rng, 0 if number == 0 else 300, most).lazy() for number, each in enumerate(measures)
    }
    largest = dict.fromkeys(measures, most)
    grouped = sums(daily, rules, AS_OF, largest)
    placed = sums(daily, rules, AS_OF, largest, PEOPLE)
    assert grouped.keys() == placed.keys()
    for name, frame in grouped.items():
        found = placed[name].collect()
        assert placed[name].collect_schema() == found.schema
        assert_frame_equal(found.sort("person_id"), frame.sort("person_id").collect())


def test_more_rows_than_are_added_at_once():
    count = AT_ONCE + 7
    rows = pl.DataFrame(
        {
            "person_id": pl.Series([3] * count, dtype=pl.UInt32),
            "age": pl.Series([0] * (count - 1) + [1], dtype=pl.Int32),
            "quantity": [2] * count,
        }
    )
    totals = {"all": Term(), "one a day": Term(1), "halved": Term(1, "factors")}
    tables = {"factors": pl.Series([10, 5]), "today": pl.Series([1, 0]), "never": pl.Series([0, 0])}
    found = added(rows, 5, totals, tables, {"found today": "today", "found never": "never"})
    assert found.rows() == [(3, 2 * count, count, 10 * count - 5, True, False)]
