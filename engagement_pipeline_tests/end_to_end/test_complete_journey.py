"""Real data: the first week of 2017 at one grocer's tills, from receipt lines to audiences."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.example.complete_journey.prepare import TABLES, MissingDataError, find_data, prepare
from engagement_pipeline_tests.end_to_end.corner_shop import RANGE_END, RANGE_START, CornerShop, failure
from engagement_pipeline_tests.end_to_end.servers import ROOT
from engagement_pipeline_tests.example.test_catalogs import COMPLETE_JOURNEY
from engagement_pipeline_tests.instances import in_memory

pytestmark = pytest.mark.slow
BESIDE = ROOT.parent / "shared" / "data" / "complete_journey"
LAST = date(2017, 1, 7)
UNTIL = datetime(2017, 1, 8, 5)  # noqa: DTZ001  recorded in UTC without saying so; midnight in New York


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset's tables, with the receipts and redemptions of a week."""
    try:
        found = find_data()
    except MissingDataError:
        try:
            found = find_data(BESIDE)
        except MissingDataError:
            pytest.skip("the Complete Journey is neither installed (extra `datasets`) nor beside the project")
    folder = tmp_path_factory.mktemp("tables")
    moments = {"transactions": "transaction_timestamp", "coupon_redemptions": "redemption_date"}
    for table in TABLES:
        rows = pl.scan_parquet(found / f"{table}.parquet")
        if table in moments:
            rows = rows.filter(pl.col(moments[table]) < UNTIL)
        rows.collect().write_parquet(folder / f"{table}.parquet")
    return folder


@pytest.fixture(scope="module")
def journey(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CornerShop]:
    folder = tmp_path_factory.mktemp("journey")
    (folder / "catalog").symlink_to(COMPLETE_JOURNEY, target_is_directory=True)
    with in_memory() as instance:
        shop = CornerShop(folder, instance)
        prepare(shop.settings.landing, data)
        start = shop.catalog.project.start_date.isoformat()
        days = {RANGE_START: start, RANGE_END: LAST.isoformat()}
        for job, day, tags in (
            ("landing", None, {}),
            ("event_days", None, days),
            ("refit", LAST.isoformat(), {}),
            ("campaigns", LAST.isoformat(), {}),
        ):
            result = shop.run(job, day, tags)
            assert result.success, failure(result)
        yield shop
        shop.bench.database.close()


def test_every_receipt_line_is_an_event_of_its_household(journey: CornerShop, data: Path) -> None:
    lines = pl.read_parquet(data / "transactions.parquet")
    events = journey.bench.lake.scan("events/tills").collect()
    assert events["event_id"].n_unique() == lines.select("basket_id", "product_id").n_unique()
    assert events["person_id"].n_unique() == lines["household_id"].n_unique()
    spent = events.filter(event="purchase")["value"].sum()
    assert spent == pytest.approx(lines["sales_value"].sum())
    assert journey.table("rejected/tills").is_empty()


def test_spend_is_what_households_spent(journey: CornerShop, data: Path) -> None:
    """A point for ten dollars, half of it after 60 days: recomputed from the raw receipts."""
    day = pl.col("transaction_timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    age = (pl.lit(LAST) - day.dt.date()).dt.total_days()
    expected = (
        pl.read_parquet(data / "transactions.parquet")
        .group_by(person_id=pl.col("household_id").cast(pl.String))
        .agg(expected=(pl.col("sales_value") * 0.1 * 0.5 ** (age / 60)).sum())
        .filter(pl.col("expected") > 0)
    )
    both = journey.table("points/spend").join(expected, on="person_id", how="full")
    assert both["person_id"].null_count() == both["person_id_right"].null_count() == 0
    assert both.select(((pl.col("points") / 10_000) - pl.col("expected")).abs().max()).item() < 1e-3


def test_everyone_known_is_scored_and_every_candidate_decided(journey: CornerShop) -> None:
    persons = journey.table("persons")
    known = persons.filter(pl.col("first_seen") <= LAST)["person_id"].n_unique()
    for score in journey.catalog.scores:
        assert journey.table(f"scores/{score}").height == known, score
    assert sum(journey.table(f"segments/{name}").height > 0 for name in journey.catalog.segments) >= 3
    for campaign in journey.catalog.campaigns:
        decided = journey.table(f"audiences/{campaign}")
        assert decided["person_id"].is_unique().all()
        assert set(decided["decision"]) <= {"send", "hold_out", "suppress"}
