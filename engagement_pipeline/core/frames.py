"""The columns and types of every frame that the core takes or gives.

Here: schemas, one per stored table, and what their numbers mean. Not here: rules about values
(`contracts`) and where tables lie (`storage`).
"""

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, PropertyType

UTC_MICROS = pl.Datetime("us", "UTC")

POINT = 10_000
"""Points are stored as whole ten-thousandths of a point."""
HUNDREDTHS = 100
"""Values are added up as whole hundredths of their unit."""

POLARS_TYPES: dict[PropertyType, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
}

LANDED = pl.Schema(
    {
        "batch": pl.String(),  # fingerprint of the file
        "file": pl.String(),
        "row_number": pl.Int64(),  # from 1
        "received_at": UTC_MICROS,  # stamped once, when the file was first seen
        "raw": pl.String(),  # the row as a JSON object, or the line as it came where it is none
    }
)
REJECTED = pl.Schema(
    {
        "batch": pl.String(),
        "file": pl.String(),
        "row_number": pl.Int64(),
        "rule": pl.String(),
        "reason": pl.String(),
        "raw": pl.String(),
    }
)

EVENT_BASE = pl.Schema(
    {
        "event_date": pl.Date(),  # calendar day of occurred_at in the project's zone; the partition
        "event_id": pl.String(),
        "person_id": pl.String(),
        "event": pl.String(),
        "channel": pl.String(),
        "occurred_at": UTC_MICROS,
        "received_at": UTC_MICROS,
        "value": pl.Float64(),
        "unit": pl.String(),
        "session_id": pl.String(),
        "campaign_id": pl.String(),
        "message_id": pl.String(),
        "is_machine": pl.Boolean(),
    }
)
EVENT_PROVENANCE = pl.Schema(
    {
        "content_hash": pl.String(),  # of everything the source says of the event
        "batch": pl.String(),
        "row_number": pl.Int64(),
    }
)
CONFLICTS = pl.Schema(
    {
        "event_date": pl.Date(),
        "event_id": pl.String(),  # claimed before by an event with other content
        "occurred_at": UTC_MICROS,
        "content_hash": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),
        "raw": pl.String(),
        "batch": pl.String(),
        "row_number": pl.Int64(),
    }
)

PERSON_BASE = pl.Schema(
    {
        "person_id": pl.String(),
        "first_seen": pl.Date(),  # first day with an event or a profile row
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),  # first day it no longer holds; null while it does
    }
)

DAILY_MEASURES = pl.Schema(
    {
        "event_date": pl.Date(),
        "person_id": pl.String(),
        "measure": pl.String(),
        "quantity": pl.Int64(),  # events, or hundredths of the unit; uncapped; never zero rows
    }
)
MEASURE_COVERAGE = pl.Schema({"event_date": pl.Date(), "measure": pl.String(), "events_version": pl.String()})

CONTRIBUTION = pl.Schema(
    {
        "rule": pl.String(),
        "quantity": pl.Int64(),  # events, or hundredths, in the window
        "capped_off": pl.Int64(),  # of that, what the daily cap took
        "decay_loss": pl.Int64(),  # points (1e-4) that age took
        "points": pl.Int64(),  # points (1e-4) that remain
    }
)
POINTS = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "points": pl.Int64(),  # sum of the contributions' points
        "contributions": pl.List(pl.Struct(CONTRIBUTION)),  # rules with a quantity only, in rule order
        "points_digest": pl.String(),  # of the part of the definition that made them
    }
)
REFERENCES = pl.Schema(
    {
        "effective_from": pl.Date(),
        "points_digest": pl.String(),
        "version": pl.String(),  # digest of the histogram
        "points": pl.Int64(),
        "persons": pl.Int64(),
    }
)
SCORES = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "points": pl.Int64(),  # null when unscored
        "score": pl.Float64(),  # null when unscored
        "band": pl.String(),
        "state": pl.String(),  # scored, inactive, unscored, provisional
        "reference": pl.String(),  # version read against; null for absolute scales
        "definition": pl.String(),  # digest of the definition
    }
)
SEGMENTS = pl.Schema({"as_of": pl.Date(), "person_id": pl.String()})
AUDIENCES = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "decision": pl.String(),  # send, hold_out, suppress
        "reason": pl.String(),  # why not sent; null when sent
        "variant": pl.String(),  # what is sent, or would have been
        "message": pl.String(),
    }
)


def properties_schema(catalog: Catalog) -> pl.Schema:
    """The typed property columns of the tracking plan, sorted by name."""
    return pl.Schema({name: POLARS_TYPES[kind] for name, kind in catalog.properties.items()})


def event_schema(catalog: Catalog) -> pl.Schema:
    """Columns of `events/<source>`: canonical, then declared properties, then the rest as JSON
    (`properties`), then provenance."""
    return pl.Schema(
        {**EVENT_BASE, **properties_schema(catalog), "properties": pl.String(), **EVENT_PROVENANCE}
    )


def person_schema(catalog: Catalog) -> pl.Schema:
    """Columns of `persons`: one row per person and period, then the declared profile facts."""
    facts = {name: POLARS_TYPES[kind] for name, kind in catalog.profile_columns.items()}
    return pl.Schema({**PERSON_BASE, **facts})
