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


class CampaignOutcome(Spec):
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
    outcome: CampaignOutcome | None = None
    destinations: list[FilesDestination] = []
