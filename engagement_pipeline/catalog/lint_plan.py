"""Rules about the project, the tracking plan and the sources. Not here: scores and people."""

import zoneinfo
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath, PureWindowsPath

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.specs import Spec

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
    for kind in (
        draft.sources,
        draft.scores,
        draft.segments,
        draft.campaigns,
        draft.outcomes,
        draft.alerts,
    ):
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
    yield from unknown_zone(draft.project, project.timezone, "timezone")
    if project.end_date is not None and project.end_date < project.start_date:
        message = f"end_date {project.end_date} is before start_date {project.start_date}"
        yield draft.project.issue(message, "end_date")
    low, high = project.limits.weight
    if not low < high:
        yield draft.project.issue(f"limits.weight [{low:g}, {high:g}] must ascend", "limits", "weight")


def properties_have_one_type(draft: Draft) -> Iterator[Issue]:
    """A property is one column of all events: one type, and not the name of another column."""
    types: dict[str, tuple[str, str, str]] = {}
    for event in draft.events:
        for name, kind in (event.spec.properties if event.spec else {}).items():
            at = ("properties", name)
            if name in EVENT_COLUMNS:
                yield event.issue(
                    f"property '{name}' has the name of a column every event has; rename it", *at
                )
            file = event.document.file
            first, other, where = types.setdefault(name, (kind, event.name, f"{file}:{event.line(*at)}"))
            if kind != first:
                where = where.replace(f"{file}:", "line ")
                message = f"property '{name}' is {kind} here and {first} in '{other}' ({where})"
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


def unknown_zone(definition: Declared[Spec], zone: str, *key: str | int) -> Iterator[Issue]:
    """A time zone must be one that the tz database knows."""
    zones = _zones()
    if zone not in zones:
        yield definition.issue(f"unknown time zone '{zone}'{did_you_mean(zone, zones)}", *key)


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


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
)
