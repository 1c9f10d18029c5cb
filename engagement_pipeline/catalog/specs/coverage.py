"""What a source is expected to deliver: on which days, and how much.

Here: the model of a source's `expects:`. Not here: holding days against it (`core.coverage`).
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from engagement_pipeline.catalog.specs.base import Name, Share, Spec, days_of

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_Late = Annotated[int, Field(ge=0, le=60)]
_LateText = Annotated[str, Field(pattern=r"^\d+[dw]$", examples=["1d", "1w"])]


class Expects(Spec):
    """Days without enough events are `missing` or `thin`, and the scores that need them `stale`."""

    days: Annotated[list[Weekday], Field(min_length=1)] = list(WEEKDAYS)
    """On which days of the week something happens; every day without it."""
    at_least: Annotated[int, Field(ge=1)] = 1
    """Events of a day, duplicates and rejected rows left out; fewer are thin, none is missing."""
    share_of_usual: Share | None = None
    """Of what is usual on that day of the week: the median of the four before, days without any left out. A
    day with less is thin, too."""
    after: Annotated[_Late, BeforeValidator(days_of, json_schema_input_type=_Late | _LateText)] = 0
    """How many days late it delivers: the last so many days up to an as-of date are not judged."""
    since: date | None = None
    """The first day on which anything is expected; the first with events without it."""
    events: list[Name] = []
    """What it brings; only needed where its mappings pass the events' names through."""

    @model_validator(mode="after")
    def _once(self) -> "Expects":
        if len(set(self.days)) < len(self.days):
            raise ValueError("days: one of them stands there twice")
        if self.share_of_usual == 0:
            raise ValueError("share_of_usual: 0 expects nothing; leave it out")
        return self
