"""Bands that stand on those of the day before: day by day, over ranges, gaps, edits and restatements."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from engagement_pipeline.orchestration.pending import due_as_of_dates
from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, Scenario, key, orders

TABLES = ["points/spending", "scores/spending"]
SPENDING = """\
score: spending
goal: Who spent a lot today?
owner: team:shop
window: 1d
rules: [{event: order_completed, weight: 1, per: 1}]
bands: {low: [null, 10], high: [10, null]}
hysteresis: 0.5
"""
EDGE = "person-on-the-edge"
SPENT = [10.2, 9.9, 10.1, 9.8, 10.0, 9.6, 10.3, 9.7, 10.1, 9.9]
"""By day. Without hysteresis the band changes on eight of nine days."""


def order(day: date, value: float, name: str = "") -> tuple[str, str, str, float]:
    return f"{day}{name}", EDGE, f"{day}T12:00:00Z", value


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Landed and measured; no date is scored. Do not change it."""
    spent = orders(order(day, value) for day, value in zip(DAYS, SPENT, strict=True))
    project = Scenario.new(
        tmp_path_factory.mktemp("edge"),
        changed={
            "scores/spending.yaml": SPENDING,
            **dict.fromkeys(
                (
                    "sources/mail.yaml",
                    "sources/crm.yaml",
                    "scores/reading.yaml",
                    "scores/buying.yaml",
                    "segments/readers.yaml",
                    "segments/buyers.yaml",
                    "segments/fans.yaml",
                    "campaigns/perks.yaml",
                )
            ),
        },
        landing={"shop/a.jsonl": spent},
    )
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    yield project
    project.close()


@pytest.fixture
def shop(measured: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    scenario = measured.copy(tmp_path / "copy")
    yield scenario
    scenario.close()


def bands(shop: Scenario, *days: date) -> list[str]:
    rows = shop.table("scores/spending", *days).sort("as_of")
    return rows["band"].to_list()


@pytest.mark.slow
def test_ten_days_on_an_edge(shop: Scenario) -> None:
    asset = shop.definitions.resolve_assets_def(key("scores/spending"))
    read = asset.get_partition_mapping(key("scores/spending"))
    assert isinstance(read, dg.TimeWindowPartitionMapping), "the day before is shown as read"

    shop.run("as_of_dates", DAYS[0], DAYS[4], only=TABLES)  # a range, then day by day
    for day in DAYS[5:7]:
        shop.run("as_of_dates", day, only=TABLES)
    assert bands(shop, *DAYS[:7]) == ["high"] * 7
    stored = shop.bench.lake.partitions("scores/spending")
    before = {day: stored[day.isoformat()] for day in DAYS[:7]}
    assert before[DAYS[5]].inputs["scores/spending"] >= before[DAYS[4]].delta_version

    # Nobody knows over a gap: the plain band, on which the next day stands again.
    shop.run("as_of_dates", DAYS[8], LAST, only=TABLES)
    assert bands(shop, DAYS[8], LAST) == ["high", "high"]
    shop.run("as_of_dates", DAYS[7], only=TABLES)
    assert bands(shop, DAYS[7]) == ["high"]

    # A rerun changes nothing.
    shop.run("as_of_dates", DAYS[5], only=TABLES)
    again = shop.bench.lake.partitions("scores/spending")[DAYS[5].isoformat()]
    assert again.data_version == before[DAYS[5]].data_version

    # By another definition there is no yesterday: 9.6 is low, and stays so.
    shop.edit("scores/spending.yaml", "hysteresis: 0.5", "hysteresis: 0.6")
    shop.run("as_of_dates", DAYS[5], DAYS[7], only=TABLES)
    assert bands(shop, *DAYS[5:8]) == ["low"] * 3


def due(shop: Scenario) -> dict[date, set[str]]:
    """What is due of each date, but for what moved the score since the day before."""
    found = {
        day: {*tables} - {"score_changes/spending"}
        for day, tables in due_as_of_dates(shop.bench, LAST).items()
    }
    return {day: tables for day, tables in found.items() if tables}


@pytest.mark.slow
def test_a_day_that_changes_makes_the_next_one_due(shop: Scenario) -> None:
    shop.run("as_of_dates", DAYS[6], LAST, only=TABLES)
    assert bands(shop, *DAYS[6:]) == ["high"] * 4
    assert not due(shop)

    # What comes late for the eighth day takes it out of its band, and with it the days after.
    shop.arrive("shop/late.jsonl", orders([order(DAYS[7], -5.0, "late")]), DAYS[7])
    assert list(due(shop)) == [DAYS[7]]
    shop.run("as_of_dates", DAYS[7], only=TABLES)
    assert due(shop) == {DAYS[8]: {"scores/spending"}}
    shop.run("as_of_dates", DAYS[8], only=TABLES)
    assert list(due(shop)) == [LAST]
    shop.run("as_of_dates", LAST, only=TABLES)
    assert bands(shop, *DAYS[6:]) == ["high", "low", "low", "low"]
    assert not due(shop)
