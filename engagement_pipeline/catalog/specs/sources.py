"""events.yaml and sources/: what may come in, and where from.

Not here: how raw rows become events and profiles (`mappings`).
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from engagement_pipeline.catalog.specs.base import Channel, Name, Owner, PropertyType, Spec
from engagement_pipeline.catalog.specs.coverage import Expects
from engagement_pipeline.catalog.specs.databases import DatabaseRows, as_mapping
from engagement_pipeline.catalog.specs.formats import TABLES, CsvOptions, Format
from engagement_pipeline.catalog.specs.machine import Machine
from engagement_pipeline.catalog.specs.mappings import (
    AliasMapping,
    EventMapping,
    Only,
    ProfileMapping,
    RowPath,
)
from engagement_pipeline.catalog.specs.places import Age, AssetPath


class Event(Spec):
    """One event of the tracking plan."""

    channel: Channel
    """Where it happens."""
    kind: Literal["system", "custom"] = "custom"
    """Whether the software says it by itself or it was made for this project; for readers only."""
    description: str = ""
    """What it means, where the name does not say it."""
    chosen: bool = True
    """Whether the person chose to do it; sends, deliveries and impressions were not chosen."""
    consent: Literal["opt_in", "opt_out"] | None = None
    """What the event says about contacting the person on its channel: an unsubscribe, a complaint, a hard
    bounce and an uninstall are opt-outs."""
    unit: str | None = None
    """The unit of `value` (EUR, minutes); an event without one has no value."""
    properties: dict[Name, PropertyType] = {}
    """What else its rows say, and the type; conditions may ask about these."""


class TrackingPlan(Spec):
    """events.yaml: every event the project knows."""

    events: dict[Name, Event]
    """By name. What is not here is rejected."""


def _several(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _listed(value: object) -> object:
    if isinstance(value, list) and None in value:
        raise ValueError('null is no text; put the word in quotes: "NULL"')
    return [value] if isinstance(value, str) else value


EventMappings = Annotated[
    list[EventMapping], BeforeValidator(_several, json_schema_input_type=EventMapping | list[EventMapping])
]
Unwrapped = Annotated[list[RowPath], BeforeValidator(_listed, json_schema_input_type=RowPath | list[RowPath])]
Blanks = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
AliasMappings = Annotated[
    list[AliasMapping], BeforeValidator(_several, json_schema_input_type=AliasMapping | list[AliasMapping])
]


class Source(Spec):
    """sources/<name>.yaml: what delivers events, profiles and aliases."""

    source: Name
    """Its name, as the file is called."""
    owner: Owner
    """Whom to ask."""
    description: str = ""
    """What delivers it and what is odd about it."""
    preset: str | None = None
    """The provider, where its rows are known: brings format, mappings, `ignore` and `plan`. What stands here
    goes before it, key by key; a key under `events` changes every mapping that the preset has."""
    path: str = ""
    """A glob of files below the landing folder (`mail/**/*.csv`), or a URI (`s3://bucket/events/*.jsonl`,
    `gs://`, `az://`, `abfss://`, `file:///`). `{date:%Y/%m/%d}` stands for real dates. For the format delta,
    a table."""
    format: Format = "jsonl"
    """Of its files; plain or compressed (gzip, zstd, bzip2, xz, a zip of one file) is found out by itself."""
    csv: CsvOptions = CsvOptions()
    """How its CSV or TSV files are written."""
    records: Annotated[str, Field(min_length=1)] | None = None
    """Where the rows stand in a JSON document that is not a plain list of them: `data.events`."""
    upstream: AssetPath | None = None
    """The Dagster asset that writes what stands at `path`: `dbt/orders`. It shows in the lineage, and when it
    is materialized the source is landed."""
    fresh_within: Age | None = None
    """How old the newest file may get before Dagster shows the place as overdue: `36h`."""
    database: Annotated[DatabaseRows | None, BeforeValidator(as_mapping)] = None
    """Instead of files: the rows of a table or query."""
    events: EventMappings = []
    """One mapping, or several for rows of several kinds; each gives its own events of the rows it takes."""
    profiles: ProfileMapping | None = None
    """How its rows become facts about people."""
    aliases: AliasMappings = []
    """How its rows say that two ids are one person."""
    unwrap: Unwrapped = []
    """Where the record itself stands within what it was delivered in (`Message` of SNS, `detail` of
    EventBridge): every path is looked for there first, then in the whole row. Several where one of them will
    do."""
    blanks: Blanks = []
    """Texts that stand for nothing: `"NULL"`, `\\N`, `n/a`."""
    ignore: Only = {}
    """Rows that are left out on purpose. Any other row that no mapping takes is rejected."""
    machine: Machine | None = None
    """Which events a machine did, beside what the provider says (`is_machine` of a mapping)."""
    expects: Expects | None = None
    """On which days it delivers events, and how many; nothing is expected without it."""
    columns: dict[Name, PropertyType] = {}
    """For profiles: the declared facts and their types."""
    plan: dict[Name, Event] = {}
    """Events that this source brings along; those that events.yaml declares itself stay as they are there."""

    @model_validator(mode="after")
    def _one_place(self) -> "Source":
        """Rows come from files or from a database."""
        if self.database is None:
            if lacking := [key for key in ("path", "format") if key not in self.model_fields_set]:
                also = "" if len(lacking) == 1 else " (or `database`, for the rows of a table or query)"
                raise ValueError(f"missing key {' and '.join(f'{key!r}' for key in lacking)}{also}")
        elif files := [key for key in ("path", "format", "csv", "records") if key in self.model_fields_set]:
            raise ValueError(f"`database` and `{files[0]}` exclude each other: rows come from one place")
        return self

    @model_validator(mode="after")
    def _options_fit(self) -> "Source":
        if "csv" in self.model_fields_set and self.format not in TABLES:
            raise ValueError(f"`csv` says how CSV and TSV are written; the format is {self.format}")
        if self.records is not None and self.format != "json":
            raise ValueError(f"`records` is for the format json; the format is {self.format}")
        if self.records is not None and not all(self.records.split(".")):
            raise ValueError(f"a key of `records` is empty: {self.records!r}")
        return self

    @model_validator(mode="after")
    def _mapping_fits(self) -> "Source":
        if not (self.events or self.profiles or self.aliases):
            raise ValueError("a source needs a mapping: `events`, `profiles` or `aliases`")
        if self.machine is not None and not self.events:
            raise ValueError("`machine` judges events: map `events`, or leave it out")
        if self.expects is not None and not self.events:
            raise ValueError("`expects` counts events: map `events`, or leave it out")
        if (self.profiles is None) != (not self.columns):
            raise ValueError("`profiles` and `columns` go together: the mapping, and the facts it fills")
        return self

    @property
    def says_channels(self) -> bool:
        """Whether its rows say on which channel an event happened, which then may be any."""
        return any(mapping.channel is not None for mapping in self.events)

    @property
    def feeds(self) -> frozenset[str]:
        """The events that it brings, as `expects` says or its mappings and its plan spell out; a mapping that
        passes names through may bring others."""
        if self.expects is not None and self.expects.events:
            return frozenset(self.expects.events)
        origins = [mapping.event for mapping in self.events]
        said = {name for each in origins for name in (each.constant, each.default, each.others) if name}
        return frozenset(said.union(self.plan, *(each.names.values() for each in origins)))
