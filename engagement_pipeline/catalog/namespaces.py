"""Which names a condition may use, and their types.

Here: the columns conditions on events and on people can see. Not here: parsing conditions
(`expressions`) and filling the columns (`core`).
"""

from collections.abc import Iterable, Mapping
from typing import get_args

from engagement_pipeline.catalog.specs import Catalog, Channel, Event, EventRule, PropertyType

CANONICAL: dict[str, PropertyType] = {
    "channel": "text",
    "value": "number",
    "campaign_id": "text",
    "message_id": "text",
    "session_id": "text",
}
"""Columns of every event that a condition may name, whatever the plan declares."""


def event_columns(catalog: Catalog, events: Iterable[str]) -> dict[str, PropertyType]:
    """What a rule's `where` may name: the canonical columns, and every property that one of the
    rule's events declares (null for the others)."""
    return columns_of_events(catalog.events[name] for name in events)


def rule_columns(catalog: Catalog, rule: EventRule) -> dict[str, PropertyType]:
    """What a rule's `where` may name: as `event_columns` of the events that it names and that imply them; of
    a rule that names channels alone, of all events that the plan has on one of them."""
    named = {*rule.event_names, *rule.implying}
    on = (name for name, event in catalog.events.items() if event.channel in rule.channels)
    return event_columns(catalog, named or on)


def columns_of_events(events: Iterable[Event]) -> dict[str, PropertyType]:
    """`event_columns` of the given events."""
    declared = {name: kind for event in events for name, kind in event.properties.items()}
    return {**CANONICAL, **dict(sorted(declared.items()))}


def profile_columns(catalog: Catalog) -> dict[str, PropertyType]:
    """What a score's `applies_to` may name: `profile.<fact>`, and of every channel `consent.` and
    `reachable.`."""
    return columns_of_people(profile=catalog.profile_columns)


def person_columns(catalog: Catalog) -> dict[str, PropertyType]:
    """What a segment's `where` and a variant's `when` may name: `score.`, `points.`, `band.` and `state.` of
    every score, `profile.` of every declared fact, `consent.` (in, out, null for never said) and `reachable.`
    (never null) of every channel, `segment.` of every segment."""
    return columns_of_people(catalog.profile_columns, catalog.scores, catalog.segments)


def columns_of_people(
    profile: Mapping[str, PropertyType], scores: Iterable[str] = (), segments: Iterable[str] = ()
) -> dict[str, PropertyType]:
    """`person_columns` of the given facts and names."""
    of_score: dict[str, PropertyType] = {
        "score": "number",
        "points": "number",
        "band": "text",
        "state": "text",
    }
    return {
        **{f"{part}.{score}": kind for score in scores for part, kind in of_score.items()},
        **{f"profile.{name}": kind for name, kind in profile.items()},
        **{f"consent.{channel}": "text" for channel in get_args(Channel)},
        **{f"reachable.{channel}": "boolean" for channel in get_args(Channel)},
        **{f"segment.{name}": "boolean" for name in segments},
    }
