"""Rules about mappings: what they name must exist, and their paths, times and factors must be readable.

Not here: walking a source's mappings (`mapped`), where its rows come from (`lint_places`, `lint_databases`),
the tracking plan itself (`lint_plan`).
"""

from collections.abc import Iterable, Iterator
from typing import get_args

import polars as pl

from engagement_pipeline.catalog.draft import Declared, Draft, planned
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.lint_plan import unknown_zone
from engagement_pipeline.catalog.mapped import (
    Field,
    event_mappings,
    fields_of,
    mappings_of,
    of_element,
    of_preset,
    paths_in,
    paths_of,
)
from engagement_pipeline.catalog.reader import Key
from engagement_pipeline.catalog.rowpaths import EACH, PathError, parse_path
from engagement_pipeline.catalog.specs import (
    Channel,
    Event,
    Origin,
    Rates,
    Source,
    Spec,
)
from engagement_pipeline.catalog.specs.formats import TABLES
from engagement_pipeline.catalog.specs.mappings import Held
from engagement_pipeline.catalog.times import wrong_with


def events_and_channels_exist(draft: Draft) -> Iterator[Issue]:
    """Mappings give events of the plan, on known channels."""
    keeps = draft.project.spec is not None and draft.project.spec.keep_unknown_events
    judged = draft.events_known and draft.project.spec is not None
    events = [event.name for event in draft.events]
    for source, key, mapping in event_mappings(draft):
        if judged and not keeps:
            yield from _produced(source, (*key, "event"), mapping.event, "event", events)
        if keeps and mapping.channel is None and draft.events_known and mapping.event.constant not in events:
            message = "keep_unknown_events is true, but no channel is mapped, and an event outside the plan"
            remedy = "it would be rejected; map channel, or do not keep them"
            yield source.issue(f"{message} has none: {remedy}", *key)
        if mapping.channel is not None:
            yield from _produced(source, (*key, "channel"), mapping.channel, "channel", get_args(Channel))


def properties_and_columns_are_declared(draft: Draft) -> Iterator[Issue]:
    """Mappings fill properties of the plan and facts of their source."""
    if draft.events_known and all(event.spec for event in draft.events):
        declared = {name for event in draft.events if event.spec for name in event.spec.properties}
        for source, key, mapping in event_mappings(draft):
            for name in mapping.properties.keys() - declared:
                # A preset knows more than a project may want to.
                if not of_preset(source, (*key, "properties", name)):
                    hint = did_you_mean(name, declared)
                    message = f"property '{name}' is mapped but no event declares it{hint}"
                    yield source.issue(message, *key, "properties", name)
    for source in draft.sources:
        if source.spec is None or source.spec.profiles is None:
            continue
        for name in source.spec.profiles.columns.keys() - source.spec.columns.keys():
            message = f"'{name}' is mapped but not declared in columns"
            hint = did_you_mean(name, source.spec.columns)
            yield source.issue(message + hint, "profiles", "columns", name)


def paths_can_be_read(draft: Draft) -> Iterator[Issue]:
    """Every path is written as a path; a CSV column may be called anything."""
    for source in draft.sources:
        if source.spec is None:
            continue
        for key, path in paths_in(source, source.spec):
            try:
                parse_path(path)
            except PathError as error:
                if source.spec.format not in TABLES or path.startswith(f"{EACH}."):
                    yield source.issue(str(error), *key)


def elements_are_exploded(draft: Draft) -> Iterator[Issue]:
    """`each` is the element of a list that the mapping explodes, and of no other."""
    for source in draft.sources:
        if source.spec is None:
            continue
        for key, mapping in mappings_of(source, source.spec):
            if mapping.explode is not None:
                if of_element(mapping.explode):
                    message = f"explode: '{mapping.explode}' begins with {EACH}, which only its elements are"
                    yield source.issue(message, *key, "explode")
                continue
            for at, path in paths_of(key, mapping):
                if of_element(path):
                    message = f"'{path}' reads an element, but the mapping has no `explode`"
                    yield source.issue(f"{message}; name the list that has the elements", *at)
        for path in source.spec.ignore:
            if of_element(path):
                message = f"ignore: '{path}' reads an element; `ignore` looks at whole rows"
                yield source.issue(f"{message}, `only` of a mapping may look at elements", "ignore", path)


def times_and_numbers_can_be_read(draft: Draft) -> Iterator[Issue]:
    """Formats and zones of times are known; factors belong to numbers."""
    for source in draft.sources:
        for field in fields_of(source):
            origin = field.origin
            if origin.timezone is not None:
                yield from unknown_zone(source, origin.timezone, *field.key, "timezone")
            yield from _extracted(source, field)
            is_date = field.declared(draft, source) == "date"
            for key in ("format", "timezone"):
                if getattr(origin, key) is not None and not (field.is_time or (is_date and key == "format")):
                    message = f"{key} is for times{' and dates' * (key == 'format')}; {field.key[-1]} is none"
                    yield source.issue(message, *field.key, key)
            for form in (origin.format or ()) if field.is_time or is_date else ():
                if wrong := wrong_with(form, of_date=is_date):
                    yield source.issue(f"unknown format '{form}': {wrong}", *field.key, "format")
            if origin.decimal is not None and not field.may_be_number:
                yield source.issue(f"decimal is for numbers; {field.key[-1]} is none", *field.key, "decimal")
            yield from _multiplied(source, field)


