"""Delta tables that somebody else writes, and folders of parquet that are written anew, as sources."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.landing import unknown_files
from engagement_pipeline.ingestion.places import place_uri
from engagement_pipeline_tests.ingestion.shop import Shop, crm, source
from engagement_pipeline_tests.object_stores import Bucket

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def table_source(path: str, **more: Any) -> Source:
    """Events of a table with plain columns."""
    plain = source(person_id="person", properties={}).model_dump(exclude_unset=True)
    plain["events"] = {"person_id": "person", "event": "type", "occurred_at": "at", **more}
    return Source.model_validate({**plain, "path": path, "format": "delta"})


def visits(first: int, last: int, **columns: object) -> pl.DataFrame:
    """Rows with these numbers."""
    numbers = range(first, last + 1)
    return pl.DataFrame(
        {
            "id": [f"e{number}" for number in numbers],
            "person": [f"p{number % 3}" for number in numbers],
            "type": ["visit"] * len(numbers),
            "at": [NOON + timedelta(minutes=number) for number in numbers],
        }
    ).with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def append(uri: str | Path, rows: pl.DataFrame, **options: Any) -> None:
    rows.write_delta(str(uri), mode="append", delta_write_options=options or None)


def test_every_live_file_lands_once(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(table_source("orders", event_id="id"))
    found = shop.catalog.sources["web"]
    assert shop.take_in().landing.landed == (), "the table is not there yet"
    append(shop.landing / "orders", visits(1, 3))
    append(shop.landing / "orders", visits(4, 5))
    took = shop.run()
    assert sorted(each.rows for each in took.landing.landed) == [2, 3]
    assert all(each.file.startswith("orders/part-") for each in took.landing.landed)
    assert shop.take_in().landing.known == 2
    assert unknown_files(found, shop.landing, shop.catalog.project, shop.ledger) == []
    append(shop.landing / "orders", visits(6, 6))
    assert [each.rows for each in shop.run().landing.landed] == [1]
    assert shop.table("events/web")["event_id"].sort().to_list() == [f"e{n}" for n in range(1, 7)]
    assert place_uri(found, shop.landing) == f"{shop.landing}/orders"


def test_compacting_and_rewriting_double_nothing(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(table_source("orders", event_id="id"))
    uri = str(shop.landing / "orders")
    for first in (1, 4, 7):
        append(uri, visits(first, first + 2))
    shop.run()
    before = shop.content()
    table = DeltaTable(uri)
    table.optimize.compact()
    took = shop.run()
    assert [each.rows for each in took.landing.landed] == [9], "the new file lands; its events were there"
    assert [frame.equals(old) for frame, old in zip(shop.content(), before, strict=True)] == [True, True]

    visits(1, 9).reverse().write_delta(uri, mode="overwrite")
    shop.run()
    assert [frame.equals(old) for frame, old in zip(shop.content(), before, strict=True)] == [True, True]
    DeltaTable(uri).delete("id = 'e1'")
    shop.run()
    assert shop.table("events/web").height == 9, "what was landed stays, also when the table lets go of it"


def test_without_ids_equal_rows_of_one_file_count(open_shop: Callable[..., Shop]) -> None:
    """Two equal rows in one file are two events, in two files one: a compaction can bring a second to light,
    but never doubles what differs."""
    shop = open_shop(table_source("orders"))
    uri = str(shop.landing / "orders")
    append(uri, pl.concat([visits(1, 2), visits(2, 2)]).drop("id"))
    append(uri, visits(1, 3).drop("id"))
    shop.run()
    assert shop.table("events/web").height == 4, "1, 2 twice, 3"
    DeltaTable(uri).optimize.compact()
    shop.run()
    assert shop.table("events/web").height == 6, "as many as the table holds"
    append(uri, visits(9, 9).drop("id"))
    DeltaTable(uri).optimize.compact()
    shop.run()
    assert shop.table("events/web").height == 7


def test_partitions_and_new_columns_come_along(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(table_source("orders", event_id="id", session_id="shop"))
    uri = shop.landing / "orders"
    rows = visits(1, 2).with_columns(shop=pl.Series(["north sea/ü", None]), day=pl.lit(date(2026, 4, 1)))
    append(uri, rows, partition_by=["shop", "day"])
    append(uri, rows.with_columns(id=pl.lit("later"), extra=pl.lit(7)), schema_mode="merge")
    shop.run()
    raws = shop.table("landed/web")["raw"].str.json_decode(
        pl.Struct({"id": pl.String, "shop": pl.String, "day": pl.String, "extra": pl.Int64})
    )
    found = raws.struct.unnest().sort("id", "shop").rows()
    assert found == [
        ("e1", "north sea/ü", "2026-04-01", None),
        ("e2", None, "2026-04-01", None),
        ("later", None, "2026-04-01", 7),
        ("later", "north sea/ü", "2026-04-01", 7),
    ]
    assert "north sea/ü" in shop.table("events/web")["session_id"].to_list()


def test_a_table_in_a_bucket(open_shop: Callable[..., Shop], s3: Bucket) -> None:
    shop = open_shop(table_source(f"{s3.uri}/tables/orders", event_id="id"))
    append(f"{s3.uri}/tables/orders", visits(1, 3, region="eu"), partition_by=["region"])
    took = shop.run()
    (file,) = took.landing.landed
    assert file.file.startswith(f"{s3.uri}/tables/orders/region=eu/part-")
    assert shop.table("events/web").height == 3
    assert shop.take_in().landing.known == 1


def test_a_table_that_a_file_alone_does_not_show_is_refused(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(table_source("orders", event_id="id"))
    append(shop.landing / "orders", visits(1, 3))
    log = shop.landing / "orders/_delta_log/00000000000000000000.json"
    plain = log.read_text(encoding="utf-8")
    log.write_text(plain.replace('"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}'))
    (problem,) = shop.take_in().problems
    assert "column mapping" in problem
    log.write_text("not json")
    (problem,) = shop.take_in().problems
    assert "cannot be opened" in problem
    log.write_text(plain, encoding="utf-8")
    assert shop.take_in().problems == []


def test_a_folder_of_parquet_that_is_written_anew(open_shop: Callable[..., Shop]) -> None:
    """What a model writes in place each night: the file lands again, its events are known."""
    given = table_source("x", event_id="id").model_dump(exclude_unset=True)
    shop = open_shop(Source.model_validate({**given, "path": "orders/*.parquet", "format": "parquet"}))
    folder = shop.landing / "orders"
    folder.mkdir(parents=True)
    for last in (5, 8):
        visits(1, last).write_parquet(folder / "part-0.parquet")
        assert [each.rows for each in shop.run().landing.landed] == [last]
        assert shop.table("events/web").height == last


def test_profiles_of_a_table_become_history(open_shop: Callable[..., Shop]) -> None:
    people = crm().model_copy(update={"path": "people", "format": "delta"})
    shop = open_shop(people)
    rows = pl.DataFrame({"person": ["a", "b"], "at": ["2026-01-01T00:00:00Z"] * 2, "tier": ["x", "y"]})
    append(shop.landing / "people", rows)
    took = shop.take_in("crm")
    assert [each.rows for each in took.landing.landed] == [2]
    assert took.problems == []
