"""Files as providers write them, and as they break on the way."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.ingestion import readers
from engagement_pipeline.ingestion.readers import UnreadableFile, columns_of, read_raw


def read(folder: Path, name: str, content: bytes, form: str) -> list[tuple[int, str]]:
    path = folder / name
    path.write_bytes(content)
    blocks = list(read_raw(path, form))
    assert all(block.schema == readers.RAW for block in blocks)
    return [row for block in blocks for row in block.iter_rows()]


def records(rows: list[tuple[int, str]]) -> list[dict[str, object]]:
    return [json.loads(raw) for _, raw in rows]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_empty_file_has_no_rows(tmp_path: Path, form: str) -> None:
    assert read(tmp_path, "empty", b"", form) == []
    assert columns_of(tmp_path / "empty", form) is None


def test_compressed_nothing_and_a_lone_header_have_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl.gz", gzip.compress(b""), "jsonl") == []
    assert read(tmp_path, "a.csv", b"a,b\n", "csv") == []


def test_json_lines_come_as_they_are_but_for_blanks_and_a_byte_order_mark(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n  \n {"a":2} \n{"a"'
    expected = [(1, '{"a": 1}'), (4, '{"a":2}'), (5, '{"a"')]
    assert read(tmp_path, "a.jsonl", content, "jsonl") == expected
    assert read(tmp_path, "a.jsonl.gz", gzip.compress(content), "jsonl") == expected


def test_a_byte_that_is_not_utf8_costs_its_own_line_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = b"".join(b'{"a":%d}\n' % number for number in range(300_000))
    content = good + b'{"a":"\xff"}\n' + b'{"a":"last"}\n'
    rows = read(tmp_path, "a.jsonl", content, "jsonl")
    assert [number for number, _ in rows] == list(range(1, 300_003))
    assert rows[0] == (1, '{"a":0}')
    assert rows[-1] == (300_002, '{"a":"last"}')
    with pytest.raises(json.JSONDecodeError):
        json.loads(rows[-2][1])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_truncated_gzip_is_refused_whole(tmp_path: Path, form: str) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919) for n in range(50_000)))
    with pytest.raises(UnreadableFile, match=r"cut\.gz cannot be read: the file is cut off.*again"):
        read(tmp_path, "cut.gz", whole[: len(whole) // 2], form)


def test_csv_rows_are_records_of_text_whatever_the_order_of_columns(tmp_path: Path) -> None:
    rows = read(tmp_path, "a.csv", b'\xef\xbb\xbfb, a ,c\r\n007,"x\ny",\r\n\r\n,,\r\n1.50,"",z\r\n', "csv")
    assert rows == [(1, '{"a":"x\\ny","b":"007","c":null}'), (4, '{"a":null,"b":"1.50","c":"z"}')]
    other = read(tmp_path, "b.csv", b'c,b,a\n,007,"x\ny"\nz,1.50,\n', "csv")
    assert [raw for _, raw in other] == [raw for _, raw in rows]


def test_a_csv_row_with_too_many_fields_is_kept_as_text(tmp_path: Path) -> None:
    rows = read(tmp_path, "a.csv", b"a,b\n1,2\n3,4,5\n6\n\n7,8\n", "csv")
    assert rows == [
        (1, '{"a":"1","b":"2"}'),
        (2, "3,4,5"),
        (3, '{"a":"6","b":null}'),
        (5, '{"a":"7","b":"8"}'),
    ]


def test_both_ways_of_reading_csv_agree(tmp_path: Path) -> None:
    table = b"".join(b'%d,"x ""%d""",\n' % (number, number) for number in range(200_000))
    plain = read(tmp_path, "a.csv", b"a, b,b\n" + table, "csv")
    odd = read(tmp_path, "b.csv", b"a, b,b\n" + table + b"1,2,3,4\n", "csv")
    assert odd[:-1] == plain
    assert odd[-1] == (200_001, "1,2,3,4")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'a,b\n1,2\n3,"open\n4,5\n', r"line 4 breaks the rules of CSV.*quote that is opened"),
        ("a,b\nü,2\n".encode("latin-1"), r"it is not CSV in UTF-8"),
    ],
)
def test_csv_that_cannot_be_read_says_where_and_what_to_do(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        read(tmp_path, "bad.csv", content, "csv")


def test_parquet_rows_keep_names_that_the_pipeline_uses_itself(tmp_path: Path) -> None:
    pl.DataFrame({"row_number": [7], "raw": ["x"]}).write_parquet(tmp_path / "a.parquet")
    (block,) = read_raw(tmp_path / "a.parquet", "parquet")
    assert block.rows() == [(1, '{"raw":"x","row_number":7}')]


def test_parquet_types_become_json_and_nan_stays_visible(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "f": [1.5, float("nan"), None, float("-inf")],
            "n": [1, 2, 3, 4],
            "blob": [b"\x00\xff"] * 4,
            "at": pl.Series(["2026-03-29 03:30:00"] * 4).str.to_datetime(time_zone="Europe/Berlin"),
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    (block,) = read_raw(tmp_path / "a.parquet", "parquet")
    rows = [json.loads(raw) for raw in block["raw"]]
    assert [each["f"] for each in rows] == [1.5, "NaN", None, "-inf"]
    assert rows[0] == {"at": "2026-03-29T03:30:00+02:00", "blob": "00ff", "f": 1.5, "n": 1}


@pytest.mark.parametrize("content", [b"id,person\n1,2\n" * 20, b"PAR1"])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"not a parquet file.*correct `format`"):
        read(tmp_path, "a.parquet", content, "parquet")


def test_bytes_within_a_parquet_list_are_refused_by_name(tmp_path: Path) -> None:
    pl.DataFrame({"keys": [[b"x"]]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(UnreadableFile, match="column 'keys' holds bytes"):
        list(read_raw(tmp_path / "a.parquet", "parquet"))


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"gone\.csv"):
        list(read_raw(tmp_path / "gone.csv", "csv"))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_big_files_come_in_bounded_blocks(tmp_path: Path, form: str) -> None:
    frame = pl.DataFrame({"n": range(200_000)})
    path = tmp_path / "a"
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[form](path)
    blocks = list(read_raw(path, form))
    assert max(block.height for block in blocks) <= readers.BLOCK_ROWS
    assert pl.concat(blocks)["row_number"].to_list() == list(range(1, 200_001))
