"""Parquet and Avro: types to JSON."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest

from engagement_pipeline.ingestion.readers import UnreadableFile, columns_of, probe
from engagement_pipeline_tests.ingestion.readers.files import avro, parquet, read, source, texts

AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_rows_keep_names_that_the_pipeline_uses_itself(tmp_path: Path) -> None:
    frame = pl.DataFrame({"row_number": [7], "raw": ["x"]})
    assert read(tmp_path, parquet(frame), "parquet") == [(1, '{"raw":"x","row_number":7}')]


def test_parquet_types_become_json_and_nan_stays_visible(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "f": [1.5, float("nan"), None, float("-inf")],
            "n": [1, 2, 3, 4],
            "blob": [b"\x00\xff"] * 4,
            "at": pl.Series([AT] * 4).dt.convert_time_zone("Europe/Berlin"),
        }
    )
    rows = [json.loads(text) for text in texts(read(tmp_path, parquet(frame), "parquet"))]
    assert [each["f"] for each in rows] == [1.5, "NaN", None, "-inf"]
    assert rows[0] == {"at": "2026-03-29T03:30:00+02:00", "blob": "00ff", "f": 1.5, "n": 1}


def test_days_beyond_the_calendar_become_its_first_or_last(tmp_path: Path) -> None:
    steps = [2**62, -(2**62), 86_400_000_000, None]
    frame = pl.DataFrame(
        {
            "d": pl.Series([2**31 - 1, -(2**31), 1, None], dtype=pl.Date),
            "t": pl.Series(steps, dtype=pl.Datetime("us")),
        }
    )
    rows = [json.loads(text) for text in texts(read(tmp_path, parquet(frame), "parquet"))]
    assert [row["d"] for row in rows] == ["9999-12-31", "0001-01-01", "1970-01-02", None]
    assert [row["t"] and row["t"][:10] for row in rows] == ["9999-12-31", "0001-01-01", "1970-01-02", None]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pl.Series([[b"x"]]), "column 'c' holds bytes within"),
        (pl.Series([{"a": [b"x"]}]), "column 'c' holds bytes within"),
        (pl.Series([[2**31 - 1]], dtype=pl.List(pl.Date)), "column 'c' holds a day beyond the years"),
    ],
)
def test_what_json_has_no_place_for_is_refused_by_name(tmp_path: Path, column: pl.Series, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        read(tmp_path, parquet(pl.DataFrame({"c": column})), "parquet")


def test_avro_types_take_the_form_they_have_from_parquet(tmp_path: Path) -> None:
    row = {
        "at": AT,
        "local": AT.replace(tzinfo=None),
        "day": date(2026, 3, 1),
        "hour": time(1, 2, 3),
        "price": Decimal("1.10"),
        "f": 0.5,
        "n": 2**40,
        "blob": b"\x00\xff",
        "who": {"id": "u1", "tags": ["x", None]},
    }
    frame = pl.DataFrame([row])
    schema = {
        "who": {
            "type": "record",
            "name": "who",
            "fields": [
                {"name": "tags", "type": {"type": "array", "items": ["null", "string"]}},
                {"name": "id", "type": "string"},
            ],
        },
        "at": {"type": "long", "logicalType": "timestamp-micros"},
        "local": {"type": "long", "logicalType": "local-timestamp-micros"},
        "day": {"type": "int", "logicalType": "date"},
        "hour": {"type": "long", "logicalType": "time-micros"},
        "price": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
        "f": "double",
        "n": "long",
        "blob": "bytes",
    }
    (mine,), (polars,) = (
        texts(read(tmp_path, avro(schema, [row]), "avro")),
        texts(read(tmp_path, parquet(frame), "parquet")),
    )
    assert json.loads(mine) == json.loads(polars)
    assert list(json.loads(mine)) == sorted(schema)


def test_avro_holds_what_parquet_has_no_type_for(tmp_path: Path) -> None:
    schema: dict[str, object] = {
        "any": ["null", "string", "long", {"type": "map", "values": ["double", "string"]}],
        "uid": {"type": "string", "logicalType": "uuid"},
    }
    uid = UUID(int=7)
    rows = [{"any": each, "uid": uid} for each in (None, "x", 2**50, {"b": float("nan"), "a": float("-inf")})]
    found = [json.loads(text)["any"] for text in texts(read(tmp_path, avro(schema, rows), "avro"))]
    assert found == [None, "x", 2**50, {"a": "-inf", "b": "NaN"}]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard"])
def test_avro_packed_in_any_way_and_a_broken_block(tmp_path: Path, codec: str) -> None:
    rows = [{"n": number, "t": f"text {number}"} for number in range(3_000)]
    content = avro({"n": "long", "t": "string"}, rows, codec, sync_interval=4_000)
    assert len(read(tmp_path, content, "avro")) == 3_000
    for broken in (
        content[: len(content) // 2],
        content[:-5],
        content[:2_000] + b"\xff" * 30 + content[2_030:],
    ):
        with pytest.raises(UnreadableFile, match=r"file cannot be read: .*Have it delivered again"):
            read(tmp_path, broken, "avro")


@pytest.mark.parametrize(
    ("part", "broken"),
    [(b'"name"', b'"namE"'), (b'"long"', b'"lonk"'), (b"[{", b"[[")],
)
def test_avro_whose_schema_is_broken_is_refused(tmp_path: Path, part: bytes, broken: bytes) -> None:
    content = avro({"n": "long"}, [{"n": 1}])
    assert part in content
    with pytest.raises(UnreadableFile, match="no whole Avro file"):
        read(tmp_path, content.replace(part, broken), "avro")
    assert columns_of(tmp_path / "file", source("avro")) is None


def nested_column(levels: int) -> pl.Series:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return pl.Series("c", [value])


def test_columns_that_nest_too_deep_are_refused_and_end_nothing(tmp_path: Path) -> None:
    assert len(read(tmp_path, parquet(nested_column(40).to_frame()), "parquet")) == 1
    with pytest.raises(UnreadableFile, match="column 'c' has more than 50 lists"):
        read(tmp_path, parquet(nested_column(60).to_frame()), "parquet")


def test_a_file_that_ends_its_reader_is_refused_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = probe.PROGRAM.replace("    try:", "    if 'bad' in path: import os; os.abort()\n    try:")
    monkeypatch.setattr(probe, "PROGRAM", deadly)
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.parquet.PROBE", probe.Probe())
    content = parquet(pl.DataFrame({"a": [1]}))
    for _ in range(2):
        assert texts(read(tmp_path, content, "parquet", name="good")) == ['{"a":1}']
        with pytest.raises(UnreadableFile, match=r"bad cannot be read: it is damaged.*delivered again"):
            read(tmp_path, content, "parquet", name="bad")


def test_a_file_whose_reading_does_not_end_is_refused_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = probe.PROGRAM.replace(
        "    try:", "    if 'bad' in path: import time; time.sleep(900)\n    try:"
    )
    monkeypatch.setattr(probe, "PROGRAM", endless)
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.parquet.PROBE", probe.Probe())
    content = parquet(pl.DataFrame({"a": [1]}))
    assert texts(read(tmp_path, content, "parquet", name="good")) == ['{"a":1}']
    with monkeypatch.context() as hasty:
        hasty.setattr(probe, "PATIENCE", 0.2)
        with pytest.raises(UnreadableFile, match=r"bad cannot be read: reading it takes more than 0 minutes"):
            read(tmp_path, content, "parquet", name="bad")
    assert texts(read(tmp_path, content, "parquet", name="good")) == ['{"a":1}']
