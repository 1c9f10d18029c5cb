"""Scores judged through Dagster: stored figures, the check, the page, and no look into the future."""

import io
import itertools
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from engagement_pipeline.catalog.specs import Outcome
from engagement_pipeline.core.quality import AUC, BEATS
from engagement_pipeline.orchestration.judging import Past, judgements, parts_of
from engagement_pipeline.orchestration.quality_runs import NothingJudged, judge, judge_all
from engagement_pipeline.orchestration.windows import MeasuresMissing
from engagement_pipeline_tests.orchestration.scenario import PROJECT, Scenario, failures, key, orders

pytestmark = pytest.mark.slow


FIRST, LAST = date(2026, 3, 1), date(2026, 3, 30)
DAYS = [FIRST + timedelta(days=age) for age in range((LAST - FIRST).days + 1)]
PEOPLE = 150
WITHIN = 7
OUTCOME = """\
outcome: orders
goal: Who orders next?
owner: team:shop
event: order_completed
within: 7d
scores: [reading, whole]
"""
QUIET = """\
outcome: quiet
goal: Who falls silent?
owner: team:shop
within: 7d
absent: true
active_within: 7d
scores: [reading]
"""
WHOLE = """\
score: whole
goal: All of it
owner: team:shop
window: 7d
rules: [{score: reading, weight: 1}, {event: email_sent, weight: -1}]
"""
READING = """\
score: reading
goal: Is this person reading our emails?
owner: team:lifecycle
window: 7d
rules:
  - {event: email_opened, weight: 2, cap: {per_day: 1}}
  - {event: email_clicked, weight: 5}
"""
CATALOG: dict[str, str | None] = {
    "project.yaml": PROJECT.replace("2026-03-27", str(FIRST)).replace("2026-04-05", str(LAST)),
    "scores/reading.yaml": READING,
    "scores/whole.yaml": WHOLE,
    "outcomes/orders.yaml": OUTCOME,
    "outcomes/quiet.yaml": QUIET,
}


