"""Paths into lists and into JSON that stands as text, against an oracle that walks one row at a time."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.rowpaths import Where, parse_path
from engagement_pipeline.ingestion.decode import decode, element_column, of_element

PARAMS = {
    "event_params": [
        {"key": "page", "value": {"string_value": "/a", "int_value": None}},
        {"key": "time", "value": {"string_value": None, "int_value": 12}},
        {"key": "page", "value": {"string_value": "/second"}},
    ]
}
MESSAGE = {"kind": "Bounce", "bounce": {"to": [{"mail": "a@x.org"}, {"mail": "b\\c@x.org"}]}}


def read(*rows: object, paths: list[str], nested: bool = True, explode: str | None = None) -> list[object]:
    raw = pl.Series([each if isinstance(each, str) else json.dumps(each) for each in rows], dtype=pl.String)
    below = [path for path in paths if explode and of_element(path)]
    rest = [path for path in paths if path not in below]
    found = decode(raw, rest, nested=nested, exploded={explode: below} if explode else {})
    return found.fields.select(*(element_column(str(explode), path) for path in below), *rest).rows()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("event_params[key=page].value.string_value", "/a"),
        ("event_params[key=time].value.int_value", "12"),
        ('event_params[key="page"].value.string_value', "/a"),
        ("event_params[key=absent].value.string_value", None),
        ("event_params[value.int_value=12].key", "time"),
        ("event_params[0].key", "page"),
        ("event_params[-1].value.string_value", "/second"),
        ("event_params[3].key", None),
        ("event_params[-4].key", None),
        ("event_params[0][0].key", "page"),
    ],
)
def test_one_of_a_list(path: str, text: str | None) -> None:
    assert read(PARAMS, {}, {"event_params": []}, paths=[path]) == [(text,), (None,), (None,)]


@pytest.mark.parametrize(
    "key", ["a.b", "$page", "user-id", "two words", "a[0]", 'q"', "é", "back\\slash", "each"]
)
def test_any_key(key: str) -> None:
    written = (
        key if key in ("$page", "user-id", "two words", "é", "each") else json.dumps(key, ensure_ascii=False)
    )
    assert parse_path(written) == (key,)
    assert read({key: "x"}, paths=[written]) == [("x",)]
    assert read({"in": {key: [1, 2]}}, paths=[f"in.{written}[1]"]) == [("2",)]
    assert read({"in": json.dumps({key: json.dumps([1, 2])})}, paths=[f"in.{written}[1]"]) == [("2",)]


def test_records_within_text() -> None:
    paths = ["Message.kind", "Message.bounce.to[1].mail", "Message.bounce.to[0].mail"]
    said = ("Bounce", "b\\c@x.org", "a@x.org")
    rows = [
        {"Message": json.dumps(MESSAGE)},
        {"Message": MESSAGE},
        {"Message": json.dumps(MESSAGE, indent=2)},
        {"Message": "no JSON"},
        {"Message": "{broken"},
        {"Message": None},
        {"Message": json.dumps({**MESSAGE, "bounce": json.dumps(MESSAGE["bounce"])})},
        {"Message": 7},
        {"Message": [MESSAGE]},
    ]
    nothing = (None, None, None)
    assert read(*rows, paths=paths) == [said, said, said, nothing, nothing, nothing, said, nothing, nothing]


def test_a_list_of_wrapped_records() -> None:
    row = {
        "Records": [
            {"Sns": {"Message": json.dumps(MESSAGE)}},
            {"Sns": {"Message": json.dumps({"kind": "x"})}},
        ]
    }
    assert read(row, paths=["each.Sns.Message.kind"], explode="Records") == [(["Bounce", "x"],)]


def test_a_csv_column_may_hold_json_and_may_have_dots_in_its_name() -> None:
    rows = [
        {"properties": json.dumps({"$ip": "1.2.3.4", "a": [1]}), "user.id": "7"},
        {"properties": "plain", "user.id": ""},
        {"properties": None, "user": json.dumps({"id": 8})},
    ]
    paths = ["properties.$ip", "properties.a[0]", "user.id", "properties", "odd [name"]
    assert read(*rows, paths=paths, nested=False) == [
        ("1.2.3.4", "1", "7", rows[0]["properties"], None),
        (None, None, "", "plain", None),
        (None, None, "8", None, None),
    ]


def test_exploding() -> None:
    rows = [
        {"items": [{"sku": "a", "n": 1}, {"sku": "b"}], "id": 1},
        {"items": [], "id": 2},
        {"id": 3},
        {"items": json.dumps([{"sku": "c"}]), "id": 4},
        {"items": {"sku": "d"}, "id": 5},
        {"items": [None, {"sku": "e"}], "id": 6},
        {"items": "", "id": 7},
    ]
    assert read(*rows, paths=["each.sku", "id"], explode="items") == [
        (["a", "b"], "1"),
        (None, "2"),
        (None, "3"),
        (["c"], "4"),
        (["d"], "5"),
        ([None, "e"], "6"),
        (None, "7"),
    ]
    assert read({"tags": ["x", "y"]}, {"tags": "z"}, paths=["each"], explode="tags") == [
        (["x", "y"],),
        (["z"],),
    ]


# --- the oracle -------------------------------------------------------------------------------------


def walk(value: object, steps: tuple[object, ...]) -> object:
    if not steps:
        return value
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        return walk(value[step], rest) if isinstance(value, dict) and step in value else None
    elements = [] if value in (None, "") else value if isinstance(value, list) else [value]
    if isinstance(step, Where):
        chosen = [each for each in elements if text(walk(each, step.field)) == step.text]
        return walk(chosen[0], rest) if chosen else None
    assert isinstance(step, int)
    return walk(elements[step], rest) if -len(elements) <= step < len(elements) else None


def text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


ORACLE = ["a", "a.b", "a[0]", "a[-1].b", "a[b=x].c", "c.a.b", "c.a[1]", "a.c[0].a", "b[a.b=1].c"]
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "", " ", "{", "[1", "é\\"])


def grown(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    records = st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    lists = st.lists(inner, max_size=3)
    return records | lists | records.map(json.dumps) | lists.map(json.dumps)


rows = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.recursive(scalars, grown, max_leaves=8), max_size=3
)


@settings(deadline=None, max_examples=100)
@given(st.lists(rows, min_size=1, max_size=4))
def test_every_path_reads_what_walking_the_row_finds(some: list[dict[str, object]]) -> None:
    found = decode(pl.Series([json.dumps(row) for row in some]), ORACLE, nested=True)
    assert found.malformed.null_count() == len(some)
    for row, fields in zip(some, found.fields.to_dicts(), strict=True):
        for path in ORACLE:
            expected = walk(row, parse_path(path))
            if isinstance(expected, dict | list):
                assert fields[path] is not None  # a record's text is for people
            else:
                assert fields[path] == text(expected), path
