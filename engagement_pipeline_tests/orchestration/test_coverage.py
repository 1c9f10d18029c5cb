"""A day that is missing: flagged on its page, carried into the scores that need it, until its file comes."""

from collections.abc import Callable
from datetime import date

import dagster as dg
import pytest

from engagement_pipeline.core.frames import SCORES
from engagement_pipeline.ingestion.coverage import coverage_guard
from engagement_pipeline.orchestration.pending import due_as_of_dates, due_event_days
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    MAIL,
    PEOPLE,
    PROJECT,
    SHOP,
    Scenario,
    files,
    key,
    mail,
)

pytestmark = pytest.mark.slow

GONE = DAYS[-2]
EXPECTING = {
    "sources/mail.yaml": MAIL + "expects: {at_least: 2}\n",
    "sources/shop.yaml": SHOP + "expects: {events: [order_completed]}\n",
}


def without(day: date) -> dict[str, bytes]:
    """The landing files with no mail of the day."""
    lines = files()["mail/all.csv"].decode().splitlines()
    kept = [line for line in lines if f",{day}T" not in line]
    assert len(kept) < len(lines)
    return {**files(), "mail/all.csv": ("\n".join(kept) + "\n").encode()}


def states(scenario: Scenario, score: str, day: date = LAST) -> set[str]:
    return set(scenario.table(f"scores/{score}", day)["state"])


def evaluation(scenario: Scenario, source: str, day: date) -> dg.AssetCheckEvaluation:
    check = dg.AssetCheckKey(key(f"events/{source}"), "day_is_sound")
    records = scenario.instance.event_log_storage.get_asset_check_execution_history(check, limit=200)
    found = [each for each in records if each.partition == day.isoformat()]
    event = found[0].event
    assert event is not None
    assert event.dagster_event is not None
    return event.dagster_event.asset_check_evaluation_data


@pytest.fixture
def lacking(open_project: Callable[..., Scenario]) -> Scenario:
    project = open_project(changed=EXPECTING, landing=without(GONE))
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    project.run("refit", LAST)
    return project


def test_a_missing_day_makes_its_scores_stale_until_the_file_comes(lacking: Scenario) -> None:
    assert states(lacking, "reading") <= {"stale", "unscored"}
    assert "stale" in states(lacking, "reading")
    assert "stale" not in states(lacking, "buying")  # orders come from the shop
    guard = coverage_guard(lacking.catalog, lacking.bench.lake, "reading", LAST)
    assert guard.stale == (f"mail: missing {GONE}",)
    shown = lacking.instance.get_latest_materialization_event(key("scores/reading"))
    assert shown is not None
    assert shown.asset_materialization is not None
    assert f"mail: missing {GONE}" in str(shown.asset_materialization.metadata["stale because of"].value)

    rows = [(f"late{n}", PEOPLE[n], "open", f"{GONE}T08:00:00Z") for n in range(3)]
    lacking.drop("mail/late.csv", mail(rows))
    lacking.run("landing")
    due = due_event_days(lacking.bench, LAST)
    assert due.events == [GONE]
    lacking.run("event_days", GONE)
    dates = due_as_of_dates(lacking.bench, LAST)
    assert "scores/reading" in dates[LAST]
    for day in dates:
        lacking.run("as_of_dates", day)
    assert not due_as_of_dates(lacking.bench, LAST)
    assert states(lacking, "reading") == {"scored", "unscored", "inactive"} & states(lacking, "reading")
    assert "scored" in states(lacking, "reading")


def test_points_and_scores_of_a_stale_date_are_what_they_are(lacking: Scenario) -> None:
    stale = lacking.table("scores/reading", LAST)
    lacking.edit("sources/mail.yaml", "expects: {at_least: 2}\n", "")
    lacking.run("as_of_dates", LAST)
    plain = lacking.table("scores/reading", LAST)
    assert stale.drop("state").equals(plain.drop("state"))
    assert stale.schema == SCORES


def test_what_the_page_of_a_day_says(lacking: Scenario) -> None:
    missing = evaluation(lacking, "mail", GONE)
    assert not missing.passed
    assert missing.severity == dg.AssetCheckSeverity.WARN
    assert missing.metadata["why"].value == "no events, at least 2 expected"
    assert missing.metadata["state"].value == "missing"
    fine = evaluation(lacking, "mail", DAYS[0])
    assert fine.passed
    assert fine.metadata["expected"].value == 2
    assert fine.metadata["events"].value == lacking.table("events/mail", DAYS[0]).height
    # The run over all days says it once more as a table, with what was rejected of their files.
    check = dg.AssetCheckKey(key("events/mail"), "day_is_sound")
    records = lacking.instance.event_log_storage.get_asset_check_execution_history(check, limit=200)
    (whole,) = [each for each in records if each.partition is None]
    shown = whole.event.dagster_event.asset_check_evaluation_data.metadata
    assert f"| {GONE} | 0 | 2 | missing |" in str(shown["days"].value)
    assert "| unreadable_time | 1 |" in str(shown["rejected by rule"].value)


def test_a_day_that_became_thin_by_what_is_usual_is_due_although_no_point_changed(
    open_project: Callable[..., Scenario],
) -> None:
    project = open_project()
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    for day in DAYS[-3:]:
        project.run("refit", day)
    assert not due_as_of_dates(project.bench, LAST)
    project.edit("sources/mail.yaml", "path: mail/*.csv", "path: mail/*.csv\nexpects: {at_least: 1000}")
    due = due_as_of_dates(project.bench, LAST)
    assert {table for tables in due.values() for table in tables} >= {"scores/reading"}
    assert "points/reading" not in due[LAST]
    for day in due:
        project.run("as_of_dates", day)
    assert not due_as_of_dates(project.bench, LAST)
    assert "stale" in states(project, "reading")


def test_before_the_window_is_covered_scores_are_provisional(open_project: Callable[..., Scenario]) -> None:
    project = open_project()
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    early, late = DAYS[2], DAYS[6]  # buying has a window of 5 days, reading one of 3
    project.run("refit", early)
    assert states(project, "buying", early) == {"provisional"}
    assert "provisional" not in states(project, "reading", early)
    project.run("as_of_dates", late)
    # What was fitted on a window that was not covered is never in force.
    assert set(project.table("scores/buying", late)["reference"]) == {"live"}
    project.run("refit", late, only=["points/buying", "references/buying", "scores/buying"])
    assert "provisional" not in states(project, "buying", late)


def test_a_reference_of_too_few_people_is_not_read_against(open_project: Callable[..., Scenario]) -> None:
    project = open_project(
        changed={"project.yaml": PROJECT.replace("reference_people: 1", "reference_people: 7")}
    )
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    result = project.run("refit", LAST, only=["points/buying", "references/buying", "scores/buying"])
    assert set(project.table("scores/buying", LAST)["reference"]) == {"live"}
    (made,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key == key("references/buying")
    ]
    shown = made.materialization.metadata["not in force"].value
    people = project.table("scores/buying", LAST).height
    assert shown == f"{people} people; limits.reference_people asks for 7"
