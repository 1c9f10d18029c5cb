"""Raw rows of a source to candidate events: every column of an event, each still allowed to be null.

Here: applying a source's mapping. Not here: whether a candidate may count (`contracts.events`), which of
several with one id does (`core.events`), and where rows come from (`events`).
"""

from collections.abc import Callable, Collection
from datetime import date
from functools import partial

import polars as pl
import polars_hash as plh

from engagement_pipeline.catalog.specs import Catalog, EventMapping, Origin, Source
from engagement_pipeline.core.frames import event_schema
from engagement_pipeline.core.machine import LINK
from engagement_pipeline.core.text import filled
from engagement_pipeline.ingestion.decode import decode
from engagement_pipeline.ingestion.machine import row_verdicts, signal_origins
from engagement_pipeline.ingestion.values import as_boolean, as_number, as_type, field_text, read_times

CONTENT = [
    *("event", "person_id", "channel", "value"),
    *("session_id", "campaign_id", "message_id", "is_machine"),
]
"""With the time and the declared properties, what an event says; its unit is the plan's."""
PASSED_ON = ["session_id", "campaign_id", "message_id"]
FROM = "from."
TEXT = "text."
NO_ID = ["", "null", "none", "nan", "undefined"]
"""What programs write for an id they do not have, in any case: no person is called so."""
HASH_CHARACTERS = 32
"""128 of SHA-256's bits: a trillion events collide with a chance of one in 10^15."""


def canonical_events(
    landed: pl.DataFrame, source: Source, catalog: Catalog, days: Collection[date] | None = None
) -> pl.DataFrame:
    """Candidates for `contracts.events.split`, in the order of `landed` (columns of `frames.LANDED`).

    Columns: those of `event_schema(catalog)`, nullable; `file` and `raw`; `malformed` (why a row is no
    record at all); and `text.<column>` for every column in which something stood that could not be read.
    `days` keeps the events of those days only, and so no row without a readable time.
    Without a mapped `event_id` the content's hash is the id (see `number_repeats`). Times without an offset
    are in the project's zone; a value counts only for events with a unit, a property for events that
    declare it. `content_hash` covers the raw row where its hash is the id, else what the mapping reads of it
    (`_content`), so that an export with one more column is not other content.
    """
    mapping = _mapping(source)
    properties = _properties(mapping, catalog)
    origins = [*_fields(mapping).values(), *properties.values(), *signal_origins(source)]
    fields, malformed = decode(
        landed["raw"], [path for origin in origins for path in origin.reads], nested=source.format not in TABLES
    )
    rows = landed.with_columns(
        *(field.alias(FROM + field.name) for field in fields), malformed.alias("malformed")
    ).with_columns(
        _text(mapping.event).alias("event"), _text(mapping.occurred_at).alias(TEXT + "occurred_at")
    )
    rows = _dated(rows, mapping.occurred_at, catalog.project.timezone)
    if days is not None:
        rows = rows.filter(pl.col("event_date").is_in(list(days)))
    typed: dict[str, tuple[pl.Expr, Callable[[pl.Expr], pl.Expr]]] = {
        "value": (_value(mapping, catalog), as_number),
        "is_machine": (_optional(mapping.is_machine), as_boolean),
        **{
            name: (_property(name, origin, catalog), partial(as_type, kind=catalog.properties[name]))
            for name, origin in properties.items()
        },
    }
    # The texts stand in columns of their own first: they are read twice, and most have nothing unreadable.
    rows = rows.with_columns(text.alias(TEXT + name) for name, (text, _) in typed.items()).with_columns(
        read(pl.col(TEXT + name)).alias(name) for name, (_, read) in typed.items()
    )
    texts = ["occurred_at", *typed]
    unread = [name for name in texts if rows[name].null_count() > rows[TEXT + name].null_count()]
    rows = rows.with_columns(
        _hash(pl.col("raw")).alias("event_id") if mapping.event_id is None else _id("event_id", mapping),
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
        properties=pl.col("raw"),
    )
    own = pl.col("event_id") if mapping.event_id is None else _hash(_content(catalog))
    # The verdict comes after the hash: an event stays the same when one knows better who did it.
    rows = row_verdicts(rows.with_columns(own.alias("content_hash")), source, _text)
    return rows.select(
        *(pl.col(name).cast(kind) for name, kind in event_schema(catalog).items()),
        *("file", "raw", "malformed"),
        *([LINK] if LINK in rows.columns else []),
        *(TEXT + name for name in unread),
    )


