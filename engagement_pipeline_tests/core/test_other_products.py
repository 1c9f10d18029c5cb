"""The worked examples that other products publish, through the definitions in the documentation."""

import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.specs import Catalog, Score
from engagement_pipeline.core.scales import banded
from engagement_pipeline_tests.pages import DOCS, catalog_folder, catalog_of, events, scores

PAGE = "recipes/other-products.md"
DAY = date(2026, 3, 1)
ADOBE = {"email_opened": 30, "email_clicked": 30, "page_viewed": 40, "form_filled": 40, "event_attended": 60}


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return catalog_of(PAGE, tmp_path_factory.mktemp("recipes") / "catalog")


def did(person: str, event: str, ago: int = 0, **more: Any) -> dict[str, Any]:
    return {"person_id": person, "event": event, "event_date": DAY - timedelta(days=ago), **more}


def scored(
    recipes: Catalog, name: str, *rows: dict[str, Any], after: int = 0, known: tuple[str, ...] = ()
) -> Any:
    """Person -> score, so many days after DAY."""
    found = scores(recipes, events(recipes, rows), name, DAY + timedelta(days=after), *known)
    return dict(found.select("person_id", "score").iter_rows())


def table(*columns: str) -> list[list[str]]:
    """The rows of the page's table with these columns."""
    lines = iter((DOCS / PAGE).read_text("utf-8").splitlines())
    head = "| " + " | ".join(columns) + " |"
    assert head in lines, f"no table {head}"
    next(lines)
    rows: Iterator[str] = iter(lambda: next(lines, ""), "")
    return [row.strip("| ").split(" | ") for row in rows]


def test_every_recipe_is_sound(tmp_path: Path) -> None:
    assert lint(catalog_folder(PAGE, tmp_path / "catalog")) == []


def test_adobe_s_printed_example(recipes: Catalog) -> None:
    members = table("member", "role", "yesterday", "today", "score")
    rows = [
        did(member, event, ago, times=int(times))
        for member, _, *days, _ in members
        for ago, day in zip((1, 0), days, strict=True)
        for times, event in re.findall(r"(\d+) (\w+)", day)
    ]
    found = scored(recipes, "adobe_counts", *rows)
    assert found == {member: float(score) for member, *_, score in members}

    by_role = Counter[str]()
    for member, role, *_ in members:
        by_role[role] += found[member]
    assert by_role == {"decision maker": 52, "influencer": 28, "practitioner": 17}
    weights = {"decision maker": 100, "influencer": 80, "practitioner": 60}
    final = sum(score * weights[role] / sum(weights.values()) for role, score in by_role.items())
    assert round(final, 2) == 35.25


@pytest.mark.parametrize("seed", range(3))
def test_adobe_s_steps_in_their_order(recipes: Catalog, seed: int) -> None:
    rng = random.Random(seed)
    rows = [
        did(f"p{rng.randrange(12)}", rng.choice(list(ADOBE)), rng.randrange(40), times=rng.choice([1, 3, 25]))
        for _ in range(120)
    ]
    counts = Counter[tuple[str, str, date]]()
    for row in rows:  # the types that have a weight, in the last 30 days
        if row["event_date"] > DAY - timedelta(days=30):
            counts[row["person_id"], row["event"], row["event_date"]] += row["times"]
    raw = dict.fromkeys({row["person_id"] for row in rows}, 0.0)
    for (person, event, _), times in counts.items():  # at most 20 a day, times the weight, added up
        raw[person] += min(times, 20) * ADOBE[event]
    roots = {person: math.sqrt(points) for person, points in raw.items()}
    expected = {person: 100 * root / max(roots.values()) for person, root in roots.items()}
    found = scored(recipes, "adobe_person", *rows, known=(*expected, "quiet"))
    assert found == pytest.approx({**expected, "quiet": 0.0})
    assert max(found.values()) == 100


def test_accoil_s_raw_score(recipes: Catalog) -> None:
    counts = {
        "lead_created": 3,
        "meeting_scheduled": 5,
        "call_logged": 10,
        "mail_sent_from_app": 20,
        "contact_updated": 15,
    }
    rows = events(recipes, [did("a", event, times=times) for event, times in counts.items()])
    assert scores(recipes, rows, "accoil", DAY)["points"].to_list() == [187 * 10_000]


RAW = [475, 89, 101, 7, 3, 21, 2, 149, 223, 1, 13, 9, 37]


