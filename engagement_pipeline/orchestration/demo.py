"""The demo: sample or real data through the whole asset graph, by Dagster, and what came of it.

Here: the order of runs and progress. Not here: the data (`example`), the tables shown (`reports`) and what
the runs do (`assets`).
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.example.complete_journey.prepare import prepare
from engagement_pipeline.example.generate import generate
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.summary import summary
from engagement_pipeline.storage.settings import Settings

INSTANCE = """\
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2 # polars uses every core in one run; the second slot keeps landing responsive
"""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Dataset:
    """A catalog that is shipped with its data, and where its stores lie below `.engagement`."""

    name: str
    catalog: Path
    folder: str


EXAMPLE = Path(str(files("engagement_pipeline.example")))
DATASETS = {
    "example": Dataset("example", EXAMPLE / "catalog", "."),
    "complete-journey": Dataset(
        "complete-journey", EXAMPLE / "complete_journey" / "catalog", "complete-journey"
    ),
}


class UnknownDataset(Exception):  # noqa: N818  the words are what the reader sees
    """No such dataset is shipped, or none that a demo can run on."""


class DemoFailed(Exception):  # noqa: N818
    """A run of the demo failed."""


def run_demo(dataset: str, path: Path | None = None, console: Console | None = None) -> None:
    """Lands the dataset, materializes every asset and prints the outcome; safe to run again.

    The last day of the data is the as-of date. Raises UnknownDataset, MissingDataError, and DemoFailed when
    a run fails.
    """
    if dataset not in DATASETS:
        raise UnknownDataset(f"there is no dataset {dataset!r}: choose one of {', '.join(DATASETS)}")
    console = console or Console()
    chosen, began = DATASETS[dataset], time.monotonic()
    catalog, settings = load_catalog(chosen.catalog), _settings(chosen)
    first, last = catalog.project.start_date, catalog.project.end_date
    if last is None:
        raise UnknownDataset(
            f"the dataset {dataset!r} is open: its project.yaml has no end_date to score as of"
        )
    definitions = build_definitions(catalog, settings)
    days = {
        ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
    }
    as_of = last.isoformat()
    os.environ.setdefault("DAGSTER_HOME", str(_dagster_home()))
    with _progress(console) as progress, dg.DagsterInstance.get() as instance:
        _prepare(chosen, settings, path, progress)
        for label, job, tags, day in (
            ("Land files", "landing", {}, None),
            (f"Events and measures of {(last - first).days + 1} days", "event_days", days, None),
            (f"Scores and segments as of {last}", "refit", {}, as_of),
            (f"Audiences as of {last}", "campaigns", {}, as_of),
        ):
            _run(definitions, instance, progress, label, job, tags, day)
    bench = Workbench(catalog, settings)
    for block in summary(catalog, bench.lake, bench.ledger, last):
        console.print(block)
    console.print(f"Took {time.monotonic() - began:.0f} s. {_next(chosen, settings)}")


def _settings(dataset: Dataset) -> Settings:
    """The environment's stores, or the dataset's own folder: two calendars cannot share a lake."""
    home = Path(".engagement") / dataset.folder
    defaults = {
        "ENGAGEMENT_LAKE": home / "lake",
        "ENGAGEMENT_LANDING": home / "landing",
        "ENGAGEMENT_EXPORTS": home / "exports",
    }
    return Settings.from_env({**{name: str(path) for name, path in defaults.items()}, **os.environ})


def _dagster_home() -> Path:
    """A persistent instance, so that the runs show in the UI afterwards."""
    home = Path(".engagement/dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(INSTANCE, encoding="utf-8")
    return home


def _prepare(dataset: Dataset, settings: Settings, path: Path | None, progress: Progress) -> None:
    task = progress.add_task("Write the landing files", total=1)
    if dataset.name == "example":
        generate(settings.landing)
    else:
        prepare(settings.landing, path)
    progress.advance(task)


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    progress: Progress,
    label: str,
    name: str,
    tags: Mapping[str, str],
    partition: str | None,
) -> None:
    """One run of a job, a tick of its bar for every step that is done. Raises DemoFailed."""
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
        raise DemoFailed(
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


def _next(dataset: Dataset, settings: Settings) -> str:
    if dataset.name == "example":
        return "See it in Dagster: make ui"
    return (
        "See it in Dagster: "
        f"ENGAGEMENT_CATALOG={dataset.catalog} ENGAGEMENT_LAKE={settings.lake} "
        f"ENGAGEMENT_LANDING={settings.landing} ENGAGEMENT_EXPORTS={settings.exports} make ui"
    )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
