"""Raw JSON text to columns of text, as fast as polars can and one bad row at a time where it must.

Here: picking the wanted fields out of rows, and why a row is no record. Not here: reading lines (`lines`),
which shape that is to polars (`shapes`), what a field means (`canonical`, `profiles`), its type (`values`).

Polars reads joined lines in 4 µs a row, but fails them all for one that is broken. So rows are read in
pieces, one that fails in ever smaller ones, and the smallest row by row in Python, which takes 30 µs a row
and can say what is wrong with it. Between the two stand rows in which JSON stands as text within JSON (what a
queue wraps around a message, what a CSV holds in a column): they are found by the key that text follows, and
that text is read in turn.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import ceil
from typing import NamedTuple, TypeAlias

import polars as pl

from engagement_pipeline.catalog.rowpaths import EACH, PathError, Steps, parse_path
from engagement_pipeline.ingestion.lines import DEEPEST, read_by_python, read_lines, too_deep, why_no_record
from engagement_pipeline.ingestion.shapes import ALL, Node, layers, picked

BLOCK = 32_768
PIECE = 2_048
"""Rows that polars reads at once: more of them are no faster, and all are read again when one is broken."""
SMALLEST = 32
PARTS = 4
"""Into how many smaller ones a piece is cut that polars does not take."""
BLANKS = " \t\r\n"


Part: TypeAlias = "tuple[pl.Series, pl.DataFrame | None]"
"""Rows, and what polars read of them if it could."""


class Decoded(NamedTuple):
    """`fields` has a column per path, String, or List(String) for those that begin with `each`; `malformed`
    says why a row is no record, null where it is."""

    fields: pl.DataFrame
    malformed: pl.Series


def decode(
    raw: pl.Series,
    paths: Iterable[str],
    *,
    nested: bool,
    exploded: Mapping[str, Iterable[str]] | None = None,
    unwrap: Sequence[str] = (),
) -> Decoded:
    """Text of the fields at `paths`, null where absent or null.

    Numbers and booleans come as their JSON text, NaN and infinities as `NaN`, `inf` or the like; a list or
    record as JSON. Of two fields of one name the first counts. A path into something that is no record is
    absent; text that holds a record or a list as JSON is one. What stands where a list should is a list of
    itself. Where rows are not `nested`, a column that is called as the whole path counts first. Before that,
    paths are looked for within what stands at the paths `unwrap`.

    `exploded` has the paths of lists, and for each the paths that begin with `each`: these give lists of what
    they find in the elements (null where there is no list, or an empty one), as columns `element_column`.
    """
    deep = too_deep(raw)
    if deep.any():
        raw = raw.set(deep, "{}")
    envelopes = [way for outer in unwrap for way in _ways(outer, nested=nested)]
    ways = {path: _within(envelopes, path, nested) for path in dict.fromkeys(paths)}
    for outer, below in (exploded or {}).items():
        for path in dict.fromkeys(below):
            rest = (ALL, *parse_path(path)[1:])
            steps = _within(envelopes, outer, nested)
            ways[element_column(outer, path)] = [(*way, *rest) for way in steps]
    wanted = {f"{n}.{name}": way for name, found in ways.items() for n, way in enumerate(found)}
    found = [_decoded(raw, root, flat=not nested) for root in layers(wanted)]
    whole = pl.concat([each.fields for each in found], how="horizontal")
    fields = whole.select(
        pl.coalesce(f"{n}.{name}" for n in range(len(way))).alias(name) for name, way in ways.items()
    )
    malformed = found[0].malformed
    if deep.any():
        malformed = malformed.set(deep, f"too deep: more than {DEEPEST} lists and records within each other")
    return Decoded(fields, malformed)


def element_column(outer: str, path: str) -> str:
    """The column of what `path`, which begins with `each`, finds in the list at `outer`."""
    return f"{outer}\0{path}"


def of_element(path: str) -> bool:
    """Whether a path begins with `each`."""
    try:
        return parse_path(path)[0] == EACH
    except PathError:
        return False


def _ways(path: str, *, nested: bool) -> list[Steps]:
    """The steps of a path; in a flat row first the column that is called as the whole path."""
    if nested:
        return [parse_path(path)]
    try:
        steps = parse_path(path)
    except PathError:  # a column's name need not be a path
        return [(path,)]
    return [steps] if len(steps) == 1 else [(path,), steps]


def _within(envelopes: list[Steps], path: str, nested: bool) -> list[Steps]:
    """The steps of a path, first within an envelope."""
    ways = _ways(path, nested=nested)
    return [*((*outer, *ways[-1]) for outer in envelopes), *ways]


def _decoded(raw: pl.Series, root: Node, *, flat: bool) -> Decoded:
    """Results of `root`, a record, in every row; `flat` rows hold text only."""
    read = [pl.DataFrame(schema=root.results())]
    malformed = [pl.Series("malformed", dtype=pl.String)]
    textual = root.outer_keys() if flat else None
    for start in range(0, raw.len(), BLOCK):
        fields, why = _rows(raw.slice(start, BLOCK), root, textual)
        read.append(fields)
        malformed.append(why)
    return Decoded(pl.concat(read), pl.concat(malformed))


def _rows(raw: pl.Series, root: Node, textual: frozenset[str] | None) -> Decoded:
    """`textual`: the keys at which text stands in all these rows; None where nobody has looked."""
    bare = raw.str.strip_chars(BLANKS)
    cut = ~(bare.str.starts_with("{") & bare.str.ends_with("}")).fill_null(False)
    if cut.any():
        # Most broken rows are cut off. That shows at once, and need not cost the others their pace.
        rows = cut.arg_true()
        found = _rows(raw.clone().scatter(rows, "{}"), root, textual)
        why = pl.Series([why_no_record(line) for line in raw.gather(rows)], dtype=pl.String)
        return Decoded(found.fields, found.malformed.scatter(rows, why))
    schema = root.schema(textual or frozenset())
    parts = [raw.slice(start, PIECE) for start in range(0, raw.len(), PIECE)]
    read = [(part, read_lines(part, schema)) for part in parts[:2]]
    kinds = [] if textual is not None or any(map(_taken, read)) else _kinds(raw, root)
    if any(keys for keys, _ in kinds):
        return _together([(rows, _rows(raw.gather(rows), root, keys)) for keys, rows in kinds])
    read += [(part, read_lines(part, schema)) for part in parts[2:]]
    return _in_order(_smaller(read, schema), root)


def _smaller(parts: list[Part], schema: pl.Schema) -> list[Part]:
    """The parts; those that polars does not take in smaller ones of which it takes as many as it can."""
    return [each for part in parts for each in ([part] if _taken(part) else _cut_up(part, schema))]


def _cut_up(part: Part, schema: pl.Schema) -> list[Part]:
    raw, _ = part
    if raw.len() <= SMALLEST:
        return [part]
    size = ceil(raw.len() / PARTS)
    smaller = [raw.slice(start, size) for start in range(0, raw.len(), size)]
    read = [(each, read_lines(each, schema)) for each in smaller]
    # Where none is taken broken rows are everywhere, and nothing is gained by smaller parts.
    return _smaller(read, schema) if any(map(_taken, read)) else [part]


def _taken(part: Part) -> bool:
    return part[1] is not None


def _in_order(parts: list[Part], root: Node) -> Decoded:
    """Parts as polars read them; those that it did not take as Python reads them."""
    found: list[Decoded] = []
    for taken, run in groupby(parts, key=_taken):
        if taken:
            fields = pl.concat(fields for _, fields in run if fields is not None)
            found.append(Decoded(_results(fields, root), _no_reasons(fields.height)))
        else:
            found += [_by_python(part, root) for part, _ in run]
    return Decoded(pl.concat(each.fields for each in found), pl.concat(each.malformed for each in found))


def _by_python(raw: pl.Series, root: Node) -> Decoded:
    fields, why = read_by_python(raw, root)
    return Decoded(_results(fields, root), pl.Series("malformed", why, dtype=pl.String))


def _kinds(raw: pl.Series, root: Node) -> list[tuple[frozenset[str], pl.Series]]:
    """Rows by the keys that text follows where a record or list is looked for; rows in which such a key has
    both count as having none, which leaves them to Python."""
    masks = {}
    for key in sorted(root.inner_keys()):
        follows = re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:\s*"
        text, other = raw.str.contains(follows + '"'), raw.str.contains(follows + r"[\[{]")
        masks[key] = text & ~other
    if not masks:
        return []
    kinds = pl.DataFrame(masks).with_row_index("\0row").group_by(list(masks), maintain_order=True)
    return [
        (frozenset(key for key, set_ in zip(masks, kind, strict=True) if set_), rows["\0row"])
        for kind, rows in kinds
    ]


def _together(parts: list[tuple[pl.Series, Decoded]]) -> Decoded:
    """Parts of a block in the order of its rows."""
    order = pl.concat(rows for rows, _ in parts).arg_sort()
    fields = pl.concat(each.fields for _, each in parts)
    fields = fields.select(pl.all().gather(order))
    return Decoded(fields, pl.concat(each.malformed for _, each in parts).gather(order))


def _no_reasons(rows: int) -> pl.Series:
    return pl.Series("malformed", [None], dtype=pl.String).new_from_index(0, rows)


# --- results ----------------------------------------------------------------------------------------


def _results(fields: pl.DataFrame, root: Node) -> pl.DataFrame:
    """The columns that `root` asks for from what was read."""
    found: dict[str, pl.Series] = {}
    for key, below in root.keys.items():
        found |= _found(fields[key], below)
    results = root.results()
    return pl.DataFrame([found[name].alias(name) for name in results], schema=results)


def _found(values: pl.Series, node: Node) -> Mapping[str, pl.Series]:
    if node.is_leaf:
        return dict.fromkeys(node.names, values)
    if values.dtype == pl.String:
        return _of_text(values, node)
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, values.len())
    found = dict.fromkeys(node.names, nothing)
    if node.item is not None:
        return {**found, **_of_list(values, node, node.item)}
    for key, below in node.keys.items():
        found |= _found(values.struct.field(key), below)
    return found


def _of_list(lists: pl.Series, node: Node, item: Node) -> Mapping[str, pl.Series]:
    """What `node` picks from lists of elements."""
    count = lists.list.len()
    filled = count.fill_null(0) > 0
    rows = pl.DataFrame({"row": pl.int_range(lists.len(), eager=True), "element": lists, "count": count})
    rows = rows.filter(filled).with_columns(number=pl.int_ranges(0, "count")).explode("element", "number")
    fields = pl.DataFrame([column.alias(name) for name, column in _found(rows["element"], item).items()])
    rows = rows.drop("element").rename({name: f"\0{name}" for name in rows.columns if name != "element"})
    rows = rows.hstack(fields)
    found = {}
    for name, step in node.picks.items():
        if isinstance(step, str):
            chosen = rows.group_by("\0row", maintain_order=True).agg(name)
            kind: pl.DataType = pl.List(pl.String())
        else:
            chosen = rows.filter(picked(step)).unique("\0row", keep="first", maintain_order=True)
            kind = pl.String()
        place = pl.Series([None], dtype=pl.UInt32).new_from_index(0, lists.len())
        place = place.scatter(chosen["\0row"], pl.int_range(chosen.height, dtype=pl.UInt32, eager=True))
        found[name] = chosen[name].cast(kind).gather(place)
    return found


def _of_text(text: pl.Series, node: Node) -> Mapping[str, pl.Series]:
    """What `node` finds in records or lists that stand as JSON within text."""
    lines, root = (_as_lists(text), Node(keys={"v": node})) if node.item else (_records(text), node)
    there = lines.is_not_null()
    found = _decoded(lines.drop_nulls(), root, flat=False).fields
    place = pl.select(pl.when(there).then(there.cum_sum() - 1)).to_series()
    return {column.name: column.gather(place) for column in found}


def _records(text: pl.Series) -> pl.Series:
    return pl.select(pl.when(text.str.contains(r"^\s*\{")).then(_one_line(text))).to_series()


def _as_lists(text: pl.Series) -> pl.Series:
    """Lines with a list as field `v`: the one in the text, or one of what stands there."""
    whole = pl.struct(v=pl.concat_list("text")).struct.json_encode()
    line = (
        pl.when(pl.col("text").str.contains(r"^\s*\["))
        .then(pl.concat_str(pl.lit('{"v":'), "line", pl.lit("}")))
        .when(pl.col("text").str.contains(r"^\s*\{"))
        .then(pl.concat_str(pl.lit('{"v":['), "line", pl.lit("]}")))
        .when(pl.col("text") != "")
        .then(whole)
    )
    return pl.DataFrame({"text": text, "line": _one_line(text)}).select(line).to_series()


def _one_line(text: pl.Series) -> pl.Series:
    """JSON without line breaks, which are blanks to it."""
    return text.str.replace_all(r"[\r\n]", " ")
