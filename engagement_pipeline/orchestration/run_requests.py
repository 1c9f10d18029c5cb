"""Run requests that stand for what is due: how often one is tried, and whether runs are going on.

Here: run keys and tags, and reading what became of earlier runs. Not here: what is due (`pending`), and which
jobs make it (`sensors`).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration.clock import now
from engagement_pipeline.orchestration.jobs import PROJECT
from engagement_pipeline.orchestration.partitions import contiguous

REQUEST = "engagement/request"
"""On a run: what a sensor requested it for."""
TRIES = 3
"""A database that was down or a machine that went away may be there at the next try; an error in the data or
a definition will not."""
GIVEN_UP = f"what is due failed {TRIES} times; it is tried again when what it reads changes"
Tick = Iterator[dg.RunRequest | dg.SkipReason]
GOING_ON = [
    # Those that wait for their turn as well, which Dagster does not count as in progress.
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ABANDONED = timedelta(hours=6)
"""A run that began longer ago and never ended died with its machine: Dagster says of it for ever that it is
going on. Should it live, locks and input versions keep what it and another run store right."""


def status(project: Project) -> dg.DefaultSensorStatus:
    """Whether the project's sensors are on from the beginning."""
    return dg.DefaultSensorStatus.RUNNING if project.automation.sensors else dg.DefaultSensorStatus.STOPPED


def state_of(content: object) -> str:
    """What stands in a request's name for all that it was made of."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def busy(context: dg.SensorEvaluationContext, project: Project, *jobs: str) -> bool:
    """Whether one of the project's jobs runs or waits: what is due is only known once it is done."""
    return any(
        context.instance.get_runs_count(
            dg.RunsFilter(
                job_name=job,
                tags={PROJECT: project.project},  # another project in this Dagster has jobs of these names
                statuses=GOING_ON,
                created_after=now() - ABANDONED,
            )
        )
        for job in jobs
    )


def requests(
    context: dg.SensorEvaluationContext,
    base: str,
    job: str | None = None,
    day: date | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
    ops: Mapping[str, Any] | None = None,
) -> Iterator[dg.RunRequest]:
    """The request of that name, unless as many runs for it failed as are tried."""
    failed = sum(run.status == dg.DagsterRunStatus.FAILURE for run in runs_of(context, base))
    if failed < TRIES:
        yield dg.RunRequest(
            run_key=f"{base}:{failed}",
            job_name=job,
            partition_key=None if day is None else day.isoformat(),
            asset_selection=assets,
            tags={**(tags or {}), REQUEST: base},
            run_config={"ops": ops} if ops else None,
        )


def requests_of_days(
    context: dg.SensorEvaluationContext,
    base: str,
    days: Sequence[date],
    state: str,
    assets: Sequence[dg.AssetKey] | None = None,
    ops: Mapping[str, Any] | None = None,
) -> Iterator[tuple[date, date, dg.RunRequest]]:
    """First and last day of each range of days that is still tried, and its request, with its steps'
    configuration."""
    for first, last in contiguous(days):
        tags = {
            ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        }
        name = f"{base}:{first}:{last}:{state}"
        for request in requests(context, name, assets=assets, tags=tags, ops=ops):
            yield first, last, request


def runs_of(context: dg.SensorEvaluationContext, base: str) -> Sequence[dg.DagsterRun]:
    """The runs that were made for a request, newest first."""
    return context.instance.get_runs(dg.RunsFilter(tags={REQUEST: base}), limit=TRIES)
