"""Raw JSON text to columns of text, as fast as polars can and one bad row at a time where it must.

Here: picking the wanted fields out of rows, and why a row is no record. Not here: what a field means
(`canonical`, `profiles`) and its type (`values`).

`str.json_decode` takes 3.5 s per million rows and fails the whole column for one bad row; reading joined
lines as NDJSON takes 0.7 s, but fails them all too. So rows are read in blocks, and only within a failing
block small pieces go through Python, which takes 3 µs a row and can say what is wrong with it.
"""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import polars as pl
from polars.exceptions import PolarsError

BLOCK = 32_768
PIECE = 1_024

Tree: TypeAlias = "dict[str, Tree | None]"
"""Wanted fields by key: None for one whose text is wanted, a tree for a record to descend into."""


class Decoded(NamedTuple):
    """`fields` has a String column per path; `malformed` says why a row is no record, null where it is."""

    fields: pl.DataFrame
    malformed: pl.Series


def decode(raw: pl.Series, paths: Iterable[str], *, nested: bool) -> Decoded:
    """Text of the fields at `paths` (dotted where rows are `nested`), null where absent or null.

    Numbers and booleans come as their JSON text, NaN and infinities as `NaN`, `inf` or the like; a list or
    record as JSON. Of two fields of one name the first counts. A path into something that is no record is
    absent.
    """
    steps = {path: tuple(path.split(".")) if nested else (path,) for path in dict.fromkeys(paths)}
    tree = _tree(steps.values())
    schema = _schema(tree)
    read: list[pl.DataFrame] = [pl.DataFrame(schema=schema)]
    malformed: list[pl.Series] = [pl.Series("malformed", dtype=pl.String)]
    for start in range(0, raw.len(), BLOCK):
        for fields, why in _block(raw.slice(start, BLOCK), tree, schema):
            read.append(fields)
            malformed.append(why)
    columns = [_leaf(steps[path], tree).alias(path) for path in steps]
    return Decoded(pl.concat(read).select(columns), pl.concat(malformed))


def _tree(paths: Iterable[tuple[str, ...]]) -> Tree:
    root: Tree = {}
    for path in paths:
        at = root
        for key in path[:-1]:
            at = _descend(at, key)
        at.setdefault(path[-1], None)
    # Reading NDJSON needs a column; a name no row has is as good as any.
    return root or {"": None}


def _descend(at: Tree, key: str) -> Tree:
    below = at.get(key)
    if below is None:
        below = at[key] = {}
    return below


def _schema(tree: Tree) -> pl.Schema:
    return pl.Schema({key: pl.String() if below is None else _struct(below) for key, below in tree.items()})


def _struct(tree: Tree) -> pl.Struct:
    return pl.Struct(dict(_schema(tree)))


def _leaf(path: tuple[str, ...], tree: Tree) -> pl.Expr:
    """The column of a path; nothing where another path descends into it: a record has no text."""
    expr, at = pl.col(path[0]), tree[path[0]]
    for key in path[1:]:
        assert at is not None  # noqa: S101 - the tree was built from this very path
        expr, at = expr.struct.field(key), at[key]
    return expr if at is None else pl.lit(None, dtype=pl.String)


def _block(raw: pl.Series, tree: Tree, schema: pl.Schema) -> Iterable[tuple[pl.DataFrame, pl.Series]]:
    fields = _read(raw, schema)
    if fields is not None:
        yield fields, pl.Series("malformed", [None], dtype=pl.String).new_from_index(0, raw.len())
        return
    for start in range(0, raw.len(), PIECE):
        piece = raw.slice(start, PIECE)
        fields = _read(piece, schema)
        why: list[str | None] = [None] * piece.len()
        if fields is None:
            rewritten, why = _rewrite(piece, tree)
            fields = _read(rewritten, schema)
        if fields is None:
            raise AssertionError("rows written as JSON by Python are not JSON to polars")
        yield fields, pl.Series("malformed", why, dtype=pl.String)


def _read(raw: pl.Series, schema: pl.Schema) -> pl.DataFrame | None:
    """One row per line, or None when any of them is not as expected."""
    text = raw.str.join("\n").item().encode()
    try:
        fields = pl.read_ndjson(text, schema=schema)
    except PolarsError:
        return None
    # A blank line gives no row and no error.
    return fields if fields.height == raw.len() else None


def _rewrite(raw: pl.Series, tree: Tree) -> tuple[pl.Series, list[str | None]]:
    """Rows reduced to the wanted fields, in JSON that polars reads; an empty record for the malformed."""
    texts, why = [], []
    for line in raw:
        record, reason = _record(line)
        texts.append(json.dumps(_prune(record, tree)))
        why.append(reason)
    return pl.Series(raw.name, texts, dtype=pl.String), why


def _record(line: str | None) -> tuple[dict[str, object], str | None]:
    try:
        value = json.loads(line or "", object_pairs_hook=_first, parse_constant=str)
    except json.JSONDecodeError as error:
        return {}, f"not JSON: {error.msg.lower()} at character {error.pos + 1}"
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


def _prune(value: dict[str, object], tree: Tree) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, below in tree.items():
        found = value.get(key)
        if below is None:
            kept[key] = _plain(found)
        elif isinstance(found, dict):
            kept[key] = _prune(found, below)
    return kept


def _plain(value: object) -> object:
    """The value, as text where JSON or polars cannot hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | dict):
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            return str(value)
    return value