def plans_agree(draft: Draft) -> Iterator[Issue]:
    """Two sources that bring one event along say the same of it, unless events.yaml says it."""
    settled = {event.name for event in draft.events if event.document.file == "events.yaml"}
    first: dict[str, Declared[Spec]] = {}
    for source in draft.sources:
        for event in planned(source):
            other = first.setdefault(event.name, event)
            if event.name in settled:
                yield from _in_another_unit(source, event, draft)
                yield from _lost_properties(source, event, draft)
            elif event.spec and other.spec and event.spec != other.spec:
                where = f"{other.document.file}:{other.line()}"
                message = f"event '{event.name}' is declared otherwise in the plan of {where}"
                yield event.issue(f"{message}; declare it in events.yaml, which counts before both")


def _lost_properties(source: Declared[Source], event: Declared[Event], draft: Draft) -> Iterator[Issue]:
    """Properties that a source's own plan adds to an event of events.yaml, which counts alone."""
    known = next(each.spec for each in draft.events if each.name == event.name)
    if known is None or event.spec is None or of_preset(source, ("plan", event.name)):
        return
    if lost := sorted(event.spec.properties.keys() - known.properties.keys()):
        message = f"events.yaml has '{event.name}' already, without {', '.join(lost)}; declare them there"
        yield event.issue(message)


def texts_are_patterns(draft: Draft) -> Iterator[Issue]:
    """Regular expressions of `only` and `ignore` can be read."""
    for source in draft.sources:
        if source.spec is None:
            continue
        held: list[tuple[Key, object]] = [
            (("ignore", path), said) for path, said in source.spec.ignore.items()
        ]
        for key, mapping in mappings_of(source, source.spec):
            held += [((*key, "only", path), said) for path, said in mapping.only.items()]
        for at, said in held:
            if isinstance(said, Held) and said.matches is not None:
                found = _groups(said.matches)
                if isinstance(found, str):
                    yield source.issue(f"matches: {found}", *at, "matches")


def _groups(pattern: str) -> int | str:
    """How many groups a regular expression has, or why it is none."""
    try:
        return len(pl.Series([""]).str.extract_groups(pattern).struct.fields)
    except pl.exceptions.ComputeError as error:
        why = str(error).strip().rpartition("error: ")[2]
        return f"'{pattern}' is no regular expression: {why}"


def _extracted(source: Declared[Source], field: Field) -> Iterator[Issue]:
    pattern = field.origin.extract
    if pattern is None:
        return
    groups = _groups(pattern)
    if isinstance(groups, str):
        yield source.issue(f"extract: {groups}", *field.key, "extract")
    elif groups != 1:
        message = f"extract: '{pattern}' has {groups or 'no'} groups"
        remedy = "one pair of brackets says what counts, (?:...) is none"
        yield source.issue(f"{message}; {remedy}", *field.key, "extract")


def _in_another_unit(source: Declared[Source], event: Declared[Event], draft: Draft) -> Iterator[Issue]:
    """A source says what unit its values come in; events.yaml may want another one."""
    own = next((each.spec for each in draft.events if each.name == event.name), None)
    if own and event.spec and own.unit and event.spec.unit and own.unit != event.spec.unit:
        message = (
            f"event '{event.name}' is in {own.unit} in events.yaml, and its values come in {event.spec.unit}"
        )
        remedy = f"map `value` in {own.unit} (`multiply` has factors), and say so in `plan`"
        yield event.issue(f"{message}: {remedy}", "unit", level="warning")


def _multiplied(source: Declared[Source], field: Field) -> Iterator[Issue]:
    multiply = field.origin.multiply
    if multiply is None:
        return
    if not field.may_be_number:
        yield source.issue(f"multiply is for numbers; {field.key[-1]} is none", *field.key, "multiply")
    factors = multiply.factors if isinstance(multiply, Rates) else {"": multiply}
    if not factors:
        yield source.issue("multiply: factors has none; nothing could be read", *field.key, "multiply")
    for unit, factor in factors.items():
        if factor == 0:
            of = f" of '{unit}'" if unit else ""
            yield source.issue(f"multiply: the factor{of} is 0", *field.key, "multiply", "factors", unit)


def _produced(
    source: Declared[Source], key: Key, origin: Origin, kind: str, valid: Iterable[str]
) -> Iterator[Issue]:
    """The events or channels that a mapping itself spells out must exist."""
    valid = list(valid)
    for at in ("constant", "default", "others"):
        name = getattr(origin, at)
        if name is not None and name not in valid:
            yield source.issue(f"unknown {kind} '{name}'{did_you_mean(name, valid)}", *key, at)
    for found, name in origin.names.items():
        if name not in valid:
            yield source.issue(f"unknown {kind} '{name}'{did_you_mean(name, valid)}", *key, "names", found)


RULES = (
    events_and_channels_exist,
    properties_and_columns_are_declared,
    paths_can_be_read,
    elements_are_exploded,
    times_and_numbers_can_be_read,
    texts_are_patterns,
    plans_agree,
)
