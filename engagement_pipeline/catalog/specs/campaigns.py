"""segments/ and campaigns/: who, and what they get."""

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from engagement_pipeline.catalog.specs.base import (
    Channel,
    Days,
    Name,
    Owner,
    Share,
    Spec,
)


class Segment(Spec):
    """segments/<name>.yaml: people who match a condition."""

    segment: Name
    """Its name, as the file is called."""
    description: str = ""
    """Who they are, in a sentence."""
    owner: Owner
    """Whom to ask."""
    where: str
    """The condition; who fits is a member. It reads scores, bands, profile, consents and other segments."""


class Audience(Spec):
    """Whom a campaign may reach."""

    include: Annotated[list[Name], Field(min_length=1)]
    """Segments; whoever is in one of them is a candidate."""
    exclude: list[Name] = []
    """Segments; whoever is in one of them gets nothing, and is counted under the first that fits."""


class Variant(Spec):
    """What people get; the first variant whose condition holds."""

    name: Name | None = None
    """What it is called in reports; the message's name without it."""
    when: str | None = None
    """Everyone without it."""
    message: str
    """What is sent, by the name it has in the program that sends it."""

    @property
    def label(self) -> str:
        """The name shown, the message's where none is given."""
        return self.name or self.message


class CampaignOutcome(Spec):
    """The event a campaign is judged by."""

    event: Name
    """What people should do."""
    within: Days
    """So many days after the as-of date."""
    value: Literal["count", "sum"] = "count"
    """Whether its events are counted or their values added up."""


class FilesDestination(Spec):
    """Files below the exports folder, one folder per as-of date."""

    kind: Literal["files"]
    """Files."""
    path: str
    """The folder, below the exports folder."""
    format: Literal["csv", "parquet", "jsonl"] = "csv"
    """In csv a cell that begins with =, +, -, @, a tab or a carriage return gets a leading apostrophe, lest a
    spreadsheet run it: an id such as +491 is then '+491. Programs that match ids read parquet or jsonl."""


class Campaign(Spec):
    """campaigns/<name>.yaml: segments in, one decision per person out."""

    campaign: Name
    """Its name, as the file is called."""
    goal: Annotated[str, Field(min_length=3)]
    """What it is to bring about."""
    owner: Owner
    """Whom to ask."""
    audience: Audience
    """Whom it may reach."""
    channel: Channel
    """Where it is sent; who may not be reached on it is left out."""
    variants: Annotated[list[Variant], Field(min_length=1)]
    """What people get: the first that fits. Who fits none gets nothing and is counted."""
    holdout: Share = 0.0
    """The share of the people left that gets nothing, to compare with; always the same people."""
    outcome: CampaignOutcome | None = None
    """What it is judged by."""
    destinations: list[FilesDestination] = []
    """Where the decisions are delivered."""
