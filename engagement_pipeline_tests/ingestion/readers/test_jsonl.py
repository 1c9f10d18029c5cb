"""JSON lines as services write them, and as they break on the way."""

import json
from pathlib import Path

import pytest

from engagement_pipeline_tests.ingestion.readers.files import read, texts

CHUNK = "engagement_pipeline.ingestion.readers.content.CHUNK"


def test_lines_come_as_they_are_but_for_blanks_and_a_byte_order_mark(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n  \n {"a":2} \n{"a"'
    assert read(tmp_path, content, "jsonl") == [(1, '{"a": 1}'), (4, '{"a":2}'), (5, '{"a"')]


def test_lines_in_utf16_are_known_by_their_mark(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a":"ü"}\n{"b":1}'.encode("utf-16"), "jsonl") == [
        (1, '{"a":"ü"}'),
        (2, '{"b":1}'),
    ]


def test_where_a_file_is_cut_into_chunks_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b'\n\n{"a":1}\n[{"b":"\xc3\xa9"},2]\n\xff\n{"c":3}\n\n  {"d":4}'
    whole = read(tmp_path, content, "jsonl")
    assert whole[:3] == [(3, '{"a":1}'), (4, '{"b":"é"}'), (5, "2")]
    assert [number for number, _ in whole] == [3, 4, 5, 6, 7, 9]
    for size in range(4, len(content)):
        monkeypatch.setattr(CHUNK, size)
        assert read(tmp_path, content, "jsonl") == whole


def test_a_byte_that_is_not_utf8_costs_its_own_line_only(tmp_path: Path) -> None:
    good = b"".join(b'{"a":%d}\n' % number for number in range(300_000))
    rows = read(tmp_path, good + b'{"a":"\xff"}\n' + b'{"a":"last"}\n', "jsonl")
    assert [number for number, _ in rows] == list(range(1, 300_003))
    assert rows[0] == (1, '{"a":0}')
    assert rows[-1] == (300_002, '{"a":"last"}')
    with pytest.raises(json.JSONDecodeError):
        json.loads(rows[-2][1])


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ('[{"a": 1.10}, {"a":[1, 2]} ,3]', ['{"a": 1.10}', '{"a":[1, 2]}', "3"]),
        ('[{"a":"],[\\"x"}]', ['{"a":"],[\\"x"}']),
        ("[]", []),
        ("[ ]", []),
        ("[1,]", ["[1,]"]),
        ('[{"a":1}', ['[{"a":1}']),
        ('[{"a":1}] x', ['[{"a":1}] x']),
        ("[" * 5_000, ["[" * 5_000]),
        ("[" * 5_000 + "]" * 5_000, ["[" * 5_000 + "]" * 5_000]),
    ],
)
def test_an_array_gives_its_elements_as_they_are_written(tmp_path: Path, line: str, rows: list[str]) -> None:
    found = read(tmp_path, f'{{"n":1}}\n{line}\n{{"n":2}}'.encode(), "jsonl")
    assert texts(found) == ['{"n":1}', *rows, '{"n":2}']
    assert found[-1][0] == 2 + max(1, len(rows))


def test_text_that_looks_packed_to_polars_is_text(tmp_path: Path) -> None:
    assert texts(read(tmp_path, b'x^y\n{"a":1}', "jsonl")) == ["x^y", '{"a":1}']


def test_the_tail_of_a_line_that_is_too_long_is_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CHUNK, 7)
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.jsonl.ROW_BYTES", 20)
    monkeypatch.setattr("engagement_pipeline.ingestion.readers.rows.ROW_BYTES", 20)
    rows = read(tmp_path, b'{"a":1}\n{"b":"' + b"y" * 90 + b'"}\n{"c":3}\n', "jsonl")
    assert [number for number, _ in rows] == [1, 2, 3]
    assert rows[0][1] == '{"a":1}'
    assert rows[1][1].startswith("too large: ")
    assert rows[2][1] == '{"c":3}'
