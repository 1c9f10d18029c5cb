"""Ticks of the sensors and the schedule against real stores, with the clock held."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.assets import table
from engagement_pipeline.orchestration.clock import yesterday
from engagement_pipeline.orchestration.jobs import PROJECT as PROJECT_TAG
from engagement_pipeline.orchestration.partitions import contiguous
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

pytestmark = pytest.mark.slow
POINTS = ["points/reading", "points/buying"]
MORNING = datetime(2026, 4, 6, 4, 0, tzinfo=UTC)
"""When the last of the ten days is yesterday."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Landed, nothing made yet. Do not change it."""
    scenario = Scenario.new(tmp_path_factory.mktemp("landed"))
    scenario.run("landing")
    yield scenario
    scenario.close()


def tick(
    scenario: Scenario, name: str, cursor: str | None = None
) -> tuple[list[dg.RunRequest], str | None, str | None]:
    """(requests, reason for skipping, cursor after it) of one tick."""
    repository = scenario.definitions.get_repository_def()
    context = dg.build_sensor_context(scenario.instance, cursor=cursor, repository_def=repository)
    data = repository.get_sensor_def(name).evaluate_tick(context)
    return list(data.run_requests or []), data.skip_message, data.cursor


def ranges(requests: list[dg.RunRequest]) -> list[tuple[str, str]]:
    return [
        (each.tags[ASSET_PARTITION_RANGE_START_TAG], each.tags[ASSET_PARTITION_RANGE_END_TAG])
        for each in requests
    ]


def deliver(scenario: Scenario, *days: date, file: str = "mail/late.csv") -> None:
    """A late file with events on these days, landed."""
    rows = [(f"{file}-{n}", PEOPLE[2], "open", f"{day}T08:00:00Z") for n, day in enumerate(days)]
    scenario.drop(file, mail(rows))
    scenario.run("landing", only=["landed/mail", "rejected/mail"])


def going_on(scenario: Scenario, job: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> None:
    """A run of the job that is not done."""
    location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository")
    scenario.instance.add_run(
        dg.DagsterRun(
            job_name=job,
            run_id=str(uuid.uuid4()),
            status=status,
            remote_job_origin=RemoteJobOrigin(location, job),
            tags={PROJECT_TAG: scenario.catalog.project.project},
        )
    )


# --- event_days -------------------------------------------------------------------------------------


def test_landed_days_are_asked_for_as_ranges(landed: Scenario) -> None:
    requests, _, _ = tick(landed, "event_days")
    assert ranges(requests) == [(FIRST.isoformat(), LAST.isoformat())]


def test_days_that_are_made_are_not_asked_for(copied: Scenario) -> None:
    requests, why, _ = tick(copied, "event_days")
    assert requests == []
    assert why == "every day that files touched is made"


def test_a_late_file_asks_for_exactly_the_days_it_touches(copied: Scenario) -> None:
    deliver(copied, DAYS[1], DAYS[2], DAYS[6])
    requests, _, _ = tick(copied, "event_days")
    wanted = [(DAYS[1].isoformat(), DAYS[2].isoformat()), (DAYS[6].isoformat(), DAYS[6].isoformat())]
    assert ranges(requests) == wanted
    assert [each.run_key for each in tick(copied, "event_days")[0]] == [each.run_key for each in requests]

    copied.run("event_days", DAYS[1], DAYS[2])
    requests, _, _ = tick(copied, "event_days")
    assert ranges(requests) == wanted[1:]
    copied.run("event_days", DAYS[6], DAYS[6])
    assert tick(copied, "event_days")[0] == []


def test_days_that_yesterdays_scores_span_are_made_without_any_file(
    open_project: Callable[..., Scenario],
) -> None:
    project = open_project(landing={})
    span = (DAYS[-5], LAST)  # the longest window of a score is five days
    assert ranges(tick(project, "event_days")[0]) == [tuple(day.isoformat() for day in span)]
    project.run("event_days", *span)
    assert tick(project, "event_days")[0] == []
    assert project.table("daily_measures").is_empty()
    assert dates(tick(project, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]
    project.run("as_of_dates", LAST)
    assert project.table("scores/buying").is_empty()


def test_days_whose_measures_lag_behind_are_asked_for(copied: Scenario) -> None:
    """A run that was killed between events and measures."""
    deliver(copied, DAYS[4])
    copied.run("event_days", DAYS[4], only=["events/mail"])
    assert ranges(tick(copied, "event_days")[0]) == [(DAYS[4].isoformat(), DAYS[4].isoformat())]


def test_event_days_are_not_asked_for_while_some_are_made(copied: Scenario) -> None:
    deliver(copied, DAYS[4])
    going_on(copied, "event_days")
    requests, why, _ = tick(copied, "event_days")
    assert requests == []
    assert why == "a run that makes event days is still going on"


def test_a_new_rule_s_measure_is_computed_where_the_last_scores_need_it(copied: Scenario) -> None:
    before = tick(copied, "event_days")[0]
    copied.edit("scores/reading.yaml", "bands:", "  - {event: email_sent, weight: -1}\nbands:")
    requests, _, _ = tick(copied, "event_days")
    # Three days up to each of the two dates that are scored.
    assert (before, ranges(requests)) == ([], [(DAYS[-4].isoformat(), LAST.isoformat())])
    copied.run("event_days", DAYS[-4], LAST)
    assert tick(copied, "event_days")[0] == []


def test_a_day_that_is_still_to_come_waits(landed: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING - timedelta(days=2))
    requests, _, _ = tick(landed, "event_days")
    assert ranges(requests) == [(FIRST.isoformat(), DAYS[-2].isoformat())]


def test_profiles_that_were_landed_alone_remake_persons(copied: Scenario) -> None:
    copied.drop("crm/later.csv", f"person,plan\n{PEOPLE[0]},platinum\n".encode())
    copied.run("landing", only=["landed/crm", "rejected/crm", "profiles/crm"])
    assert ranges(tick(copied, "event_days")[0]) == [(LAST.isoformat(), LAST.isoformat())]
    copied.run("event_days", LAST)
    assert "platinum" in copied.table("persons")["plan"].to_list()
    assert tick(copied, "event_days")[0] == []


@pytest.mark.parametrize(
    ("days", "expected"),
    [([], []), ([0], [(0, 0)]), ([0, 1, 2], [(0, 2)]), ([0, 2, 3, 5], [(0, 0), (2, 3), (5, 5)])],
)
def test_days_become_ranges(days: list[int], expected: list[tuple[int, int]]) -> None:
    found = contiguous([DAYS[day] for day in days])
    assert found == [(DAYS[first], DAYS[last]) for first, last in expected]


# --- as_of_dates ------------------------------------------------------------------------------------


def dates(requests: list[dg.RunRequest]) -> list[tuple[str | None, str | None]]:
    return [(each.job_name, each.partition_key) for each in requests]


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
    for request in requests:
        copied.run("as_of_dates", date.fromisoformat(str(request.partition_key)))
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


# --- tries ------------------------------------------------------------------------------------------


def failed(scenario: Scenario, request: dg.RunRequest, job: str) -> None:
    """The run of a request, failed."""
    scenario.instance.add_run(
        dg.DagsterRun(
            job_name=job, run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.FAILURE, tags=request.tags
        )
    )


@pytest.mark.parametrize("name", ["event_days", "as_of_dates"])
def test_what_failed_is_tried_three_times_until_its_input_changes(copied: Scenario, name: str) -> None:
    deliver(copied, LAST)
    if name == "as_of_dates":
        copied.run("event_days", LAST)
    keys = []
    for _ in range(3):
        (request,) = tick(copied, name)[0]
        keys.append(request.run_key)
        failed(copied, request, name)
    assert len(set(keys)) == 3
    requests, why, _ = tick(copied, name)
    assert requests == []
    assert why == "what is due failed 3 times; it is tried again when what it reads changes"
    deliver(copied, LAST, file="mail/later.csv")
    if name == "as_of_dates":
        copied.run("event_days", LAST)
    assert len(tick(copied, name)[0]) == 1


# --- schedule ---------------------------------------------------------------------------------------


def scheduled(scenario: Scenario, at: datetime) -> dg.RunRequest | str:
    repository = scenario.definitions.get_repository_def()
    context = dg.build_schedule_context(
        scenario.instance, scheduled_execution_time=at, repository_def=repository
    )
    data = repository.get_schedule_def("daily").evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 4, 1, 3, 0, tzinfo=UTC), date(2026, 3, 31)),  # 05:00 in summer
        (datetime(2026, 3, 28, 4, 0, tzinfo=UTC), date(2026, 3, 27)),  # 05:00 in winter
        (datetime(2026, 3, 29, 3, 0, tzinfo=UTC), date(2026, 3, 28)),  # the day on which the clocks change
        (datetime(2026, 3, 31, 22, 30, tzinfo=UTC), date(2026, 3, 31)),  # already 1 April in Berlin
    ],
)
def test_the_daily_run_makes_yesterday_in_the_projects_zone(
    project: Scenario, at: datetime, day: date
) -> None:
    request = scheduled(project, at)
    assert isinstance(request, dg.RunRequest)
    assert (request.partition_key, request.run_key) == (day.isoformat(), day.isoformat())


