"""Rows without the people who were erased: which rows go, and what is taken out of the rows of others.

Here: deciding it row by row, for stored rows and for those that land. Not here: what is kept to recognize
people by (`storage.tombstones`) and rewriting tables (`storage.rewriting`).

A raw row goes when the person whom a mapping reads from it was erased, or when nobody else is read from it
and it names an erased id. Where it is somebody else's, and names the id elsewhere, the id alone is taken out:
a value that is the id becomes null, an id within longer text becomes "erased". Ids that are no more than a
short word or number stand everywhere with other meanings: those count only where a mapping reads an id.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import AliasMapping, Mapping, Origin, Source
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion.naming import SHORTEST, TELLING, Names, contains_any, telling
from engagement_pipeline.ingestion.routing import FROM, PLACE, mappings_of, read_rows
from engagement_pipeline.ingestion.values import id_text
from engagement_pipeline.storage.rewriting import Change, Changed
from engagement_pipeline.storage.tables import PEOPLE_COLUMNS
from engagement_pipeline.storage.tombstones import Tombstones

JSON_COLUMNS = ("raw", "properties")
NAME_PARTS = re.compile(r"[\w@+.-]+")
NUMBERS = rf"[:\[,]\s*\d{{{TELLING},}}"


def change_of(columns: pl.Schema, ids: frozenset[str], source: Source | None) -> Change | None:
    """How a table loses these ids; None for one that cannot name anybody.

    source: whose raw rows it holds, if it holds any. A table with a column `raw` and no person's column is
    judged row by row, any other by its people's columns.
    """
    names = Names(ids)
    people = [name for name in PEOPLE_COLUMNS if name in columns]
    raw = "raw" in columns and not people
    texts = [name for name, kind in columns.items() if kind == pl.String and name not in people]
    if not people and not raw and not texts:
        return None
    touches = [pl.col(name).is_in(sorted(ids)) for name in people]
    touches += [names.named_in(pl.col(name)) for name in texts]
    if raw:
        touches.append(_candidates(names, source))

    def apply(rows: pl.DataFrame) -> Changed:
        if raw:
            changed = without(rows, names, source)
        else:
            gone = rows.select(_any([pl.col(name).is_in(sorted(ids)) for name in people])).to_series()
            changed = Changed(rows.filter(~gone), int(gone.sum()))
        rest = [name for name in texts if not (raw and name == "raw")]
        kept, redacted = _redacted(changed.rows, rest, names)
        return Changed(kept, changed.removed, changed.redacted + redacted)

    return Change(_any(touches), apply)


def without(rows: pl.DataFrame, names: Names, source: Source | None) -> Changed:
    """Raw rows (with a column `raw`) without the people; the order stays."""
    hit = rows.select(_candidates(names, source)).to_series()
    near = rows.filter(hit)
    if near.is_empty():
        return Changed(rows, 0)
    found = mapped_ids(near, source)
    asked = pl.col("id").is_in(sorted(names.ids))
    owned, elses = found.owners.filter(asked), found.owners.filter(~asked)
    linked = found.others.filter(asked)
    keep = _by_place(pl.concat([elses, found.others.filter(~asked)]))
    named = [names.named(text, keep.get(at, ())) for at, text in enumerate(near["raw"])]
    places = pl.Series(range(near.height), dtype=pl.UInt32)
    mine = places.is_in(pl.concat([owned[PLACE], linked[PLACE]]).implode())
    mine = mine | pl.Series(named, dtype=pl.Boolean)
    gone = mine & ~places.is_in(elses[PLACE].implode())
    short = _by_place(pl.concat([owned, linked]))
    texts = near["raw"].to_list()
    for at in (mine & ~gone).arg_true():
        texts[at] = names.out_of_json(texts[at], short.get(at, ()), keep.get(at, ()))
    new = pl.Series("raw", texts, dtype=pl.String)
    redacted = int(new.ne_missing(near["raw"]).sum())
    kept = near.with_columns(new).filter(~gone)
    if kept.height == near.height and not redacted:
        return Changed(rows, 0)
    at = pl.int_range(pl.len(), dtype=pl.UInt32)
    order = pl.concat([rows.select(at).to_series().filter(each) for each in (~hit, hit)])
    left = pl.concat([order.head(rows.height - near.height), order.tail(near.height).filter(~gone)])
    whole = pl.concat([rows.filter(~hit), kept]).with_columns(left.alias(PLACE)).sort(PLACE).drop(PLACE)
    return Changed(whole, int(gone.sum()), redacted)


def _by_place(ids: pl.DataFrame) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for place, each in ids.iter_rows():
        found.setdefault(place, set()).add(each)
    return found


@dataclass(frozen=True)
class Screened:
    """Landed rows that may be stored."""

    rows: pl.DataFrame
    erased: int
    """Rows left out."""


def screened(block: pl.DataFrame, source: Source, stones: Tombstones) -> Screened:
    """Rows that are about to land (columns of `frames.LANDED`), without people who were erased.

    Costs nothing while nobody was. Then every id that a mapping reads is asked for, and every value in the
    row that is as long as an erased id.
    """
    if not stones or block.is_empty():
        return Screened(block, 0)
    read = mapped_ids(block, source)
    ids = pl.concat([read.owners["id"], read.others["id"]]).unique().to_list()
    found = stones.erased({*ids, *_values(block["raw"], stones)})
    if not found:
        return Screened(block, 0)
    changed = without(block, Names(frozenset(found)), source)
    return Screened(changed.rows, changed.removed)


def name_without(file: str, stones: Tombstones) -> str:
    """A file's name as it may be stored: without the ids of erased people."""
    if not stones:
        return file
    parts = {each for token in NAME_PARTS.findall(file) for each in (token, *_without_endings(token))}
    found = stones.erased(filter(telling, parts))
    return Names(frozenset(found)).out_of_text(file) if found else file


