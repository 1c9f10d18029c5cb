"""Alerts through Dagster on real stores: told once, held back with a reason, due until they were told."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from engagement_pipeline.delivery import webhook
from engagement_pipeline.delivery.alerts import Told, payload
from engagement_pipeline.orchestration import alert_sensor
from engagement_pipeline.orchestration.erasure import erase_requested
from engagement_pipeline.storage.current import read_current
from engagement_pipeline.storage.deliveries import begun
from engagement_pipeline.storage.erasures import ask
from engagement_pipeline_tests.delivery.test_webhook import SECRET, Receiver
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    PEOPLE,
    PROJECT,
    Scenario,
    event_log,
    failures,
    mail,
)
from engagement_pipeline_tests.orchestration.ticking import tick
from engagement_pipeline_tests.pages import DOCS

PAGE = (DOCS / "alerts.md").read_text("utf-8")
HOOK_LINE = "  - {kind: webhook, url_env: COOLING_HOOK}\n"
COOLING = PAGE.split("```yaml\n")[1].split("```")[0].replace(HOOK_LINE, "")
HOOK = COOLING.replace("  - {kind: log}\n", HOOK_LINE)
FELL = date(2026, 3, 31)
"""The first date on which a fall counts; four people fell then, see `scenario.files`."""
READING = ["points/reading", "scores/reading"]
ALERT = ["alerts/cooling", "alert_deliveries/cooling"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A project that ends on the date of the fall, its last dates scored. Do not change it."""
    ended = PROJECT.replace("end_date: 2026-04-05", f"end_date: {FELL}")
    scenario = Scenario.new(
        tmp_path_factory.mktemp("falling"), changed={"project.yaml": ended, "alerts/cooling.yaml": COOLING}
    )
    scenario.run("landing")
    scenario.run("event_days", FIRST, FELL)
    scenario.run("as_of_dates", DAYS[2], FELL, only=READING)
    yield scenario
    scenario.close()


