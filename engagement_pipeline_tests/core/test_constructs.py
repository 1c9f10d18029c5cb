"""The examples of the reference: each is sound, and gives what the page says it gives."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from engagement_pipeline.catalog.constructs import Construct, constructs
from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import (
    AttributeRule,
    Cap,
    Catalog,
    EventRule,
    HalfLife,
    Linear,
    PartRule,
    Rate,
    Score,
    SCurve,
)
from engagement_pipeline.core.measures import daily_measures, daily_messages, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import contributions, points
from engagement_pipeline.core.scores import standing
from engagement_pipeline_tests.pages import PROJECT, events

TOLD = constructs()
TODAY = date(2026, 3, 1)
PERSON = "anna"
CRM = """\
source: crm
owner: team:data
path: crm/*.csv
format: csv
profiles: {person_id: id}
columns: {plan: text}
"""


def name_of(number: int) -> str:
    return f"example_{number:02d}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every example as a score of one catalog."""
    folder = tmp_path_factory.mktemp("reference")
    for sub in ("scores", "sources"):
        (folder / sub).mkdir()
    (folder / "project.yaml").write_text(PROJECT, "utf-8")
    (folder / "events.yaml").write_text(TOLD.plan, "utf-8")
    (folder / "sources/crm.yaml").write_text(CRM, "utf-8")
    part = "window: 30d\nrules:\n  - {event: app_opened, weight: 1}\n"
    texts = dict.fromkeys(TOLD.parts, part)
    texts |= {name_of(number): each.score for number, each in enumerate(TOLD.all)}
    for name, text in texts.items():
        asks = "event" in text or "channel" in text
        window = "window: 30d\n" if asks and "window: 30d" not in text else ""
        head = f"score: {name}\ngoal: An example\nowner: team:docs\n{window}"
        (folder / f"scores/{name}.yaml").write_text(head + text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Catalog:
    return load_catalog(folder)


def test_every_example_is_sound(folder: Path) -> None:
    assert [str(issue) for issue in lint(folder)] == []


def happened(catalog: Catalog, each: Construct) -> pl.LazyFrame:
    rows = [
        {
            "person_id": PERSON,
            "event": event,
            "event_date": TODAY - timedelta(days=ago),
            "times": times,
            **(more[0] if more else {}),
        }
        for event, ago, times, *more in each.did
    ]
    return events(catalog, rows)


def known(each: Construct) -> pl.DataFrame:
    said: dict[str, Any] = {key: value for key, value in each.known.items() if "." in key}
    row = {
        "person_id": PERSON,
        "first_seen": TODAY - timedelta(days=each.known.get("days", 0)),
        "profile.plan": said.get("profile.plan"),
        **{f"score.{part}": said.get(f"score.{part}") for part in TOLD.parts},
        **{f"state.{part}": "scored" if f"score.{part}" in said else None for part in TOLD.parts},
    }
    types = {"first_seen": pl.Date} | {f"score.{part}": pl.Float64 for part in TOLD.parts}
    return pl.DataFrame([row], schema={name: types.get(name, pl.String) for name in row})


@pytest.mark.parametrize(("number", "each"), list(enumerate(TOLD.all)), ids=[each.title for each in TOLD.all])
def test_an_example_gives_what_the_page_says(catalog: Catalog, number: int, each: Construct) -> None:
    plan = plan_scores(catalog)[name_of(number)]
    measures, rows = measures_of(catalog).values(), happened(catalog, each)
    people = known(each).lazy()
    given = contributions(
        daily_measures(rows, measures), [plan], TODAY, daily_messages(rows, measures), people
    )
    everyone = people.select("person_id", plan="profile.plan")
    found = standing(
        points(given[plan.name], plan, TODAY), everyone, plan.applies_to, plan.parts.needed
    ).collect()
    expected = None if each.points is None else round(each.points * 10_000)
    assert found.select("person_id", "points").rows() == [(PERSON, expected)]


def test_every_key_that_gives_or_takes_points_has_an_example() -> None:
    said: set[str] = set()

    def collect(node: object) -> None:
        if isinstance(node, dict):
            said.update(node)
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    for each in TOLD.all:
        collect(yaml.load(each.score, yaml.SafeLoader))
    models = (EventRule, AttributeRule, PartRule, Cap, Rate, HalfLife, Linear, SCurve, Score)
    keys = {key for model in models for key in model.model_fields}
    # What every score says of itself, and what is done with points: docs/scales.md.
    assert keys - said == {"goal", "owner", "scale", "bands", "hysteresis"}
