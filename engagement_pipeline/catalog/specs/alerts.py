"""alerts/: when somebody's score falls, and who hears of it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engagement_pipeline.catalog.specs.base import Days, Name, Owner, Spec


class LogDestination(Spec):
    """Dagster's log and the run's metadata; ids are masked."""

    kind: Literal["log"]


class FileDestination(Spec):
    """A file below the exports folder, one per as-of date."""

    kind: Literal["file"]
    path: str


class WebhookDestination(Spec):
    """An HTTP POST of JSON."""

    kind: Literal["webhook"]
    url_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    """The environment variable that holds the address, which may hold a secret."""


class Drop(Spec):
    """How far a score must fall."""

    score: Annotated[float, Field(gt=0)] | None = None
    """By so much, on the score's scale."""
    bands: Annotated[int, Field(ge=1)] | None = None
    """By so many bands."""
    within: Days

    @model_validator(mode="after")
    def _one(self) -> "Drop":
        if (self.score is None) == (self.bands is None):
            raise ValueError("a drop says score or bands")
        return self


class Alert(Spec):
    """alerts/<name>.yaml: tells a team whose score fell, by how much and why."""

    alert: Name
    goal: Annotated[str, Field(min_length=3)]
    owner: Owner
    score: Name
    drop: Drop
    where: str | None = None
    """A condition on people, as in segments; everyone with the score without it."""
    cooldown: Days = 14
    """For how long nobody is told of the same person again."""
    at_most: Annotated[int, Field(ge=1)] = 1000
    """The people told of on one date, the deepest falls first; the others are counted."""
    destinations: Annotated[
        list[Annotated[LogDestination | FileDestination | WebhookDestination, Field(discriminator="kind")]],
        Field(min_length=1),
    ]
