"""The whole graph for one as-of date, from the command line, by Dagster: what `engagement run` does.

Here: the order of the jobs, progress, and errors in words. Not here: what the jobs do (`assets`), and the
data of the demo (`demo`).
"""

import os
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.orchestration.assets.measures import event_sources
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.summary import summary
from engagement_pipeline.storage.settings import Settings

INSTANCE = files("engagement_pipeline.orchestration") / "dagster.yaml"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailed(Exception):  # noqa: N818  the words are what the reader sees
    """A Dagster run failed; the message says which step and why."""


class NothingToScore(Exception):  # noqa: N818
    """No event was landed, so there is no date to score as of."""


def run_all(catalog: Catalog, settings: Settings, console: Console, as_of: date | None = None) -> list[str]:
    """Lands what is new, makes every event day up to the as-of date, refits and scores, decides and delivers
    the audiences, and prints what came of it. Safe to run again.

    `as_of`: by default the project's last day, or the last day with events. Gives the problems of files that
    were refused; everything else was taken in. Raises RunFailed and NothingToScore.
    """
    bench = Workbench(catalog, settings)
    definitions = build_definitions(catalog, settings)
    os.environ.setdefault("DAGSTER_HOME", str(dagster_home()))
    problems: list[str] = []
    with _progress(console) as progress, dg.DagsterInstance.get() as instance:

        def run(label: str, job: str, tags: Mapping[str, str], partition: str | None) -> None:
            _run(definitions, instance, progress, label, job, tags, partition)

        try:
            run("Land files", "landing", {}, None)
        except RunFailed as refused:  # what could be read is stored, and goes on
            problems.append(str(refused))
        first, last = catalog.project.start_date, as_of or last_day(bench)
        days = {
            ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        }
        run(f"Events and measures of {(last - first).days + 1} days", "event_days", days, None)
        run(f"Scores and segments as of {last}", "refit", {}, last.isoformat())
        if catalog.campaigns:
            run(f"Audiences as of {last}", "campaigns", {}, last.isoformat())
    for block in summary(catalog, bench.lake, bench.ledger, last):
        console.print(block)
    return problems


def last_day(bench: Workbench) -> date:
    """The last day of a closed project; else the last day that is over and that landed files touch."""
    if bench.catalog.project.end_date is not None:
        return bench.catalog.project.end_date
    over = yesterday(bench.catalog.project, now())
    touched = [
        day for name in event_sources(bench.catalog) for day in bench.ledger.touched(name) if day <= over
    ]
    if not touched:
        raise NothingToScore(
            f"no event of a day that is over was landed: put files below {bench.settings.landing}, where "
            "the sources' `path` says, and run this again"
        )
    return max(touched)


def dagster_home() -> Path:
    """A persistent instance, so that the runs show in the UI afterwards."""
    home = Path(".engagement/dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_bytes(INSTANCE.read_bytes())
    return home


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    progress: Progress,
    label: str,
    name: str,
    tags: Mapping[str, str],
    partition: str | None,
) -> None:
    """One run of a job, a tick of its bar for every step that is done. Raises RunFailed."""
    job = definitions.resolve_job_def(name)
    task = progress.add_task(label, total=len(job.nodes))

    @dg.success_hook
    def advance(context: dg.HookContext) -> None:
        progress.advance(task)

    result = job.with_hooks({advance}).execute_in_process(
        run_config=QUIET, instance=instance, tags=dict(tags), partition_key=partition, raise_on_error=False
    )
    if not result.success:
        steps = [event for event in result.all_events if event.is_step_failure]
        raise RunFailed(
            f"{label}: run {result.run_id} failed.\n"
            + "\n".join(f"{step.step_key}: {_why(step)}" for step in steps)
        )


def _why(step: dg.DagsterEvent) -> str:
    failure = step.step_failure_data
    described = failure.user_failure_data.description if failure.user_failure_data else None
    cause = failure.error
    while cause is not None and cause.cause is not None:
        cause = cause.cause
    return described or (cause.message.strip() if cause else "see the run in the UI")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
