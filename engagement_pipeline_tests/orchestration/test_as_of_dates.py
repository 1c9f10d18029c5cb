"""The sensor that asks for as-of dates and campaigns, tick by tick on real stores, with the clock held."""

from collections.abc import Callable

import dagster as dg
import pytest
import sqlalchemy as sa

from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.assets import table
from engagement_pipeline.storage.current import VERSIONS, current, read_current
from engagement_pipeline.storage.database import DatabaseDown
from engagement_pipeline.storage.deliveries import DELIVERIES
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    PEOPLE,
    PROJECT,
    Scenario,
    key,
    mail,
)
from engagement_pipeline_tests.orchestration.ticking import MORNING, dates, deliver, going_on, tick

pytestmark = pytest.mark.slow
POINTS = ["points/reading", "points/buying"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING)


def test_yesterday_is_scored_once_measured_and_then_decided(open_project: Callable[..., Scenario]) -> None:
    project = open_project()
    project.run("landing")
    project.run("event_days", FIRST, DAYS[-2])
    assert dates(tick(project, "as_of_dates")[0]) == [], "yesterday's events are not measured yet"
    project.run("event_days", LAST)
    assert dates(tick(project, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]
    project.run("as_of_dates", LAST)
    assert dates(tick(project, "as_of_dates")[0]) == [("campaigns", LAST.isoformat())]
    project.run("campaigns", LAST)
    requests, why, _ = tick(project, "as_of_dates")
    assert requests == []
    assert why == "the last as-of dates stand on what is stored"


def test_late_data_restates_the_last_dates_and_no_delivered_audience(copied: Scenario) -> None:
    copied.run("as_of_dates", DAYS[-4], DAYS[-3], only=POINTS)
    deliver(copied, DAYS[-5])
    copied.run("event_days", DAYS[-5], only=["events/mail", "daily_measures"])
    # In the window of every one of the five dates from then on; the last three are restated.
    requests, _, _ = tick(copied, "as_of_dates")
    assert dates(requests) == [("as_of_dates", day.isoformat()) for day in DAYS[-3:]]
    sent = copied.table("audiences/perks", LAST)
    copied.run("as_of_dates", DAYS[-3], LAST)
    assert tick(copied, "as_of_dates")[0] == []
    assert copied.table("audiences/perks", LAST).equals(sent)


def test_restated_dates_follow_project_yaml(copied: Scenario) -> None:
    copied.write("project.yaml", PROJECT + "restated_dates: 1\n")
    deliver(copied, DAYS[-2])
    copied.run("event_days", DAYS[-2], only=["events/mail", "daily_measures"])
    assert dates(tick(copied, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]


@pytest.mark.parametrize("job", ["event_days", "daily", "as_of_dates", "campaigns"])
def test_dates_are_not_asked_for_while_their_inputs_change(copied: Scenario, job: str) -> None:
    going_on(copied, job)
    requests, why, _ = tick(copied, "as_of_dates")
    assert requests == []
    assert why == "a run that scores depend on is still going on"


@pytest.mark.parametrize("status", ["QUEUED", "NOT_STARTED", "STARTING"])
def test_a_run_that_waits_for_its_turn_goes_on(copied: Scenario, status: str) -> None:
    deliver(copied, LAST)
    going_on(copied, "event_days", dg.DagsterRunStatus(status))
    assert "still going on" in str(tick(copied, "event_days")[1])
    assert "still going on" in str(tick(copied, "as_of_dates")[1])


def test_what_failed_is_not_asked_for_again_until_its_input_changes(copied: Scenario) -> None:
    deliver(copied, DAYS[-1])
    copied.run("event_days", LAST, only=["events/mail", "daily_measures"])
    first = tick(copied, "as_of_dates")[0]
    assert [each.run_key for each in tick(copied, "as_of_dates")[0]] == [each.run_key for each in first]
    deliver(copied, DAYS[-1], file="mail/later.csv")
    copied.run("event_days", LAST, only=["events/mail", "daily_measures"])
    assert not {each.run_key for each in tick(copied, "as_of_dates")[0]} & {each.run_key for each in first}


def test_scores_and_segments_that_lag_behind_their_points_are_made_up_for(copied: Scenario) -> None:
    """A run that was killed half way, on a date whose points then are what they should be."""
    copied.drop("mail/late.csv", mail([("c1", PEOPLE[5], "click", f"{LAST}T08:00:00Z")]))
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    copied.run("event_days", LAST)
    for made in (POINTS, ["scores/reading", "scores/buying"]):
        copied.run("as_of_dates", LAST, only=made)
        assert dates(tick(copied, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]
    copied.run("as_of_dates", LAST)
    assert tick(copied, "as_of_dates")[0] == []


def test_a_score_and_a_segment_that_were_never_made_are_due(copied: Scenario) -> None:
    copied.write("segments/cold.yaml", "segment: cold\nowner: team:shop\nwhere: \"band.reading = 'cold'\"\n")
    made = [("as_of_dates", day.isoformat()) for day in DAYS[-2:]]  # the dates that have scores
    assert dates(tick(copied, "as_of_dates")[0]) == made
    for day in DAYS[-2:]:
        copied.run("as_of_dates", day, only=["segments/cold"])
    assert dates(tick(copied, "as_of_dates")[0]) == []
    copied.run("as_of_dates", DAYS[-3], only=POINTS)
    assert dates(tick(copied, "as_of_dates")[0]) == [("as_of_dates", DAYS[-3].isoformat())]


def test_yesterdays_failure_is_not_forgotten_the_next_day(open_project: Callable[..., Scenario]) -> None:
    project = open_project()
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    assert dates(tick(project, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]
    project.run("as_of_dates", DAYS[-3])
    assert dates(tick(project, "as_of_dates")[0]) == [
        ("as_of_dates", day.isoformat()) for day in (DAYS[-2], LAST)
    ]


# --- campaigns --------------------------------------------------------------------------------------


BUYERS_ONLY = """\
campaign: buyers_only
goal: Thank those who buy
owner: team:shop
audience: {include: [buyers]}
channel: email
variants: [{message: thanks}]
"""


def test_a_campaign_is_decided_although_a_segment_of_another_failed(copied: Scenario) -> None:
    copied.write("campaigns/buyers_only.yaml", BUYERS_ONLY)
    copied.write(
        "campaigns/chill.yaml", BUYERS_ONLY.replace("buyers_only", "chill").replace("buyers", "cold")
    )
    copied.write("segments/cold.yaml", "segment: cold\nowner: team:shop\nwhere: \"band.reading = 'cold'\"\n")
    (request,) = [each for each in tick(copied, "as_of_dates")[0] if each.job_name == "campaigns"]
    assert request.asset_selection == [key("audiences/buyers_only")]
    copied.run("campaigns", LAST, only=["audiences/buyers_only"])
    assert "campaigns" not in {job for job, _ in dates(tick(copied, "as_of_dates")[0])}


def test_a_delivery_that_failed_is_made_up_for(copied: Scenario) -> None:
    with copied.bench.database.write() as connection:
        connection.execute(sa.delete(DELIVERIES))
    (request,) = tick(copied, "as_of_dates")[0]
    assert (request.job_name, request.asset_selection) == ("campaigns", [key("deliveries/perks")])
    copied.run("campaigns", LAST, only=["deliveries/perks"])
    assert tick(copied, "as_of_dates")[0] == []


def test_no_audience_is_decided_on_scores_that_are_about_to_change(copied: Scenario) -> None:
    copied.write("campaigns/buyers_only.yaml", BUYERS_ONLY)
    deliver(copied, LAST)
    copied.run("event_days", LAST)
    assert dates(tick(copied, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]


# --- current tables ---------------------------------------------------------------------------------


def test_what_other_tools_were_never_shown_is_made_up_for(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away between the commit and the current table."""

    def broken(*_: object) -> None:
        raise DatabaseDown("gone")

    copied.drop("mail/late.csv", mail([("c1", PEOPLE[5], "click", f"{LAST}T08:00:00Z")]))
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    copied.run("event_days", LAST)
    copied.run("as_of_dates", LAST, only=[*POINTS, "scores/buying", "score_changes/buying"])
    with monkeypatch.context() as patch:
        patch.setattr(table, "replace_current", broken)
        copied.run("as_of_dates", LAST, only=["scores/reading"], ok=False)
    copied.run("as_of_dates", LAST, only=["segments/readers", "segments/buyers", "segments/fans"])
    assert dates(tick(copied, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]
    stored = copied.table("scores/reading", LAST)
    shown = read_current(copied.bench.database, "scores", "reading")
    assert shown["points"].to_list() != stored["points"].to_list()
    copied.run("as_of_dates", LAST, only=["scores/reading", "score_changes/reading"])
    shown = read_current(copied.bench.database, "scores", "reading")
    assert shown["points"].to_list() == stored["points"].to_list()
    assert tick(copied, "as_of_dates")[0] == []


def test_an_audience_that_was_never_shown_is_decided_again_unless_it_was_delivered(copied: Scenario) -> None:
    with copied.bench.database.write() as connection:
        connection.execute(sa.delete(VERSIONS).where(VERSIONS.c.kind == "audiences"))
    assert tick(copied, "as_of_dates")[0] == []
    with copied.bench.database.write() as connection:
        connection.execute(sa.delete(DELIVERIES))
    (request,) = tick(copied, "as_of_dates")[0]
    assert request.asset_selection == [key("audiences/perks"), key("deliveries/perks")]
    copied.run("campaigns", LAST, only=["audiences/perks", "deliveries/perks"])
    assert tick(copied, "as_of_dates")[0] == []


def test_definitions_that_are_no_more_are_shown_no_more(copied: Scenario) -> None:
    database = copied.bench.database
    copied.write("segments/cold.yaml", "segment: cold\nowner: team:shop\nwhere: \"band.reading = 'cold'\"\n")
    copied.run("as_of_dates", LAST, only=["segments/cold"])
    assert "cold" in current(database, "memberships")
    (copied.folder / "catalog/segments/cold.yaml").unlink()
    copied.reload()
    copied.run("as_of_dates", LAST, only=["scores/buying"])
    assert set(current(database, "memberships")) == {"readers", "buyers", "fans"}
    assert set(current(database, "scores")) == {"reading", "buying"}
    assert set(current(database, "audiences")) == {"perks"}
