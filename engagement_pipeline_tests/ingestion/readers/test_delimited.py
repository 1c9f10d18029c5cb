"""CSV and its kin as programs write them, and as they break on the way."""

import random
from pathlib import Path

import pytest

from engagement_pipeline.ingestion.readers import UnreadableFile, columns_of
from engagement_pipeline_tests.ingestion.readers.files import Rows, read, source, texts

CHUNK = "engagement_pipeline.ingestion.readers.content.CHUNK"


def test_rows_are_records_of_text_whatever_the_order_of_columns(tmp_path: Path) -> None:
    rows = read(tmp_path, b'\xef\xbb\xbfb, a ,c\r\n007,"x\ny",\r\n\r\n,,\r\n1.50,"",z\r\n', "csv")
    assert rows == [(1, '{"a":"x\\ny","b":"007","c":null}'), (4, '{"a":null,"b":"1.50","c":"z"}')]
    other = read(tmp_path, b'c,b,a\n,007,"x\ny"\nz,1.50,\n', "csv")
    assert texts(other) == texts(rows)


def test_a_row_with_too_many_fields_is_kept_as_text(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,2\n3,"4,",5\n6\n\n7,8,\n', "csv")
    assert rows == [
        (1, '{"a":"1","b":"2"}'),
        (2, '3,"4,",5'),
        (3, '{"a":"6","b":null}'),
        (5, '{"a":"7","b":"8"}'),
    ]


@pytest.mark.parametrize("odd", ["1,2,3,4", 'a 5" screen,2', "1,2\r3,4"])
def test_both_ways_of_reading_agree(tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHUNK, 5_000)
    rows = "".join(f'{number},"x ""{number}""",\n' for number in range(2_000))
    plain = read(tmp_path, f"a, b,b\n{rows}".encode(), "csv")
    mixed = read(tmp_path, f"a, b,b\n{rows}{odd}\n{rows}".encode(), "csv")
    assert mixed[:2_000] == plain
    assert texts(mixed[-2_000:]) == texts(plain)
    assert plain[0] == (1, '{"a":"0","b":"x \\"0\\"","b_duplicated_0":null}')


def test_any_row_that_alone_is_csv_reads_the_same_among_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(11)
    single: dict[str, Rows] = {}
    while len(single) < 400:
        row = "".join(
            draw.choices('ab",\r\n \u00e9', weights=[4, 4, 5, 5, 1, 1, 1, 1], k=draw.randrange(1, 9))
        )
        try:
            single[row] = read(tmp_path, f"a,b\n{row}\n".encode(), "csv")
        except UnreadableFile:
            continue
    for _ in range(300):
        rows = draw.choices(list(single), k=4)
        monkeypatch.setattr(CHUNK, draw.randrange(1, 60))
        end = "" if rows[-1].strip("\r\n") and draw.random() < 0.5 else "\n"
        found = read(tmp_path, ("a,b\n" + "\n".join(rows) + end).encode(), "csv")
        assert texts(found) == [text for row in rows for text in texts(single[row])], rows


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'a,b\n1,2\n3,"open\n4,5\n', r"line 4 breaks the rules of CSV.*quote that is opened"),
        (b'a,b\n1,"x"y\n', r"line 2 breaks the rules.*csv: \{quote: none\}"),
        ("a,b\nü,2\n".encode("latin-1"), r"not CSV in UTF-8.*byte 0xfc.*csv: \{encoding: cp1252\}"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        read(tmp_path, content, "csv")


def test_a_line_number_counts_from_the_top_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CHUNK, 1_000)
    with pytest.raises(UnreadableFile, match="line 5003 breaks"):
        read(tmp_path, b"a,b\n" + b"1,2\n" * 5_001 + b'"1"2,3\n' + b"4,5\n" * 900, "csv")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\nü€,2\n".encode("cp1252"), "cp1252"),
        ("a,b\nü€,2\n".encode("utf-16-le"), "utf-16-le"),
        ("a,b\nü€,2\n".encode("utf-16"), "utf-8"),
        ("a,b\nü€,2\n".encode("utf-8-sig"), "cp1252"),
        ("a,b\nü€,2\n".encode("utf-32"), "utf-8"),
    ],
)
def test_text_in_other_encodings(
    tmp_path: Path, content: bytes, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (10_000, 7, 4):
        monkeypatch.setattr(CHUNK, size)
        assert texts(read(tmp_path, content, "csv", csv={"encoding": encoding})) == ['{"a":"ü€","b":"2"}']


@pytest.mark.parametrize("content", [b"a,b\n\x81,2\n", b"a,b\nx,2\n\xd8"])
def test_a_declared_encoding_that_is_wrong_is_named(tmp_path: Path, content: bytes) -> None:
    encoding = "cp1252" if b"\x81" in content else "utf-16-be"
    with pytest.raises(UnreadableFile, match=rf"not in the encoding {encoding}.*csv: \{{encoding"):
        read(tmp_path, content, "csv", csv={"encoding": encoding})


def test_delimiters_quotes_and_names_of_the_catalog(tmp_path: Path) -> None:
    rows = ['{"a":"1;","b":"2"}']
    assert texts(read(tmp_path, b"a;b\n'1;';2\n", "csv", csv={"delimiter": ";", "quote": "'"})) == rows
    assert texts(read(tmp_path, b"a|b\n1;|2\n", "csv", csv={"delimiter": "|"})) == rows
    assert texts(read(tmp_path, b"1;\t2\n", "tsv", csv={"header": ["a", "b"]})) == rows
    assert columns_of(tmp_path / "file", source("tsv", csv={"header": ["a", "b"]})) == ["a", "b"]


def test_without_quotes_the_character_is_text(tmp_path: Path) -> None:
    form = {"quote": "none", "header": ["id", "context"]}
    content = b'1\t{"x":"y"}\n2\t"open\n3\t""\n'
    assert texts(read(tmp_path, content, "tsv", csv=form)) == [
        '{"context":"{\\"x\\":\\"y\\"}","id":"1"}',
        '{"context":"\\"open","id":"2"}',
        '{"context":"\\"\\"","id":"3"}',
    ]
    broken = read(tmp_path, content + b'4\t5\t"6\n', "tsv", csv=form)
    assert texts(broken)[:3] == texts(read(tmp_path, content, "tsv", csv=form))
    assert broken[3] == (4, '4\t5\t"6')


def test_a_tsv_given_as_csv_has_one_odd_column(tmp_path: Path) -> None:
    content = b"id\tperson\n1\t2\n"
    assert read(tmp_path, content, "csv") == [(1, '{"id\\tperson":"1\\t2"}')]
    assert columns_of(tmp_path / "file", source("csv")) == ["id\tperson"]


@pytest.mark.parametrize("content", [b"a,b\n", b"\n\n", b"a,b", b",,\n1,2\n", b"\xef\xbb\xbf"])
def test_a_header_alone_or_no_text_at_all_has_no_rows(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content, "csv") == []


def test_text_that_looks_packed_to_polars_is_text(tmp_path: Path) -> None:
    assert texts(read(tmp_path, b"x^y\n1\n", "csv")) == ['{"x^y":"1"}']
    assert texts(read(tmp_path, b"x^y\n", "csv", csv={"header": ["a"]})) == ['{"a":"x^y"}']