def _without_endings(token: str) -> list[str]:
    """`ada.jsonl.gz` may be called after `ada.jsonl` or `ada`."""
    parts = token.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


class MappedIds(NamedTuple):
    """Ids that mappings read from raw rows, each with the row's PLACE."""

    owners: pl.DataFrame
    """Whose events and profiles the row gives."""
    others: pl.DataFrame
    """Every id that any mapping could read, whether or not it takes the row."""


def mapped_ids(rows: pl.DataFrame, source: Source | None) -> MappedIds:
    """What the mappings of a source read from rows with a column `raw`."""
    nothing = pl.DataFrame(schema={PLACE: pl.UInt32, "id": pl.String})
    if source is None:
        return MappedIds(nothing, nothing)
    reads = [(each, _id_origins(each)) for each in mappings_of(source)]
    read = read_rows(_as_landed(rows), source, reads)
    owners, others = [nothing], [nothing]
    for mapping, origins in reads:
        taken = read.of(mapping)
        ids = [_ids(taken, each) for each in origins]
        (others if isinstance(mapping, AliasMapping) else owners).extend(ids)
        if mapping.explode is None:
            others += [_ids(read.fields, each) for each in origins]
    return MappedIds(pl.concat(owners), pl.concat(others))


def _as_landed(rows: pl.DataFrame) -> pl.DataFrame:
    """Raw rows of any table with the columns of `frames.LANDED`; only `raw` is looked at."""
    missing = {name: kind for name, kind in LANDED.items() if name not in rows.columns}
    return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items()).select(
        LANDED.names()
    )


def _ids(fields: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    return fields.select(pl.col(PLACE).cast(pl.UInt32), id_text(origin, FROM).alias("id")).drop_nulls()


def _candidates(names: Names, source: Source | None) -> pl.Expr:
    """Rows that can name one of the ids. Where a mapping makes ids of other text, every row can."""
    origins = [each for mapping in mappings_of(source) for each in _id_origins(mapping)] if source else []
    if any(map(_makes_text, origins)):
        return pl.col("raw").is_not_null()
    return contains_any(pl.col("raw"), [*names.written, "\\u"])  # an escape may hide any letter


def _id_origins(mapping: Mapping) -> list[Origin]:
    owner: Origin = mapping.person_id  # type: ignore[attr-defined]  # every kind of mapping has one
    return [mapping.alias, owner] if isinstance(mapping, AliasMapping) else [owner]


def _makes_text(origin: Origin) -> bool:
    made = (origin.join, origin.case, origin.names, origin.constant, origin.default, origin.extract)
    return any(made)


def _values(raw: pl.Series, stones: Tombstones) -> set[str]:
    """Distinct whole values in JSON text that are as long as an erased id, and look like one.

    Without what stands between two texts of JSON (a comma, a bracket, a blank): so no text is begun at the
    end of another, and only those of the right lengths are taken, which is seven times as fast as all.
    """
    lengths = sorted(each for each in stones.lengths if each >= SHORTEST)
    if not lengths:
        return set()
    texts = "|".join(rf'[^"\\,{{}}\[\]\s]{{{each}}}' for each in lengths)
    strings = raw.str.extract_all(f'"(?:{texts})"').explode(empty_as_null=False).drop_nulls().unique()
    numbers = raw.str.extract_all(NUMBERS).explode(empty_as_null=False).drop_nulls().unique()
    found = {*strings.str.slice(1).str.head(-1), *numbers.str.strip_chars_start(":[, \t\n")}
    return {each for each in found if telling(each)}


def _redacted(rows: pl.DataFrame, columns: Sequence[str], names: Names) -> tuple[pl.DataFrame, int]:
    """Rows whose texts no longer name the ids, and how many were changed."""
    if not names.telling or not columns:
        return rows, 0
    own = rows.select(name for name in PEOPLE_COLUMNS if name in rows.columns)
    changed = pl.Series([False]).new_from_index(0, rows.height)
    for name in columns:
        hit = rows.select(names.named_in(pl.col(name))).to_series()
        if not hit.any():
            continue
        texts = rows[name].to_list()
        for at in hit.arg_true():
            keep = [each for each in own.row(at) if each is not None] if own.width else []
            clean = names.out_of_json(texts[at], (), keep) if name in JSON_COLUMNS else None
            texts[at] = names.out_of_text(texts[at], keep) if clean is None else clean
        new = pl.Series(name, texts, dtype=pl.String)
        changed = changed | new.ne_missing(rows[name])
        rows = rows.with_columns(new)
    return rows, int(changed.sum())


def _any(masks: Sequence[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(each.fill_null(value=False) for each in masks) if masks else pl.lit(value=False)


def _any_of(masks: Sequence[pl.Series], height: int) -> pl.Series:
    found = pl.Series([False]).new_from_index(0, height)
    for each in masks:
        found = found | each.fill_null(value=False)
    return found