@pytest.mark.parametrize("name", ["accoil", "accoil_straight"])
def test_accoil_s_percentile_is_the_top(recipes: Catalog, name: str) -> None:
    top = float(np.percentile(RAW, 90))
    assert round(top) == 208
    low = 1 if name == "accoil" else 0
    rows = [did(f"{raw}", "contact_updated", times=raw) for raw in RAW]
    found = scored(recipes, name, *rows, known=("quiet",))
    assert found["475"] == found["223"] == 100
    assert found["quiet"] == low
    for raw in sorted(RAW)[:-2]:
        share = raw / top
        if name == "accoil":
            share = (1 - math.exp(-3 * share)) / (1 - math.exp(-3))
        assert found[f"{raw}"] == pytest.approx(low + (100 - low) * share, abs=1e-6)
        assert found[f"{raw}"] < 100


def test_hubspot_s_points_fade_by_the_month(recipes: Catalog) -> None:
    for event, ago, points in table("event", "days ago", "points"):
        assert scored(recipes, "hubspot", did("a", event, int(ago)), known=("a",)) == {"a": float(points)}
    assert scored(recipes, "hubspot", did("a", "form_filled"), did("a", "form_filled", 30)) == {"a": 15.0}


def test_hubspot_s_limits_of_a_rule_a_group_and_all(recipes: Catalog) -> None:
    assert scored(recipes, "hubspot", did("a", "form_filled", times=3)) == {"a": 20.0}
    emails = [did("a", "email_opened", times=4), did("a", "email_clicked", times=4)]
    assert scored(recipes, "hubspot", *emails) == {"a": 15.0}
    assert scored(recipes, "hubspot", *emails, did("a", "form_filled", times=3)) == {"a": 30.0}


def test_evergage_s_two_people(recipes: Catalog) -> None:
    people = table("person", "the visit", "that day", "30 days later", "60 days later")
    rows = [did(person, "visit_rated", value=float(visit)) for person, visit, *_ in people]
    for place, after in enumerate((0, 30, 60)):
        expected = {person: float(later[place]) for person, _, *later in people}
        assert scored(recipes, "evergage", *rows, after=after, known=("A", "B")) == expected
    left = {
        after: scored(recipes, "evergage", *rows, after=after, known=("A", "B"))["A"]
        for after in (0, 1, 15, 16, 29, 30, 44, 45, 59, 60)
    }
    first, early, middle, late, last = (left[day] - left[day + 1] for day in (0, 15, 29, 44, 59))
    assert 0 < first < 0.2 < early < middle > late > 0.2 > last > 0, "the sharpest at the end of one cycle"


def test_gainsight_s_edges(recipes: Catalog) -> None:
    bands = {
        0: "red",
        50: "red",
        50.01: "yellow",
        51: "yellow",
        75: "yellow",
        75.01: "green",
        76: "green",
        100: "green",
    }
    rows = [did(f"{value}", "ticket_answered", value=float(value)) for value in bands]
    found = scores(recipes, events(recipes, rows), "gainsight", DAY, "0")
    expected = {f"{value}": band for value, band in bands.items()}
    assert dict(found.select("person_id", "band").iter_rows()) == expected


def test_braze_s_edges_belong_to_the_upper_range() -> None:
    said = re.search(r"`(\{low: .*?\})`", (DOCS / PAGE).read_text("utf-8"))
    assert said
    edges = [[float(edge) for edge in pair.split(",")] for pair in re.findall(r"\[(.*?)\]", said[1])]
    spec = Score.model_validate(
        {
            "score": "braze",
            "goal": "churn risk",
            "owner": "team:crm",
            "window": 30,
            "rules": [{"event": "opened", "weight": 1}],
            "scale": {"method": "linear", "range": [0, 100], "domain": [0, 100]},
            "bands": dict(zip(("low", "medium", "high"), edges, strict=True)),
        }
    )
    expected = {0.0: "low", 49.9: "low", 50.0: "medium", 74.9: "medium", 75.0: "high", 100.0: "high"}
    found = pl.DataFrame({"score": list(expected)}).select(banded(spec.bands))["band"]
    assert found.to_list() == list(expected.values())


def test_unomi_counts_every_element_once(recipes: Catalog) -> None:
    rows = [
        did("a", "form_filled", times=4),
        did("a", "page_viewed", page="pricing", times=2),
        did("b", "page_viewed", page="home", times=9),
        did("b", "email_clicked", 3),
        did("b", "email_clicked"),
    ]
    assert scored(recipes, "unomi", *rows) == {"a": 8.0, "b": 2.0}


def test_mautic_gives_points_for_the_first_time(recipes: Catalog) -> None:
    rows = [did("a", "form_filled", 400), did("a", "form_filled"), did("a", "email_clicked", times=3)]
    assert scored(recipes, "mautic", *rows) == {"a": 16.0}
