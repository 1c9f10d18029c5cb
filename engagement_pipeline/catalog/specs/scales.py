"""Scales and bands: how points become the score people see, and the names of its intervals.

Here: what they may say. Not here: the arithmetic (`core.scales`), the rules that give points (`rules`).
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from engagement_pipeline.catalog.specs.base import Spec


class Scale(Spec):
    """How points become the score people see."""

    method: Literal["points", "percentile", "linear", "sqrt", "log", "saturating", "thresholds"] = "points"
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
