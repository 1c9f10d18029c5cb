"""How each table is stored: its columns, what its partitions are, and the order of rows in them.

Here: one line per kind of table. Not here: where tables lie (`settings`, `lake`) and the promises about their
values (`contracts.tables`).
"""

from collections.abc import Callable

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core import frames, quality_frames
from engagement_pipeline.storage.tables import TableSpec

PROVENANCE = frozenset({"received_at", "batch", "row_number"})
"""Which delivery of an event was the first changes with the order of deliveries, the event does not."""


def table_spec(name: str, catalog: Catalog) -> TableSpec:
    """The table of that name, such as `events/web` or `persons`. KeyError for a kind there is none of."""
    return _KINDS[name.partition("/")[0]](name, catalog)


def _fixed(schema: pl.Schema, partition_by: str | None, *sort_by: str) -> Callable[[str, Catalog], TableSpec]:
    return lambda name, catalog: TableSpec(name, schema, partition_by, sort_by)


def _events(name: str, catalog: Catalog) -> TableSpec:
    order = ("person_id", "occurred_at", "event_id")
    return TableSpec(name, frames.event_schema(catalog), "event_date", order, PROVENANCE)


def _conflicts(name: str, catalog: Catalog) -> TableSpec:
    order = ("event_id", "occurred_at", "content_hash")
    return TableSpec(name, frames.CONFLICTS, "event_date", order, PROVENANCE & set(frames.CONFLICTS))


def _profiles(name: str, catalog: Catalog) -> TableSpec:
    schema = frames.profile_schema(catalog.sources[name.partition("/")[2]])
    return TableSpec(name, schema, "batch", ("row_number", "person_id"))


def _persons(name: str, catalog: Catalog) -> TableSpec:
    return TableSpec(name, frames.person_schema(catalog), None, ("person_id", "valid_from"))


_KINDS: dict[str, Callable[[str, Catalog], TableSpec]] = {
    "landed": _fixed(frames.LANDED, "batch", "row_number"),
    "rejected": _fixed(frames.REJECTED, "batch", "row_number", "rule"),
    "profiles": _profiles,
    "identities": _fixed(frames.IDENTITIES, "batch", "alias", "person_id"),
    "events": _events,
    "conflicts": _conflicts,
    "aliases": _fixed(frames.ALIASES, None, "alias", "valid_from"),
    "persons": _persons,
    "consents": _fixed(frames.CONSENTS, None, "person_id", "channel", "valid_from"),
    "held": _fixed(frames.HELD, None, "as_of"),
    # Measure first: a score reads a few of many measures, and skips the row groups of the others.
    "daily_measures": _fixed(frames.DAILY_MEASURES, "event_date", "measure", "person_id"),
    "daily_messages": _fixed(frames.DAILY_MESSAGES, "event_date", "measure", "person_id", "message_id"),
    "measure_coverage": _fixed(frames.MEASURE_COVERAGE, "event_date", "measure"),
    "points": lambda name, catalog: TableSpec(name, frames.POINTS, "as_of", ("person_id",), one_order=True),
    "references": _fixed(frames.REFERENCES, "effective_from", "points"),
    "scores": lambda name, catalog: TableSpec(name, frames.SCORES, "as_of", ("person_id",), one_order=True),
    "score_changes": _fixed(frames.CHANGES, "as_of", "person_id"),
    "segments": _fixed(frames.SEGMENTS, "as_of", "person_id"),
    "audiences": _fixed(frames.AUDIENCES, "as_of", "person_id"),
    "alerts": _fixed(frames.ALERTS, "as_of", "person_id"),
    "score_quality": _fixed(quality_frames.QUALITY, None, "outcome", "as_of", "model", "metric"),
    "score_deciles": _fixed(quality_frames.DECILES, None, "outcome", "as_of", "model", "decile"),
    "weight_proposal": _fixed(quality_frames.PROPOSALS, None, "outcome", "rule"),
}
