"""scores/: rules, their caps, a scale and its bands."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from engagement_pipeline.catalog.specs.base import Days, Name, Owner, Spec
from engagement_pipeline.catalog.specs.rules import AttributeRule, Decay, EventRule, PartRule, Rule
from engagement_pipeline.catalog.specs.scales import Band, Scale

Points = Annotated[float, Field(gt=0, le=1e9)]


class Score(Spec):
    """scores/<name>.yaml: one engagement score."""

    score: Name
    """Its name, as the file is called."""
    goal: Annotated[str, Field(min_length=3)]
    """The question that it answers."""
    owner: Owner
    """Whom to ask."""
    window: Days = Field(default_factory=lambda: 1)
    """Needed where a rule reads events; of other scores only the as-of date counts."""
    decay: Decay = "none"
    """How much less older events count: not at all, or one of the three ways below."""
    rules: Annotated[list[Rule], Field(min_length=1)]
    """What gives points: what people do, what is known of them, other scores."""
    groups: dict[Name, Points] = {}
    """Rules that share a cap, by name: the most points that they may give together, in either direction."""
    cap: Points | None = None
    """The most points of all rules together, in either direction."""
    missing_parts: Literal["unscored", "zero", "reweight"] = "unscored"
    """Of a composite: who lacks one of its scores is unscored, has nothing from it, or is judged by the
    others, whose weights share its weight."""
    scale: Scale = Scale()
    """How points become the score that people see."""
    bands: dict[Name, Band] = {}
    """Names for parts of the scale, such as `low: [1, 4]`. Together they cover it, and none overlap."""
    hysteresis: Annotated[float, Field(gt=0)] | None = None
    """How far beyond an edge a score must be to leave yesterday's band, so that nobody flaps between two."""
    applies_to: str | None = None
    """A condition on the profile; everyone else is unscored, which is not zero."""

    @model_validator(mode="after")
    def _events_have_a_window(self) -> "Score":
        if self.event_rules and "window" not in self.model_fields_set:
            raise ValueError("missing key 'window': how many days of events count, such as 90d")
        return self

    @property
    def event_rules(self) -> list[EventRule]:
        """The rules that read events."""
        return [rule for rule in self.rules if isinstance(rule, EventRule)]

    @property
    def longest_window(self) -> int:
        """Of its rules on events, in days."""
        windows = [rule.inactive_for or rule.window or self.window for rule in self.event_rules]
        return max(windows, default=self.window)

    @property
    def attribute_rules(self) -> list[AttributeRule]:
        """The rules that read the profile alone."""
        return [rule for rule in self.rules if isinstance(rule, AttributeRule)]

    @property
    def part_rules(self) -> list[PartRule]:
        """The rules that read other scores."""
        return [rule for rule in self.rules if isinstance(rule, PartRule)]

    @field_validator("bands")
    @classmethod
    def _top_is_inside(cls, bands: dict[str, Band], info: ValidationInfo) -> dict[str, Band]:
        """`[7, 10]` on a scale up to 10 holds the 10, which no band above could."""
        scale: Scale | None = info.data.get("scale")
        top = scale.range[1] if scale and scale.range else None
        return {
            name: band.model_copy(update={"include_to": True})
            if band.to is not None and band.to == top and "include_to" not in band.model_fields_set
            else band
            for name, band in bands.items()
        }
