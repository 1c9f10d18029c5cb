"""The rules of a score: what counts, how much, and how far.

Here: one model per kind of rule. Not here: the score they belong to (`scores`), what becomes of their points
(`scales`).
"""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from engagement_pipeline.catalog.specs.base import Channel, Days, Name, Spec


class HalfLife(Spec):
    """An event counts half after this many days."""

    half_life: Days
    """After so many days it counts half, after twice as many a quarter."""


class Linear(Spec):
    """An event counts less each day and nothing after this many days."""

    linear: Days
    """After so many days it counts nothing; half way there it counts half."""


class SCurve(Spec):
    """An event counts less slowly at first, then fast, then slowly again: half after this many days and
    nothing after twice as many. A raised cosine, (1 + cos(π × age / (2 × days))) / 2."""

    s_curve: Days
    """After so many days it counts half, after twice as many nothing."""


Decay = Literal["none"] | HalfLife | Linear | SCurve


class Cap(Spec):
    """The most that a rule may count or give."""

    per_day: Annotated[int, Field(ge=1)] | None = None
    """Of the day's quantity: events, days, messages, or units of value."""
    points: Annotated[float, Field(gt=0)] | None = None
    """Of the rule's points over the window, in either direction."""

    @model_validator(mode="after")
    def _caps(self) -> "Cap":
        if self.per_day is None and self.points is None:
            raise ValueError("a cap says per_day, points, or both")
        return self


class Rate(Spec):
    """What a rate is counted against: points are the weight times what the rule counts per exposure, both
    decayed. Exposures are counted as the rule counts: events, days or messages; its `where`, `channel`,
    `machine` and caps are about what the person did, not about them."""

    per: Name | list[Name]
    """The events that gave the person the chance, such as email_sent."""
    at_least: Annotated[int, Field(ge=1)] = 1
    """Who had fewer of them in the window gets nothing: too few to tell."""

    @property
    def event_names(self) -> tuple[str, ...]:
        """The exposures, sorted."""
        return _names(self.per)


class EventRule(Spec):
    """Weight × quantity of matching events, day by day."""

    event: Name | list[Name] | None = None
    """Without it whatever a person chooses to do on the channel: not what was sent to them, which a rule must
    name (`chosen: false` in the plan)."""
    channel: Channel | list[Channel] | None = None
    """Only events on it, or on one of them."""
    where: str | None = None
    """A condition on the event's properties."""
    applies_to: str | None = None
    """A condition on the person, as known on the as-of date; the rule gives everyone else nothing."""
    weight: float
    """Points for one of what is counted; negative ones are a penalty."""
    count: Literal["events", "days", "messages", "first"] = "events"
    """What is counted: events; days with any; distinct messages (`message_id`; events without one are no
    message), each on the first day of the window on which it matched; or only the first day on which the
    person ever did this, known from the project's start."""
    implied_by: Name | list[Name] | None = None
    """With `count: messages`: events that show that this one happened too, as a click shows an open. All
    other conditions of the rule hold for them as well."""
    per: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Points are proportional to value: `weight` for every `per` units. Without it events are counted."""
    floor: float | None = None
    """With `per`: an event's value counts as no less."""
    ceiling: float | None = None
    """With `per`: an event's value counts as no more."""
    unit: str | None = None
    """With `per`: only values in this unit count."""
    streak: Days | None = None
    """Counts runs: one for every so many days in a row with a matching event, on the day that ends it."""
    inactive_for: Days | None = None
    """Turns the rule round: one for everyone known for so many days who did none of these in them."""
    rate: Rate | None = None
    """Not how often, but how often per chance: clicks per message sent."""
    cap: Cap | None = None
    """The most that the rule may count or give."""
    group: Name | None = None
    """One of the score's `groups`, which share a cap."""
    window: Days | None = None
    """The score's without it."""
    decay: Decay | None = None
    """The score's without it."""
    machine: Literal["include", "exclude"] = "include"
    """Whether events count that a machine did, such as a mail program that opens every mail."""
    label: str | None = None
    """What it is called in explanations; its keys in words without it."""

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events matched, sorted; every event when empty."""
        return _names(self.event)

    @property
    def implying(self) -> tuple[str, ...]:
        """The events that imply these, sorted."""
        return _names(self.implied_by)

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

    @model_validator(mode="after")
    def _consistent(self) -> "EventRule":
        if self.event is None and self.channel is None:
            raise ValueError("a rule names an event, a channel, or both")
        ways = {
            f"count: {self.count}": self.count != "events",
            "per": self.per is not None,
            "streak": self.streak is not None,
            "inactive_for": self.inactive_for is not None,
        }
        chosen = [name for name, is_said in ways.items() if is_said]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} are different ways of counting; use one rule each")
        if self.rate and (self.per or self.streak or self.inactive_for or self.count == "first"):
            raise ValueError("a rate counts events, days or messages, nothing else")
        if self.implied_by is not None and self.count != "messages":
            raise ValueError("implied_by needs count: messages: a click and its open are one message")
        if self.implied_by is not None and self.event is None:
            raise ValueError("implied_by needs event: the one that it shows to have happened")
        for name in ("floor", "ceiling", "unit"):
            if getattr(self, name) is not None and self.per is None:
                raise ValueError(f"{name} is about values; it needs per")
        if self.floor is not None and self.ceiling is not None and not self.floor < self.ceiling:
            raise ValueError(f"floor {self.floor:g} must be below ceiling {self.ceiling:g}")
        return self


class AttributeRule(Spec):
    """Points for what is known of a person, whatever they did: how well they fit."""

    when: str
    """A condition on the person: `profile.`, `consent.` and `reachable.` as on the as-of date."""
    weight: float
    """Points for whoever fits."""
    group: Name | None = None
    """One of the score's `groups`, which share a cap."""
    label: str | None = None
    """What it is called in explanations; the condition without it."""

    @model_validator(mode="before")
    @classmethod
    def _counts_nothing(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.keys().isdisjoint(("event", "channel")):
            raise ValueError(
                "`when` asks about people, and this rule counts events: write `where` for a condition on the "
                "event, `applies_to` for one on the person"
            )
        return value


class PartRule(Spec):
    """Weight × another score, on its own scale: a composite adds several up."""

    score: Name
    """Which other score is added."""
    weight: float
    """What it is multiplied by."""
    group: Name | None = None
    """One of the score's `groups`, which share a cap."""
    label: str | None = None
    """What it is called in explanations; the other score's name without it."""


def _kind(value: Any) -> str:
    """Which kind of rule a mapping means: by the key that only this kind has."""
    keys = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return "AttributeRule" if "when" in keys else "PartRule" if "score" in keys else "EventRule"


Rule = Annotated[
    Annotated[EventRule, Tag("EventRule")]
    | Annotated[AttributeRule, Tag("AttributeRule")]
    | Annotated[PartRule, Tag("PartRule")],
    Discriminator(_kind),
]


def _names(said: str | list[str] | None) -> tuple[str, ...]:
    if said is None:
        return ()
    return (said,) if isinstance(said, str) else tuple(sorted(set(said)))
