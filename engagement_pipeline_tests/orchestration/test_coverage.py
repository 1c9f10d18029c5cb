"""A day that is missing: flagged on its page, carried into the scores that need it, until its file comes."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

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


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A day is missing; everything is made as of the last one. Do not change it."""
    project = Scenario.new(tmp_path_factory.mktemp("lacking"), EXPECTING, without(GONE))
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    project.run("refit", LAST)
    yield project
    project.close()


@pytest.fixture
def mended(lacking: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    """A copy of it to change at will."""
    project = lacking.copy(tmp_path / "copy")
    yield project
    project.close()


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Scenario]:
    """A project that expects nothing and whose days are measured; no date is scored."""
    project = Scenario.new(tmp_path / "measured")
    project.run("landing")
    project.run("event_days", FIRST, LAST, only=["events/mail", "events/shop", "daily_measures", "persons"])
    yield project
    project.close()


def test_a_missing_day_makes_its_scores_stale_until_the_file_comes(
    lacking: Scenario, mended: Scenario
) -> None:
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
    mended.arrive("mail/late.csv", mail(rows))
    due = due_event_days(mended.bench, LAST)
    assert due.events == [GONE]
    mended.run("event_days", GONE, only=["events/mail", "daily_measures"])
    dates = due_as_of_dates(mended.bench, LAST)
    assert "scores/reading" in dates[LAST]
    for day in dates:
        mended.run("as_of_dates", day)
    assert not due_as_of_dates(mended.bench, LAST)
    assert states(mended, "reading") == {"scored", "unscored", "inactive"} & states(mended, "reading")
    assert "scored" in states(mended, "reading")


def test_points_and_scores_of_a_stale_date_are_what_they_are(mended: Scenario) -> None:
    stale = mended.table("scores/reading", LAST)
    mended.edit("sources/mail.yaml", "expects: {at_least: 2}\n", "")
    mended.run("as_of_dates", LAST, only=["points/reading", "scores/reading"])
    plain = mended.table("scores/reading", LAST)
    assert not plain["state"].equals(stale["state"])
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
    copied: Scenario,
) -> None:
    project = copied
    assert not due_as_of_dates(project.bench, LAST)
    project.edit("sources/mail.yaml", "path: mail/*.csv", "path: mail/*.csv\nexpects: {at_least: 1000}")
    due = due_as_of_dates(project.bench, LAST)
    assert {table for tables in due.values() for table in tables} >= {"scores/reading"}
    assert "points/reading" not in due[LAST]
    for day in due:
        project.run("as_of_dates", day)
    assert not due_as_of_dates(project.bench, LAST)
    assert "stale" in states(project, "reading")


def test_before_the_window_is_covered_scores_are_provisional(measured: Scenario) -> None:
    project = measured
    early, late = DAYS[2], DAYS[6]  # buying has a window of 5 days, reading one of 3
    buying = ["points/buying", "references/buying", "scores/buying"]
    project.run("refit", early, only=[*buying, "points/reading", "scores/reading"])
    assert states(project, "buying", early) == {"provisional"}
    assert "provisional" not in states(project, "reading", early)
    project.run("as_of_dates", late, only=["points/buying", "scores/buying"])
    # What was fitted on a window that was not covered is never in force.
    assert set(project.table("scores/buying", late)["reference"]) == {"live"}
    project.run("refit", late, only=buying)
    assert "provisional" not in states(project, "buying", late)


def test_a_reference_of_too_few_people_is_not_read_against(copied: Scenario) -> None:
    project = copied
    project.edit("project.yaml", "reference_people: 1", "reference_people: 7")
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