def _dated(rows: pl.DataFrame, origin: Origin, zone: str) -> pl.DataFrame:
    times = read_times(rows[TEXT + "occurred_at"], origin, zone).alias("occurred_at")
    return rows.with_columns(times, event_date=times.dt.convert_time_zone(zone).dt.date())


def number_repeats(events: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Events of whole files whose content is their id: the second equal row of a file gets `…-2`, and so on.

    A till that prints a line twice sold twice; the same file delivered again under another name, or a row
    repeated in a later file, is the same event again.
    """
    repeated = events["event_id"].is_duplicated()
    if _mapping(source).event_id is not None or not repeated.any():
        return events
    nth = pl.col("row_number").rank("ordinal").over("batch", "event_id")
    numbered = events.filter(repeated).with_columns(
        event_id=pl.when(nth > 1).then(filled("{}-{}", "event_id", nth)).otherwise("event_id")
    )
    return pl.concat([events.filter(~repeated), numbered])


def mapped_paths(source: Source) -> dict[str, str]:
    """Path -> the canonical column that reads it, for the fields that the source's mapping names."""
    mapping = source.events[0] if source.events else source.profiles
    named = {**_fields(mapping), **getattr(mapping, "properties", {}), **getattr(mapping, "columns", {})}
    return {path: name for name, origin in named.items() for path in origin.reads}


def _mapping(source: Source) -> EventMapping:
    if not source.events:
        raise ValueError(f"source {source.source!r} maps no events")
    return source.events[0]


def _fields(mapping: object) -> dict[str, Origin]:
    return {name: field for name, field in mapping if isinstance(field, Origin)}  # type: ignore[attr-defined]


def _properties(mapping: EventMapping, catalog: Catalog) -> dict[str, Origin]:
    """Every declared property: from where the mapping says, else from a field of its own name."""
    return {name: mapping.properties.get(name) or Origin(path=[name]) for name in catalog.properties}


# --- columns ----------------------------------------------------------------------------------------


def _text(origin: Origin) -> pl.Expr:
    return field_text(origin, FROM)


def _optional(origin: Origin | None) -> pl.Expr:
    return pl.lit(None, dtype=pl.String) if origin is None else _text(origin)


def _id(column: str, mapping: EventMapping) -> pl.Expr:
    text = _text(getattr(mapping, column))
    return pl.when(~text.str.to_lowercase().is_in(NO_ID)).then(text).alias(column)


def _content(catalog: Catalog) -> pl.Expr:
    """What an event with an id of its own says, as JSON: null is not "", and no text runs into the next one.

    Numbers for keys halve the bytes to hash, and so a third of the time.
    """
    said = [pl.col("occurred_at").dt.epoch("us"), *(pl.col(name) for name in [*CONTENT, *catalog.properties])]
    return pl.struct(each.alias(str(place)) for place, each in enumerate(said)).struct.json_encode()


def _hash(text: pl.Expr) -> pl.Expr:
    return plh.concat_str(text).chash.sha2_256().str.head(HASH_CHARACTERS)


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


def _property(name: str, origin: Origin, catalog: Catalog) -> pl.Expr:
    declaring = [event for event, spec in catalog.events.items() if name in spec.properties]
    return _only_for(declaring, catalog, _text(origin))


def _only_for(events: list[str], catalog: Catalog, text: pl.Expr) -> pl.Expr:
    if len(events) == len(catalog.events):
        return text
    return pl.when(pl.col("event").is_in(events)).then(text)
