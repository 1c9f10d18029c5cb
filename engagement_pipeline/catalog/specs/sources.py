"""events.yaml and sources/: what may come in, and where from.

Not here: how raw rows become events and profiles (`mappings`).
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from engagement_pipeline.catalog.specs.base import Channel, Name, Owner, PropertyType, Spec
from engagement_pipeline.catalog.specs.mappings import AliasMapping, EventMapping, Only, ProfileMapping


class Event(Spec):
    """One event of the tracking plan."""

    channel: Channel
    kind: Literal["system", "custom"] = "custom"
    description: str = ""
    chosen: bool = True
    """Whether the person chose to do it; sends, deliveries and impressions were not chosen."""
    consent: Literal["opt_in", "opt_out"] | None = None
    """What the event says about contacting the person on its channel: an unsubscribe, a complaint, a hard
    bounce and an uninstall are opt-outs."""
    unit: str | None = None
    """The unit of `value` (EUR, minutes); an event without one has no value."""
    properties: dict[Name, PropertyType] = {}


class TrackingPlan(Spec):
    """events.yaml: every event the project knows."""

    events: dict[Name, Event]


def _several(value: object) -> object:
    return [value] if isinstance(value, dict) else value


EventMappings = Annotated[
    list[EventMapping], BeforeValidator(_several, json_schema_input_type=EventMapping | list[EventMapping])
]
AliasMappings = Annotated[
    list[AliasMapping], BeforeValidator(_several, json_schema_input_type=AliasMapping | list[AliasMapping])
]


class Source(Spec):
    """sources/<name>.yaml: what delivers events, profiles and aliases."""

    source: Name
    owner: Owner
    description: str = ""
    path: str
    """A glob of files below the landing folder."""
    format: Literal["csv", "jsonl", "parquet"]
    events: EventMappings = []
    """One mapping, or several for rows of several kinds; each gives its own events of the rows it takes."""
    profiles: ProfileMapping | None = None
    aliases: AliasMappings = []
    ignore: Only = {}
    """Rows that are left out on purpose. Any other row that no mapping takes is rejected."""
    columns: dict[Name, PropertyType] = {}
    """For profiles: the declared facts and their types."""
    plan: dict[Name, Event] = {}
    """Events that this source brings along; those that events.yaml declares itself stay as they are there."""

    @model_validator(mode="after")
    def _mapping_fits(self) -> "Source":
        if not (self.events or self.profiles or self.aliases):
            raise ValueError("a source needs a mapping: `events`, `profiles` or `aliases`")
        if (self.profiles is None) != (not self.columns):
            raise ValueError("`profiles` and `columns` go together: the mapping, and the facts it fills")
        return self
