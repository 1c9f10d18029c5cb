"""What stands in the documentation: its YAML, as a catalog to lint and to compute with.

Here: reading pages and running their definitions through the core. Not here: what is said to come of them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import event_schema
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.scores import attach
from engagement_pipeline.engines.local import LocalEngine

DOCS = Path(__file__).parents[1] / "docs"
PROJECT = "project: pages\ntimezone: UTC\nstart_date: 2016-01-01\n"
FILES: Mapping[str, Callable[[str], str]] = {
    "events": lambda name: "events.yaml",
    "score": lambda name: f"scores/{name}.yaml",
}


def catalog_folder(page: str, folder: Path) -> Path:
    """The definitions on a page of the documentation, as the files of a catalog below a folder."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (folder / "scores").mkdir(parents=True)
    (folder / "project.yaml").write_text(PROJECT, "utf-8")
    for block in blocks:
        kind, name = re.match(r"(\w+): ?(\w*)", block).groups()  # type: ignore[union-attr]
        (folder / FILES[kind](name)).write_text(block, "utf-8")
    return folder


def catalog_of(page: str, folder: Path) -> Catalog:
    """The same, loaded."""
    return load_catalog(catalog_folder(page, folder))


def events(catalog: Catalog, rows: Iterable[Mapping[str, Any]]) -> pl.LazyFrame:
    """Canonical events of rows with `person_id`, `event`, `event_date`, perhaps `value` and properties, and
    `times` for so many alike."""
    made: list[dict[str, Any]] = []
    for row in rows:
        spec = catalog.events[row["event"]]
        one = {"channel": spec.channel, "unit": spec.unit, "is_machine": False, **row}
        made += [one] * row.get("times", 1)
    schema = dict(event_schema(catalog).items())
    return pl.LazyFrame([{name: row.get(name) for name in schema} for row in made], schema=schema)


def scores(catalog: Catalog, happened: pl.LazyFrame, name: str, as_of: date, *known: str) -> pl.DataFrame:
    """`frames.SCORES` of one score, by person: of who did something, and of those known besides."""
    (daily,) = LocalEngine().measures(happened, list(measures_of(catalog).values()))
    plan = plan_scores(catalog)[name]
    (points,) = LocalEngine().points(daily.lazy(), [plan], as_of)
    people = pl.LazyFrame({"person_id": list(known)}, schema={"person_id": pl.String()})
    return attach(points[name].lazy(), people, plan, as_of).sort("person_id").collect()
