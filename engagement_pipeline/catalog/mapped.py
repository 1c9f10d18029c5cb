"""The parts of a source's mappings, each with its place in the file.

Here: walking mappings, fields and paths. Not here: the rules about them (`lint_mappings`), and how a path is
written (`rowpaths`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.reader import Key
from engagement_pipeline.catalog.rowpaths import EACH
from engagement_pipeline.catalog.specs import EventMapping, Mapping, Origin, PropertyType, Rates, Source

TIMES = ("occurred_at", "observed_at")


@dataclass(frozen=True)
class Field:
    """One mapped field: where it stands in the file and in which mapping."""

    key: Key
    origin: Origin
    mapping: Mapping

    @property
    def is_time(self) -> bool:
        """Whether it is read as a time."""
        return self.key[-1] in TIMES

    @property
    def may_be_number(self) -> bool:
        """Whether it may be read as a number: the value, a property or a fact."""
        return self.key[-1] == "value" or (len(self.key) > 2 and self.key[-2] in ("properties", "columns"))

    def declared(self, draft: Draft, source: Declared[Source]) -> PropertyType | None:
        """The declared type of the property or fact that it fills."""
        within, name = self.key[-2], str(self.key[-1])
        if within == "columns" and source.spec is not None:
            return source.spec.columns.get(name)
        specs = [event.spec for event in draft.events if event.spec] if within == "properties" else []
        return next((spec.properties[name] for spec in specs if name in spec.properties), None)


def event_mappings(draft: Draft) -> Iterator[tuple[Declared[Source], Key, EventMapping]]:
    """Every mapping of events, with its source and its place in the file."""
    for source in draft.sources:
        for key, mapping in mappings_of(source, source.spec) if source.spec else ():
            if isinstance(mapping, EventMapping):
                yield source, key, mapping


def mappings_of(source: Declared[Source], spec: Source) -> Iterator[tuple[Key, Mapping]]:
    """Every mapping and its place in the file, where a single one need not stand in a list."""
    for part, mappings in (("events", spec.events), ("aliases", spec.aliases)):
        for place, mapping in enumerate(mappings):
            listed = (part, place) in source.document.lines
            yield ((part, place) if listed else (part,)), mapping
    if spec.profiles is not None:
        yield ("profiles",), spec.profiles


def fields_of(source: Declared[Source]) -> Iterator[Field]:
    """Every mapped field of a source."""
    for key, mapping in mappings_of(source, source.spec) if source.spec else ():
        for name, origin in _origins(mapping):
            yield Field((*key, *name), origin, mapping)


def _origins(mapping: Mapping) -> Iterator[tuple[tuple[str, ...], Origin]]:
    for key, value in dict(mapping).items():
        if isinstance(value, Origin):
            yield (key,), value
        elif isinstance(value, dict):
            yield from (((key, name), each) for name, each in value.items() if isinstance(each, Origin))


def paths_of(key: Key, mapping: Mapping) -> Iterator[tuple[Key, str]]:
    """Every path that a mapping reads, but the list that it explodes."""
    yield from (((*key, "only", path), path) for path in mapping.only)
    for name, origin in _origins(mapping):
        yield from (((*key, *name, "path", at), path) for at, path in enumerate(origin.path or ()))
        yield from (((*key, *name, "join", at), path) for at, path in enumerate(origin.join or ()))
        if isinstance(origin.multiply, Rates):
            yield (*key, *name, "multiply", "path"), origin.multiply.path


def paths_in(source: Declared[Source], spec: Source) -> Iterator[tuple[Key, str]]:
    """Every path that a source names."""
    for key, mapping in mappings_of(source, spec):
        yield from paths_of(key, mapping)
        if mapping.explode is not None:
            yield (*key, "explode"), mapping.explode
    yield from ((("ignore", path), path) for path in spec.ignore)
    yield from ((("unwrap", place), path) for place, path in enumerate(spec.unwrap))


def of_element(path: str) -> bool:
    """Whether a path begins at an element of an exploded list."""
    return path == EACH or path.startswith((f"{EACH}.", f"{EACH}["))


def of_preset(source: Declared[Source], key: Key) -> bool:
    """Whether something stands in the preset that the source names and not in its own file."""
    named = source.document.lines.get(("preset",))
    return named is not None and source.line(*key) == named
