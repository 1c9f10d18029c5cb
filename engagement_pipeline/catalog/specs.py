"""The pydantic models of what a catalog's YAML files may say.

Here: one strict, frozen model per kind of file, and the checks that need only the one definition.
Not here: reading YAML (`reader`), checks across files (`lint`), conditions (`expressions`), and what a
definition computes (`core`).
"""

import re
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

Channel = Literal[
    "email", "push", "sms", "in_app", "web", "app", "social", "offline", "commerce", "survey", "support"
]
PropertyType = Literal["text", "integer", "number", "boolean", "date"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Owner = Annotated[str, Field(pattern=r"^(team:[A-Za-z0-9_.-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$")]


def _days(value: object) -> object:
    """`90d`, `2w` or a plain number of days, as days."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)([dw])", value)):
        return int(match[1]) * (7 if match[2] == "w" else 1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a number of days; write 30d or 4w")
    return value


def _share(value: object) -> object:
    """`10%` or 0.1, as a share of 1."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value)):
        return float(match[1]) / 100
    return value


_DaysText = Annotated[str, Field(pattern=r"^\d+[dw]$", examples=["30d", "4w"])]
_ShareText = Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*%$", examples=["10%"])]
Days = Annotated[
    Annotated[int, Field(ge=1, le=3650)],
    BeforeValidator(_days, json_schema_input_type=Annotated[int, Field(ge=1, le=3650)] | _DaysText),
]
Share = Annotated[
    Annotated[float, Field(ge=0, le=1)],
    BeforeValidator(_share, json_schema_input_type=Annotated[float, Field(ge=0, le=1)] | _ShareText),
]


Weight = Annotated[float, Field(ge=-1e6, le=1e6)]


class Spec(BaseModel):
    """A part of the catalog: unknown keys are errors, numbers finite, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


# --- project.yaml -----------------------------------------------------------------------------------


class Limits(Spec):
    """Bounds that stop bad input or a slip of the pen."""

    reject_share: Share = 0.2
    """A landing batch or event day with a larger share of rejected rows fails; what was stored stays."""
    weight: tuple[Weight, Weight] = (-10, 10)
    value: Annotated[float, Field(gt=0, le=1e9)] = 1e9
    """Largest absolute value of one event, in its unit; with 1e9 a day's sum cannot leave 64 bits."""
    future_minutes: Annotated[int, Field(ge=0)] = 60
    """How long after it was received an event may claim to have happened."""
    past_days: Annotated[int, Field(ge=1)] = 3650
    """How long before it was received an event may claim to have happened."""


class Automation(Spec):
    """What Dagster starts by itself. Off until a project says otherwise."""

    schedules: bool = False
    sensors: bool = False
    daily_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "05:00"


class Engine(Spec):
    """Where scores are computed; more buckets need less memory."""

    kind: Literal["local"] = "local"
    buckets: Annotated[int, Field(ge=1, le=4096)] = 1


class Project(Spec):
    """project.yaml: the settings every definition shares."""

    project: Name
    timezone: str = "UTC"
    start_date: date
    end_date: date | None = None
    """Last day of a closed data set; a living project leaves it out."""
    asset_prefix: list[Name] = []
    lateness_horizon: Days = 30
    """For how many days an event id stays unique within its source."""
    restated_dates: Annotated[int, Field(ge=0, le=90)] = 3
    """How many of the last as-of dates late events restate."""
    keep_unknown_events: bool = False
    samples_in_metadata: bool = True
    """Whether bounded, masked samples may stand in Dagster's metadata."""
    limits: Limits = Limits()
    automation: Automation = Automation()
    engine: Engine = Engine()


# --- events.yaml ------------------------------------------------------------------------------------


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


# --- sources/ ---------------------------------------------------------------------------------------


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


# --- scores/ ----------------------------------------------------------------------------------------


class Cap(Spec):
    """The most of a rule's quantity that counts."""

    per_day: Annotated[int, Field(ge=1)]


class Rule(Spec):
    """Weight × quantity of matching events. Quantity is their count, or their value per `per` units."""

    event: Name | list[Name]
    channel: Channel | list[Channel] | None = None
    where: str | None = None
    weight: float
    per: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Points are proportional to value: `weight` for every `per` units. Without it events are counted."""
    cap: Cap | None = None
    """In events, or in units of value."""
    machine: Literal["include", "exclude"] = "include"
    label: str | None = None

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events matched, sorted."""
        return (self.event,) if isinstance(self.event, str) else tuple(sorted(set(self.event)))

    @property
    def exact_per(self) -> Fraction:
        """`per` in whole millionths, 1 where there is none."""
        return Fraction(1) if self.per is None else Fraction(round(self.per * 1_000_000), 1_000_000)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels matched, sorted; all of them when empty."""
        if self.channel is None:
            return ()
        return (self.channel,) if isinstance(self.channel, str) else tuple(sorted(set(self.channel)))


class HalfLife(Spec):
    """An event counts half after this many days."""

    half_life: Days


class Linear(Spec):
    """An event counts less each day and nothing after this many days."""

    linear: Days


class Scale(Spec):
    """How points become the score people see."""

    method: Literal["points", "percentile", "linear", "thresholds"] = "points"
    range: tuple[float, float] | None = None
    """Lowest and highest score; none for `points`, which are unbounded."""
    reference: Literal["frozen", "live"] = "frozen"
    """For `percentile`, and for `linear` without `domain`: the population the scale is read against."""
    population: Literal["known", "active"] = "known"
    """Whether people without any counted event are in the reference population."""
    domain: tuple[float, float] | None = None
    """For `linear`: the points at the lowest and highest score. The reference's extremes without it."""
    steps: list[tuple[float, float]] = []
    """For `thresholds`: [points from which on, score], ascending; below the first, the range's low end."""

    @property
    def needs_reference(self) -> bool:
        """Whether the scale is relative to a population."""
        return self.method == "percentile" or (self.method == "linear" and self.domain is None)

    @model_validator(mode="after")
    def _consistent(self) -> "Scale":
        if (self.method == "points") != (self.range is None):
            raise ValueError("the points scale has no range, every other method needs one, such as [1, 10]")
        for name, pair in (("range", self.range), ("domain", self.domain)):
            if pair is not None and not pair[0] < pair[1]:
                raise ValueError(f"{name} {list(pair)} must ascend")
        if self.domain is not None and self.method != "linear":
            raise ValueError(f"domain belongs to linear, not to {self.method}")
        if (self.method == "thresholds") != bool(self.steps):
            raise ValueError("steps belong to thresholds, and thresholds needs them")
        return self


def _or_pair(schema: dict[str, Any]) -> None:
    """JSON Schema of a band: the two edges, or the keys."""
    edge = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    pair = {"type": "array", "items": edge, "minItems": 2, "maxItems": 2}
    keys = dict(schema)
    schema.clear()
    schema["anyOf"] = [pair, keys]


class Band(Spec):
    """A named interval of the scale: lower edge included, upper edge not, unless said otherwise."""

    model_config = ConfigDict(json_schema_extra=_or_pair)

    from_: Annotated[float | None, Field(alias="from")] = None
    to: float | None = None
    include_from: bool = True
    include_to: bool = False

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            if len(value) != 2:
                raise ValueError("a band is [from, to]; null for no bound")
            return {"from": value[0], "to": value[1]}
        return value


class Score(Spec):
    """scores/<name>.yaml: one engagement score."""

    score: Name
    goal: Annotated[str, Field(min_length=3)]
    owner: Owner
    window: Days
    decay: Literal["none"] | HalfLife | Linear = "none"
    rules: Annotated[list[Rule], Field(min_length=1)]
    scale: Scale = Scale()
    bands: dict[Name, Band] = {}
    applies_to: str | None = None
    """A condition on the profile; everyone else is unscored, which is not zero."""

    @field_validator("bands")
    @classmethod
    def _top_is_inside(cls, bands: dict[str, Band], info: ValidationInfo) -> dict[str, Band]:
        """`[7, 10]` on a scale up to 10 holds the 10, which no band above could."""
        scale: Scale | None = info.data.get("scale")
        top = scale.range[1] if scale and scale.range else None
        return {
            name: band.model_copy(update={"include_to": True})
            if band.to is not None and band.to == top and "include_to" not in band.model_fields_set
            else band
            for name, band in bands.items()
        }


# --- segments/ and campaigns/ -----------------------------------------------------------------------


class Segment(Spec):
    """segments/<name>.yaml: people who match a condition."""

    segment: Name
    description: str = ""
    owner: Owner
    where: str


class Audience(Spec):
    """Whom a campaign may reach."""

    include: Annotated[list[Name], Field(min_length=1)]
    exclude: list[Name] = []


class Variant(Spec):
    """What people get; the first variant whose condition holds."""

    name: Name | None = None
    when: str | None = None
    """Everyone without it."""
    message: str

    @property
    def label(self) -> str:
        """The name shown, the message's where none is given."""
        return self.name or self.message


class Outcome(Spec):
    """The event a campaign is judged by."""

    event: Name
    within: Days
    value: Literal["count", "sum"] = "count"


class FilesDestination(Spec):
    """Files below the exports folder, one folder per as-of date."""

    kind: Literal["files"]
    path: str
    format: Literal["csv", "parquet", "jsonl"] = "csv"
    """In csv a cell that begins with =, +, -, @, a tab or a carriage return gets a leading apostrophe, lest a
    spreadsheet run it: an id such as +491 is then '+491. Programs that match ids read parquet or jsonl."""


class Campaign(Spec):
    """campaigns/<name>.yaml: segments in, one decision per person out."""

    campaign: Name
    goal: Annotated[str, Field(min_length=3)]
    owner: Owner
    audience: Audience
    channel: Channel
    variants: Annotated[list[Variant], Field(min_length=1)]
    holdout: Share = 0.0
    outcome: Outcome | None = None
    destinations: list[FilesDestination] = []


# --- the whole --------------------------------------------------------------------------------------


class Catalog(Spec):
    """Everything a project declares, in the order of the files' names; checked across files."""

    project: Project
    events: dict[Name, Event]
    sources: dict[Name, Source]
    scores: dict[Name, Score]
    segments: dict[Name, Segment]
    """In dependency order: a segment stands after those it names."""
    campaigns: dict[Name, Campaign]

    @property
    def properties(self) -> dict[str, PropertyType]:
        """Every event property of the plan and its type, sorted by name."""
        found = {name: kind for event in self.events.values() for name, kind in event.properties.items()}
        return dict(sorted(found.items()))

    @property
    def profile_columns(self) -> dict[str, PropertyType]:
        """Every profile fact the sources declare and its type, sorted by name."""
        found = {name: kind for source in self.sources.values() for name, kind in source.columns.items()}
        return dict(sorted(found.items()))
