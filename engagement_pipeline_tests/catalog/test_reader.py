"""YAML to plain data with lines, and files that are none."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.reader import Document, read


def document(folder: Path, text: str | bytes) -> Document:
    path = folder / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, "scores/x.yaml")


def test_values_and_their_lines(tmp_path: Path) -> None:
    found = document(
        tmp_path,
        "# comment\nscore: email\nrules:\n  - event: a\n    weight: 3\n  - {event: b,\n     weight: 4}\n",
    )
    assert found.data == {
        "score": "email",
        "rules": [{"event": "a", "weight": 3}, {"event": "b", "weight": 4}],
    }
    assert found.line(("score",)) == 2
    assert found.line(("rules",)) == 3
    assert found.line(("rules", 0, "weight")) == 5
    assert found.line(("rules", 1)) == 6
    assert found.line(("rules", 1, "weight")) == 7
    assert found.line(("rules", 1, "wait")) == 6, "the closest part that is there"
    assert found.line(("nothing",)) == 2
    assert found.issues == ()


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = """
    words: [on, off, yes, no, 05:00, 2026-01-31, 1_000, 0x10, "3", 'true', .inf, .nan, =, "", 30d]
    flags: [true, False]
    whole: [0, -12, +3, 007]
    numbers: [1.5, 1e9, -.5, 2.]
    nothing: [null, ~, ]
    empty:
    no: a key is text
    1: too
    """
    assert document(tmp_path, text).data == {
        "words": [
            *("on", "off", "yes", "no", "05:00", "2026-01-31", "1_000", "0x10", "3", "true"),
            *(".inf", ".nan", "=", "", "30d"),
        ],
        "flags": [True, False],
        "whole": [0, -12, 3, 7],
        "numbers": [1.5, 1e9, -0.5, 2.0],
        "nothing": [None, None],
        "empty": None,
        "no": "a key is text",
        "1": "too",
    }


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert document(tmp_path, b"\xef\xbb\xbfscore: a\n").data == {"score": "a"}


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("", "1: is empty"),
        ("# only a comment\n", "1: is empty"),
        ("- a\n- b\n", "1: must hold keys and values, such as 'owner: team:lifecycle'"),
        ("score: [a\ngoal: b\n",
         "1: is not YAML: a bracket that ends with ] is not closed, or a comma is missing"),
        ('a: "b\nc: d\n', "1: is not YAML: a quotation mark is not closed"),
        ("a: @b\n", "1: is not YAML: text cannot begin with @; put it in quotes"),
        ('a: "\\d"\n', "1: is not YAML: \\d means nothing in double quotes; use single quotes"),
        ("a:\n  - 1\n - 2\n",
         "3: is not YAML: this does not belong here: look at the indentation, quotes and brackets"),
        ("a: 1\n\tb: 2\n", "2: is not YAML: a tab; indent with spaces"),
        ("a: b: c\n", ("1: is not YAML: a colon too many: put text that holds one in quotes, "
         "and look at the indentation")),
        ("a: 1\n---\nb: 2\n", "2: is not YAML: --- begins another document; a file is one"),
        (b"a: 1\nb: \xff\n", "1: is not UTF-8 text (byte 8); save it as UTF-8"),
        (b"a: 1\nb: \x00\n", "2: is not YAML: it holds the character 0x0"),
        ("a: &x [1]\nb: *x\n", ("1: is not YAML: anchors (&) and aliases (*) are not supported; "
         "write the value out, or put it in quotes")),
        ("path: *.csv\n", ("1: is not YAML: anchors (&) and aliases (*) are not supported; "
         "write the value out, or put it in quotes")),
        ("a: " + "[" * 1000 + "]" * 1000, "1: is nested too deeply"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str | bytes, issue: str) -> None:
    found = document(tmp_path, text)
    assert found.data is None
    assert [str(issue) for issue in found.issues] == [f"scores/x.yaml:{issue}"]


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("a: 1\nb: 2\na: 3\n", "3: key 'a' stands twice, first in line 1"),
        ("a:\n  b: 1\n  b: 2\n", "3: key 'b' stands twice, first in line 2"),
        ("a: 1\n[b]: 2\n", "2: a key must be a single word"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            (
                "1: the tag tag:yaml.org,2002:python/object/apply:os.system is not supported; "
                "write the value without it"
            ),
        ),
        ("a: 1\nb: !secret x\n", "2: the tag !secret is not supported; write the value without it"),
    ],
)
def test_the_rest_is_read_beside_a_mistake(tmp_path: Path, text: str, issue: str) -> None:
    found = document(tmp_path, text)
    assert found.data is not None
    assert "a" in found.data
    assert [str(issue) for issue in found.issues] == [f"scores/x.yaml:{issue}"]


def test_a_missing_file(tmp_path: Path) -> None:
    assert [str(i) for i in read(tmp_path / "no.yaml", "no.yaml").issues] == ["no.yaml:1: is missing"]


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    found = read(tmp_path / "x.yaml", "x.yaml")
    assert [str(i) for i in found.issues] == ["x.yaml:1: cannot be opened: Is a directory"]
