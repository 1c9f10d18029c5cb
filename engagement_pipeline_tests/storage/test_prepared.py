"""Tables that their writers mean otherwise than they are stored: grown by what is new, else refused."""

import polars as pl
import pytest

from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.tables import TableSpec, WrongSchema
from engagement_pipeline_tests.storage.tables import MEASURES, SCHEMA, day, keys, rows, stored


def test_a_new_column_is_added_and_a_changed_type_is_refused(lake: Lake) -> None:
    lake.replace(MEASURES, rows(0), keys(0))
    wider = TableSpec(MEASURES.name, pl.Schema({**SCHEMA, "unit": pl.String()}), "event_date", ("person_id",))
    lake.replace(wider, rows(1).with_columns(unit=pl.lit("EUR")), keys(1))
    assert stored(lake)["unit"].to_list() == [None] * 3 + ["EUR"] * 3
    lake.replace(MEASURES, rows(2), keys(2))  # a writer that does not know the column leaves it null
    assert stored(lake, 2)["unit"].null_count() == 3
    other = TableSpec(MEASURES.name, pl.Schema({**SCHEMA, "quantity": pl.String()}), "event_date")
    with pytest.raises(WrongSchema, match="quantity is stored as Int64, now it is String"):
        lake.replace(other, rows(0).cast({"quantity": pl.String}), keys(0))
    with pytest.raises(WrongSchema, match="partitioned by"):
        lake.replace(TableSpec(MEASURES.name, SCHEMA), rows(0))


def test_a_struct_may_gain_fields_at_its_end(lake: Lake) -> None:
    def spec(*fields: str) -> TableSpec:
        parts = pl.List(pl.Struct({"rule": pl.String(), **dict.fromkeys(fields, pl.Int64())}))
        return TableSpec("points/mail", pl.Schema({"as_of": pl.Date(), "parts": parts}), "as_of")

    def given(number: int, **fields: int) -> pl.DataFrame:
        return pl.DataFrame(
            {"as_of": [day(number)], "parts": [[{"rule": "opened", **fields}]]},
            schema=spec(*fields).schema,
        )

    lake.replace(spec("points"), given(0, points=3), keys(0))
    lake.replace(spec("points", "loss"), given(1, points=4, loss=1), keys(1))
    assert lake.scan("points/mail").sort("as_of").collect()["parts"].to_list() == [
        [{"rule": "opened", "points": 3, "loss": None}],
        [{"rule": "opened", "points": 4, "loss": 1}],
    ]
    before = lake.partitions("points/mail")
    assert not lake.replace(spec("points", "loss"), given(1, points=4, loss=1), keys(1)).changed
    assert lake.partitions("points/mail") == before
    with pytest.raises(WrongSchema, match="parts is stored as"):
        lake.replace(spec("loss", "points"), given(0, loss=1, points=3), keys(0))
