"""The whole graph for one as-of date, from the command line, by Dagster: what `engagement run` does.

Here: the order of the jobs, progress, and errors in words. Not here: what the jobs do (`assets`), and the
data of the demo (`demo`).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engagement_pipeline.catalog.specs import Catalog, Project
from engagement_pipeline.orchestration.assets.health import HEALTH
from engagement_pipeline.orchestration.assets.measures import only_as_of
from engagement_pipeline.orchestration.assets.people import people_inputs
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.judging import parts_of
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.measured import event_sources
from engagement_pipeline.orchestration.standing import frozen, lacks_reference
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.summary import summary
from engagement_pipeline.storage.settings import Settings, is_remote

INSTANCE = files("engagement_pipeline.orchestration") / "dagster.yaml"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Tables = Sequence[str] | None


class DateOutside(Exception):  # noqa: N818  the words are what the reader sees
    """The as-of date asked for is no day of the project that is over."""


class NothingToScore(Exception):  # noqa: N818
    """No event was landed, so there is no date to score as of."""


def run_all(
    catalog: Catalog,
    settings: Settings,
    console: Console,
    as_of: date | None = None,
    refit: bool = False,
    days_before: int = 0,
) -> list[str]:
    """Lands what is new, makes every event day up to the as-of date, scores, decides and delivers the
    audiences, and prints what came of it. Safe to run again.

    `as_of`: by default the project's last day, or the last day with events. References stay as they are;
    one is fitted where a score has none for its present rules, all of them with `refit`.
    `days_before`: the scores that alerts watch are also made for so many days before, to compare with, on a
    project that has no earlier dates. What fails does not
    stop what does not depend on it. Gives what failed or was refused, in words; raises NothingToScore and
    DateOutside.
    """
    bench = Workbench(catalog, settings)
    definitions = build_definitions(catalog, settings)
    with Runner(definitions, catalog.project, settings, console) as runner:
        done = runner.run
        done("Land files", "landing")
        first, last = catalog.project.start_date, _landed_day(bench, as_of, runner.problems)
        label = f"Events and measures of {(last - first).days + 1} days"
        earlier = last - timedelta(days=days_before)
        compares = bool(days_before and catalog.alerts) and earlier >= first
        only = only_as_of([last, earlier] if compares else [last])
        if not done(label, "event_days", last, first, ops=only):
            # A source that failed keeps the events it had; the others' are measured.
            rest = ["daily_measures", *people_inputs(catalog)]
            done("Measures of what is stored", "event_days", last, first, rest, only)
        if compares:
            watched = sorted(
                {part for each in catalog.alerts.values() for part in parts_of(catalog, each.score)}
            )
            tables = [f"{kind}/{name}" for kind in ("points", "scores") for name in watched]
            done(f"Scores that alerts watch, as of {earlier}", "as_of_dates", earlier, only=tables)
        if catalog.scores or catalog.segments:
            done(f"Scores and segments as of {last}", "refit", last, only=scored_tables(bench, last, refit))
        else:
            done("Health of the sources", "daily", only=[HEALTH])
        if catalog.campaigns:
            done(f"Audiences as of {last}", "campaigns", last)
        if catalog.alerts:
            done(f"Alerts as of {last}", "alerts", last)
    for block in summary(catalog, bench.lake, bench.ledger, last):
        console.print(block)
    return runner.problems


class Runner:
    """Runs jobs one after the other on the persistent instance, with a bar for each; a context manager."""

    def __init__(
        self, definitions: dg.Definitions, project: Project, settings: Settings, console: Console
    ) -> None:
        self._definitions, self._project, self._console = definitions, project, console
        self._settings = settings
        self.problems: list[str] = []
        """What failed, in words."""

    def __enter__(self) -> "Runner":
        name_dagster_home(self._settings)
        self._open = ExitStack()
        self.progress = self._open.enter_context(_progress(self._console))
        self.instance = self._open.enter_context(dg.DagsterInstance.get())
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def run(
        self,
        label: str,
        job: str,
        day: date | None = None,
        since: date | None = None,
        only: Tables = None,
        ops: Mapping[str, Any] | None = None,
    ) -> bool:
        """Runs a job, for a day or the days since another, for all its tables' assets or `only` some, with
        its steps' configuration. Whether it succeeded; if not, `problems` say why."""
        keys = None if only is None else [asset_key(self._project, table) for table in only]
        return self.run_assets(label, job, day, since, keys, ops)

    def run_assets(
        self,
        label: str | None,
        job: str,
        day: date | None = None,
        since: date | None = None,
        only: Sequence[dg.AssetKey] | None = None,
        ops: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bool:
        """As `run`, for assets by their keys; tagged; without a bar of its own where it has no label."""
        config = {**QUIET, **({"ops": ops} if ops else {})}
        progress = self.progress if label else Progress(disable=True)
        run = (self._definitions, self.instance, progress, label or "", job, day, since, only, config, tags)
        failed = _run(*run)
        self.problems += failed
        return not failed


def _landed_day(bench: Workbench, as_of: date | None, refused: Sequence[str]) -> date:
    """As `checked_day`; where files were refused, that is why there is nothing to score."""
    try:
        return checked_day(bench, as_of)
    except NothingToScore as error:
        if not refused:
            raise
        raise NothingToScore("\n".join([*refused, "So there is nothing to score yet."])) from error


def checked_day(bench: Workbench, as_of: date | None) -> date:
    """The as-of date asked for, or the last day with events. Raises DateOutside and NothingToScore."""
    project, sources = bench.catalog.project, bench.catalog.sources
    if sources and not any(bench.ledger.landed(name) for name in sources):
        raise NothingToScore(f"nothing was landed: {_remedy(bench)}")
    if as_of is None:
        return last_day(bench)
    over = yesterday(project, now())
    newest = over if project.end_date is None else min(project.end_date, over)
    if not project.start_date <= as_of <= newest:
        raise DateOutside(
            f"{as_of} cannot be scored: the project's days run from {project.start_date} to {newest}. "
            "Choose one of them, or change start_date or end_date in project.yaml"
        )
    return as_of


def scored_tables(bench: Workbench, as_of: date, refit: bool) -> list[str]:
    """The tables of scores and segments, and the references that are to be fitted."""
    catalog = bench.catalog
    fitted = [
        plan.name
        for plan in bench.plans.values()
        if frozen(plan) and (refit or lacks_reference(bench, plan, as_of))
    ]
    return [
        *(f"{kind}/{name}" for kind in ("points", "scores", "score_changes") for name in catalog.scores),
        *(f"references/{name}" for name in fitted),
        *(f"segments/{name}" for name in catalog.segments),
        HEALTH,
    ]


def last_day(bench: Workbench) -> date:
    """The last day of a closed project; else the last day that is over and that landed files touch."""
    if bench.catalog.project.end_date is not None:
        return bench.catalog.project.end_date
    over = yesterday(bench.catalog.project, now())
    touched = [
        day for name in event_sources(bench.catalog) for day in bench.ledger.touched(name) if day <= over
    ]
    if not touched:
        raise NothingToScore(f"no event of a day that is over was landed: {_remedy(bench)}")
    return max(touched)


def _remedy(bench: Workbench) -> str:
    where = f"put files below {bench.settings.landing}, where the sources' `path` says"
    return f"{where}, and run this again; links that lead out of it are not followed"


def name_dagster_home(settings: Settings) -> None:
    """Says in the environment where Dagster's history lies, unless it does; an empty name says nothing."""
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(dagster_home(settings))


def dagster_home(settings: Settings) -> Path:
    """A persistent instance beside the lake, so that the runs show in the UI afterwards, and those of one
    project never among those of another."""
    beside = Path(".engagement/lake") if is_remote(settings.lake) else Path(settings.lake)
    home = beside.absolute().with_name("dagster")
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
    day: date | None,
    since: date | None,
    only: Sequence[dg.AssetKey] | None,
    config: Mapping[str, Any],
    more_tags: Mapping[str, str] | None = None,
) -> list[str]:
    """One run of a job, for a day or the days since another, a tick of its bar for every step that is done.
    Gives what failed, in words."""
    job = definitions.resolve_job_def(name)
    if only is not None:
        job = job.get_subset(asset_selection=set(only))
    task = progress.add_task(label, total=len(job.nodes))

    @dg.success_hook
    def advance(context: dg.HookContext) -> None:
        progress.advance(task)

    tags = dict(more_tags or {})
    if since is not None and day is not None:
        tags |= {
            ASSET_PARTITION_RANGE_START_TAG: since.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: day.isoformat(),
        }
    result = job.with_hooks({advance}).execute_in_process(
        run_config=config,
        instance=instance,
        tags=tags,
        partition_key=day.isoformat() if day and not since else None,
        raise_on_error=False,
    )
    if any(_interrupted(event) for event in result.all_events):
        raise KeyboardInterrupt  # Dagster takes it for itself, and the next run would begin
    return [f"{event.step_key}: {_why(event)}" for event in result.all_events if event.is_step_failure]


def _interrupted(event: dg.DagsterEvent) -> bool:
    """Whether somebody stopped the run, by Ctrl-C or SIGTERM."""
    if not event.is_step_failure:
        return event.event_type_value == "PIPELINE_CANCELED"
    cause = event.step_failure_data.error
    while cause is not None:
        if cause.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt"):
            return True
        cause = cause.cause
    return False


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
