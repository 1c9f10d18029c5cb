"""A small catalog, and rows that keep its contracts."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from engagement_pipeline.catalog.specs import (
    Audience,
    Campaign,
    Catalog,
    Event,
    EventRule,
    Limits,
    Origin,
    Outcome,
    ProfileMapping,
    Project,
    Scale,
    Score,
    Source,
    Variant,
)
from engagement_pipeline.core import frames, quality_frames

DAY = date(2026, 2, 1)
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)

CATALOG = Catalog(
    project=Project(
        project="shop",
        start_date=date(2026, 1, 1),
        end_date=date(2026, 6, 30),
        timezone="Europe/Berlin",
        limits=Limits(value=1000, past_days=365, future_minutes=60),
    ),
    events={
        "opened": Event(channel="email", chosen=True),
        "bought": Event(
            channel="commerce",
            unit="EUR",
            properties={
                "category": "text",
                "items": "integer",
                "discount": "number",
                "gift": "boolean",
                "due": "date",
            },
        ),
    },
    sources={
        "crm": Source(
            source="crm",
            owner="team:crm",
            path="crm/*.csv",
            format="csv",
            profiles=ProfileMapping(person_id=Origin(path="id")),
            columns={"plan": "text", "age": "number"},
        )
    },
    scores={
        "email": Score.model_validate(
            {
                "score": "email",
                "goal": "Do they read?",
                "owner": "team:crm",
                "window": 30,
                "rules": [EventRule(event="opened", weight=1)],
                "scale": Scale(method="percentile", range=(1, 10)),
                "bands": {"low": [1, 5], "high": {"from": 5, "to": 10, "include_to": True}},
                "hysteresis": 0.5,
            }
        ),
        "plain": Score(
            score="plain",
            goal="Points",
            owner="team:crm",
            window=30,
            rules=[EventRule(event="opened", weight=1)],
        ),
    },
    segments={},
    campaigns={
        "perks": Campaign(
            campaign="perks",
            goal="Thank them",
            owner="team:crm",
            audience=Audience(include=["loyal"]),
            channel="email",
            variants=[Variant(name="extra", message="extra_perks"), Variant(message="thanks")],
        )
    },
    outcomes={
        "buys": Outcome(
            outcome="buys", goal="Who buys?", owner="team:crm", event="bought", within=30, scores=["email"]
        )
    },
)

EVENT: dict[str, object] = {
    "event_date": DAY,
    "event_id": "e1",
    "person_id": "person-1",
    "event": "bought",
    "channel": "commerce",
    "occurred_at": NOON,
    "received_at": NOON + timedelta(hours=2),
    "value": 12.5,
    "unit": "EUR",
    "is_machine": False,
    "machine_reason": None,
    "category": "books",
    "items": 2,
    "discount": 0.1,
    "gift": True,
    "due": DAY,
    "content_hash": "h1",
    "batch": "b1",
    "row_number": 1,
}
PROFILE: dict[str, object] = {"person_id": "person-1", "first_seen": DAY, "valid_from": DAY, "plan": "basic"}
CONTRIBUTION = {
    "rule": "opened",
    "quantity": 3,
    "capped_off": 0,
    "decay_loss": 0,
    "cap_loss": 0,
    "group_loss": 0,
    "points": 30_000,
}
SCORE: dict[str, object] = {
    "as_of": DAY,
    "person_id": "person-1",
    "points": 30_000,
    "score": 7.0,
    "band": "high",
    "state": "scored",
    "reference": "v1",
    "definition": "d1",
}
DECISION: dict[str, object] = {
    "as_of": DAY,
    "person_id": "person-1",
    "decision": "send",
    "reason": None,
    "variant": "extra",
    "message": "extra_perks",
}
REJECTION: dict[str, object] = {
    "batch": "b1",
    "file": "a.csv",
    "row_number": 1,
    "rule": "missing_time",
    "reason": "no time",
    "raw": "{}",
}

JUDGED: dict[str, object] = {"score": "email", "outcome": "buys", "as_of": DAY}

STATEMENT: dict[str, object] = {"alias": "browser-1", "person_id": "person-1"}

GOOD: dict[str, tuple[pl.Schema, dict[str, object]]] = {
    "landed/web": (frames.LANDED, {**REJECTION, "received_at": NOON}),
    "rejected/web": (frames.REJECTED, REJECTION),
    "events/web": (frames.event_schema(CATALOG), EVENT),
    "conflicts/web": (frames.CONFLICTS, {**EVENT, "rule": "conflicting_event_id", "reason": "taken"}),
    "persons": (frames.person_schema(CATALOG), {**PROFILE, "age": 40.0}),
    "profiles/crm": (
        frames.profile_schema(CATALOG.sources["crm"]),
        {"batch": "b1", "row_number": 1, "person_id": "person-1", "observed_at": NOON, "age": 40.0},
    ),
    "identities/crm": (
        frames.IDENTITIES,
        {**STATEMENT, "batch": "b1", "row_number": 1, "merges": False, "observed_at": NOON},
    ),
    "aliases": (frames.ALIASES, {**STATEMENT, "valid_from": DAY, "valid_to": DAY + timedelta(days=9)}),
    "consents": (
        frames.CONSENTS,
        {
            "person_id": "person-1",
            "channel": "email",
            "state": "in",
            "reason": "signed_up",
            "source": "web",
            "observed_at": NOON,
            "valid_from": DAY,
            "valid_to": DAY + timedelta(days=9),
        },
    ),
    "held/persons": (frames.HELD, {"as_of": DAY, "digest": "1:ab", "since": 3}),
    "daily_measures": (
        frames.DAILY_MEASURES,
        {"event_date": DAY, "person_id": "person-1", "measure": "m", "quantity": 2},
    ),
    "daily_messages": (
        frames.DAILY_MESSAGES,
        {"event_date": DAY, "person_id": "person-1", "measure": "m", "message_id": "news-7"},
    ),
    "measure_coverage": (
        frames.MEASURE_COVERAGE,
        {"event_date": DAY, "measure": "m", "events_version": "v", "measures_version": "w"},
    ),
    "points/email": (
        frames.POINTS,
        {
            "as_of": DAY,
            "person_id": "person-1",
            "points": 30_000,
            "points_digest": "d1",
            "contributions": [CONTRIBUTION],
            "active": True,
        },
    ),
    "references/email": (
        frames.REFERENCES,
        {"effective_from": DAY, "points_digest": "d1", "version": "v1", "points": 0, "persons": 1},
    ),
    "scores/email": (frames.SCORES, SCORE),
    "scores/plain": (frames.SCORES, {**SCORE, "band": None, "reference": None, "score": -250.0}),
    "segments/loyal": (frames.SEGMENTS, {"as_of": DAY, "person_id": "person-1"}),
    "audiences/perks": (frames.AUDIENCES, DECISION),
    "alerts/cooling": (
        frames.ALERTS,
        {
            "as_of": DAY,
            "person_id": "person-1",
            "decision": "tell",
            "because": None,
            "compared_with": DAY - timedelta(days=3),
            "score_before": 9.0,
            "score_after": 4.0,
            "band_before": "high",
            "band_after": "low",
            "drop": 5.0,
            "bands": 2,
            "cause": "opened",
            "why": "opened: 12 to 3 points",
        },
    ),
    "score_quality/email": (
        quality_frames.QUALITY,
        {**JUDGED, "model": "score", "metric": "auc", "value": 0.7, "low": 0.6, "high": 0.8},
    ),
    "score_deciles/email": (
        quality_frames.DECILES,
        {**JUDGED, "model": "score", "decile": 1, "people": 9.5, "outcomes": 2.5, "rate": 0.2, "lift": 1.4},
    ),
    "weight_proposal/email": (
        quality_frames.PROPOSALS,
        {
            "score": "email",
            "outcome": "buys",
            "rule": "opened",
            "weight": 1.0,
            "proposed": 3.0,
            "fitted_until": DAY,
            "tested_on": DAY,
        },
    ),
}
"""Table -> its columns and one row that keeps its contract."""


def frame(schema: pl.Schema, *rows: dict[str, object]) -> pl.DataFrame:
    """The rows as a frame; columns that a row does not name are null."""
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def candidates(*rows: dict[str, object], **extra: pl.DataType) -> pl.DataFrame:
    """Event candidates: EVENT with changes, one row number each."""
    schema = pl.Schema({**frames.event_schema(CATALOG), "file": pl.String(), "raw": pl.String(), **extra})
    made = [
        {**EVENT, "event_id": f"e{number}", "row_number": number, "file": "a.csv", "raw": "{}", **row}
        for number, row in enumerate(rows, start=1)
    ]
    return frame(schema, *made)
