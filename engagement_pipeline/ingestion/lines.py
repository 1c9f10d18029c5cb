"""Lines of JSON to frames, and what becomes of lines that polars does not read as they are.

Here: one read of many lines, rewriting single ones, and how deep they may go. Not here: which lines to read
together (`decode`).
"""

import json
import math
import re

import polars as pl
from polars.exceptions import PolarsError

from engagement_pipeline.ingestion.readers.rows import TOO_LARGE
from engagement_pipeline.ingestion.shapes import Node

BEYOND_FLOATS = 10**308
"""Polars refuses whole numbers that not even a float could hold."""
DEEPEST = 200
"""Levels of lists and records within each other. Polars reads 1,024 of them, Python some 900, depending on
who calls it; one limit below both makes a row's verdict its own. Real events have ten."""
BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def read_lines(raw: pl.Series, schema: pl.Schema) -> pl.DataFrame | None:
    """One row per line, or None when any of them is not as expected."""
    text = raw.str.join("\n").item().encode()
    try:
        fields = pl.read_ndjson(text, schema=schema)
    except PolarsError:
        return None
    # A blank line gives no row and no error.
    return fields if fields.height == raw.len() else None


def read_by_python(raw: pl.Series, root: Node) -> tuple[pl.DataFrame, list[str | None]]:
    """One row per line, and why it is no record, null where it is. Lines are reduced to what `root` reads, in
    JSON that polars reads; an empty record for the malformed."""
    texts, why = [], []
    for line in raw:
        record, problem = _record(line)
        texts.append(json.dumps(_shaped(record, root)))
        why.append(problem)
    lines, schema = pl.Series(raw.name, texts, dtype=pl.String), root.schema(frozenset())
    fields = read_lines(lines, schema)
    return (fields, why) if fields is not None else _one_by_one(lines, why, schema)


def _one_by_one(
    lines: pl.Series, why: list[str | None], schema: pl.Schema
) -> tuple[pl.DataFrame, list[str | None]]:
    """Rows that Python wrote and polars does not take (numbers of hundreds of digits within a list, say) are
    malformed, and only they."""
    found, reasons = [], []
    for row, reason in zip(lines, why, strict=True):
        fields = read_lines(pl.Series([row]), schema)
        found.append(pl.DataFrame([[None]] * len(schema), schema=schema) if fields is None else fields)
        reasons.append("JSON with a value that cannot be read" if fields is None else reason)
    return pl.concat(found), reasons


def why_no_record(line: str | None) -> str | None:
    """Why a row is no record, None where it is."""
    return _record(line)[1]


def _record(line: str | None) -> tuple[dict[str, object], str | None]:
    if line is not None and line.startswith(TOO_LARGE):
        return {}, line[: line.index(" or more")]
    try:
        value = json.loads(line or "", object_pairs_hook=_first, parse_constant=str)
    except json.JSONDecodeError as error:
        what = error.msg.lower().removesuffix(" at")
        return {}, f"not JSON: {what} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON that can be read: {type(error).__name__}"
    if not isinstance(value, dict):
        return {}, "JSON, but no record with named fields"
    return value, None


def _first(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record: dict[str, object] = {}
    for key, value in pairs:
        record.setdefault(key, value)
    return record


def _shaped(value: object, node: Node) -> object:
    """The value as `node` expects it; None where it is something else."""
    if node.is_leaf:
        return _plain(value)
    value = _unwrapped(value)
    if node.item is None:
        if not isinstance(value, dict):
            return None
        return {key: _shaped(value.get(key), below) for key, below in node.keys.items()}
    if value is None or value == "":
        return None
    return [_shaped(each, node.item) for each in (value if isinstance(value, list) else [value])]


def _unwrapped(value: object) -> object:
    """The record or list that a text holds as JSON."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value, object_pairs_hook=_first, parse_constant=str, strict=False)
        except (ValueError, RecursionError):
            return None
    return value


def _plain(value: object) -> object:
    """The value, as text where JSON or polars cannot hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) >= BEYOND_FLOATS:
        return str(value)
    if isinstance(value, list | dict):
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            return str(value)
    return value


def too_deep(raw: pl.Series) -> pl.Series:
    """Rows that go deeper than DEEPEST. Hardly any has enough brackets to be worth looking at."""
    opened = pl.when(raw.str.len_bytes() > DEEPEST).then(raw.str.count_matches(r"[\[{]"))
    suspects = pl.select((opened > DEEPEST).fill_null(False)).to_series()
    rows = suspects.arg_true()
    deep = pl.Series([_depth(text) > DEEPEST for text in raw.gather(rows)], dtype=pl.Boolean)
    return suspects.scatter(rows, deep) if rows.len() else suspects


def _depth(text: str) -> int:
    deepest = level = 0
    for found in BRACKETS.finditer(text):
        mark = found.group()
        if mark in "[{":
            level += 1
            deepest = max(deepest, level)
        elif mark in "]}":
            level -= 1
    return deepest
