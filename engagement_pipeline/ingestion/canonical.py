"""Raw rows of a source to candidate events: every column of an event, each still allowed to be null.

Here: applying a source's mapping. Not here: a candidate's id (`event_ids`), whether it may count
(`contracts.events`), which of several with one id does (`core.events`), and where rows come from (`events`).
"""

from collections.abc import Callable, Collection
from datetime import date
from functools import partial

import polars as pl

from engagement_pipeline.catalog.rowpaths import EACH
from engagement_pipeline.catalog.specs import Catalog, EventMapping, Origin, Source
from engagement_pipeline.catalog.times import written
from engagement_pipeline.contracts.events import EXPECTED, TEXT
from engagement_pipeline.core.frames import event_schema
from engagement_pipeline.core.machine import LINK
from engagement_pipeline.ingestion.decode import of_element
from engagement_pipeline.ingestion.event_ids import MAPPING, content_hash, event_id, hashed, told_apart
from engagement_pipeline.ingestion.machine import row_verdicts, signal_origins
from engagement_pipeline.ingestion.routing import (
    ELEMENT,
    FROM,
    PLACE,
    Rows,
    named_paths,
    read_rows,
    require_events,
)
from engagement_pipeline.ingestion.values import (
    as_boolean,
    as_number,
    as_type,
    factor,
    field_text,
    id_text,
    mapped_times,
)

PASSED_ON = ["session_id", "campaign_id", "message_id"]


def canonical_events(
    landed: pl.DataFrame, source: Source, catalog: Catalog, days: Collection[date] | None = None
) -> pl.DataFrame:
    """Candidates for `contracts.events.split`, in the order of `landed` (columns of `frames.LANDED`).

    Columns: those of `event_schema(catalog)`, nullable; `file` and `raw`; `malformed` (why a row is no
    record at all); and `text.<column>` for every column in which something stood that could not be read, with
    `expected.occurred_at` where that was a time.
    `days` keeps the events of those days only, and so no row without a readable time.
    Each event mapping gives its own of the rows it takes, several where it explodes a list. Without a mapped
    `event_id` the content's hash is the id (see `event_ids`). Times without an offset
    are in the project's zone; a value counts only for events with a unit, a property for events that
    declare it. `content_hash` covers the raw row where its hash is the id, else what the mapping reads of it
    (`event_ids`), so that an export with one more column is not other content.
    """
    require_events(source)
    reads = [(mapping, event_origins(mapping, source, catalog)) for mapping in source.events]
    return candidates(read_rows(landed, source, reads), catalog, days)


def event_origins(mapping: EventMapping, source: Source, catalog: Catalog) -> list[Origin]:
    """All that an event mapping reads of a row."""
    properties = _properties(mapping, catalog)
    return [*_fields(mapping).values(), *properties.values(), *signal_origins(source)]


def candidates(rows: Rows, catalog: Catalog, days: Collection[date] | None = None) -> pl.DataFrame:
    """`canonical_events` of rows that were read for every event mapping of their source."""
    mappings, zone = rows.source.events, catalog.project.timezone
    # What is no record at all is nobody's; the first mapping speaks for it.
    dated = [
        _dated(rows.of(each, malformed=each is mappings[0]), each.event, each.occurred_at, zone)
        for each in mappings
    ]
    if days is not None:
        inside = [each.filter(pl.col("event_date").is_in(list(days))) for each in dated]
        # Of a row that several mappings take, all events are made: they are told apart by one another.
        kept = pl.concat(each[PLACE] for each in inside).unique().implode()
        dated = inside if len(inside) == 1 else [each.filter(pl.col(PLACE).is_in(kept)) for each in dated]
    found = [
        _events(each, mapping, rows.source, catalog).with_columns(pl.lit(n).alias(MAPPING))
        for n, (each, mapping) in enumerate(zip(dated, mappings, strict=True))
    ]
    if len(found) > 1:
        whole = told_apart(pl.concat(found, how="diagonal").sort(PLACE, MAPPING, ELEMENT))
        found = [whole if days is None else whole.filter(pl.col("event_date").is_in(list(days)))]
    return found[0].drop(PLACE, MAPPING, ELEMENT)


