"""scores/: rules, decay, scales and bands."""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engagement_pipeline.catalog.specs.base import (
    Channel,
    Days,
    Name,
    Owner,
    Spec,
)


class Cap(Spec):
    """The most of a rule's quantity that counts."""

    per_day: Annotated[int, Field(ge=1)]


class Rule(Spec):
    """Weight × quantity of matching events. Quantity is their count, or their value per `per` units."""

    event: Name | list[Name]
    channel: Channel | list[Channel] | None = None
    where: str | None = None
    weight: float
    per: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Points are proportional to value: `weight` for every `per` units. Without it events are counted."""
    cap: Cap | None = None
    """In events, or in units of value."""
    machine: Literal["include", "exclude"] = "include"
    label: str | None = None

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events matched, sorted."""
        return (self.event,) if isinstance(self.event, str) else tuple(sorted(set(self.event)))

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


class HalfLife(Spec):
    """An event counts half after this many days."""

    half_life: Days


class Linear(Spec):
    """An event counts less each day and nothing after this many days."""

    linear: Days


class Scale(Spec):
    """How points become the score people see."""

    method: Literal["points", "percentile", "linear", "thresholds"] = "points"
    range: tuple[float, float] | None = None
    """Lowest and highest score; none for `points`, which are unbounded."""
    reference: Literal["frozen", "live"] = "frozen"
    """For `percentile`, and for `linear` without `domain`: the population the scale is read against."""
    population: Literal["known", "active"] = "known"
    """Whether people without any counted event are in the reference population."""
    domain: tuple[float, float] | None = None
    """For `linear`: the points at the lowest and highest score. The reference's extremes without it."""
    steps: list[tuple[float, float]] = []
    """For `thresholds`: [points from which on, score], ascending; below the first, the range's low end."""

    @property
    def needs_reference(self) -> bool:
        """Whether the scale is relative to a population."""
        return self.method == "percentile" or (self.method == "linear" and self.domain is None)

    @model_validator(mode="after")
    def _consistent(self) -> "Scale":
        if (self.method == "points") != (self.range is None):
            raise ValueError("the points scale has no range, every other method needs one, such as [1, 10]")
        for name, pair in (("range", self.range), ("domain", self.domain)):
            if pair is not None and not pair[0] < pair[1]:
                raise ValueError(f"{name} {list(pair)} must ascend")
        if self.domain is not None and self.method != "linear":
            raise ValueError(f"domain belongs to linear, not to {self.method}")
        if (self.method == "thresholds") != bool(self.steps):
            raise ValueError("steps belong to thresholds, and thresholds needs them")
        return self


def _or_pair(schema: dict[str, Any]) -> None:
    """JSON Schema of a band: the two edges, or the keys."""
    edge = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    pair = {"type": "array", "items": edge, "minItems": 2, "maxItems": 2}
    keys = dict(schema)
    schema.clear()
    schema["anyOf"] = [pair, keys]


class Band(Spec):
    """A named interval of the scale: lower edge included, upper edge not, unless said otherwise."""

    model_config = ConfigDict(json_schema_extra=_or_pair)

    from_: Annotated[float | None, Field(alias="from")] = None
    to: float | None = None
    include_from: bool = True
    include_to: bool = False

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            if len(value) != 2:
                raise ValueError("a band is [from, to]; null for no bound")
            return {"from": value[0], "to": value[1]}
        return value


class Score(Spec):
    """scores/<name>.yaml: one engagement score."""

    score: Name
    goal: Annotated[str, Field(min_length=3)]
    owner: Owner
    window: Days
    decay: Literal["none"] | HalfLife | Linear = "none"
    rules: Annotated[list[Rule], Field(min_length=1)]
    scale: Scale = Scale()
    bands: dict[Name, Band] = {}
    applies_to: str | None = None
    """A condition on the profile; everyone else is unscored, which is not zero."""

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
