"""Runs from the command line, by Dagster, on the history that the UI shows.

Here: one run after the other, each with a bar, and what failed in words. Not here: which jobs run in which
order (`runs`, `replay`, `load`), and how the history is stored (`history`).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.storage.settings import Settings, SettingsError, is_remote

INSTANCE = files("engagement_pipeline.orchestration") / "dagster.yaml"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Tables = Sequence[str] | None


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


def name_dagster_home(settings: Settings) -> None:
    """Says in the environment where Dagster's history lies, unless it does; an empty name says nothing.

    A folder that is not there is made, and one in which nothing is yet gets our settings, as from `make ui`:
    Dagster's own collect usage statistics. One that others use stays as it is. Raises SettingsError.
    """
    if not (said := os.environ.get("DAGSTER_HOME")):
        os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
        return
    home = Path(said).expanduser()
    if not home.is_absolute():
        raise SettingsError(f"DAGSTER_HOME is {said!r}: Dagster needs the whole path, beginning with a slash")
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not any(home.iterdir()):
            _configure(home)
    except OSError as error:
        raise SettingsError(f"DAGSTER_HOME {said} cannot be used ({error.strerror}): name another") from error


def dagster_home(settings: Settings) -> Path:
    """A persistent instance beside the lake, so that the runs show in the UI afterwards, and those of one
    project never among those of another. Raises SettingsError where it cannot be written."""
    beside = Path(".engagement/lake") if is_remote(settings.lake) else Path(settings.lake)
    home = beside.absolute().with_name("dagster")
    try:
        home.mkdir(parents=True, exist_ok=True)
        _configure(home)
    except OSError as error:
        raise SettingsError(
            f"nothing can be written beside the lake {beside}: {home}, for Dagster's history, cannot be made "
            f"({error.strerror}). Make it writable, or set ENGAGEMENT_LAKE to a folder that is"
        ) from error
    return home


def _configure(home: Path) -> None:
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_bytes(INSTANCE.read_bytes())


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
    if described or cause is None:
        return described or "see the run in the UI"
    while True:
        kind, _, words = cause.message.strip().partition(": ")
        if kind.startswith("engagement_pipeline.") and words:
            return words  # what it was raised from is in it, with the remedy
        if cause.cause is None:
            return cause.message.strip()
        cause = cause.cause


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
