"""alerts/: when somebody's score falls, and who hears of it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engagement_pipeline.catalog.specs.base import Days, Name, Owner, Spec


class LogDestination(Spec):
    """Dagster's log: how many, and a few of them with their ids masked."""

    kind: Literal["log"]
    """Dagster's log."""

    @property
    def label(self) -> str:
        """What a delivery to it is remembered by."""
        return "log"


class FileDestination(Spec):
    """A file below the exports folder, in a folder of its own per as-of date."""

    kind: Literal["file"]
    """A file."""
    path: str
    """The folder, below the exports folder."""
    format: Literal["csv", "parquet", "jsonl"] = "csv"
    """In csv a text cell that begins with =, +, -, @, a tab or a carriage return gets a leading apostrophe,
    as in a campaign's files."""

    @property
    def label(self) -> str:
        """What a delivery to it is remembered by."""
        return f"file:{self.path}"


class WebhookDestination(Spec):
    """An HTTP POST of JSON, with an `Idempotency-Key` by which a second try is known as one."""

    kind: Literal["webhook"]
    """An address that takes the alert."""
    url_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    """The environment variable that holds the address, which may hold a secret."""
    timeout: Annotated[int, Field(ge=1, le=60)] = 10
    """Seconds to wait for an answer, each time."""

    @property
    def label(self) -> str:
        """What a delivery to it is remembered by."""
        return f"webhook:{self.url_env}"


AlertDestination = Annotated[
    LogDestination | FileDestination | WebhookDestination, Field(discriminator="kind")
]


class Drop(Spec):
    """How far a score must fall."""

    score: Annotated[float, Field(gt=0)] | None = None
    """By so much, on the score's scale."""
    bands: Annotated[int, Field(ge=1)] | None = None
    """By so many bands."""
    within: Days
    """From the highest of the dates stored in so many days before."""

    @model_validator(mode="after")
    def _one(self) -> "Drop":
        if (self.score is None) == (self.bands is None):
            raise ValueError("a drop says either score, how much on the scale, or bands, how many")
        return self


class Alert(Spec):
    """alerts/<name>.yaml: tells a team whose score fell, by how much and why."""

    alert: Name
    """Its name, as the file is called."""
    goal: Annotated[str, Field(min_length=3)]
    """What the team does about it."""
    owner: Owner
    """The team that hears of it."""
    score: Name
    """Whose fall is told."""
    drop: Drop
    """How far it must fall."""
    where: str | None = None
    """A condition on people, as in segments; everyone with the score without it."""
    cooldown: Days = Field(default_factory=lambda: 14)
    """For how long nobody is told of the same person again; 14 days without it."""
    at_most: Annotated[int, Field(ge=1)] = 1000
    """The people told of on one date, the deepest falls first; the others are counted."""
    destinations: Annotated[list[AlertDestination], Field(min_length=1)]
    """Where it is told, in this order."""
