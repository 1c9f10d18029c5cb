"""Rows without the people who were erased: which rows go, and what is taken out of the rows of others.

Here: deciding it row by row, for stored rows and for those that land. Not here: what is kept to recognize
people by (`storage.tombstones`) and rewriting tables (`storage.rewriting`).

A raw row goes when the person whom a mapping reads from it was erased, or when nobody else is read from it
and it names an erased id. Where it is somebody else's, and names the id elsewhere, the id alone is taken out:
a value that is the id becomes null, an id within longer text becomes "erased". Ids that are no more than a
short word or number stand everywhere with other meanings: those count only where a mapping reads an id.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from engagement_pipeline.catalog.specs import Origin, Source
from engagement_pipeline.ingestion.canonical import FROM, NO_ID
from engagement_pipeline.ingestion.decode import decode
from engagement_pipeline.ingestion.values import field_text
from engagement_pipeline.storage.rewriting import Change, Changed
from engagement_pipeline.storage.tables import PEOPLE_COLUMNS
from engagement_pipeline.storage.tombstones import Tombstones

TELLING = 6
"""Characters from which on an id is taken for one wherever it stands; a mix of letters and digits, from 3."""
ERASED = "erased"
JSON_COLUMNS = ("raw", "properties")
BEFORE, AFTER = r"(?<![\w.@+-])", r"(?![\w@+-])(?!\.\w)"
"""Where an id within longer text begins and ends: `ada-7` is not in `ada-71`, nor in `x.ada-7`."""
STRINGS = r'"(?:[^"\\]|\\.)*"'
NUMBERS = r"[:\[,]\s*\d+"


def telling(person: str) -> bool:
    """Whether an id says by itself that it is one."""
    mixed = any(each.isalpha() for each in person) and any(each.isdigit() for each in person)
    return len(person) >= TELLING or (len(person) >= 3 and mixed)


@dataclass(frozen=True)
class Names:
    """The ids that are looked for, and how they may be written."""

    ids: frozenset[str]

    @cached_property
    def telling(self) -> list[str]:
        """Ids that count wherever they stand, longest first: one may be part of another."""
        return sorted(filter(telling, self.ids), key=lambda each: (-len(each), each))

    @cached_property
    def spellings(self) -> list[str]:
        """How any of the ids may stand in JSON."""
        return sorted({spelt for each in self.ids for spelt in _spelt(each)})

    def named_in(self, text: pl.Expr) -> pl.Expr:
        """Whether text may name one of the telling ids."""
        spelt = sorted({each for name in self.telling for each in _spelt(name)})
        return _contains(text, spelt)

    @cached_property
    def mention(self) -> re.Pattern[str]:
        """A telling id, as such or within longer text."""
        return re.compile(_either(self.telling, BEFORE, AFTER), re.IGNORECASE)

    def out_of_json(self, text: str, also: Iterable[str] = ()) -> str:
        """JSON text without the ids; `also`: short ones that are known to stand in it."""
        whole = [*self.telling, *also]
        text = re.sub(_either(whole, '"', r'"(\s*:)?'), _no_value, text, flags=re.IGNORECASE)
        numbers = [each for each in whole if each.isdigit()]
        if numbers:
            text = re.sub(_either(numbers, r"(?<=[:\[,\s])", r"(?=\s*[,}\]])"), "null", text)
        return self.out_of_text(text)

    def out_of_text(self, text: str) -> str:
        """Text without the telling ids."""
        return self.mention.sub(ERASED, text) if self.telling else text


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
    near = rows.with_row_index("__at").filter(_candidates(names, source))
    if near.is_empty():
        return Changed(rows, 0)
    asked = pl.Series(sorted(names.ids)).implode()
    owners, others = mapped_ids(near["raw"], source)
    owned = _any_of([each.is_in(asked) for each in owners], near.height)
    elses = _any_of([each.is_not_null() & ~each.is_in(asked) for each in owners], near.height)
    linked = _any_of([each.is_in(asked) for each in others], near.height)
    if names.telling:
        said = [bool(names.mention.search(text)) or _spelt_within(names, text) for text in near["raw"]]
        linked = linked | pl.Series(said, dtype=pl.Boolean)
    gone = ~elses & (owned | linked)
    redact = elses & (owned | linked)
    kept = rows
    if redact.any():
        short = [
            [value for value in values if value in names.ids and not telling(value)]
            for values in zip(*(each.to_list() for each in [*owners, *others]), strict=True)
        ]
        places = {
            at: names.out_of_json(text, also)
            for at, text, also, wanted in zip(near["__at"], near["raw"], short, redact, strict=True)
            if wanted
        }
        texts = rows["raw"].to_list()
        changed = {at: text for at, text in places.items() if text != texts[at]}
        kept = rows.with_columns(
            pl.Series("raw", [changed.get(at, text) for at, text in enumerate(texts)], dtype=pl.String)
        )
        redacted = len(changed)
    else:
        redacted = 0
    if gone.any():
        kept = kept.with_row_index("__at").remove(pl.col("__at").is_in(near["__at"].filter(gone).implode()))
        kept = kept.drop("__at")
    return Changed(kept, int(gone.sum()), redacted)


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
    owners, others = mapped_ids(block["raw"], source)
    ids = pl.concat([pl.Series(dtype=pl.String), *owners, *others]).unique().drop_nulls().to_list()
    found = stones.erased({*ids, *_values(block["raw"], stones)})
    if not found:
        return Screened(block, 0)
    changed = without(block, Names(frozenset(found)), source)
    return Screened(changed.rows, changed.removed)


def mapped_ids(raw: pl.Series, source: Source | None) -> tuple[list[pl.Series], list[pl.Series]]:
    """Ids that mappings read from raw rows: whose the row is, and who else is stated to be the same."""
    if source is None:
        return [], []
    owners = [each.person_id for each in [*source.events, *([source.profiles] if source.profiles else [])]]
    others = [origin for each in source.aliases for origin in (each.alias, each.person_id)]
    paths = [path for origin in [*owners, *others] for path in origin.reads]
    fields, _ = decode(raw, paths, nested=source.format != "csv")
    fields = fields.rename(lambda name: FROM + name)
    return [_ids(fields, each) for each in owners], [_ids(fields, each) for each in others]


def _ids(fields: pl.DataFrame, origin: Origin) -> pl.Series:
    text = field_text(origin, FROM)
    return fields.select(pl.when(~text.str.to_lowercase().is_in(NO_ID)).then(text).alias("id"))["id"]


def _candidates(names: Names, source: Source | None) -> pl.Expr:
    """Rows that can name one of the ids. Where a mapping makes ids of other text, every row can."""
    if source is not None and any(map(_makes_text, _id_origins(source))):
        return pl.lit(value=True)
    return _contains(pl.col("raw"), [*names.spellings, "\\u"])  # an escape may hide any letter


def _id_origins(source: Source) -> list[Origin]:
    mappings = [*source.events, *([source.profiles] if source.profiles else []), *source.aliases]
    aliases = [each.alias for each in source.aliases]
    return [*(each.person_id for each in mappings), *aliases]


def _makes_text(origin: Origin) -> bool:
    return bool(origin.join or origin.case or origin.names or origin.constant or origin.default)


def _values(raw: pl.Series, stones: Tombstones) -> set[str]:
    """Distinct whole values in JSON text that are as long as an erased id, and look like one."""
    strings = raw.str.extract_all(STRINGS).explode(empty_as_null=False).drop_nulls()
    lengths = [length + 2 for length in stones.lengths]
    plain = strings.filter(strings.str.len_chars().is_in(lengths) | strings.str.contains("\\", literal=True))
    numbers = raw.str.extract_all(NUMBERS).explode(empty_as_null=False).drop_nulls()
    found = {_unquoted(each) for each in plain.unique()}
    found |= set(numbers.str.strip_chars_start(":[, \t\n").unique())
    return {each for each in found if telling(each)}


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


def _redacted(rows: pl.DataFrame, columns: Sequence[str], names: Names) -> tuple[pl.DataFrame, int]:
    """Rows whose texts no longer name the ids, and how many were changed."""
    if not names.telling or not columns:
        return rows, 0
    changed = pl.Series([False]).new_from_index(0, rows.height)
    for name in columns:
        hit = rows.select(names.named_in(pl.col(name))).to_series()
        if hit.any():
            clean = names.out_of_json if name in JSON_COLUMNS else names.out_of_text
            texts = [clean(text) if near else text for text, near in zip(rows[name], hit, strict=True)]
            new = pl.Series(name, texts, dtype=pl.String)
            changed = changed | new.ne_missing(rows[name])
            rows = rows.with_columns(new)
    return rows, int(changed.sum())


# --- spelling -----------------------------------------------------------------------------------------


def _spelt(person: str) -> set[str]:
    """An id as it may stand between quotes in JSON."""
    written = {json.dumps(person)[1:-1], json.dumps(person, ensure_ascii=False)[1:-1]}
    return {person, *written, *(each.replace("/", "\\/") for each in written)}


def _spelt_within(names: Names, text: str) -> bool:
    return any(spelt in text for name in names.telling for spelt in _spelt(name) - {name})


def _either(ids: Iterable[str], before: str, after: str) -> str:
    spelt = sorted({each for name in ids for each in _spelt(name)}, key=lambda each: (-len(each), each))
    return f"{before}(?:{'|'.join(map(re.escape, spelt)) or '(?!)'}){after}"


def _no_value(match: re.Match[str]) -> str:
    return f'"{ERASED}"{match[1]}' if match[1] else "null"


def _contains(text: pl.Expr, patterns: list[str]) -> pl.Expr:
    if not patterns:
        return pl.lit(value=False)
    return text.str.contains_any(patterns, ascii_case_insensitive=True).fill_null(value=False)


def _any(masks: Sequence[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(each.fill_null(value=False) for each in masks) if masks else pl.lit(value=False)


def _any_of(masks: Sequence[pl.Series], height: int) -> pl.Series:
    found = pl.Series([False]).new_from_index(0, height)
    for each in masks:
        found = found | each.fill_null(value=False)
    return found
