"""outcomes/: what scores are judged by.

Here: what happens, to whom, and within how long. Not here: the rules that look for it (`catalog.judging`) and
judging (`core.quality`).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engagement_pipeline.catalog.specs.base import Channel, Days, Name, Owner, Spec


class Outcome(Spec):
    """outcomes/<name>.yaml: what people do, or no longer do, in the days after an as-of date."""

    outcome: Name
    """Its name, as the file is called."""
    goal: Annotated[str, Field(min_length=3)]
    """The question that it answers."""
    owner: Owner
    """Whom to ask."""
    event: Name | list[Name] | None = None
    """What is looked for; without it, whatever a person chooses to do (on the channel)."""
    channel: Channel | list[Channel] | None = None
    """Only what happens on it."""
    where: str | None = None
    """A condition on the event's properties."""
    within: Days
    """The days after the as-of date in which it is looked for."""
    absent: bool = False
    """Whether the outcome is that nothing of it happens, as for churn."""
    applies_to: str | None = None
    """A condition on the person, as on the as-of date; others are not judged."""
    not_yet: bool = False
    """Whether only people count who never did it before, as for a first purchase."""
    active_within: Days | None = None
    """Only people count who chose to do anything in so many days up to the as-of date, of an absence who did
    what is looked for: who was gone before cannot leave."""
    expects: Literal["high", "low"] | None = None
    """Which scores should mean that it is likely: high ones, and where the outcome is an absence low ones."""
    monetary: Name | list[Name] | None = None
    """Events whose value is the M of RFM; without it those whose unit is a currency, where there is only
    one."""
    dates: Annotated[int, Field(ge=1, le=24)] = 6
    """On how many as-of dates it is judged at most; they lie `within` apart, so that no outcome counts
    twice."""
    scores: Annotated[list[Name], Field(min_length=1)]
    """The scores judged by it."""

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events looked for, sorted; every event when empty."""
        return _names(self.event)

    @property
    def monetary_names(self) -> tuple[str, ...]:
        """The events whose value is money, sorted; empty where the units say it."""
        return _names(self.monetary)

    @property
    def likely_when_low(self) -> bool:
        """Whether low scores should mean that the outcome is likely."""
        return self.absent if self.expects is None else self.expects == "low"

    @model_validator(mode="after")
    def _consistent(self) -> "Outcome":
        if self.absent and self.not_yet:
            raise ValueError("not_yet is for what happens the first time; an absence does not")
        if self.not_yet and self.event is None:
            raise ValueError("not_yet needs an event: which one did they never do before?")
        return self


def _names(said: str | list[str] | None) -> tuple[str, ...]:
    if said is None:
        return ()
    return (said,) if isinstance(said, str) else tuple(sorted(set(said)))
