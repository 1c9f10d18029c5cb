"""Replays and restatements through Dagster: the command, the job, the sensors that go on from them, and days
that cannot be made.
"""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.replay import (
    NoSuchSource,
    NothingToRestate,
    replay_source,
    restate,
    restated_words,
)
from engagement_pipeline.orchestration.run_requests import GIVEN_UP, TRIES
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    PEOPLE,
    Scenario,
    failures,
    mail,
)
from engagement_pipeline_tests.orchestration.ticking import failed, ranges, tick

pytestmark = pytest.mark.slow

UNKNOWN = [("n1", PEOPLE[0], "bounce", f"{DAYS[4]}T09:00:00Z")]


@pytest.fixture(autouse=True)
def morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of the ten days is yesterday."""
    monkeypatch.setattr(sensors, "now", lambda: datetime(2026, 4, 6, 4, tzinfo=UTC))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands keep their runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (tmp_path / "dagster").mkdir()
    return tmp_path


@pytest.fixture
def bounced(copied: Scenario) -> Iterator[Scenario]:
    """An event that the plan did not know was landed and made; now it does."""
    copied.drop(
        "mail/bounced.csv", mail([*UNKNOWN, *((f"k{n}", PEOPLE[1], "open", UNKNOWN[0][3]) for n in range(3))])
    )
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    copied.run("event_days", DAYS[4])
    assert "unknown_event" in copied.table("rejected/mail")["rule"].to_list()
    copied.edit(
        "events.yaml", "  email_sent:", "  email_bounced: {channel: email, chosen: false}\n  email_sent:"
    )
    copied.edit("sources/mail.yaml", "sent: email_sent", "sent: email_sent, bounce: email_bounced")
    yield copied


def events(scenario: Scenario) -> pl.DataFrame:
    return scenario.table("events/mail").filter(event="email_bounced")


def said(work: Callable[[Console], list[str]]) -> tuple[list[str], str]:
    out = io.StringIO()
    problems = work(Console(file=out, width=200))
    return problems, out.getvalue()


def test_the_command_turns_rejected_rows_into_events_once(bounced: Scenario, home: Path) -> None:
    for _ in range(2):
        problems, words = said(lambda out: replay_source(bounced.catalog, bounced.settings, out, "mail"))
        assert problems == []
        assert events(bounced)["event_id"].to_list() == ["n1"]
    assert "rejected rows: 1 before, 1 now" in words  # the one whose time cannot be read
    days = [DAYS[4]]
    assert restated_words(bounced.bench, days) == (
        f"as-of dates that rest on them: {DAYS[-2]}. Restated by the sensor as_of_dates, or by engagement "
        f"restate: {DAYS[-2]}."
    )
    assert tick(bounced, "event_days")[0] == []


def test_the_job_judges_one_source_and_the_sensor_makes_its_days(bounced: Scenario) -> None:
    job = bounced.definitions.resolve_job_def("replay")
    shop = bounced.bench.lake.version("landed/shop")
    result = job.execute_in_process(run_config={"source": "mail"}, instance=bounced.instance)
    assert result.success
    assert bounced.bench.lake.version("landed/shop") == shop
    ((first, last),) = ranges(tick(bounced, "event_days")[0])
    assert (first, last) == (FIRST.isoformat(), LAST.isoformat())
    bounced.run("event_days", FIRST, LAST)
    assert events(bounced)["event_id"].to_list() == ["n1"]
    assert tick(bounced, "event_days")[0] == []


def test_the_job_takes_days_and_refuses_what_is_no_source(bounced: Scenario) -> None:
    job = bounced.definitions.resolve_job_def("replay")
    config = {"source": "mail", "dates": f"{DAYS[8]}..{DAYS[9]}"}
    assert job.execute_in_process(run_config=config, instance=bounced.instance).success
    (landed,) = [
        file for file in bounced.bench.ledger.files("mail").values() if file.file == "mail/bounced.csv"
    ]
    assert bounced.bench.ledger.needed("mail")[DAYS[4]]["replays/mail"] == 1
    assert landed.status == "landed"
    with pytest.raises(dg.DagsterInvalidConfigError, match="nobody"):
        job.execute_in_process(run_config={"source": "nobody"}, instance=bounced.instance)


def test_a_source_that_is_none_is_named(bounced: Scenario, home: Path) -> None:
    with pytest.raises(NoSuchSource, match="there is no source 'mial'; did you mean 'mail'"):
        replay_source(bounced.catalog, bounced.settings, Console(file=io.StringIO()), "mial")


def test_older_dates_are_restated_on_request(copied: Scenario, home: Path) -> None:
    copied.run("as_of_dates", DAYS[4])
    copied.drop("mail/late.csv", mail([("late1", PEOPLE[5], "click", f"{DAYS[4]}T08:00:00Z")]))
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    ((first, last),) = ranges(tick(copied, "event_days")[0])
    copied.run("event_days", date.fromisoformat(first), date.fromisoformat(last))
    before = copied.table("points/reading", DAYS[4])
    assert PEOPLE[5] not in before["person_id"].to_list()
    asked = {each.partition_key for each in tick(copied, "as_of_dates")[0]}
    assert DAYS[4].isoformat() not in asked, "older than the dates that are restated by themselves"
    problems, _ = said(lambda out: restate(copied.catalog, copied.settings, out, (DAYS[0], DAYS[6])))
    assert problems == []
    assert PEOPLE[5] in copied.table("points/reading", DAYS[4])["person_id"].to_list()
    with pytest.raises(NothingToRestate, match="was ever scored"):
        restate(copied.catalog, copied.settings, Console(file=io.StringIO()), (DAYS[0], DAYS[1]))


def conflicting(scenario: Scenario, day: date) -> None:
    """A file that uses one id of the day for many contents, and brings another day an honest event."""
    rows = [("twice", PEOPLE[n % 5], "open", f"{day}T0{n}:00:00Z") for n in range(9)]
    scenario.drop("mail/odd.csv", mail([*rows, ("fine", PEOPLE[5], "click", f"{LAST}T08:00:00Z")]))
    scenario.run("landing", only=["landed/mail", "rejected/mail"])


def test_a_day_with_too_many_conflicts_stays_and_the_others_are_made(copied: Scenario) -> None:
    copied.edit("project.yaml", "40%", "10%")
    bad = DAYS[6]
    before = copied.table("events/mail", bad)
    conflicting(copied, bad)
    result = copied.run("event_days", FIRST, LAST, ok=False)
    (why,) = [words for step, words in failures(result).items() if step == "events_mail"]
    assert f"events of source 'mail' on {bad}" in why
    assert "conflicting_event_id 8" in why
    assert copied.table("events/mail", bad).equals(before)
    assert "fine" in copied.table("events/mail", LAST)["event_id"].to_list()
    logged = {
        event.partition
        for event in result.get_asset_materialization_events()
        if event.asset_key.path == ["events", "mail"]
    }
    assert logged == {day.isoformat() for day in DAYS} - {bad.isoformat()}
    passed = {
        evaluation.partition: evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key.path == ["events", "mail"] and evaluation.partition
    }
    assert [day for day, fine in passed.items() if not fine] == [bad.isoformat()]
    # The sensor tries the bad day again, and measures the good ones meanwhile.
    for _ in range(TRIES):
        requests, _, _ = tick(copied, "event_days")
        again = [each for each in requests if not each.asset_selection]
        assert ranges(again) == [(bad.isoformat(), bad.isoformat())]
        failed(copied, again[0], "event_days")
    (measures,) = [each for each in requests if each.asset_selection]
    assert ranges([measures]) == [(LAST.isoformat(), LAST.isoformat())]
    copied.run("event_days", LAST, only=["daily_measures"])
    requests, why, _ = tick(copied, "event_days")
    assert (requests, why) == ([], GIVEN_UP)


def test_a_day_s_page_says_what_collapsed_conflicted_and_came_late(copied: Scenario) -> None:
    copied.edit("project.yaml", "40%", "90%")
    conflicting(copied, DAYS[6])
    result = copied.run("event_days", DAYS[6], LAST)
    by_day = {
        event.partition: event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key.path == ["events", "mail"]
    }
    bad = by_day[DAYS[6].isoformat()]
    assert bad["conflicts"].value == 8
    assert bad["duplicates collapsed"].value == 0
    assert bad["received over a day later"].value == bad["dagster/partition_row_count"].value
    assert by_day[LAST.isoformat()]["conflicts"].value == 0