@pytest.fixture
def falling(scored: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    """A copy to change at will."""
    scenario = scored.copy(tmp_path / "copy")
    yield scenario
    scenario.close()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    morning = datetime(2026, 4, 1, 4, 0, tzinfo=UTC)
    monkeypatch.setattr(alert_sensor, "now", lambda: morning)
    monkeypatch.setattr(webhook, "WAIT_SECONDS", 0.01)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A webhook that the environment names; it answers 500 until `answers` are set."""
    there = Receiver(500)
    monkeypatch.setenv("COOLING_HOOK", there.env["HOOK"])
    yield there
    there.close()


def told(scenario: Scenario) -> pl.DataFrame:
    return scenario.table("alerts/cooling", FELL).filter(pl.col("decision") == "tell").sort("person_id")


def shown(scenario: Scenario, table: str) -> dict[str, str]:
    """The newest metadata of an asset, as text."""
    found = scenario.instance.get_latest_materialization_event(dg.AssetKey(table.split("/")))
    assert found is not None
    assert found.asset_materialization is not None
    return {name: str(value.value) for name, value in found.asset_materialization.metadata.items()}


def test_who_fell_is_told_of_with_the_reason(falling: Scenario) -> None:
    falling.run("alerts", FELL)
    rows = told(falling)
    assert rows["person_id"].to_list() == sorted(PEOPLE[:4])
    first = rows.row(0, named=True)
    assert (first["score_before"], first["score_after"], first["drop"]) == (16.0, 11.0, 5.0)
    assert (first["cause"], first["why"]) == ("email_clicked", "email_clicked: 10 to 5 points")
    assert (first["band_before"], first["band_after"], first["bands"]) == ("warm", "warm", 0)

    folder = falling.settings.exports / "cooling" / FELL.isoformat()
    people = pl.read_csv(folder / "people.csv")
    assert sorted(people["person_id"]) == sorted(PEOPLE[:4])
    assert people["drop"].dtype == pl.Float64
    assert json.loads((folder / "summary.json").read_text())["people"] == 4
    current = read_current(falling.bench.database, "alerts", "cooling")
    assert (
        current.select("person_id", "why").sort("person_id").rows() == rows.select("person_id", "why").rows()
    )
    assert "| told of | 4 |" in shown(falling, "alerts/cooling")["waterfall"]
    assert shown(falling, "alert_deliveries/cooling")[f"log on {FELL}"] == "4 people"
    log = event_log(falling)
    assert not [person for person in PEOPLE if person in log]


def test_a_date_is_told_once_and_stays_as_it_was(falling: Scenario) -> None:
    falling.run("alerts", FELL)
    rows, folder = told(falling), falling.settings.exports / "cooling" / FELL.isoformat()
    before = (folder / "people.csv").stat().st_mtime_ns
    # A late order of events that takes the fall back: the scores are restated, the alert is not.
    late = [(f"l{n}", person, "click", f"{FELL}T07:00:00Z") for n, person in enumerate(PEOPLE[:4])]
    falling.arrive("mail/late.csv", mail(late), FELL)
    falling.run("as_of_dates", FELL, only=READING)
    falling.run("alerts", FELL)
    assert told(falling).equals(rows)
    assert (folder / "people.csv").stat().st_mtime_ns == before
    assert "told already" in shown(falling, "alerts/cooling")
    assert tick(falling, "score_drops")[0] == []


def test_a_date_on_which_nobody_was_told_of_is_not_settled(falling: Scenario) -> None:
    falling.edit("alerts/cooling.yaml", "score: 4,", "score: 9,")
    falling.run("alerts", FELL)
    assert shown(falling, "alert_deliveries/cooling") == {f"nobody on {FELL}": "nobody fell"} | {
        name: text
        for name, text in shown(falling, "alert_deliveries/cooling").items()
        if "nobody" not in name
    }
    assert begun(falling.bench.database, "cooling") == {}
    assert not falling.settings.exports.exists()
    falling.edit("alerts/cooling.yaml", "score: 9,", "score: 4,")
    falling.run("alerts", FELL)
    assert told(falling).height == 4


def test_an_edited_score_is_no_fall(falling: Scenario) -> None:
    """The edit takes points from everybody; on the date before the old definition is what is stored."""
    falling.edit("scores/reading.yaml", "email_clicked, weight: 5", "email_clicked, weight: 1")
    falling.run("as_of_dates", FELL, only=READING)
    falling.run("alerts", FELL)
    rows = falling.table("alerts/cooling", FELL)
    assert set(rows["because"]) == {"definition"}
    assert rows.height == 4
    waterfall = shown(falling, "alerts/cooling")["waterfall"]
    assert "| held back: the definition was edited in between | 4 |" in waterfall
    assert (
        shown(falling, "alert_deliveries/cooling")[f"nobody on {FELL}"]
        == "4 held back: the definition was edited in between"
    )


def test_a_feed_that_broke_is_no_fall(falling: Scenario) -> None:
    falling.edit(
        "sources/mail.yaml",
        "format: csv\n",
        "format: csv\nexpects: {days: [mon, tue, wed, thu, fri, sat, sun], at_least: 100}\n",
    )
    falling.run("as_of_dates", FELL, only=READING)
    assert "stale" in falling.table("scores/reading", FELL)["state"].to_list()
    falling.run("alerts", FELL)
    assert set(falling.table("alerts/cooling", FELL)["because"]) == {"stale"}


def test_a_condition_chooses_whom_it_concerns(falling: Scenario) -> None:
    where = "where: \"profile.plan = 'silver' and score.reading > 4\"\ncooldown: 3d "
    falling.edit("alerts/cooling.yaml", "cooldown: 3d ", where)
    falling.run("alerts", FELL)
    alert = falling.catalog.alerts["cooling"]
    body = payload(Told("corner", alert, FELL, falling.table("alerts/cooling", FELL)))
    assert body == json.loads(PAGE.split("```json\n")[1].split("```")[0])
    assert told(falling)["person_id"].to_list() == [PEOPLE[0]]
    assert "| not matching where | 3 |" in shown(falling, "alerts/cooling")["waterfall"]


@pytest.mark.slow
def test_the_cooldown_holds_in_whatever_order_dates_are_made(made: Scenario, tmp_path: Path) -> None:
    scenario = made.copy(tmp_path / "copy")
    scenario.write("alerts/cooling.yaml", COOLING)
    scenario.run("as_of_dates", DAYS[2], DAYS[-2], only=READING)
    later = DAYS[5]  # the day after the fall
    scenario.run("alerts", FELL, only=["alerts/cooling"])
    scenario.run("alerts", later)
    assert set(scenario.table("alerts/cooling", later)["decision"]) == {"tell"}
    result = scenario.run("alerts", FELL, only=["alert_deliveries/cooling"], ok=False)
    [why] = failures(result).values()
    assert "tells of 2 people who were told of on another date since" in why
    scenario.run("alerts", FELL)
    assert set(told(scenario)["person_id"]) == {PEOPLE[0], PEOPLE[1]}

    scenario.run("alerts", DAYS[2], DAYS[-2])
    rows = scenario.table("alerts/cooling").filter(pl.col("decision") == "tell")
    assert rows.height == 6
    for _, days in rows.group_by("person_id"):
        assert (days["as_of"].sort().diff().drop_nulls() >= timedelta(days=3)).all()
    scenario.close()


# --- webhooks ---------------------------------------------------------------------------------------


def test_a_webhook_that_fails_leaves_the_delivery_due(
    falling: Scenario, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    falling.write("alerts/cooling.yaml", HOOK)
    with caplog.at_level(logging.DEBUG):
        result = falling.run("alerts", FELL, ok=False)
    said = event_log(falling) + caplog.text
    assert SECRET not in said
    assert not [person for person in PEOPLE if person in said]
    [why] = failures(result).values()
    assert why.startswith("the webhook $COOLING_HOOK was not told, 4 times: it answered 500")
    state = begun(falling.bench.database, "cooling")
    assert state == {FELL: {"webhook:COOLING_HOOK": False, "file:cooling": True}}

    rows = told(falling)
    [again] = tick(falling, "score_drops")[0]
    assert again.partition_key == FELL.isoformat()
    assert again.asset_selection == [dg.AssetKey(["alert_deliveries", "cooling"])]
    receiver.answers[:] = [200]
    falling.run("alerts", FELL, only=["alert_deliveries/cooling"])
    assert begun(falling.bench.database, "cooling")[FELL]["webhook:COOLING_HOOK"]
    assert tick(falling, "score_drops")[0] == []
    assert told(falling).equals(rows)

    keys = {headers["Idempotency-Key"] for _, headers, _ in receiver.asked}
    assert (len(keys), len(receiver.asked)) == (1, 5)
    body = receiver.asked[-1][2]
    assert sorted(each["person_id"] for each in body["people"]) == sorted(PEOPLE[:4])
    assert (body["alert"], body["as_of"], body["told"]) == ("cooling", FELL.isoformat(), 4)


def test_without_the_variable_it_is_due(falling: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COOLING_HOOK", raising=False)
    falling.write("alerts/cooling.yaml", HOOK)
    [why] = failures(falling.run("alerts", FELL, ok=False)).values()
    assert "the environment variable COOLING_HOOK is not set" in why
    assert len(tick(falling, "score_drops")[0]) == 1


# --- the sensor -------------------------------------------------------------------------------------


def test_falls_are_asked_for_once_the_scores_are_there(falling: Scenario) -> None:
    [request] = tick(falling, "score_drops")[0]
    assert request.partition_key == FELL.isoformat()
    assert request.asset_selection == [dg.AssetKey(table.split("/")) for table in ALERT]
    assert [each.run_key for each in tick(falling, "score_drops")[0]] == [request.run_key]
    falling.run("alerts", FELL)
    requests, why, _ = tick(falling, "score_drops")
    assert requests == []
    assert why == "every fall of a score was told of"


def test_scores_that_are_due_are_waited_for(falling: Scenario) -> None:
    falling.arrive("mail/late.csv", mail([("more", PEOPLE[0], "open", f"{FELL}T07:00:00Z")]), FELL)
    assert tick(falling, "score_drops")[0] == []
    falling.run("as_of_dates", FELL, only=READING)
    assert len(tick(falling, "score_drops")[0]) == 1


def test_a_date_without_news_is_looked_at_again_when_its_scores_change(falling: Scenario) -> None:
    falling.edit("alerts/cooling.yaml", "score: 4,", "score: 9,")
    falling.run("alerts", FELL)
    assert tick(falling, "score_drops")[0] == []
    falling.arrive("mail/late.csv", mail([("more", PEOPLE[0], "click", f"{DAYS[2]}T07:00:00Z")]), DAYS[2])
    falling.run("as_of_dates", DAYS[2], FELL, only=READING)
    assert len(tick(falling, "score_drops")[0]) == 1


def test_a_catalog_without_alerts_has_no_such_sensor(made: Scenario) -> None:
    assert not made.definitions.get_repository_def().has_sensor_def("score_drops")


# --- erasure ----------------------------------------------------------------------------------------


def test_the_erased_leave_rows_and_files(falling: Scenario) -> None:
    falling.run("alerts", FELL)
    at = datetime(2026, 4, 1, tzinfo=UTC)
    ask(falling.bench.database, [PEOPLE[1]], at)
    receipt = erase_requested(falling.bench, at)
    assert receipt is not None
    assert receipt.proven, receipt.content["traces"]
    assert PEOPLE[1] not in falling.table("alerts/cooling", FELL)["person_id"]
    text = (falling.settings.exports / "cooling" / FELL.isoformat() / "people.csv").read_text()
    assert PEOPLE[1] not in text
    assert PEOPLE[0] in text
    falling.run("alerts", FELL)
    assert told(falling).height == 3
