"""Which measures count on which days, when only some as-of dates are asked for."""

from datetime import timedelta

import pytest

from engagement_pipeline.catalog.specs import Catalog, Outcome
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.orchestration.wanted import wanted_for
from engagement_pipeline_tests.core.build import AS_OF, MEMBERS, START, ago, catalog, score

ORDERS = {"event": "ordered", "weight": 1, "machine": "exclude"}


def declared(*, judged: str | None = None) -> Catalog:
    """Two scores that read the same measure over different windows, one that does not, and maybe an outcome
    that looks for it and judges one of them."""
    found = catalog(
        score("short", [ORDERS, {"event": "opened", "weight": 1}], window=3),
        score("long", [{**ORDERS, "window": 7}, {"event": "viewed", "weight": 1}], window=5),
        score("other", [{"event": "clicked", "weight": 1}], window=2),
    )
    if judged is None:
        return found
    outcome = Outcome.model_validate(
        {
            "outcome": "orders",
            "goal": "test",
            "owner": MEMBERS,
            "event": "ordered",
            "within": 7,
            "scores": [judged],
        }
    )
    return found.model_copy(update={"outcomes": {"orders": outcome}})


def days_of(given: Catalog, name: str, *dates: int) -> list[int]:
    """How many days ago the measure of that event counts, as of dates so many days ago."""
    plans = plan_scores(given)
    wanted = wanted_for(given, plans, [ago(age) for age in dates])
    (measure,) = {each for plan in plans.values() for each in plan.measures if each.startswith(f"{name}.")}
    return [age for age in range((AS_OF - START).days + 1) if wanted.on(measure, ago(age))]


def test_a_measure_counts_in_the_longest_window_that_reads_it_and_nowhere_else() -> None:
    assert days_of(declared(), "ordered", 0) == list(range(7))
    assert days_of(declared(), "opened", 0) == list(range(3))
    assert days_of(declared(), "viewed", 0) == list(range(5))


def test_dates_apart_leave_the_days_between_them_out() -> None:
    assert days_of(declared(), "opened", 0, 10) == [0, 1, 2, 10, 11, 12]


def test_before_the_project_nothing_counts() -> None:
    first = (AS_OF - START).days
    assert days_of(declared(), "ordered", first - 1) == [first - 1, first]
    assert not wanted_for(declared(), plan_scores(declared()), [START]).on(
        "ordered", START - timedelta(days=1)
    )


@pytest.mark.parametrize(("judged", "reads"), [("short", "opened"), ("long", "viewed"), ("other", "clicked")])
def test_what_an_outcome_looks_for_counts_on_every_day_also_where_a_score_reads_it(
    judged: str, reads: str
) -> None:
    everywhere = list(range((AS_OF - START).days + 1))
    given = declared(judged=judged)
    assert days_of(given, "ordered", 0) == everywhere
    assert days_of(given, reads, 0) == everywhere, "what the judged score reads"
    for other in {"opened", "viewed", "clicked"} - {reads}:
        assert days_of(given, other, 0) == days_of(declared(), other, 0)
