"""Frozen references: provisional until fitted, then in force from their date on, never before it."""

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.specs import Scale
from engagement_pipeline.core.frames import REFERENCES
from engagement_pipeline.orchestration.describe import describe_reference
from engagement_pipeline.orchestration.standing import reference_in_force
from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, Scenario, failures

BUYING = ["points/buying", "scores/buying", "references/buying"]


@pytest.fixture
def measured(project: Scenario) -> Scenario:
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    return project


def standing(scenario: Scenario, day: date) -> tuple[set[str], set[str | None]]:
    """States and references of a date's scores."""
    rows = scenario.table("scores/buying", day)
    return set(rows["state"]), set(rows["reference"])


def fitted(scenario: Scenario) -> dict[date, str]:
    """Date -> version of the references stored."""
    rows = scenario.table("references/buying").unique("effective_from")
    return dict(rows.select("effective_from", "version").iter_rows())


@pytest.mark.slow
def test_from_cold_start_to_restatement(measured: Scenario) -> None:
    early, middle, late = DAYS[-5], DAYS[-3], LAST
    measured.run("as_of_dates", early, only=BUYING[:2])
    states, references = standing(measured, early)
    assert "provisional" in states
    assert "scored" not in states
    assert len(references) == 1
    cold = measured.table("scores/buying", early)

    measured.run("refit", middle, only=BUYING)
    first = fitted(measured)
    assert list(first) == [middle]
    assert standing(measured, middle)[1] == {first[middle]}
    assert "provisional" not in standing(measured, middle)[0]

    measured.run("as_of_dates", late, only=BUYING[:2])  # points have moved, a frozen reference has not
    assert fitted(measured) == first
    assert standing(measured, late)[1] == {first[middle]}

    measured.run("refit", late, only=BUYING)
    both = fitted(measured)
    assert both.keys() == {middle, late}
    assert both[middle] == first[middle]
    assert both[late] != first[middle]
    assert standing(measured, late)[1] == {both[late]}

    day = DAYS[-2]  # made now for the first time, after the later refit
    measured.run("as_of_dates", day, only=BUYING[:2])
    assert standing(measured, day)[1] == {both[middle]}
    measured.run("as_of_dates", early, only=BUYING[:2])
    assert_frame_equal(measured.table("scores/buying", early), cold)
    assert standing(measured, middle)[1] == {both[middle]}


def test_a_changed_weight_leaves_its_old_references_behind(copied: Scenario) -> None:
    old = set(copied.table("references/buying")["points_digest"])
    copied.edit("scores/buying.yaml", "half_life: 4d", "half_life: 2d")
    copied.run("as_of_dates", LAST, only=BUYING[:2])
    assert "provisional" in standing(copied, LAST)[0]
    copied.run("refit", LAST, only=BUYING)
    assert "provisional" not in standing(copied, LAST)[0]
    digests = copied.table("references/buying").filter(pl.col("effective_from") == LAST)["points_digest"]
    assert not set(digests) & old


def test_a_reference_without_points_says_what_to_make_first(project: Scenario) -> None:
    project.run("landing")
    project.run("event_days", LAST)
    result = project.run("refit", LAST, only=["references/buying"], ok=False)
    assert "materialize points/buying first" in failures(result)["references__buying"]


def test_one_that_was_fitted_on_too_few_people_leaves_the_one_before_in_force(made: Scenario) -> None:
    plan = made.bench.plans["buying"]

    def fitted_on(day: date, people: int) -> pl.DataFrame:
        row = (day, plan.points_digest, f"of {people}", 10_000, people)
        return pl.DataFrame([row], schema=REFERENCES, orient="row")

    stored = pl.concat([fitted_on(DAYS[0], 20), fitted_on(DAYS[2], 30), fitted_on(DAYS[4], 5)]).lazy()
    read = [reference_in_force(stored, plan, day, people=20)[1] for day in DAYS[:6]]
    assert read == ["of 20", "of 20", "of 30", "of 30", "of 30", "of 30"]
    assert reference_in_force(stored, plan, DAYS[5], since=DAYS[3], people=20) == (None, None)
    assert reference_in_force(stored, plan, DAYS[5], people=31) == (None, None)


def test_what_is_low_and_high_stands_beside_the_reference(made: Scenario) -> None:
    plan = made.bench.plans["buying"]
    histogram = pl.LazyFrame(
        [(LAST, plan.points_digest, "v", points, 1) for points in (-10_000, 0, 20_000)]
        + [(LAST, plan.points_digest, "v", 30_000, 97)],
        schema=REFERENCES,
        orient="row",
    )
    saturating = Scale.model_validate({"method": "saturating", "range": [1, 10]})
    shown = describe_reference(histogram, saturating)
    assert (shown["people"], shown["points"], shown["the range is"]) == (
        100,
        "-1.0 to 3.0",
        "-1.0 to 3.0 points",
    )
    assert "no spread" not in shown
    alike = histogram.with_columns(points=pl.lit(30_000, pl.Int64)).unique()
    assert "choose another pin" in describe_reference(alike, saturating)["no spread"]
    assert "the range is" not in describe_reference(alike, plan.scale), "percentiles have no such edges"
