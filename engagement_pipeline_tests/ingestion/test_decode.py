"""Picking fields out of JSON: what one row says never depends on the rows beside it."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.ingestion.decode import decode
from engagement_pipeline.ingestion.lines import read_by_python
from engagement_pipeline.ingestion.shapes import Node

PATHS = ["a", "b", "c.d", "c.e.f"]

WHOLE = '{"a":"x","b":1,"c":{"d":2.5,"e":{"f":true}}}'
ODD = [
    '{"a":NaN,"b":-Infinity,"c":{"d":1e400}}',
    '{"a":"y","c":"no record"}',
    '{"c":{"e":[1,2]}}',
    '{"a":[1,"two",{"three":null}],"b":123456789012345678901234567890}',
    '{"a":"first","a":"second","b":""}',
    '{"a":"\\u00e9\\ud83d\\ude00","b":null}',
    "{}",
]
BROKEN = [
    '{"a":1',
    "[1]",
    "7",
    "null",
    "1,2,3",
    "{'a':1}",
    '{"a":1}{"a":2}',
    '{"a":"\x01"}',
    "\\xff",
    '{"a":01}',
]


def read(*raw: str) -> tuple[list[dict[str, object]], list[str | None]]:
    found = decode(pl.Series(raw, dtype=pl.String), PATHS, nested=True)
    return found.fields.to_dicts(), found.malformed.to_list()


def test_fields_come_as_text() -> None:
    fields, malformed = read(WHOLE, '{"b":1.50,"c":{"e":null}}')
    assert malformed == [None, None]
    assert fields == [
        {"a": "x", "b": "1", "c.d": "2.5", "c.e.f": "true"},
        {"a": None, "b": "1.5", "c.d": None, "c.e.f": None},
    ]


def test_odd_rows_say_what_they_say() -> None:
    fields, malformed = read(*ODD)
    assert malformed == [None] * len(ODD)
    assert fields[0] == {"a": "NaN", "b": "-Infinity", "c.d": "inf", "c.e.f": None}
    assert fields[1] == {"a": "y", "b": None, "c.d": None, "c.e.f": None}
    assert fields[2]["c.e.f"] is None
    assert fields[3]["b"] == "123456789012345678901234567890"
    assert json.loads(str(fields[3]["a"])) == [1, "two", {"three": None}]
    assert (fields[4]["a"], fields[4]["b"]) == ("first", "")
    assert fields[5]["a"] == "é😀"


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_costs_nothing_but_itself(line: str) -> None:
    fields, malformed = read(WHOLE, line, WHOLE)
    assert fields[0] == fields[2] == read(WHOLE)[0][0]
    assert fields[1] == dict.fromkeys(PATHS)
    assert malformed[0] is malformed[2] is None
    assert str(malformed[1]).startswith(("not JSON: ", "JSON, but no record"))


def test_one_broken_line_among_many_is_found_by_its_place() -> None:
    rows = [json.dumps({"a": number}) for number in range(100_000)]
    rows[77_777] = "{"
    fields, malformed = read(*rows)
    assert [at for at, why in enumerate(malformed) if why] == [77_777]
    assert [each["a"] for each in fields[:3]] == ["0", "1", "2"]
    assert fields[77_776]["a"] == "77776"


@pytest.mark.parametrize("broken", ['{"a":1}{"a":2}', '{"a":', '{"c":"no record"}', None])
def test_one_broken_line_among_many_costs_its_neighbours_little(
    broken: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_python: list[int] = []

    def counted(raw: pl.Series, root: Node) -> tuple[pl.DataFrame, list[str | None]]:
        by_python.append(raw.len())
        return read_by_python(raw, root)

    monkeypatch.setattr("engagement_pipeline.ingestion.decode.read_by_python", counted)
    rows = [json.dumps({"a": number, "c": {"d": 1}}) for number in range(50_000)]
    found = decode(pl.Series([*rows[:33_333], broken, *rows[33_334:]]), PATHS, nested=True)
    alike = decode(pl.Series(rows), PATHS, nested=True)
    assert sum(by_python) <= 32
    assert (
        found.fields.with_row_index()
        .filter(pl.col("index") != 33_333)
        .equals(alike.fields.with_row_index().filter(pl.col("index") != 33_333))
    )


@settings(deadline=None)  # the first read starts polars' threads
@given(st.lists(st.sampled_from([WHOLE, *ODD, *BROKEN]), min_size=1, max_size=8))
def test_rows_are_read_alike_in_any_company(rows: list[str]) -> None:
    alone = [read(row) for row in rows]
    fields, malformed = read(*rows)
    assert fields == [field for (field,), _ in alone]
    assert malformed == [why for _, (why,) in alone]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text('aé😀"\\ \n\t', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["d", "e", "f"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(deadline=None)  # the first read starts polars' threads
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), values))
def test_any_record_is_read_alike_by_both_readers(record: dict[str, object]) -> None:
    line = json.dumps(record)
    (alone,), (why,) = read(line)
    (beside, _), _ = read(line, "{broken")
    assert why is None
    assert beside == alone


def test_what_a_path_reads_does_not_depend_on_the_others() -> None:
    found = decode(pl.Series(['{"c":{"d":1}}', '{"c":"text"}']), ["c", "c.d"], nested=True)
    assert found.fields.rows() == [('{"d": 1}', "1"), ("text", None)]


def test_a_dot_is_part_of_the_name_in_a_flat_row() -> None:
    assert decode(pl.Series(['{"a.b":"1"}']), ["a.b"], nested=False).fields.rows() == [("1",)]


def test_nothing_wanted_still_judges_the_rows() -> None:
    found = decode(pl.Series(['{"a":1}', "{"]), [], nested=True)
    assert found.malformed.is_null().to_list() == [True, False]


def test_no_rows() -> None:
    found = decode(pl.Series([], dtype=pl.String), PATHS, nested=True)
    assert found.fields.schema == pl.Schema(dict.fromkeys(PATHS, pl.String()))
    assert found.malformed.dtype == pl.String


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1" * 400, "1" * 400),
        ("[[" + "1" * 400 + "]]", None),
        ("9" * 5_000, None),
        ("1e400", "inf"),
        ("[" * 199 + "]" * 199, "[" * 199 + "]" * 199),
        ("[" * 200 + "]" * 200, None),
        ("[" * 960 + "]" * 960, None),
        ("[" * 100_000, None),
        ('"' + "[{" * 300 + '"', "[{" * 300),
    ],
)
def test_what_a_value_may_be_does_not_depend_on_its_neighbours(value: str, text: str | None) -> None:
    for beside in ('{"a": "x"}', '{"a": ', '{"a": NaN}'):
        found = decode(pl.Series([f'{{"a": {value}}}', beside]), ["a"], nested=True)
        assert found.fields["a"][0] == text
        assert (found.malformed[0] is None) == (text is not None)


def test_rows_that_were_too_large_say_so() -> None:
    note = "too large: a row may have 8 bytes and this one has 9 or more: {"
    assert decode(pl.Series([note]), ["a"], nested=True).malformed.to_list() == [
        "too large: a row may have 8 bytes and this one has 9"
    ]
