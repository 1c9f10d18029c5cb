"""The columns and types of every frame that the core takes or gives.

Here: schemas, one per stored table, and what their numbers mean. Not here: the tables that scores are judged
by (`quality_frames`), rules about values (`contracts`) and where tables lie (`storage`).
"""

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, PropertyType, Source

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
        "batch": pl.String(),
        "file": pl.String(),
        "row_number": pl.Int64(),
        "received_at": UTC_MICROS,
        "raw": pl.String(),
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
        "event_date": pl.Date(),
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
        "machine_reason": pl.String(),
    }
)
EVENT_PROVENANCE = pl.Schema({"content_hash": pl.String(), "batch": pl.String(), "row_number": pl.Int64()})
CONFLICTS = pl.Schema(
    {
        "event_date": pl.Date(),
        "event_id": pl.String(),
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
        "first_seen": pl.Date(),
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
    }
)

IDENTITIES = pl.Schema(
    {
        "batch": pl.String(),
        "row_number": pl.Int64(),
        "alias": pl.String(),
        "person_id": pl.String(),
        "merges": pl.Boolean(),
        "observed_at": UTC_MICROS,
    }
)
ALIASES = pl.Schema(
    {
        "alias": pl.String(),
        "person_id": pl.String(),
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
    }
)
CONSENTS = pl.Schema(
    {
        "person_id": pl.String(),
        "channel": pl.String(),
        "state": pl.String(),
        "reason": pl.String(),
        "source": pl.String(),
        "event_id": pl.String(),
        "observed_at": UTC_MICROS,
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
    }
)
HELD = pl.Schema({"as_of": pl.Date(), "digest": pl.String(), "since": pl.Int64()})
"""What a table of periods held on a date, and the version of that table that first held it."""

DAILY_MEASURES = pl.Schema(
    {
        "event_date": pl.Date(),
        "person_id": pl.String(),
        "measure": pl.String(),
        "quantity": pl.Int64(),
    }
)
DAILY_MESSAGES = pl.Schema(
    {
        "event_date": pl.Date(),
        "person_id": pl.String(),
        "measure": pl.String(),
        "message_id": pl.String(),
    }
)
"""What a count of messages is made of: the same message on several days is one."""
MEASURE_COVERAGE = pl.Schema(
    {
        "event_date": pl.Date(),
        "measure": pl.String(),
        "events_version": pl.String(),
        "measures_version": pl.String(),
    }
)

CONTRIBUTION = pl.Schema(
    {
        "rule": pl.String(),
        "quantity": pl.Int64(),
        "capped_off": pl.Int64(),
        "decay_loss": pl.Int64(),
        "points": pl.Int64(),
        "cap_loss": pl.Int64(),
        "group_loss": pl.Int64(),
    }
)
"""What a rule gave. Without decay and caps it had given points + group_loss + cap_loss + decay_loss."""
POINTS = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "points": pl.Int64(),
        "contributions": pl.List(pl.Struct(CONTRIBUTION)),
        "active": pl.Boolean(),
        "points_digest": pl.String(),
    }
)
REFERENCES = pl.Schema(
    {
        "effective_from": pl.Date(),
        "points_digest": pl.String(),
        "version": pl.String(),
        "points": pl.Int64(),
        "persons": pl.Int64(),
    }
)
SCORES = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "points": pl.Int64(),
        "score": pl.Float64(),
        "band": pl.String(),
        "state": pl.String(),
        "reference": pl.String(),
        "definition": pl.String(),
    }
)
CAUSES = (
    "new_behaviour",
    "decay_and_expiry",
    "late_data",
    "definition",
    "reference",
    "identity",
    "people",
)
"""What moves a score between two dates."""
CHANGES = pl.Schema(
    {
        "as_of": pl.Date(),
        "compared_with": pl.Date(),
        "person_id": pl.String(),
        "points_before": pl.Int64(),
        "points_after": pl.Int64(),
        "points_change": pl.Int64(),
        **{f"points_{cause}": pl.Int64() for cause in CAUSES if cause != "reference"},
        "score_before": pl.Int64(),
        "score_after": pl.Int64(),
        "score_change": pl.Int64(),
        **{f"score_{cause}": pl.Int64() for cause in CAUSES},
        **{
            f"{what}_{side}": pl.String()
            for what in ("definition", "reference", "state", "band")
            for side in ("before", "after")
        },
        "says": pl.String(),
    }
)
"""Whose score, points, state or band is other than on the date before. All in whole ten-thousandths, of
a point or of the scale; the parts by cause add up to the change."""
SEGMENTS = pl.Schema({"as_of": pl.Date(), "person_id": pl.String()})
AUDIENCES = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "decision": pl.String(),
        "reason": pl.String(),
        "variant": pl.String(),
        "message": pl.String(),
    }
)
ALERTS = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "decision": pl.String(),
        "because": pl.String(),
        "compared_with": pl.Date(),
        "score_before": pl.Float64(),
        "score_after": pl.Float64(),
        "band_before": pl.String(),
        "band_after": pl.String(),
        "drop": pl.Float64(),
        "bands": pl.Int64(),
        "cause": pl.String(),
        "why": pl.String(),
    }
)
"""Everyone who fell as far as an alert says: who is told of, and who is held back because of what."""


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


def profile_schema(source: Source) -> pl.Schema:
    """Columns of `profiles/<source>`: where a row came from, whom and when it speaks of, the declared facts,
    and `consent.<channel>` for every mapped consent."""
    facts = {name: POLARS_TYPES[kind] for name, kind in source.columns.items()}
    consents = source.profiles.consents if source.profiles else {}
    return pl.Schema(
        {
            "batch": pl.String(),
            "row_number": pl.Int64(),
            "person_id": pl.String(),
            "observed_at": UTC_MICROS,
            **facts,
            **{f"consent.{channel}": pl.Boolean() for channel in consents},
        }
    )
