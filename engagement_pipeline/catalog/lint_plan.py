"""Rules about the project, the tracking plan and the sources. Not here: scores and people."""

import zoneinfo
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import get_args

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.specs import Channel, EventMapping, Origin, Source, Spec

EVENT_COLUMNS = frozenset(
    [
        "event_date",
        "event_id",
        "person_id",
        "event",
        "channel",
        "occurred_at",
        "received_at",
        "value",
        "unit",
        "session_id",
        "campaign_id",
        "message_id",
        "is_machine",
        "machine_reason",
        "properties",
        "content_hash",
        "batch",
        "row_number",
    ]
)
"""Columns of every stored event; a property cannot have the name of one."""
PERSON_COLUMNS = frozenset(("person_id", "first_seen", "valid_from", "valid_to"))
"""Columns of every stored person; a profile fact cannot have the name of one."""


def names_are_unique(draft: Draft) -> Iterator[Issue]:
    """One definition a name, across the files of a kind."""
    for kind in (draft.sources, draft.scores, draft.segments, draft.campaigns):
        first: dict[str, Declared[Spec]] = {}
        for definition in kind:
            if definition.document.data is None:
                continue
            other = first.setdefault(definition.name, definition)
            if other is not definition:
                key = definition.document.file.partition("/")[0][:-1]
                where = f"{other.document.file}:{other.line(key)}"
                yield definition.issue(f"{key} '{definition.name}' is already declared in {where}", key)


def project_is_consistent(draft: Draft) -> Iterator[Issue]:
    """A real time zone, dates and limits in order."""
    project = draft.project.spec
    if project is None:
        return
    yield from _zone(draft.project, project.timezone, "timezone")
    if project.end_date is not None and project.end_date < project.start_date:
        message = f"end_date {project.end_date} is before start_date {project.start_date}"
        yield draft.project.issue(message, "end_date")
    low, high = project.limits.weight
    if not low < high:
        yield draft.project.issue(f"limits.weight [{low:g}, {high:g}] must ascend", "limits", "weight")


def properties_have_one_type(draft: Draft) -> Iterator[Issue]:
    """A property is one column of all events: one type, and not the name of another column."""
    types: dict[str, tuple[str, str, int]] = {}
    for event in draft.events:
        for name, kind in (event.spec.properties if event.spec else {}).items():
            at = ("properties", name)
            if name in EVENT_COLUMNS:
                yield event.issue(
                    f"property '{name}' has the name of a column every event has; rename it", *at
                )
            first, other, line = types.setdefault(name, (kind, event.name, event.line(*at)))
            if kind != first:
                message = f"property '{name}' is {kind} here and {first} in '{other}' (line {line})"
                yield event.issue(f"{message}; a property has one type in all events", *at)


def facts_have_one_type(draft: Draft) -> Iterator[Issue]:
    """A profile fact is one column of all people."""
    types: dict[str, tuple[str, str, int]] = {}
    for source in draft.sources:
        for name, kind in (source.spec.columns if source.spec else {}).items():
            at = ("columns", name)
            if name in PERSON_COLUMNS:
                yield source.issue(
                    f"column '{name}' has the name of a column every person has; rename it", *at
                )
            first, other, line = types.setdefault(name, (kind, source.document.file, source.line(*at)))
            if kind != first:
                message = f"column '{name}' is {kind} here and {first} in {other}:{line}"
                yield source.issue(f"{message}; a profile fact has one type in all sources", *at)


def mappings_name_what_exists(draft: Draft) -> Iterator[Issue]:
    """Mappings fill declared columns, with declared events, known channels and real time zones."""
    for source in draft.sources:
        if source.spec is None:
            continue
        for key, origin in _origins(source.spec):
            if origin.timezone is not None:
                yield from _zone(source, origin.timezone, *key, "timezone")
        for mapping in source.spec.events:
            yield from _event_mapping(draft, source, mapping)
        if source.spec.profiles is not None:
            for name in source.spec.profiles.columns.keys() - source.spec.columns.keys():
                message = f"'{name}' is mapped but not declared in columns"
                hint = did_you_mean(name, source.spec.columns)
                yield source.issue(message + hint, "profiles", "columns", name)


def _event_mapping(draft: Draft, source: Declared[Source], mapping: EventMapping) -> Iterator[Issue]:
    declared = {name for event in draft.events if event.spec for name in event.spec.properties}
    if draft.events_known and all(event.spec for event in draft.events):
        for name in mapping.properties.keys() - declared:
            message = f"property '{name}' is mapped but no event declares it{did_you_mean(name, declared)}"
            yield source.issue(message, "events", "properties", name)
    events = [event.name for event in draft.events]
    if draft.events_known and not (draft.project.spec and draft.project.spec.keep_unknown_events):
        yield from _produced(source, mapping.event, "event", events)
    keeps = draft.project.spec is not None and draft.project.spec.keep_unknown_events
    if keeps and mapping.channel is None and draft.events_known and mapping.event.constant not in events:
        message = (
            "keep_unknown_events is true, but no channel is mapped, and an event outside the plan has none"
        )
        yield source.issue(f"{message}: it would be rejected; map channel, or do not keep them", "events")
    if mapping.channel is not None:
        yield from _produced(source, mapping.channel, "channel", get_args(Channel))


def _produced(source: Declared[Source], origin: Origin, kind: str, valid: Iterable[str]) -> Iterator[Issue]:
    """The events or channels that a mapping itself spells out must exist."""
    valid = list(valid)
    if origin.constant is not None and origin.constant not in valid:
        message = f"unknown {kind} '{origin.constant}'{did_you_mean(origin.constant, valid)}"
        yield source.issue(message, "events", kind, "constant")
    for found, name in origin.names.items():
        if name not in valid:
            message = f"unknown {kind} '{name}'{did_you_mean(name, valid)}"
            yield source.issue(message, "events", kind, "names", found)


def _origins(source: Source) -> Iterator[tuple[tuple[str, ...], Origin]]:
    mappings = [
        *(("events", each) for each in source.events),
        *(("aliases", each) for each in source.aliases),
    ]
    mappings += [("profiles", source.profiles)] if source.profiles else []
    for part, mapping in mappings:
        for key, value in dict(mapping).items():
            if isinstance(value, Origin):
                yield (part, key), value
            elif isinstance(value, dict):
                yield from (((part, key, name), origin) for name, origin in value.items())


def _zone(definition: Declared[Spec], zone: str, *key: str) -> Iterator[Issue]:
    zones = zoneinfo.available_timezones()
    if zone not in zones:
        yield definition.issue(f"unknown time zone '{zone}'{did_you_mean(zone, zones)}", *key)


def stays_inside(path: str) -> bool:
    """Whether a path is relative and never climbs, on any system."""
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    climbs = ".." in posix.parts or ".." in windows.parts
    return bool(path.strip()) and not (climbs or posix.is_absolute() or windows.drive or windows.root)


RULES = (
    names_are_unique,
    project_is_consistent,
    properties_have_one_type,
    facts_have_one_type,
    mappings_name_what_exists,
)
