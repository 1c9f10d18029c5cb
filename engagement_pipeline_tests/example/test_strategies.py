"""The guide to strategies shows the example's own files, and each score answers as it says."""

import os
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import yaml

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import profile_schema
from engagement_pipeline.core.scales import banded
from engagement_pipeline_tests.example.test_catalogs import JUNIPER
from engagement_pipeline_tests.example.through_core import Computed, compute
from engagement_pipeline_tests.pages import DOCS, events

PAGE = DOCS / "recipes/strategies.md"
BLOCK = re.compile(r"```yaml\n# ([a-z_]+/[a-z_]+\.yaml)\n(.*?)```\n", re.DOTALL)
TODAY = date(2026, 6, 29)
RECIPES = {"protection_interest", "course_completion", "purchase_amount", "time_spent", "message_appetite"}
RECIPES |= {"order_value", "rfm_recency", "rfm_frequency", "rfm_monetary", "product_engagement"}
RECIPES |= {"customer_health", "support_burden", "recommendation"}


PARTS = {"email_engagement": 1, "web_activity": 1, "app_activity": 1, "product_engagement": 0.1}
PARTS |= {"recommendation": 2, "support_burden": -2}


def test_the_page_shows_the_files_as_they_are() -> None:
    """Run with UPDATE_SNAPSHOTS=1 when this fails."""
    text = PAGE.read_text("utf-8")
    fresh = BLOCK.sub(
        lambda each: f"```yaml\n# {each[1]}\n{(JUNIPER / each[1]).read_text('utf-8')}```\n", text
    )
    if os.environ.get("UPDATE_SNAPSHOTS", "0") not in ("", "0"):
        PAGE.write_text(fresh, "utf-8")
    assert PAGE.read_text("utf-8") == fresh
    shown = {path for path, _ in BLOCK.findall(text)}
    assert {f"scores/{name}.yaml" for name in RECIPES} <= shown
    assert len(BLOCK.findall(text)) == text.count("```yaml")


def test_every_score_of_a_strategy_is_acted_upon() -> None:
    shown = [yaml.safe_load(text) for _, text in BLOCK.findall(PAGE.read_text("utf-8"))]
    acted = " ".join(str(each) for each in shown if "score" not in each or "rules" not in each)
    summed = {rule.get("score") for each in shown for rule in each.get("rules", [])}
    unused = {name for name in RECIPES if not re.search(rf"\b(score|band|points)\.{name}\b", acted)} - summed
    assert unused == set()


@pytest.fixture(scope="module")
def juniper() -> Catalog:
    return load_catalog(JUNIPER)


def did(person: str, event: str, ago: int = 0, **more: Any) -> dict[str, Any]:
    return {"person_id": person, "event": event, "event_date": TODAY - timedelta(days=ago), **more}


def mails(person: str, sent: int, clicked: int) -> list[dict[str, Any]]:
    return [did(person, "email_sent", n, message_id=f"{person}{n}") for n in range(sent)] + [
        did(person, "email_clicked", n, message_id=f"{person}{n}", times=2) for n in range(clicked)
    ]


HISTORY = [
    did("asks", "protection_quoted", 2),
    did("asks", "protection_viewed", 2, times=2),
    did("looks", "product_viewed", 1, category="appliances", times=30),
    *(did("learns", "lesson_watched", ago, value=40.0) for ago in (1, 2, 3, 4, 8, 9, 10, 11)),
    *(did("stuck", "lesson_watched", ago, value=40.0) for ago in (16, 17, 24)),
    *(did("buys", "order_completed", ago, value=90.0) for ago in (1, 9, 30, 60)),
    did("small", "order_completed", 50, value=12.0),
    *(did("bits", "order_completed", ago, value=20.0) for ago in (3, 5)),
    *mails("reads", 6, 3),
    *mails("ignores", 12, 0),
    *mails("new", 3, 3),
    did("cross", "ticket_opened", 1, priority="high", times=2),
    did("cross", "survey_answered", 1, rating=2),
    did("fan", "survey_answered", 3, rating=10),
    *(did("daily", "app_opened", ago) for ago in range(20)),
    *(did("daily", name, 1) for name in ("recipe_saved", "recipe_cooked", "in_app_clicked", "push_opened")),
    *(did("tires", "app_opened", ago) for ago in range(14, 28)),
]
PEOPLE = sorted({row["person_id"] for row in HISTORY} | {"nobody", "owes", "covered"})


@pytest.fixture(scope="module")
def told(juniper: Catalog) -> Computed:
    rows = [
        {
            "person_id": name,
            "observed_at": datetime(2026, 4, 1, tzinfo=UTC),
            "plan": "free" if name == "nobody" else "plus",
            "payment_state": "failed" if name == "owes" else "paid",
            "protected": name == "covered",
            "consent.email": name != "nobody",
        }
        for name in PEOPLE
    ]
    snapshots = pl.LazyFrame(rows, schema=profile_schema(juniper.sources["crm"]))
    return compute(juniper, events(juniper, HISTORY), snapshots, TODAY)


