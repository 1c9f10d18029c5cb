"""What holds for every format: nothing from nothing, bounded blocks, rows of their own, errors with names."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.ingestion.readers import (
    BLOCK_ROWS,
    ROW_BYTES,
    TOO_LARGE,
    UnreadableFile,
    columns_of,
    read_raw,
)
from engagement_pipeline_tests.ingestion.readers.files import avro, parquet, read, source, texts

FORMATS = ["csv", "tsv", "jsonl", "json", "parquet", "avro"]
Row = dict[str, str | None]


def table(mark: str) -> Callable[[list[Row]], bytes]:
    def written(rows: list[Row]) -> bytes:
        names = list(rows[0])
        lines = [mark.join(names), *(mark.join(f'"{row[n] or ""}"' for n in names) for row in rows)]
        return "\n".join(lines).encode()

    return written


def as_avro(rows: list[Row]) -> bytes:
    return avro({name: ["null", "string"] for name in rows[0]}, rows, sync_interval=100)  # type: ignore[arg-type]


WRITTEN: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": table(","),
    "tsv": table("\t"),
    "jsonl": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
    "json": lambda rows: json.dumps(rows).encode(),
    "parquet": lambda rows: parquet(pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))),
    "avro": as_avro,
}


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_file_has_no_rows(tmp_path: Path, form: str) -> None:
    assert read(tmp_path, b"", form) == []
    assert columns_of(tmp_path / "file", source(form)) is None


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "avro"])
def test_the_columns_of_tables_are_known_without_reading_them(tmp_path: Path, form: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(WRITTEN[form]([{"a": "1", "b": "2"}]))
    assert columns_of(path, source(form)) == ["a", "b"]
    path.write_bytes(b"\x00\xff\xfe" * 20)
    assert form in ("csv", "tsv") or columns_of(path, source(form)) is None


@pytest.mark.parametrize("form", ["csv", "parquet", "avro"])
def test_the_order_of_columns_changes_no_row(tmp_path: Path, form: str) -> None:
    rows: list[Row] = [{"b": "1", "a": None, "c": "x"}, {"b": "2", "a": "é", "c": None}]
    turned = [{name: row[name] for name in ("c", "a", "b")} for row in rows]
    assert read(tmp_path, WRITTEN[form](rows), form) == read(tmp_path, WRITTEN[form](turned), form)


@pytest.mark.parametrize("form", FORMATS)
def test_a_row_is_read_alike_whatever_stands_beside_it(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.content.CHUNK", 97)
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.rows.BLOCK_ROWS", 3)
    draw = random.Random(7)
    marks = ["", " ", "x", "é", "\\u00e9", "{", "]", ", ", "7", "'", "#", "\t" if form == "csv" else "."]
    rows: list[Row] = [
        {name: "".join(draw.choices(marks, k=draw.randrange(6))) or None for name in "abc"} | {"d": "1"}
        for _ in range(200)
    ]
    together = texts(read(tmp_path, WRITTEN[form](rows), form))
    alone = [texts(read(tmp_path, WRITTEN[form]([row]), form)) for row in rows]
    assert [[text] for text in together] == alone


@pytest.mark.parametrize("form", FORMATS)
def test_big_files_come_in_bounded_blocks(tmp_path: Path, form: str) -> None:
    path = tmp_path / "file"
    count = 20_000 if form == "avro" else 80_000
    path.write_bytes(WRITTEN[form]([{"n": str(number)} for number in range(count)]))
    blocks = list(read_raw(path, source(form)))
    assert max(block.height for block in blocks) <= BLOCK_ROWS
    whole = pl.concat(blocks)
    assert whole["row_number"].to_list() == list(range(1, count + 1))
    assert json.loads(whole["raw"][-1]) == {"n": str(count - 1)}


@pytest.mark.parametrize("form", FORMATS)
def test_a_huge_row_leaves_a_note_and_its_neighbours_alone(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.content.CHUNK", 2**20)
    rows: list[Row] = [{"a": "1"}, {"a": "x" * (3 * ROW_BYTES)}, {"a": "3"}]
    path = tmp_path / "file"
    path.write_bytes(WRITTEN[form](rows))
    if form in ("csv", "tsv"):
        with pytest.raises(UnreadableFile, match=r"a line has more than 8,388,608 characters"):
            list(read_raw(path, source(form)))
        rows[1]["a"] = "x" * (ROW_BYTES - 5)
        path.write_bytes(WRITTEN[form](rows))
    first, huge, last = texts(read(tmp_path, path.read_bytes(), form))
    assert [json.loads(first), json.loads(last)] == [rows[0], rows[2]]
    assert huge.startswith(f"{TOO_LARGE}a row may have 8,388,608 bytes")
    assert len(huge) < 2_000


@pytest.mark.parametrize("form", ["parquet", "avro"])
@pytest.mark.parametrize("content", [b"id,person\n1,2\n" * 20, b"PAR1", b"Obj\x01", b"\x00" * 100])
def test_what_is_another_format_is_refused(tmp_path: Path, form: str, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"file cannot be read: .*\. Have it delivered again"):
        read(tmp_path, content, form)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_went_away_is_named(tmp_path: Path, form: str) -> None:
    with pytest.raises(UnreadableFile, match=r"gone\.csv"):
        list(read_raw(tmp_path / "gone.csv", source(form)))
    (tmp_path / "gone.csv").mkdir()
    with pytest.raises(UnreadableFile, match=r"gone\.csv"):
        list(read_raw(tmp_path / "gone.csv", source(form)))
