"""The daily schedule in the zone of the project, and what project.yaml switches on."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration.clock import yesterday
from engagement_pipeline_tests.orchestration.scenario import (
    FIRST,
    PROJECT,
    Scenario,
)


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