@pytest.mark.parametrize(
    "at",
    [datetime(2026, 3, 27, 4, 0, tzinfo=UTC), datetime(2026, 4, 7, 4, 0, tzinfo=UTC)],
    ids=["the day before the start", "the day after the end"],
)
def test_days_outside_of_the_project_are_skipped(project: Scenario, at: datetime) -> None:
    day = at.date() - timedelta(days=1)
    assert scheduled(project, at) == f"{day} lies outside the project's days: see project.yaml"


def test_the_daily_run_makes_its_day(open_project: Callable[..., Scenario]) -> None:
    project = open_project()
    request = scheduled(project, datetime(2026, 4, 1, 3, 0, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    project.run("daily", date.fromisoformat(str(request.partition_key)))
    assert set(project.bench.lake.partitions("daily_measures")) == {"2026-03-31"}
    assert project.bench.lake.exists("persons")


def test_yesterday_is_the_zones() -> None:
    project = Project(project="p", timezone="America/New_York", start_date=FIRST)
    assert yesterday(project, datetime(2026, 4, 2, 3, 0, tzinfo=UTC)) == date(2026, 3, 31)


@pytest.mark.parametrize("on", [True, False])
def test_automation_is_on_as_project_yaml_says(tmp_path: Path, on: bool) -> None:
    word = str(on).lower()
    settings = f"automation: {{sensors: {word}, schedules: {word}, daily_at: '04:45'}}\n"
    project = Scenario.new(tmp_path, {"project.yaml": PROJECT + settings}, {})
    repository = project.definitions.get_repository_def()
    assert {each.default_status.value for each in repository.sensor_defs} == {"RUNNING" if on else "STOPPED"}
    assert {each.name for each in repository.sensor_defs} == {"landed_files", "event_days", "as_of_dates"}
    daily = repository.get_schedule_def("daily")
    assert daily.default_status.value == ("RUNNING" if on else "STOPPED")
    assert (daily.cron_schedule, daily.execution_timezone) == ("45 4 * * *", "Europe/Berlin")
    project.close()
