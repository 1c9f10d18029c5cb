"""JSON documents: lists, records with lists in them, several of them; and what a broken one says."""

import json
import random
from pathlib import Path

import pytest

from engagement_pipeline.ingestion.readers import UnreadableFile
from engagement_pipeline_tests.ingestion.readers.files import read, texts

CHUNK = "engagement_pipeline.ingestion.readers.content.CHUNK"
PAGE = {
    "meta": {"data": {"events": ["no"]}, "a": [1, {"x": "]}"}]},
    "data": {
        "more": [[]],
        "events": [{"a": 1, "s": 'q"[ \\', "n": [1, {"z": None}]}, {"b": "x  y"}, 3],
        "n": 2,
    },
    "events": [],
}
EVENTS = ['{"a":1,"s":"q\\"[ \\\\","n":[1,{"z":null}]}', '{"b":"x  y"}', "3"]


@pytest.mark.parametrize("indent", [None, 0, 3])
def test_rows_under_a_path_come_alike_however_the_document_is_laid_out(
    tmp_path: Path, indent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.dumps(PAGE, indent=indent).encode()
    for size in (2**20, 64, 5, 1):
        monkeypatch.setattr(CHUNK, size)
        assert texts(read(tmp_path, content, "json", records="data.events")) == EVENTS


def test_a_list_gives_its_elements_and_records_give_themselves(tmp_path: Path) -> None:
    rows = [{"a": 1}, {"b": [1, {}]}]
    written = ['{"a":1}', '{"b":[1,{}]}']
    assert texts(read(tmp_path, json.dumps(rows).encode(), "json")) == written
    both = "\n\n".join(json.dumps(row, indent=2) for row in rows)
    assert texts(read(tmp_path, both.encode(), "json")) == written
    assert texts(read(tmp_path, json.dumps(rows).encode("utf-16"), "json")) == written
    assert texts(read(tmp_path, b'{"page":{"one":1, "b":2}}', "json", records="page")) == ['{"one":1,"b":2}']


def test_several_documents_follow_each_other(tmp_path: Path) -> None:
    page = json.dumps(PAGE)
    rows = read(tmp_path, f"{page}\n{page} {page}".encode(), "json", records="data.events")
    assert rows == list(enumerate(EVENTS * 3, start=1))
    assert texts(read(tmp_path, b"[1][]\n[2,3]", "json")) == ["1", "2", "3"]


@pytest.mark.parametrize("content", [b"[]", b" \n ", b"[ ]\n[]", b'{"data":{"events":[]}}'])
def test_nothing_in_it_is_no_row(tmp_path: Path, content: bytes) -> None:
    path = {"records": "data.events"} if b"data" in content else {}
    assert read(tmp_path, content, "json", **path) == []


def test_a_broken_record_is_a_row_and_stays_broken(tmp_path: Path) -> None:
    content = b'[{"a":1 2}, {"b":tr ue}, {"c":"l1\nl2"}, {"d":1} {"e":2}, {"f":"\xff"}, nu ll, {"g":7}]'
    assert texts(read(tmp_path, content, "json")) == [
        '{"a":1 2}',
        '{"b":tr ue}',
        '{"c":"l1\nl2"}',
        '{"d":1}{"e":2}',
        '{"f":"\\xff"}',
        "nu ll",
        '{"g":7}',
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'[{"a":1},{"b"', "the JSON document is cut off behind row 1"),
        (b'{"a":1', "the JSON document is cut off behind row 0"),
        (b'[{"a":"x]', "cut off"),
        (b'[{"a":"\\', "cut off"),
        (b'[{"a":1},]', "nothing stands behind the last comma, behind row 1"),
        (b"[1,,2]", "nothing stands before a comma, behind row 1"),
        (b'{"a":1}}', "'}' stands outside of any list or record"),
        (b"[1}", "'}' closes what it did not open"),
        (b"id,person\n1,2", "'id,' stands outside"),
        (b'"text"', "'\"text\"' is neither a list nor a record"),
        (b"[1] x", "'x' is neither"),
    ],
)
def test_a_broken_document_says_what_is_wrong_and_where(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read(tmp_path, content, "json")
    assert why in str(caught.value)
    assert "delivered again" in str(caught.value)


def test_a_path_that_leads_nowhere_names_the_keys_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableFile, match=r"nothing at 'data\.rows'; its own keys are meta, data, events\."
    ):
        read(tmp_path, json.dumps(PAGE).encode(), "json", records="data.rows")


def test_any_document_gives_what_python_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)

    def value(depth: int) -> object:
        pick = draw.randrange(7 if depth else 5)
        if pick == 5:
            return [value(depth - 1) for _ in range(draw.randrange(4))]
        if pick == 6:
            return {text(): value(depth - 1) for _ in range(draw.randrange(4))}
        return [None, True, draw.randrange(10**6), draw.random(), text()][pick]

    def text() -> str:
        return "".join(draw.choices('ab"\\[]{},: \n\té😀', k=draw.randrange(8)))

    for _ in range(300):
        rows = [value(3) for _ in range(draw.randrange(5))]
        ascii_only = draw.random() < 0.5
        indent, separators = draw.choice([(None, (",", ":")), (None, (" ,", " : ")), (1, None)])
        content = json.dumps(rows, indent=indent, separators=separators, ensure_ascii=ascii_only)
        monkeypatch.setattr(CHUNK, draw.randrange(1, 40))
        found = texts(read(tmp_path, content.encode(), "json"))
        assert found == [json.dumps(row, separators=(",", ":"), ensure_ascii=ascii_only) for row in rows]
