"""What tells a machine's events from a person's, said once per source.

Here: the models of a source's `machine:`. Not here: the provider's own flag, which is a column like any other
(`mappings`: `is_machine`), and the judging itself (`core.machine`, `ingestion.machine`).
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from engagement_pipeline.catalog.specs.base import Name, Spec
from engagement_pipeline.catalog.specs.mappings import MappedField


def _seconds(value: object) -> object:
    """`5s`, `2m` or a plain number of seconds."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)([sm])", value)):
        return int(match[1]) * (60 if match[2] == "m" else 1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a number of seconds; write 5s or 2m")
    return value


_Number = Annotated[int, Field(ge=1, le=3600)]
_SecondsText = Annotated[str, Field(pattern=r"^\d+[sm]$", examples=["5s", "2m"])]
Seconds = Annotated[_Number, BeforeValidator(_seconds, json_schema_input_type=_Number | _SecondsText)]


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    list[Name], BeforeValidator(_names, json_schema_input_type=Name | list[Name]), Field(min_length=1)
]


class GatewayClicks(Spec):
    """Clicks of a gateway that follows the links of a message before its person sees it."""

    links: Annotated[int, Field(ge=2, le=1000)] | None = None
    """So many distinct links of one message and person, clicked `within` so much time."""
    within: Seconds = 10
    """How close together they must be."""
    link: MappedField | None = None
    """Where the row says which link it was."""
    after_delivery: Seconds | None = None
    """Any click at most this long after its message was delivered."""

    @model_validator(mode="after")
    def _complete(self) -> "GatewayClicks":
        if (self.links is None) != (self.link is None):
            raise ValueError("`links` and `link` go together: how many, and where the row says which one")
        if self.links is None and self.after_delivery is None:
            raise ValueError("say `links` and `link`, or `after_delivery`, or all three")
        return self


class Machine(Spec):
    """Which of a source's events a machine did. They stay, marked with the reason; rules choose the policy.

    Timings compare the events of one day, message and person within the source; the message is `message_id`.
    """

    user_agent: MappedField | None = None
    """Where the row says which program it was: known bots, and for opens the bare agent of Apple's Mail
    Privacy Protection. Proxies that load images when a person opens a mail (Gmail's, Yahoo's) are no bots."""
    opened_within: Seconds | None = None
    """Opens at most this long after their message was delivered were prefetched."""
    clicks: GatewayClicks | None = None
    """Clicks that no hand can make."""
    delivered: Names = ["email_delivered"]
    """Which events of the plan are deliveries, for the timings."""
    opened: Names = ["email_opened"]
    """Which events of the plan are opens, for the same."""
    clicked: Names = ["email_clicked"]
    """Which events of the plan are clicks, for the same."""

    @model_validator(mode="after")
    def _says_something(self) -> "Machine":
        if self.user_agent is None and self.opened_within is None and self.clicks is None:
            raise ValueError("`machine` needs a signal: `user_agent`, `opened_within` or `clicks`")
        return self

    @property
    def needed_events(self) -> dict[str, list[str]]:
        """Key -> the events it names that a declared signal cannot do without."""
        clicks = self.clicks
        needed = {
            "delivered": self.opened_within is not None or (clicks and clicks.after_delivery is not None),
            "opened": self.opened_within is not None or "opened" in self.model_fields_set,
            "clicked": clicks is not None,
        }
        return {key: getattr(self, key) for key, used in needed.items() if used}
