"""project.yaml."""

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
)

from engagement_pipeline.catalog.specs.base import (
    Channel,
    Days,
    Name,
    Share,
    Spec,
    Weight,
)


class Limits(Spec):
    """Bounds that stop bad input or a slip of the pen."""

    reject_share: Share = 0.2
    """A landing batch or event day with a larger share of rejected rows fails; what was stored stays."""
    weight: tuple[Weight, Weight] = (-10, 10)
    """The smallest and the largest weight that a rule may have."""
    value: Annotated[float, Field(gt=0, le=1e9)] = 1e9
    """Largest absolute value of one event, in its unit; with 1e9 a day's sum cannot leave 64 bits."""
    future_minutes: Annotated[int, Field(ge=0)] = 60
    """How long after it was received an event may claim to have happened."""
    past_days: Annotated[int, Field(ge=1)] = 3650
    """How long before it was received an event may claim to have happened."""
    reference_people: Annotated[int, Field(ge=1)] = 20
    """A frozen reference of fewer people is not read against: too few to say who is high and who is low."""
    contributions_kept: Annotated[int, Field(ge=1)] = 90
    """For how many of its last as-of dates a score keeps what each rule gave each person. Maintenance lets go
    of it for the dates before, where `engagement explain` computes it again."""


class Automation(Spec):
    """What Dagster starts by itself. Off until a project says otherwise."""

    schedules: bool = False
    """Whether every day is scored by itself, at `daily_at`."""
    sensors: bool = False
    """Whether what happens starts runs: new files, late days, falls that alerts tell of."""
    daily_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "05:00"
    """The time of day, in the project's zone."""
    maintain_on: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = (
        "sunday"
    )
    """The day on which tables are compacted and versions older than a week let go."""


class Engine(Spec):
    """Where scores are computed; more buckets need less memory."""

    kind: Literal["local"] = "local"
    """This machine."""
    buckets: Annotated[int, Field(ge=1, le=4096)] = 1
    """Into how many groups people are split; one after the other is in memory."""


class Publish(Spec):
    """How far an edit may move people before somebody has to acknowledge it, and whether that is asked for.
    Without a figure that one is not judged."""

    required: bool = False
    """Whether only published definitions leave the house: scores, segments and audiences are computed for
    all, but an audience that stands on anything unpublished is not delivered."""
    moved_bands: Share | None = 0.2
    """Of the people a score applies to, at most so many may change band."""
    rank_correlation: Annotated[float, Field(ge=-1, le=1)] | None = 0.8
    """Spearman's, between a score before and after: at least so much."""
    segment_change: Share | None = 0.3
    """People who enter or leave a segment, at most, as a share of those who were in it."""
    audience_change: Share | None = 0.3
    """People who would newly, or no longer, be sent a campaign, as a share of those who were."""


def _ranked(value: object) -> object:
    return {"sources": value} if isinstance(value, list) else value


class Fact(Spec):
    """How one profile fact is settled among the sources that declare it."""

    sources: list[Name] = []
    """The first one that has something to say counts; those not named follow in the order of their files."""
    fresh_for: Days | None = None
    """For how long what a source said counts; then the next one that knows it does, or nobody."""


class People(Spec):
    """How what several sources say of one person becomes one row."""

    facts: dict[
        Name, Annotated[Fact, BeforeValidator(_ranked, json_schema_input_type=Fact | list[Name])]
    ] = {}
    """Only facts that need it: a list of sources, first choice first, or that and how long it stays fresh."""
    opt_in_needed: list[Channel] = []
    """Channels on which only who opted in may be reached; on the others everyone who did not opt out."""


class Project(Spec):
    """project.yaml: the settings every definition shares."""

    project: Name
    """The project's name; who is held out of campaigns depends on it."""
    timezone: str = "UTC"
    """Whose midnight ends a day; pinned when the first file lands."""
    start_date: date
    """The first day that is kept; pinned when the first file lands."""
    end_date: date | None = None
    """Last day of a closed data set; a living project leaves it out."""
    asset_prefix: list[Name] = []
    """Put before the name of every asset, for a Dagster that is shared."""
    lateness_horizon: Days = 30
    """For how many days an event id stays unique within its source."""
    restated_dates: Annotated[int, Field(ge=0, le=90)] = 3
    """How many of the last as-of dates late events restate."""
    keep_unknown_events: bool = False
    """Whether events that are not in the plan are kept; they are rejected without it."""
    samples_in_metadata: bool = True
    """Whether bounded, masked samples may stand in Dagster's metadata."""
    limits: Limits = Limits()
    """Bounds that stop bad input."""
    automation: Automation = Automation()
    """What Dagster starts by itself."""
    engine: Engine = Engine()
    """Where scores are computed."""
    people: People = People()
    """How profiles are put together."""
    publish: Publish = Publish()
    """How far an edit may go without being acknowledged."""
