"""events.yaml and sources/: what may come in, and how raw rows become events and profiles."""

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    model_validator,
)

from engagement_pipeline.catalog.specs.base import (
    Channel,
    Name,
    Owner,
    PropertyType,
    Spec,
)


class Event(Spec):
    """One event of the tracking plan."""

    channel: Channel
    kind: Literal["system", "custom"] = "custom"
    description: str = ""
    chosen: bool = True
    """Whether the person chose to do it; sends, deliveries and impressions were not chosen."""
    unit: str | None = None
    """The unit of `value` (EUR, minutes); an event without one has no value."""
    properties: dict[Name, PropertyType] = {}


class TrackingPlan(Spec):
    """events.yaml: every event the project knows."""

    events: dict[Name, Event]


class Origin(Spec):
    """Where one canonical column comes from in a raw row."""

    path: str | None = None
    """A column, or a dotted path into a nested record."""
    constant: str | None = None
    names: dict[str, str] = {}
    """Renames of the values found (a provider's event names to the plan's)."""
    format: str | None = None
    """For times: `epoch_s`, `epoch_ms`, `epoch_us` or a strptime pattern; ISO 8601 without one."""
    timezone: str | None = None
    """For times without an offset: the zone they are in; the project's without one."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Origin":
        if (self.path is None) == (self.constant is None):
            raise ValueError("say either path or constant")
        return self


def _field(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


MappedField = Annotated[Origin, BeforeValidator(_field, json_schema_input_type=str | Origin)]
"""An origin; a text is its path."""


class EventMapping(Spec):
    """Raw row to canonical event. Without `event_id` the row's content is its id."""

    event_id: MappedField | None = None
    person_id: MappedField
    event: MappedField
    occurred_at: MappedField
    channel: MappedField | None = None
    """The plan's channel for the event without it."""
    value: MappedField | None = None
    session_id: MappedField | None = None
    campaign_id: MappedField | None = None
    message_id: MappedField | None = None
    is_machine: MappedField | None = None
    properties: dict[Name, MappedField] = {}
    """Declared properties that stand elsewhere than in a column of their own name."""


class ProfileMapping(Spec):
    """Raw row to profile facts. Without `observed_at` a row counts from when its file was received;
    the first one known of a person counts from the project's start."""

    person_id: MappedField
    observed_at: MappedField | None = None
    columns: dict[Name, MappedField] = {}


class Source(Spec):
    """sources/<name>.yaml: what delivers events or profiles."""

    source: Name
    owner: Owner
    description: str = ""
    delivers: Literal["events", "profiles"] = "events"
    path: str
    """A glob of files below the landing folder."""
    format: Literal["csv", "jsonl", "parquet"]
    events: EventMapping | None = None
    profiles: ProfileMapping | None = None
    columns: dict[Name, PropertyType] = {}
    """For profiles: the declared facts and their types."""

    @model_validator(mode="after")
    def _mapping_fits(self) -> "Source":
        if self.delivers == "events" and (self.events is None or self.profiles or self.columns):
            raise ValueError(
                "a source that delivers events needs `events`, and neither `profiles` nor `columns`"
            )
        if self.delivers == "profiles" and (self.profiles is None or not self.columns or self.events):
            raise ValueError("a source of profiles needs `profiles` and `columns`, not `events`")
        return self