def landing() -> dict[str, bytes]:
    """Everyone opens now and then; who clicks orders five days later, and nobody else does."""
    mails, bought = ["id,person,type,at,category"], []
    for number in range(PEOPLE):
        person = f"kunde-{number:03}"
        for age, day in enumerate(DAYS):
            if (age + number) % 4 == 0:
                mails.append(f"o{age}-{number},{person},open,{day}T09:00:00Z,news")
            if number % 3 == 0 and (age + number) % 15 == 5:
                mails.append(f"c{age}-{number},{person},click,{day}T09:05:00Z,news")
                if age + 5 < len(DAYS):
                    bought.append((f"b{age}-{number}", person, f"{day + timedelta(days=5)}T15:00:00Z", 20.0))
    return {"mail/all.csv": ("\n".join(mails) + "\n").encode(), "shop/all.jsonl": orders(bought)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Measured and judged; nothing is scored. Do not change it."""
    made = Scenario.new(tmp_path_factory.mktemp("judged"), CATALOG, landing())
    made.run("landing")
    made.run("event_days", FIRST, LAST)
    made.run("quality")
    yield made
    made.close()


@pytest.fixture
def copied_shop(shop: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    made = shop.copy(tmp_path / "copy")
    yield made
    made.close()


def verdicts(scenario: Scenario, score: str) -> dict[str, str]:
    rows = scenario.table(f"score_quality/{score}").filter(pl.col("metric") == BEATS)
    return dict(rows.select("outcome", "says").iter_rows())


def test_figures_are_stored_for_dates_whose_outcome_has_passed(shop: Scenario) -> None:
    figures = shop.table("score_quality/reading")
    dates = figures.filter(outcome="orders")["as_of"].drop_nulls().unique().sort().to_list()
    assert dates[-1] == LAST - timedelta(days=WITHIN)
    assert {later - earlier for earlier, later in itertools.pairwise(dates)} == {timedelta(days=WITHIN)}
    assert dates[0] >= FIRST + timedelta(days=WITHIN - 1)
    assert verdicts(shop, "reading")["orders"].startswith("beats recency: AUC ")
    assert shop.table("score_deciles/reading").filter(outcome="orders", model="score")["decile"].max() == 10


def test_a_composite_is_judged_though_its_parts_were_never_stored(shop: Scenario) -> None:
    assert not shop.bench.lake.exists("scores/reading")
    assert parts_of(shop.catalog, "whole") == ["reading", "whole"]
    assert verdicts(shop, "whole")["orders"].startswith("beats recency")


def test_the_page_and_the_check_say_it(shop: Scenario) -> None:
    event = shop.instance.get_latest_materialization_event(key("score_quality/reading"))
    assert event is not None and event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["orders: verdict"].value == verdicts(shop, "reading")["orders"]
    assert "| reading | 0." in shown["orders"].value
    assert "| days since last event | 0." in shown["orders"].value
    assert shown["orders: picture"].value.startswith("![](data:image/png;base64,")
    assert "computed anew" in shown["orders: notes"].value
    asset_key = dg.AssetCheckKey(key("score_quality/reading"), "beats_recency")
    latest = shop.instance.event_log_storage.get_latest_asset_check_execution_by_key([asset_key])[asset_key]
    evaluation = latest.event.dagster_event.event_specific_data
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert not evaluation.passed  # not everything is foretold: nobody falls silent
    assert evaluation.metadata["quiet"].value.startswith("cannot tell: only 0 of ")


def test_stored_scores_are_judged_where_the_present_definition_made_them(copied_shop: Scenario) -> None:
    day = LAST - timedelta(days=WITHIN)
    copied_shop.run("as_of_dates", day)
    before = copied_shop.table("score_quality/reading").filter(outcome="orders")
    found, _ = judgements(copied_shop.bench, "reading")
    assert [each.as_of for each in found.days if each.stored] == [day]
    order = ["as_of", "model", "metric"]
    assert found.quality.figures.sort(order).equals(before.sort(order).select(found.quality.figures.columns))
    copied_shop.edit("scores/reading.yaml", "weight: 5", "weight: 6")
    edited, _ = judgements(copied_shop.bench, "reading")
    assert not any(each.stored for each in edited.days)


def test_a_planted_future_changes_outcomes_and_no_prediction(copied_shop: Scenario) -> None:
    """Somebody clicks and orders on every day after the last as-of date: they may now have the outcome, and
    that is all."""
    day = LAST - timedelta(days=WITHIN)
    before = {each.as_of: each.judged for each in Past(copied_shop.bench, "whole").days(_orders(copied_shop))}
    rows = [
        f"x{age},kunde-001,click,{day + timedelta(days=age)}T10:00:00Z,news" for age in range(1, WITHIN + 1)
    ]
    copied_shop.drop("mail/later.csv", ("id,person,type,at,category\n" + "\n".join(rows) + "\n").encode())
    copied_shop.drop(
        "shop/later.jsonl", orders([("x", "kunde-001", f"{day + timedelta(days=1)}T10:00:00Z", 9.0)])
    )
    copied_shop.run("landing")
    copied_shop.run("event_days", FIRST, LAST)
    after = {each.as_of: each.judged for each in Past(copied_shop.bench, "whole").days(_orders(copied_shop))}
    assert after.keys() == before.keys()
    for as_of, judged in after.items():
        assert judged.drop("outcome").equals(before[as_of].drop("outcome")), as_of
    mine = pl.col("person_id") == "kunde-001"
    assert before[day].filter(mine)["outcome"].to_list() == [False]
    assert after[day].filter(mine)["outcome"].to_list() == [True]


def test_a_new_outcome_asks_for_its_measures(copied_shop: Scenario) -> None:
    clicks = OUTCOME.replace("orders", "clicks").replace("order_completed", "email_opened")
    copied_shop.write("outcomes/clicks.yaml", clicks)
    with pytest.raises(MeasuresMissing, match="outcome clicks needs 1 measure") as refused:
        judgements(copied_shop.bench, "reading")
    assert f"Materialize daily_measures from {FIRST} to {LAST}" in str(refused.value)
    copied_shop.run("event_days", FIRST, LAST, only=["daily_measures"])
    assert [each.outcome.outcome for each in judgements(copied_shop.bench, "reading")] == [
        "clicks",
        "orders",
        "quiet",
    ]


def test_too_short_a_history_is_said(copied_shop: Scenario) -> None:
    copied_shop.edit("outcomes/orders.yaml", "within: 7d", "within: 26d")
    found, _ = judgements(copied_shop.bench, "reading")
    assert found.quality.verdict.words == (
        "cannot tell: 30 days of data are there, 33 are needed: 7 before the as-of date and 26 after it"
    )
    assert found.quality.figures.filter(metric=AUC).is_empty()


def test_weights_are_proposed_and_never_applied(shop: Scenario) -> None:
    found = shop.table("weight_proposal/reading").filter(outcome="orders")
    by_rule = {row["rule"]: row for row in found.iter_rows(named=True)}
    assert by_rule["email_clicked"]["proposed"] == 10
    assert by_rule["email_clicked"]["weight"] == 5
    event = shop.instance.get_latest_materialization_event(key("weight_proposal/reading"))
    assert event is not None and event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert "{event: email_clicked, weight: 10}" in shown["orders: to paste"].value
    assert shown["quiet"].value.startswith("nothing is proposed: ")
    assert "weight: 5" in (shop.folder / "catalog" / "scores/reading.yaml").read_text("utf-8")


def test_without_the_extra_only_the_proposal_fails(
    copied_shop: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    copied_shop.reload()
    dg.Definitions.validate_loadable(copied_shop.definitions)
    tables = ["score_quality/reading", "score_deciles/reading", "weight_proposal/reading"]
    why = failures(copied_shop.run("quality", only=tables, ok=False))
    assert set(why) == {"weight_proposal__reading"}
    assert "pip install 'engagement-pipeline[quality]'" in why["weight_proposal__reading"]


def test_the_terminal_shows_it(shop: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    assert judge(shop.catalog, shop.settings, console, "reading", stored=True) == []
    text = console.export_text()
    assert "reading: order_completed within 7 days" in text
    assert "beats recency" in text
    assert "likeliest" in text
    assert max(map(len, text.splitlines())) <= 100
    with pytest.raises(NothingJudged, match="did you mean 'reading'"):
        judge(shop.catalog, shop.settings, console, "raeding", stored=True)
    with pytest.raises(NothingJudged, match="no outcome judges buying"):
        judge(shop.catalog, shop.settings, console, "buying", stored=True)


def test_a_catalog_without_outcomes_has_nothing_to_judge(
    open_project: Callable[..., Scenario],
) -> None:
    plain = open_project()
    assert not [
        each
        for each in plain.definitions.resolve_asset_graph().get_all_asset_keys()
        if "quality" in each.path[0]
    ]
    assert judge_all(plain.catalog, plain.settings, Console()) == []
    with pytest.raises(NothingJudged, match="declare an outcome"):
        judge(plain.catalog, plain.settings, Console())


def _orders(scenario: Scenario) -> Outcome:
    return scenario.catalog.outcomes["orders"]