def _events(rows: pl.DataFrame, mapping: EventMapping, source: Source, catalog: Catalog) -> pl.DataFrame:
    """Candidates of the rows that one mapping takes."""
    properties = _properties(mapping, catalog)
    rows = hashed(rows, mapping)
    typed: dict[str, tuple[pl.Expr, Callable[[pl.Expr], pl.Expr]]] = {
        "value": (_value(mapping, catalog), partial(as_number, factor=_factor(mapping.value))),
        "is_machine": (_optional(mapping.is_machine), as_boolean),
        **{
            name: (
                _property(name, origin, mapping, catalog),
                partial(as_type, kind=catalog.properties[name], factor=_factor(origin), forms=origin.format),
            )
            for name, origin in properties.items()
        },
    }
    # The texts stand in columns of their own first: they are read twice, and most have nothing unreadable.
    rows = rows.with_columns(text.alias(TEXT + name) for name, (text, _) in typed.items()).with_columns(
        read(pl.col(TEXT + name)).alias(name) for name, (_, read) in typed.items()
    )
    texts = ["occurred_at", *typed]
    unread = [name for name in texts if (rows[name].is_null() & rows[TEXT + name].is_not_null()).any()]
    rows = rows.with_columns(
        event_id(mapping).alias("event_id"),
        _id("person_id", mapping),
        _channel(mapping, catalog).alias("channel"),
        _of_event({name: event.unit for name, event in catalog.events.items()}).alias("unit"),
        *(_optional(getattr(mapping, name)).alias(name) for name in PASSED_ON),
        *(pl.when(pl.col(name).is_null()).then(TEXT + name).alias(TEXT + name) for name in unread),
        # Nothing said is a person; something unreadable stays null, for the contract to name.
        pl.when(pl.col(TEXT + "is_machine").is_null())
        .then(False)
        .otherwise("is_machine")
        .alias("is_machine"),
        properties=_rest(rows, mapping),
    )
    own = content_hash(mapping, catalog)
    # The verdict comes after the hash: an event stays the same when one knows better who did it.
    rows = row_verdicts(rows.with_columns(own.alias("content_hash")), source, _text)
    return rows.select(
        *(pl.col(name).cast(kind) for name, kind in event_schema(catalog).items()),
        *("file", "raw", "malformed", PLACE, ELEMENT),
        *([LINK] if LINK in rows.columns else []),
        *(TEXT + name for name in unread),
        *([pl.lit(written(mapping.occurred_at.format)).alias(EXPECTED)] if "occurred_at" in unread else []),
    )


def _dated(rows: pl.DataFrame, event: Origin, occurred_at: Origin, zone: str) -> pl.DataFrame:
    text, times = mapped_times(rows, occurred_at, FROM, zone)
    return rows.with_columns(
        _text(event).alias("event"),
        text.alias(TEXT + "occurred_at"),
        times.alias("occurred_at"),
        event_date=times.dt.convert_time_zone(zone).dt.date(),
    )


def mapped_paths(source: Source) -> dict[str, str]:
    """Path -> the canonical column that reads it, for the fields of a row that the source's mappings name."""
    named = named_paths(source).items()
    return {path: name for paths, name in named for path in paths if not of_element(path)}


def _fields(mapping: object) -> dict[str, Origin]:
    return {name: field for name, field in mapping if isinstance(field, Origin)}  # type: ignore[attr-defined]


def _properties(mapping: EventMapping, catalog: Catalog) -> dict[str, Origin]:
    """Every declared property: from where the mapping says, else from a field of its own name, first of the
    element where a list is exploded."""

    def own(name: str) -> Origin:
        if mapping.explode is None:
            return Origin(path=[name])
        return Origin(path=[f"{EACH}.{name}", *([] if name == mapping.explode else [name])])

    return {name: mapping.properties.get(name) or own(name) for name in catalog.properties}


# --- columns ----------------------------------------------------------------------------------------


def _text(origin: Origin) -> pl.Expr:
    return field_text(origin, FROM)


def _optional(origin: Origin | None) -> pl.Expr:
    return pl.lit(None, dtype=pl.String) if origin is None else _text(origin)


def _id(column: str, mapping: EventMapping) -> pl.Expr:
    return id_text(getattr(mapping, column), FROM).alias(column)


def _rest(rows: pl.DataFrame, mapping: EventMapping) -> pl.Expr:
    """The row as it came; of an exploded one what was read, for a list would be stored once per element."""
    if mapping.explode is None:
        return pl.col("raw")
    read = [pl.col(name).alias(name.removeprefix(FROM)) for name in rows.columns if name.startswith(FROM)]
    return pl.struct(read).struct.json_encode()


def _factor(origin: Origin | None) -> pl.Expr | None:
    return None if origin is None else factor(origin, FROM)


def _of_event(values: dict[str, str | None]) -> pl.Expr:
    """What the plan says of each row's event; null for an event outside it."""
    known = {name: value for name, value in values.items() if value is not None}
    return pl.col("event").replace_strict(known, default=None, return_dtype=pl.String)


def _channel(mapping: EventMapping, catalog: Catalog) -> pl.Expr:
    planned = _of_event({name: event.channel for name, event in catalog.events.items()})
    return planned if mapping.channel is None else pl.coalesce(_text(mapping.channel), planned)


def _value(mapping: EventMapping, catalog: Catalog) -> pl.Expr:
    valued = [name for name, event in catalog.events.items() if event.unit is not None]
    return _only_for(valued, catalog, _optional(mapping.value))


def _property(name: str, origin: Origin, mapping: EventMapping, catalog: Catalog) -> pl.Expr:
    declaring = [event for event, spec in catalog.events.items() if name in spec.properties]
    text = _text(origin)
    if name not in mapping.properties and catalog.properties[name] != "text":
        # A record or list that happens to have the property's name is another thing.
        text = pl.when(~text.str.contains(r"^[\[{]")).then(text)
    return _only_for(declaring, catalog, text)


def _only_for(events: list[str], catalog: Catalog, text: pl.Expr) -> pl.Expr:
    if len(events) == len(catalog.events):
        return text
    return pl.when(pl.col("event").is_in(events)).then(text)