def of(told: Computed, score: str, what: str = "score") -> dict[str, Any]:
    return dict(told.scores[score].select("person_id", what).iter_rows())


def members(told: Computed, segment: str) -> set[str]:
    return set(told.segments[segment]["person_id"])


def test_insurance_is_offered_to_who_asked_and_not_to_who_has_it(told: Computed) -> None:
    score = of(told, "protection_interest")
    assert score["asks"] > score["looks"] > score["buys"] > score["nobody"] == 1
    assert score["covered"] is None
    assert "asks" in members(told, "likely_to_protect")
    assert members(told, "likely_to_protect").isdisjoint({"covered", "buys", "nobody"})


def test_thirty_looks_at_appliances_are_no_more_than_six(told: Computed) -> None:
    given = dict(told.points["protection_interest"].select("person_id", "points").iter_rows())
    assert given["looks"] == (6 + 3) * 10_000  # and a member


def test_the_nudge_is_for_who_began_and_stopped(told: Computed) -> None:
    bands = of(told, "course_completion", "band")
    assert (bands["learns"], bands["stuck"], bands["nobody"]) == (
        "finishing",
        "needs_a_nudge",
        "not_learning",
    )
    assert members(told, "stuck_learners") == {"stuck"}


def test_small_amounts_get_recommendations_large_ones_offers_and_those_between_nothing(
    told: Computed,
) -> None:
    bands = of(told, "purchase_amount", "band")
    assert (bands["small"], bands["bits"], bands["buys"]) == ("recommend", "leave", "reward")
    assert members(told, "buyers") == {"small", "bits", "buys"}


@pytest.mark.parametrize(
    ("score", "edges"),
    [
        ("purchase_amount", {4.0: "recommend", 4.01: "leave", 8.0: "leave", 8.01: "reward"}),
        ("time_spent", {4.99: "trending", 5.0: "watchlist"}),
    ],
)
def test_the_edges_that_the_strategies_leave_open_are_declared(
    juniper: Catalog, score: str, edges: dict[float, str]
) -> None:
    frame = pl.LazyFrame({"score": list(edges)}).select(banded(juniper.scores[score].bands))
    assert frame.collect()["band"].to_list() == list(edges.values())


def test_subscribers_alone_have_a_health_by_time_spent(told: Computed) -> None:
    score, bands = of(told, "time_spent"), of(told, "time_spent", "band")
    assert score["nobody"] is None
    assert score["learns"] > score["stuck"] > score["owes"]
    assert (bands["learns"], bands["owes"]) == ("watchlist", "trending")


def test_it_is_the_share_of_messages_that_says_how_often_to_write(told: Computed) -> None:
    bands = of(told, "message_appetite", "band")
    assert (bands["reads"], bands["ignores"], bands["new"]) == ("often", "rarely", "rarely")
    assert members(told, "hears_often") == {"reads"}


def test_large_orders_are_a_share_of_at_least_two(told: Computed) -> None:
    score = of(told, "order_value")
    assert (score["buys"], score["bits"], score["small"]) == (10, 0, 0)


def test_rfm(told: Computed) -> None:
    cells = {
        person: tuple(of(told, f"rfm_{letter}", "band")[person] for letter in ("recency", "frequency"))
        for person in ("buys", "bits", "small", "nobody")
    }
    assert cells == {
        "buys": ("five", "four"),
        "bits": ("five", "three"),
        "small": ("two", "two"),
        "nobody": ("one", "one"),
    }
    money = of(told, "rfm_monetary")
    assert money["buys"] > money["bits"] > money["small"] > money["nobody"] == 1
    assert members(told, "champions") == {"buys"}


def test_product_engagement_takes_more_than_coming_daily(told: Computed) -> None:
    score = of(told, "product_engagement")
    # 4 features × 8, 20 days up to 40, and 14 days × 5 - 20 days × 2.5 up to 20.
    assert score["daily"] == 32 + 40 + 20
    # 14 days two weeks ago: 40 for stickiness and no more than -20 for growth.
    assert score["tires"] == 40 - 20


def test_health_adds_up_its_parts_and_shares_the_weight_of_one_that_is_lacking(told: Computed) -> None:
    health = of(told, "customer_health")
    assert health["fan"] > health["buys"] > health["owes"] > health["cross"] == 0
    assert members(told, "unwell") == {"cross", "owes"}
    parts = {name: of(told, name) for name in PARTS}
    assert parts["email_engagement"]["nobody"] is None
    rest = {name: weight for name, weight in PARTS.items() if name != "email_engagement"}
    there = sum(weight * parts[name]["nobody"] for name, weight in rest.items())
    shared = there * sum(map(abs, PARTS.values())) / sum(map(abs, rest.values()))
    assert health["nobody"] == pytest.approx(shared / 40 * 100, abs=0.001)
