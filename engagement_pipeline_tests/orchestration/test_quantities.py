"""Messages, first times, streaks and rates through Dagster: over days, merged ids, and what is stored."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from engagement_pipeline.orchestration.erasure import erase_requested
from engagement_pipeline.orchestration.measured import covered
from engagement_pipeline.orchestration.pending import due_as_of_dates, due_event_days, resting_on
from engagement_pipeline.storage.erasures import ask
from engagement_pipeline.storage.tombstones import VARIABLE
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    MAIL,
    PROJECT,
    SHOP,
    Scenario,
    failures,
)

ADA, BEN, DEVICE = "kunde-ada-71", "kunde-ben-72", "device-of-ada-99"
BEFORE = date(2026, 4, 3)
LETTERS = """\
score: letters
goal: Does this person read our letters?
owner: team:lifecycle
window: 5d
rules:
  - {event: email_opened, count: messages, implied_by: email_clicked, weight: 3, label: read}
  - {event: email_opened, count: first, weight: 2, label: first open}
  - {event: email_opened, streak: 2, weight: 4, label: streak}
  - {event: email_clicked, count: messages, rate: {per: email_sent, at_least: 2}, weight: 10, label: rate}
  - {channel: email, count: days, weight: 1, window: 3d, label: active}
"""
ROWS = [
    (27, BEN, "open", "m0"),  # the project's first day, long before the window
    (1, ADA, "sent", "m1"),
    (2, ADA, "sent", "m2"),
    (1, ADA, "open", "m1"),
    (2, ADA, "open", "m1"),
    (3, DEVICE, "open", "m1"),
    (3, DEVICE, "click", "m2"),
    (2, BEN, "open", "m9"),
]


def landing() -> dict[str, bytes]:
    lines = ["id,person,type,at,message"]
    for number, (day, person, kind, message) in enumerate(ROWS):
        at = date(2026, 3 if day > 20 else 4, day)
        lines.append(f"e{number},{person},{kind},{at}T09:00:00Z,{message}")
    order = {
        "id": "b1",
        "type": "order_completed",
        "total": 5,
        "device": DEVICE,
        "at": "2026-04-04T10:00:00Z",
    }
    return {
        "mail/all.csv": ("\n".join(lines) + "\n").encode(),
        "shop/all.jsonl": json.dumps({**order, "customer": {"id": ADA}}).encode() + b"\n",
        "crm/people.csv": f"person,plan\n{ADA},gold\n{BEN},gold\n".encode(),
    }


CHANGED = {
    "sources/mail.yaml": MAIL + "  message_id: message\n",
    "sources/shop.yaml": SHOP + "aliases:\n  - {alias: device, person_id: customer.id, occurred_at: at}\n",
    "scores/letters.yaml": LETTERS,
}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory):
    scenario = Scenario.new(tmp_path_factory.mktemp("letters"), CHANGED, landing())
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    scenario.run("refit", BEFORE)
    scenario.run("as_of_dates", LAST)
    yield scenario
    scenario.close()


@pytest.fixture
def letters(once: Scenario, tmp_path: Path):
    scenario = once.copy(tmp_path / "copy")
    yield scenario
    scenario.close()


def points(scenario: Scenario, day: date) -> dict[str, dict[str, float]]:
    """Person -> rule -> points."""
    return {
        person: {each["rule"]: each["points"] / 10_000 for each in given}
        for person, given in scenario.table("points/letters", day)
        .select("person_id", "contributions")
        .iter_rows()
    }


def test_every_way_of_counting_holds_for_the_person(once: Scenario) -> None:
    assert points(once, BEFORE) == {
        ADA: {"read": 3, "first open": 2, "streak": 4, "active": 2},
        # Nobody knows yet whose device it is, nor that what it clicked was sent to anyone.
        DEVICE: {"read": 6, "first open": 2, "rate": 0, "active": 1},
        BEN: {"read": 3, "active": 1},
    }
    assert points(once, LAST) == {
        ADA: {"read": 6, "first open": 2, "streak": 4, "rate": 5, "active": 1},
        BEN: {"read": 3},
    }


def test_messages_are_stored_once_a_day(once: Scenario) -> None:
    rows = once.table("daily_messages")
    assert rows.height == rows.unique().height
    assert rows.filter(person_id=DEVICE)["message_id"].n_unique() == 2
    messages = set(rows["measure"])
    assert not messages & set(once.table("daily_measures")["measure"])
    everywhere = covered(once.bench).collect().group_by("measure").agg(pl.col("event_date").n_unique())
    assert set(everywhere["event_date"]) == {10}
    assert messages < set(everywhere["measure"])


def test_points_name_the_messages_that_they_were_made_from(once: Scenario) -> None:
    info = once.bench.lake.partitions("points/letters")[LAST.isoformat()]
    assert info.inputs["daily_messages"] == once.bench.lake.version("daily_messages")
    assert due_as_of_dates(once.bench, LAST).keys() <= {date(2026, 4, 4)}
    assert due_event_days(once.bench, LAST) == ([], [])


def test_a_first_time_rests_on_every_day(once: Scenario) -> None:
    assert resting_on(once.bench, [FIRST]) == [BEFORE, LAST]


@pytest.mark.slow
def test_another_rule_costs_one_measure(letters: Scenario) -> None:
    before = letters.table("daily_messages")
    letters.edit(
        "scores/letters.yaml",
        "  - {channel: email",
        "  - {event: email_opened, weight: 1, count: messages, label: opened}\n  - {channel: email",
    )
    result = letters.run("as_of_dates", LAST, only=["points/letters"], ok=False)
    assert "needs 1 measure(s) on 5 day(s)" in "".join(failures(result).values())
    letters.run("event_days", FIRST, LAST, only=["daily_measures"])
    found = letters.instance.get_latest_materialization_event(dg.AssetKey("daily_measures"))
    assert found is not None
    assert "| 1 |" in str(found.asset_materialization.metadata["newly computed"].value)
    after = letters.table("daily_messages")
    assert after.filter(pl.col("measure").is_in(before["measure"].unique().implode())).equals(before)


@pytest.mark.slow
def test_rules_that_are_gone_leave_no_messages(letters: Scenario) -> None:
    letters.write(
        "scores/letters.yaml", "\n".join(LETTERS.split("\n")[:5]) + "\n  - {event: email_opened, weight: 1}\n"
    )
    letters.run("event_days", FIRST, LAST, only=["daily_measures"])
    assert letters.table("daily_messages").is_empty()
    assert due_event_days(letters.bench, LAST) == ([], [])


@pytest.mark.slow
def test_coverage_of_other_messages_than_are_stored_counts_for_nothing(letters: Scenario) -> None:
    """As after a step that was killed between its tables."""
    bench = letters.bench
    day = date(2026, 4, 1)
    bench.lake.replace(
        bench.table("daily_messages"), letters.table("daily_messages", day).head(0), [day.isoformat()]
    )
    assert day not in set(covered(bench).collect()["event_date"])
    assert due_event_days(bench, LAST).measures == [day]
    result = letters.run("as_of_dates", LAST, only=["points/letters"], ok=False)
    assert "on 1 day(s) for which they were not computed" in "".join(failures(result).values())
    letters.run("event_days", day, day, only=["daily_measures"])
    assert due_event_days(bench, LAST) == ([], [])
    letters.run("as_of_dates", LAST, only=["points/letters"])
    assert points(letters, LAST)[ADA]["read"] == 6


@pytest.mark.slow
def test_an_erased_person_leaves_no_message(letters: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "a key that is long enough for this test")
    before, bench = covered(letters.bench).collect().height, letters.bench
    ask(bench.database, [ADA], datetime(2026, 4, 6, tzinfo=UTC))
    receipt = erase_requested(bench, datetime(2026, 4, 6, tzinfo=UTC))
    assert receipt is not None
    assert receipt.proven
    assert receipt.content["tables"]["daily_messages"]["removed"] > 0
    assert letters.table("daily_messages")["person_id"].unique().to_list() == [BEN]
    assert covered(bench).collect().height == before
    assert due_event_days(bench, LAST) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("buckets", [1, 3])
def test_a_range_of_dates_stores_what_each_date_alone_does(letters: Scenario, buckets: int) -> None:
    """Who is who changes within it: the device is Ada's from the last date but one on."""
    letters.write("project.yaml", PROJECT + f"engine: {{buckets: {buckets}}}\n")
    tables, days = ["points/letters", "scores/letters"], DAYS[-3:]

    def stored() -> dict[str, dict[str, str]]:
        return {
            table: {day: info.data_version for day, info in letters.bench.lake.partitions(table).items()}
            for table in tables
        }

    for day in days:
        letters.run("as_of_dates", day, only=tables)
    alone = stored()
    assert all(len({versions[day.isoformat()] for day in days}) == 3 for versions in alone.values())
    letters.write("scores/letters.yaml", LETTERS.replace("weight: 3", "weight: 6"))
    letters.run("as_of_dates", days[0], LAST, only=tables)
    assert stored()["points/letters"] != alone["points/letters"]
    letters.write("scores/letters.yaml", LETTERS)
    letters.run("as_of_dates", days[0], LAST, only=tables)
    assert stored() == alone
