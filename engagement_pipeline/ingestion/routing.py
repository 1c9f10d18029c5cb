"""Landed rows to the rows that each mapping of a source takes, with what it reads of them.

Here: `only`, `explode`, `ignore`, and rows that no mapping takes. Not here: picking fields out of rows
(`decode`) and what mappings make of them (`canonical`, `profiles`, `identities`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from engagement_pipeline.catalog.rowpaths import EACH, FILE
from engagement_pipeline.catalog.specs import AliasMapping, Origin, Rates, Source
from engagement_pipeline.catalog.specs import Mapping as RowMapping
from engagement_pipeline.catalog.specs.formats import TABLES
from engagement_pipeline.catalog.specs.mappings import Held, Only
from engagement_pipeline.core.frames import REJECTED
from engagement_pipeline.core.text import filled
from engagement_pipeline.ingestion.decode import decode, element_column, of_element
from engagement_pipeline.ingestion.readers.rows import TOO_LARGE

FROM = "from."
"""Before the path of a field that was read."""
PLACE = "\0place"
"""The row's place among those landed."""
ELEMENT = "\0element"
"""The number, from 1, of the element that a row was exploded to; null where its mapping explodes nothing."""
SHOWN = 60
Reads: TypeAlias = Sequence[tuple[RowMapping, Iterable[Origin]]]
"""Mappings, each with all that it reads."""


@dataclass(frozen=True)
class Rows:
    """Landed rows whose fields were read for some mappings of their source."""

    source: Source
    fields: pl.DataFrame
    """Columns of `frames.LANDED`, PLACE, `malformed`, and a column per path."""
    paths: Mapping[int, tuple[str, ...]]
    """By the mapping's `id`, what it reads."""

    @property
    def ignored(self) -> pl.DataFrame:
        """`batch`, `row_number` of rows that the source leaves out on purpose."""
        left_out = _ignored(self.source) & pl.col("malformed").is_null()
        return self.fields.filter(left_out).select("batch", "row_number")

    def of(self, mapping: RowMapping, *, malformed: bool = False) -> pl.DataFrame:
        """The rows that the mapping takes, one an element where it explodes a list: columns of
        `frames.LANDED`, PLACE, ELEMENT, `malformed`, and `from.<path>` for all that it reads.

        Rows that are no records at all are `malformed`, and are left out unless asked for.
        """
        takes = _takes(mapping) & ~_ignored(self.source)
        broken = pl.col("malformed").is_not_null()
        rows = self.fields.filter(broken | takes if malformed else takes & ~broken)
        paths = self.paths[id(mapping)]
        known = [*REJECTED.names()[:3], "received_at", "raw", PLACE, "malformed"]
        plain = [pl.col(FROM + path) for path in paths if not (mapping.explode and of_element(path))]
        if mapping.explode is None:
            return rows.select(*known, pl.lit(None, pl.Int64).alias(ELEMENT), *plain)
        each = {path: FROM + element_column(mapping.explode, path) for path in paths if of_element(path)}
        count = pl.col(next(iter(each.values()))).list.len()
        elements = (
            rows.select(
                *known,
                pl.when(count > 0).then(pl.int_ranges(1, count.cast(pl.Int64) + 1)).alias(ELEMENT),
                *plain,
                *(pl.col(column).alias(FROM + path) for path, column in each.items()),
            )
            .explode(ELEMENT, *(FROM + path for path in each))
            .filter(pl.col(ELEMENT).is_not_null() | broken)
        )
        return elements.filter(broken | _holds({k: v for k, v in mapping.only.items() if k in each}))

    def left_over(self) -> pl.DataFrame:
        """Rows that no mapping takes and that are not left out on purpose, as `frames.REJECTED`."""
        mappings = mappings_of(self.source)
        takers = [each for each in mappings if each.only or not isinstance(each, AliasMapping)] or mappings
        taken = pl.any_horizontal(_takes(each) for each in takers) | _ignored(self.source)
        looked = list(dict.fromkeys(path for each in takers for path in _outer(each)))
        reasons = [
            pl.concat_str(
                pl.lit(f"{path} "), filled("'{}'", _text(path).str.head(SHOWN)).fill_null("(nothing)")
            )
            for path in looked
        ]
        reason = pl.concat_str(reasons, separator=", ") if reasons else pl.lit("")
        return self.fields.filter(~taken & pl.col("malformed").is_null()).select(
            *("batch", "file", "row_number"),
            rule=pl.lit("unmapped_row"),
            reason=pl.concat_str(pl.lit("no mapping takes a row with "), reason),
            raw="raw",
        )


