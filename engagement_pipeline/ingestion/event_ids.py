"""Which event one is: the id that a mapping gives, or its content, and the hash of what an event says.

Here: ids of candidates and their content's hash. Not here: the other columns (`canonical`), and which of
several events with one id counts (`core.events`).
"""

import polars as pl
import polars_hash as plh

from engagement_pipeline.catalog.specs import Catalog, EventMapping, Origin, Source
from engagement_pipeline.contracts.events import TEXT
from engagement_pipeline.core.text import filled
from engagement_pipeline.ingestion.decode import of_element
from engagement_pipeline.ingestion.routing import ELEMENT, FROM, PLACE, require_events
from engagement_pipeline.ingestion.values import by_receipt, id_text

CONTENT = [
    *("event", "person_id", "channel", "value"),
    *("session_id", "campaign_id", "message_id", "is_machine"),
]
"""With the time and the declared properties, what an event says; its unit is the plan's."""
MAPPING = "\0mapping"
"""Which of the source's event mappings a candidate comes from."""
HASH = "\0hash"
"""The hash of the whole raw row."""
CONTENT_ID = "content"
"""The default of an `event_id` for which the row's content counts where no id is given."""
HASH_CHARACTERS = 32
"""128 of SHA-256's bits: a trillion events collide with a chance of one in 10^15."""


def hashed(rows: pl.DataFrame, mapping: EventMapping) -> pl.DataFrame:
    """The rows with their HASH where one may be an id; a row with a long list is hashed once."""
    if mapping.event_id is not None and mapping.event_id.default != CONTENT_ID:
        return rows
    if mapping.explode is None:
        return rows.with_columns(_hash(pl.col("raw")).alias(HASH))
    once = rows.unique(PLACE).select(PLACE, _hash(pl.col("raw")).alias(HASH))
    return rows.join(once, on=PLACE, how="left", maintain_order="left")


def event_id(mapping: EventMapping) -> pl.Expr:
    """The mapped id, or the content's hash; with the element's number where it is not the element's own."""
    origin = mapping.event_id
    own = pl.col(HASH) if origin is None else _given_id(origin)
    if origin is not None and origin.default == CONTENT_ID:
        own = pl.coalesce(own, HASH)
    if mapping.explode is None or (origin is not None and any(of_element(path) for path in origin.reads)):
        return own
    return filled("{}-{}", own, ELEMENT)


def _given_id(origin: Origin) -> pl.Expr:
    """The mapped id, null where the content is the id."""
    given = origin.model_copy(update={"default": None}) if origin.default == CONTENT_ID else origin
    return id_text(given, FROM)


def told_apart(events: pl.DataFrame) -> pl.DataFrame:
    """Of events that several mappings make of one row under one id, all but the first get the number of their
    mapping: `…/2`. Its number, not how many there were before: a row that is delivered again with one more
    field filled gives its other events the ids that they had."""
    if not events.select(pl.struct(PLACE, "event_id").is_duplicated().any()).item():
        return events
    later = pl.col(MAPPING) > pl.col(MAPPING).min().over(PLACE, "event_id")
    own = pl.when(later).then(filled("{}/{}", "event_id", pl.col(MAPPING) + 1)).otherwise("event_id")
    of_content = pl.col("event_id") == pl.col("content_hash")
    return events.with_columns(
        own.alias("event_id"), pl.when(of_content).then(own).otherwise("content_hash").alias("content_hash")
    )


def number_repeats(events: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Events of whole files whose content is their id: the second equal row of a file gets `…#2`, and so on.

    A till that prints a line twice sold twice; the same file delivered again under another name, or a row
    repeated in a later file, is the same event again.
    """
    require_events(source)
    # Nothing but an id that is made of the content is equal to the content's hash.
    repeated = events["event_id"].is_duplicated() & (events["event_id"] == events["content_hash"])
    if not repeated.any():
        return events
    nth = pl.col("row_number").rank("ordinal").over("batch", "event_id")
    numbered = events.filter(repeated).with_columns(
        event_id=pl.when(nth > 1).then(filled("{}#{}", "event_id", nth)).otherwise("event_id")
    )
    return pl.concat([events.filter(~repeated), numbered])


def content_hash(mapping: EventMapping, catalog: Catalog) -> pl.Expr:
    """Of what the event says; of the raw row, which is the id then, where no id is given."""
    if mapping.event_id is None:
        return pl.col("event_id")
    said = _hash(_content(catalog, received=by_receipt(mapping.occurred_at)))
    if mapping.event_id.default != CONTENT_ID:
        return said
    return pl.when(_given_id(mapping.event_id).is_null()).then("event_id").otherwise(said)


def _content(catalog: Catalog, *, received: bool = False) -> pl.Expr:
    """What an event with an id of its own says, as JSON: null is not "", and no text runs into the next one.

    Numbers for keys halve the bytes to hash, and so a third of the time. When it was received is nothing that
    an event says: delivered again, it is the same.
    """
    time = pl.col("occurred_at").dt.epoch("us")
    if received:
        time = pl.when(pl.col(TEXT + "occurred_at").is_not_null()).then(time)
    said = [time, *(pl.col(name) for name in [*CONTENT, *catalog.properties])]
    return pl.struct(each.alias(str(place)) for place, each in enumerate(said)).struct.json_encode()


def _hash(text: pl.Expr) -> pl.Expr:
    return plh.concat_str(text).chash.sha2_256().str.head(HASH_CHARACTERS)
