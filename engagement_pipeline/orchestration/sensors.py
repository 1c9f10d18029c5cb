"""Sensors: files that arrived, event days that are due, as-of dates that are due.

Here: turning what is found into run requests. Not here: finding it (`pending`, `ingestion.landing`). The last
two keep no cursor: what is due is read from the stores, so nothing is forgotten when a run fails or a daemon
restarts; a run key names the state of the inputs, so that a run that cannot succeed is not asked for again
until they change.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.ingestion.landing import listing
from engagement_pipeline.orchestration.assets.measures import event_sources
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.jobs import Jobs
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.pending import (
    contiguous,
    due_as_of_dates,
    due_audiences,
    due_event_days,
)
from engagement_pipeline.orchestration.workbench import Workbench

REQUESTS_PER_TICK = 20
ABANDONED = timedelta(hours=6)
"""A run that began longer ago and never ended died with its machine: Dagster says of it for ever that it is
going on. Should it live, locks and input versions keep what it and another run store right."""
Requests = Iterator[dg.RunRequest | dg.SkipReason]


def build_sensors(bench: Workbench, jobs: Jobs) -> list[dg.SensorDefinition]:
    """Every sensor of the project."""
    return [_landed_files(bench, jobs), _event_days(bench, jobs), _as_of_dates(bench, jobs)]


def _landed_files(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    project = bench.catalog.project

    @dg.sensor(
        name="landed_files",
        job=jobs.landing,
        minimum_interval_seconds=60,
        default_status=_status(project),
        description="Lands a source's files when its folder holds some that the ledger does not know.",
    )
    def landed_files(context: dg.SensorEvaluationContext) -> Requests:
        seen = json.loads(context.cursor or "{}")
        requested = False
        for name, source in bench.catalog.sources.items():
            # Names, sizes and times only: the run that lands them reads the bytes and asks the ledger.
            found = _digest(listing(source, bench.settings.landing))
            if found == seen.get(name):
                continue
            seen[name], requested = found, True
            yield dg.RunRequest(
                run_key=f"{name}:{found}",
                asset_selection=[asset_key(project, f"{kind}/{name}") for kind in ("landed", "rejected")],
            )
        context.update_cursor(json.dumps(seen))
        if not requested:
            yield dg.SkipReason("no file came, went or changed")

    return landed_files


def _event_days(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        name="event_days",
        job=jobs.events,
        minimum_interval_seconds=60,
        default_status=_status(bench.catalog.project),
        description="Makes the event days that landed files touched, late ones included.",
    )
    def event_days(context: dg.SensorEvaluationContext) -> Requests:
        if _busy(context, jobs.events.name, jobs.daily.name):
            yield dg.SkipReason("a run that makes event days is still going on")
            return
        due = due_event_days(bench, yesterday(bench.catalog.project, now()))
        sources = event_sources(bench.catalog)
        state = _state(
            bench, [*(f"landed/{name}" for name in sources), *(f"events/{name}" for name in sources)]
        )
        for first, last in contiguous(due)[:REQUESTS_PER_TICK]:
            yield dg.RunRequest(
                run_key=f"{first}:{last}:{state}",
                tags={
                    ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                    ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
                },
            )
        if not due:
            yield dg.SkipReason("every day that files touched is made")

    return event_days


def _as_of_dates(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    project = bench.catalog.project

    @dg.sensor(
        name="as_of_dates",
        jobs=[jobs.scores, jobs.campaigns],
        minimum_interval_seconds=60,
        default_status=_status(project),
        description=(
            "Scores yesterday once its events are measured, then decides its audiences; restates the last "
            "as-of dates when late events changed them. Delivered audiences are never restated."
        ),
    )
    def as_of_dates(context: dg.SensorEvaluationContext) -> Requests:
        if _busy(context, jobs.events.name, jobs.daily.name, jobs.scores.name, jobs.campaigns.name):
            yield dg.SkipReason("a run that scores depend on is still going on")
            return
        last = yesterday(project, now())
        due = due_as_of_dates(bench, last)
        state = _state(bench, ["daily_measures"])
        for day in due:
            yield dg.RunRequest(
                job_name=jobs.scores.name, run_key=f"{day}:{state}", partition_key=day.isoformat()
            )
        audiences = [] if due else due_audiences(bench, last)
        for day in audiences:
            yield dg.RunRequest(
                job_name=jobs.campaigns.name, run_key=f"audiences:{day}", partition_key=day.isoformat()
            )
        if not due and not audiences:
            yield dg.SkipReason("the last as-of dates stand on what is stored")

    return as_of_dates


def _status(project: Project) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if project.automation.sensors else dg.DefaultSensorStatus.STOPPED


def _busy(context: dg.SensorEvaluationContext, *jobs: str) -> bool:
    """Whether one of the jobs runs or waits: what is due is only known once it is done."""
    return any(
        context.instance.get_runs_count(
            dg.RunsFilter(job_name=job, statuses=IN_PROGRESS_RUN_STATUSES, created_after=now() - ABANDONED)
        )
        for job in jobs
    )


def _state(bench: Workbench, tables: list[str]) -> str:
    return _digest(sorted(bench.versions(tables).items()))


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]