def read_rows(landed: pl.DataFrame, source: Source, reads: Reads) -> Rows:
    """Rows (columns of `frames.LANDED`) with all that these mappings read of them, in one pass."""
    plain = [*source.ignore]
    exploded: dict[str, list[str]] = {}
    paths = {}
    for mapping, origins in reads:
        found = list(dict.fromkeys([*mapping.only, *(path for each in origins for path in each.reads)]))
        if mapping.explode is not None:
            each = [path for path in found if of_element(path)] or [EACH]
            exploded.setdefault(mapping.explode, []).extend(each)
            found = [path for path in found if not of_element(path)] + each
        plain += [path for path in found if mapping.explode is None or not of_element(path)]
        paths[id(mapping)] = tuple(found)
    # Whether a row is taken at all depends on every mapping's `only`.
    plain += [path for mapping in mappings_of(source) for path in _outer(mapping)]
    decoded = decode(
        landed["raw"],
        [path for path in plain if path != FILE],
        nested=source.format not in TABLES,
        exploded=exploded,
        unwrap=source.unwrap,
    )
    said = _without(source.blanks, decoded.fields)
    if FILE in plain:
        said = said.with_columns(landed["file"].alias(FILE))
    fields = landed.with_row_index(PLACE).with_columns(
        *(column.alias(FROM + column.name) for column in said),
        malformed=_in_words_of(source, decoded.malformed),
    )
    return Rows(source, fields, paths)


def _in_words_of(source: Source, malformed: pl.Series) -> pl.Series:
    """Why rows are no records. Rows of delimited text reach decoding as JSON, only what has more fields than
    there are columns stays the line it was: that it is no JSON would say nothing to who wrote it."""
    if source.format not in TABLES or malformed.is_null().all():
        return malformed
    too_large = malformed.str.starts_with(TOO_LARGE)
    wide = pl.lit(
        "the row has more fields than the file has columns; look for a delimiter within a text, or "
        "a line that lacks its end"
    )
    return pl.select(pl.when(too_large).then(malformed).when(malformed.is_not_null()).then(wide)).to_series()


def _without(blanks: Sequence[str], fields: pl.DataFrame) -> pl.DataFrame:
    """Fields in which these texts are nothing."""
    if not blanks:
        return fields

    def said(text: pl.Expr) -> pl.Expr:
        return pl.when(~text.str.strip_chars().is_in(list(blanks))).then(text)

    return fields.select(
        (pl.col(name).list.eval(said(pl.element())) if kind == pl.List else said(pl.col(name))).alias(name)
        for name, kind in fields.schema.items()
    )


def require_events(source: Source) -> None:
    """Raises ValueError for a source whose rows are no events."""
    if not source.events:
        raise ValueError(f"source {source.source!r} maps no events")


def mappings_of(source: Source) -> list[RowMapping]:
    """Every mapping of a source."""
    return [*source.events, *([source.profiles] if source.profiles else []), *source.aliases]


def named_paths(source: Source) -> dict[tuple[str, ...], str]:
    """Paths that the mappings themselves name, any one of which will do, and what they are for; of mappings
    alike each once."""
    found: dict[tuple[str, ...], str] = {}
    for mapping in mappings_of(source):
        found = {(path,): "only" for path in mapping.only} | found
        if mapping.explode is not None:
            found.setdefault((mapping.explode,), "explode")
        for name, value in dict(mapping).items():
            parts = value.items() if isinstance(value, dict) else [(name, value)]
            for part, origin in parts:
                if isinstance(origin, Origin):
                    found = dict.fromkeys(_needed(origin), part) | found
    return found


def _needed(origin: Origin) -> list[tuple[str, ...]]:
    """Each of joined texts is needed, one of several paths is enough."""
    rates = origin.multiply if isinstance(origin.multiply, Rates) else None
    unit = [(rates.path,)] if rates is not None and rates.default is None else []
    return [*([tuple(origin.path)] if origin.path else []), *((path,) for path in origin.join or []), *unit]


def _outer(mapping: RowMapping) -> list[str]:
    """What `only` looks at in the row itself."""
    return [path for path in mapping.only if not (mapping.explode and of_element(path))]


def _takes(mapping: RowMapping) -> pl.Expr:
    return _holds({path: mapping.only[path] for path in _outer(mapping)})


def _ignored(source: Source) -> pl.Expr:
    return _holds(source.ignore) if source.ignore else pl.lit(False)


def _holds(only: Only) -> pl.Expr:
    conditions = [_held(_text(path), said) for path, said in only.items()]
    return pl.all_horizontal(conditions) if conditions else pl.lit(True)


def _held(text: pl.Expr, said: Sequence[str] | Held) -> pl.Expr:
    if not isinstance(said, Held):
        return text.is_in(list(said)).fill_null(False)
    other = ~text.is_in(said.none_of or []).fill_null(False)
    if said.matches is not None:
        other &= text.str.contains(said.matches).fill_null(False)
    if said.present is None:
        return other
    return other & ((text != "").fill_null(False) == said.present)


def _text(path: str) -> pl.Expr:
    return pl.col(FROM + path).str.strip_chars()
