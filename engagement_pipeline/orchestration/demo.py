"""The demo: sample or real data through the whole asset graph.

Here: which datasets are shipped and where their stores lie. Not here: the data (`example`) and the runs
(`runs`).
"""

import os
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.example.complete_journey.prepare import prepare
from engagement_pipeline.example.ds365.prepare import prepare as prepare_ds365
from engagement_pipeline.example.generate import generate
from engagement_pipeline.orchestration.quality_runs import judge_all
from engagement_pipeline.orchestration.runs import run_all
from engagement_pipeline.storage.settings import Settings


@dataclass(frozen=True)
class Dataset:
    """A catalog that is shipped with its data, and where its stores lie below `.engagement`."""

    name: str
    catalog: Path
    folder: str


WEEK = 7
"""A project of one scored date has nothing that an alert could compare it with."""
EXAMPLE = Path(str(files("engagement_pipeline.example")))
DATASETS = {
    "example": Dataset("example", EXAMPLE / "catalog", "."),
    "complete-journey": Dataset(
        "complete-journey", EXAMPLE / "complete_journey" / "catalog", "complete-journey"
    ),
    "ds365": Dataset("ds365", EXAMPLE / "ds365" / "catalog", "ds365"),
}


class UnknownDataset(Exception):  # noqa: N818  the words are what the reader sees
    """No such dataset is shipped."""


class DemoFailed(Exception):  # noqa: N818
    """Steps of the demo failed; the message says which and why."""


def run_demo(dataset: str, path: Path | None = None, console: Console | None = None) -> None:
    """Lands the dataset, materializes every asset and prints the outcome; safe to run again.

    The last day of the data is the as-of date. Raises UnknownDataset, MissingDataError, and DemoFailed.
    """
    if dataset not in DATASETS:
        raise UnknownDataset(f"there is no dataset {dataset!r}: choose one of {', '.join(DATASETS)}")
    console = console or Console()
    chosen, began = DATASETS[dataset], time.monotonic()
    catalog, settings = load_catalog(chosen.catalog), dataset_settings(chosen)
    if not isinstance(settings.landing, Path):
        raise DemoFailed(
            f"the demo writes its files into a folder, and ENGAGEMENT_LANDING is {settings.landing}: unset it"
        )
    with console.status("Writing the landing files"):
        if chosen.name == "example":
            generate(settings.landing)
        elif chosen.name == "ds365":
            prepare_ds365(settings.landing, path)
        else:
            prepare(settings.landing, path)
    problems = run_all(catalog, settings, console, days_before=WEEK)
    problems += judge_all(catalog, settings, console)
    if problems:
        raise DemoFailed("\n".join(problems))
    console.print(f"\nTook {time.monotonic() - began:.0f} s. See it in Dagster:")
    console.print(_next(chosen, settings), style="bold", soft_wrap=True)


def dataset_settings(dataset: Dataset) -> Settings:
    """The environment's stores, or the dataset's own folder: two calendars cannot share a lake."""
    home = Path(".engagement") / dataset.folder
    defaults = {
        "ENGAGEMENT_LAKE": home / "lake",
        "ENGAGEMENT_LANDING": home / "landing",
        "ENGAGEMENT_EXPORTS": home / "exports",
    }
    return Settings.from_env({**{name: str(path) for name, path in defaults.items()}, **os.environ})


def _next(dataset: Dataset, settings: Settings) -> str:
    if dataset.name == "example":
        return "  make ui"
    stores = {
        "CATALOG": dataset.catalog,
        "LAKE": settings.lake,
        "LANDING": settings.landing,
        "EXPORTS": settings.exports,
    }
    given = " ".join(f"ENGAGEMENT_{name}={_shown(str(path))}" for name, path in stores.items())
    return f"  {given} make ui"


def _shown(place: str) -> str:
    return place if "://" in place else os.path.relpath(place)
