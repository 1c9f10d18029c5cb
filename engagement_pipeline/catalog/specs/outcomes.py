"""outcomes/: what scores are judged by."""

from typing import Annotated

from pydantic import Field

from engagement_pipeline.catalog.specs.base import Channel, Days, Name, Owner, Spec


class Outcome(Spec):
    """outcomes/<name>.yaml: what people do, or no longer do, in the days after an as-of date."""

    outcome: Name
    goal: Annotated[str, Field(min_length=3)]
    owner: Owner
    event: Name | list[Name] | None = None
    """Every event without it."""
    channel: Channel | list[Channel] | None = None
    where: str | None = None
    within: Days
    """The days after the as-of date in which it is looked for."""
    absent: bool = False
    """Whether the outcome is that nothing of it happens, as for churn."""
    applies_to: str | None = None
    """A condition on the person, as on the as-of date; others are not judged."""
    not_yet: bool = False
    """Whether only people count who never had the event before, as for a first purchase."""
    scores: Annotated[list[Name], Field(min_length=1)]
    """The scores judged by it."""

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events looked for, sorted; every event when empty."""
        if self.event is None:
            return ()
        return (self.event,) if isinstance(self.event, str) else tuple(sorted(set(self.event)))
