"""Frozen references: provisional until fitted, then in force from their date on, never before it."""

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

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
