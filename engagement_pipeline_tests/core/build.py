"""Small catalogs and frames for the core's tests."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from engagement_pipeline.catalog.specs import Campaign, Catalog, Event, Project, Score, Segment, Source
from engagement_pipeline.core.frames import DAILY_MEASURES, UTC_MICROS

START = date(2026, 1, 1)
AS_OF = date(2026, 3, 1)
MEMBERS = "team:members"

EVENTS = {
    "opened": Event(channel="email", properties={"category": "text", "position": "integer"}),
    "clicked": Event(channel="email", properties={"category": "text"}),
    "viewed": Event(channel="web"),
    "ordered": Event(channel="commerce", unit="EUR", properties={"category": "text"}),
    "sent": Event(channel="email", chosen=False),
}


def score(name: str = "s", rules: Iterable[Mapping[str, Any]] = (), **more: Any) -> Score:
    """A score with a 30-day window and one rule unless told otherwise."""
    given = {
        "score": name,
        "goal": "test",
        "owner": MEMBERS,
        "window": 30,
        "rules": list(rules) or [{"event": "opened", "weight": 1}],
        **more,
    }
    return Score.model_validate(given)


def catalog(*scores: Score, segments: Iterable[Segment] = (), campaigns: Iterable[Campaign] = ()) -> Catalog:
    return Catalog(
        project=Project(project="shop", start_date=START),
        events=EVENTS,
        sources={
            "crm": Source.model_validate(
                {
                    "source": "crm",
                    "owner": MEMBERS,
                    "path": "crm/*.csv",
                    "format": "csv",
                    "profiles": {"person_id": "id"},
                    "columns": {"plan": "text", "age": "integer"},
                }
            )
        },
        scores={s.score: s for s in scores},
        segments={s.segment: s for s in segments},
        campaigns={c.campaign: c for c in campaigns},
    )


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def events(*rows: Mapping[str, Any]) -> pl.LazyFrame:
    """Events with the defaults of an opened email of person `a` on the as-of date."""
    schema = {
        "event_date": pl.Date(),
        "person_id": pl.String(),
        "event": pl.String(),
        "channel": pl.String(),
        "value": pl.Float64(),
        "unit": pl.String(),
        "is_machine": pl.Boolean(),
        "campaign_id": pl.String(),
        "message_id": pl.String(),
        "session_id": pl.String(),
        "category": pl.String(),
        "position": pl.Int64(),
    }
    defaults = {"event_date": AS_OF, "person_id": "a", "event": "opened", "channel": "email"}
    return pl.LazyFrame([{**dict.fromkeys(schema), **defaults, **row} for row in rows], schema=schema)


def daily(*rows: tuple[int, str, str, int]) -> pl.LazyFrame:
    """Daily measures from (days ago, person, measure, quantity)."""
    data = [(ago(age), person, measure, quantity) for age, person, measure, quantity in rows]
    return pl.LazyFrame(data, schema=DAILY_MEASURES, orient="row")


def people(*ids: str, **facts: list[Any]) -> pl.LazyFrame:
    """People as known on a date."""
    return pl.LazyFrame(
        {
            "person_id": list(ids),
            "plan": facts.get("plan", [None] * len(ids)),
            "age": facts.get("age", [None] * len(ids)),
        },
        schema={"person_id": pl.String(), "plan": pl.String(), "age": pl.Int64()},
    )


def points_of(**points: int) -> pl.LazyFrame:
    """`person_id`, `points` (ten-thousandths)."""
    return pl.LazyFrame(
        {"person_id": list(points), "points": list(points.values())},
        schema={"person_id": pl.String(), "points": pl.Int64()},
    )


def instants(*texts: str) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).str.to_datetime(time_unit="us", time_zone="UTC").cast(UTC_MICROS)
