"""Ticks of the sensors against real stores, late files, and runs that go on or failed.

Here: what the daemon would do and what came in between. Not here: any expectation.
"""

import uuid
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_pipeline.orchestration.jobs import PROJECT as PROJECT_TAG
from engagement_pipeline_tests.orchestration.scenario import (
    PEOPLE,
    Scenario,
    mail,
)

MORNING = datetime(2026, 4, 6, 4, 0, tzinfo=UTC)
"""When the last of the ten days is yesterday."""


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


def dates(requests: list[dg.RunRequest]) -> list[tuple[str | None, str | None]]:
    return [(each.job_name, each.partition_key) for each in requests]


def failed(scenario: Scenario, request: dg.RunRequest, job: str) -> None:
    """The run of a request, failed."""
    scenario.instance.add_run(
        dg.DagsterRun(
            job_name=job, run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.FAILURE, tags=request.tags
        )
    )
