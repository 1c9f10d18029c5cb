"""The columns and types of every frame that the core takes or gives.

Here: schemas, one per stored table, and what their numbers mean. Not here: rules about values
(`contracts`) and where tables lie (`storage`).
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
EVENT_PROVENANCE = pl.Schema(
    {
        "content_hash": pl.String(),
        "batch": pl.String(),
        "row_number": pl.Int64(),
    }
)
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
"""What a rule gave. Without decay and caps it would have given points + group_loss + cap_loss + decay_loss."""
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

QUALITY = pl.Schema(
    {
        "score": pl.String(),
        "outcome": pl.String(),
        "as_of": pl.Date(),
        "model": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "says": pl.String(),
    }
)
"""A figure with its 95 % interval; `as_of` is null for all dates together, `says` is the verdict in words."""
DECILES = pl.Schema(
    {
        "score": pl.String(),
        "outcome": pl.String(),
        "as_of": pl.Date(),
        "model": pl.String(),
        "decile": pl.Int64(),
        "people": pl.Float64(),
        "outcomes": pl.Float64(),
        "rate": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "lift": pl.Float64(),
        "expected": pl.Float64(),
    }
)
"""A tenth of the people, 1 the one that the model thinks likeliest; equal predictions share what they have.
`expected` is the rate that the earlier dates foretold, on the latest date only."""
PROPOSALS = pl.Schema(
    {
        "score": pl.String(),
        "outcome": pl.String(),
        "rule": pl.String(),
        "weight": pl.Float64(),
        "proposed": pl.Float64(),
        "per": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "fitted_until": pl.Date(),
        "tested_on": pl.Date(),
        "auc": pl.Float64(),
        "proposed_auc": pl.Float64(),
        "lead": pl.Float64(),
        "lead_low": pl.Float64(),
        "lead_high": pl.Float64(),
    }
)
"""A rule's weight as declared, and as fitted to an outcome; the AUCs are the whole score's on the date that the
fit never saw."""


DESCRIPTIONS = {
    "active": "Whether any rule found an event in its window; of scores added up, whether any part did.",
    "alias": "The id that stands for the person.",
    "as_of": "The last day whose events count.",
    "band": "Named interval of the scale that holds the score.",
    "band_after": "Band on the date.",
    "band_before": "Band on the date compared with.",
    "bands": "How many bands lower; null for a score without bands.",
    "batch": "SHA-256 of the file that brought the row.",
    "because": "Why held back: stale, provisional, definition, reference, cooldown or at_most; null for who "
    "is told of.",
    "campaign_id": "The campaign that the source names.",
    "cause": "The rule whose points fell most between the two dates.",
    "channel": "Where it happened.",
    "compared_with": "The earlier of the two dates.",
    "content_hash": "128 bits of the SHA-256, in hexadecimal, of the event's mapped columns and declared "
    "properties; of its raw row where the source gives no event id.",
    "contributions": "Per rule with a quantity, in rule order: the quantity, what the daily cap took of it, "
    "and the points (in ten-thousandths) that age, the rule's cap and the caps of its group and of the score "
    "took, and that remain.",
    "decision": "send, hold_out or suppress; of an alert tell or hold_back.",
    "definition": "Digest of the definition that made the row.",
    "definition_after": "Digest of the definition that made the later score.",
    "definition_before": "Digest of the definition that made the earlier score.",
    "digest": "Of what held on the date.",
    "drop": "How much lower, on the score's scale.",
    "effective_from": "First as-of date that is read against this population.",
    "event": "Name in the tracking plan.",
    "event_date": "Calendar day of occurred_at in the project's time zone.",
    "event_id": "Unique within its source over the lateness horizon.",
    "events_version": "Digest of the day's events that the measure was computed from.",
    "file": "Name of the file below the landing folder.",
    "first_seen": "First day with an event or a profile row.",
    "is_machine": "Whether a machine did it.",
    "machine_reason": "How one knows: provider_flag, known_bot, apple_mail_privacy, prefetch or "
    "security_gateway; null for persons.",
    "measure": "Id of the daily quantity.",
    "measures_version": "Digest of the day's measures that this row was written for.",
    "merges": "Whether both ids are known persons; otherwise the alias is an anonymous id.",
    "message": "What is sent, or would have been.",
    "message_id": "The message that the source names.",
    "observed_at": "When the source said so (UTC).",
    "occurred_at": "When it happened (UTC).",
    "person_id": "The person.",
    "persons": "How many people had exactly these points.",
    "points": "Points before scaling, in ten-thousandths; null when unscored.",
    "points_after": "Points on the as-of date, in ten-thousandths; null without any.",
    "points_before": "Points on the date compared with, in ten-thousandths; null without any.",
    "points_change": "Their difference, where none counts as 0: the sum of its parts.",
    "points_decay_and_expiry": "Of it: what happened before has aged, or left the window.",
    "points_definition": "Of it: the definition was edited.",
    "points_digest": "Digest of the part of the definition that makes points.",
    "points_identity": "Of it: ids came to mean other people.",
    "points_late_data": "Of it: what came to be known later of days before.",
    "points_new_behaviour": "Of it: what happened after the date compared with.",
    "points_people": "Of it: facts about the person, or the scores added up, changed.",
    "properties": "The whole row as the source gave it, as JSON; of a list's element what its mapping reads.",
    "quantity": "Events, or hundredths of the unit; uncapped, never zero.",
    "raw": "The row as a JSON object, or the line as it came where it is none.",
    "reason": "Why not, in words; null for who is sent something.",
    "received_at": "When its file was first seen (UTC); stamped once.",
    "reference": "Version of the population read against; live when fitted on the same date.",
    "reference_after": "Version of the population of the later score.",
    "reference_before": "Version of the population of the earlier score.",
    "row_number": "Row in its file, from 1.",
    "rule": "The rule that the row broke.",
    "says": "What to bear in mind with the row, in words.",
    "score": "On the definition's scale; null when unscored.",
    "score_after": "Score on the date.",
    "score_before": "Score on the date compared with.",
    "score_change": "Their difference, the sum of its parts; null without both.",
    "score_decay_and_expiry": "Of it: what happened before has aged, or left the window.",
    "score_definition": "Of it: the definition was edited.",
    "score_identity": "Of it: ids came to mean other people.",
    "score_late_data": "Of it: what came to be known later of days before.",
    "score_new_behaviour": "Of it: what happened after the date compared with.",
    "score_people": "Of it: facts about the person, or the scores added up, changed.",
    "score_reference": "Of it: the population read against is another.",
    "session_id": "The visit that the source names.",
    "since": "The version of the table that first held it.",
    "source": "Who said so.",
    "state": "scored, inactive (nothing in the window), unscored (does not apply), stale (a source that it "
    "needs lacks days) or provisional (no reference, or the window begins before the data).",
    "state_after": "State on the as-of date.",
    "state_before": "State on the date compared with.",
    "unit": "What value is counted in.",
    "valid_from": "First day on which these facts held.",
    "valid_to": "First day on which they no longer held; null while they do.",
    "value": "How much, in the unit.",
    "variant": "The variant that fits, also for who is held out.",
    "version": "Digest of the population.",
    "why": "That rule's points on both dates, in words.",
}
"""What each column means, for people; declared properties and profile facts speak for themselves."""


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
