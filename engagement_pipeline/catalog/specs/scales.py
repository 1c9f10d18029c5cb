"""Scales and bands: how points become the score people see, and the names of its intervals.

Here: what they may say. Not here: the arithmetic (`core.scales`), the rules that give points (`rules`).
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from engagement_pipeline.catalog.specs.base import Spec

BETWEEN = ("linear", "sqrt", "log", "saturating")
"""Methods that run from a bottom to a top, given by `domain` or taken from the reference."""
WITHOUT_RANGE = ("points", "sqrt", "log")
"""Methods that need no range: then the score is unbounded."""


class Scale(Spec):
    """How points become the score people see. `docs/scales.md` has every method's formula."""

    method: Literal["points", "percentile", "linear", "sqrt", "log", "saturating", "thresholds"] = "points"
    """How the way from low to high points runs."""
    range: tuple[float, float] | None = None
    """Lowest and highest score. None for `points`, which are unbounded; `sqrt` and `log` may go without."""
    reference: Literal["frozen", "live"] = "frozen"
    """For a relative scale, one that does not say itself what points are low and high: the population it is
    read against. Frozen until it is refitted, or that of every date."""
    population: Literal["known", "active"] = "known"
    """Whether people without any counted event are in the reference population."""
    domain: tuple[float | None, float | None] | None = None
    """For `linear`, `sqrt`, `log` and `saturating`: the points at the lowest and at the highest score. The
    reference's lowest, and those that `pin` says, where null."""
    pin: Annotated[float, Field(gt=0, le=100)] | None = None
    """For the same, where the domain does not say the top: the percentile of the reference whose points get
    the highest score. 90 for `saturating`, 100 for the others: the highest points of all."""
    steepness: Annotated[float, Field(gt=0, le=20)] | None = None
    """For `saturating`: how early the curve bends, 3 without it. Half of the way in points is then 0.82 of
    the way in the score; with 1 it is 0.62, with 5 it is 0.92."""
    steps: list[tuple[float, float]] = []
    """For `thresholds`: [points from which on, score], ascending; below the first, the range's low end."""

    @property
    def needs_reference(self) -> bool:
        """Whether the scale is relative to a population."""
        if self.method == "percentile":
            return True
        relative = self.method in BETWEEN and self.range is not None
        return relative and (self.domain is None or None in self.domain)

    @property
    def pinned(self) -> float:
        """The percentile at the top of the range."""
        return self.pin if self.pin is not None else 90.0 if self.method == "saturating" else 100.0

    @property
    def bend(self) -> float:
        """`steepness`, or what it is where nothing is said."""
        return 3.0 if self.steepness is None else self.steepness

    @model_validator(mode="after")
    def _has_a_range(self) -> "Scale":
        if self.method == "points" and self.range is not None:
            raise ValueError("the points scale has no range: the score is the points")
        if self.range is None and self.method not in WITHOUT_RANGE:
            raise ValueError(f"{self.method} needs a range, such as [1, 10]")
        for name, pair in (("range", self.range), ("domain", self.domain)):
            low, high = pair or (None, None)
            if low is not None and high is not None and not low < high:
                raise ValueError(f"{name} [{low:g}, {high:g}] must ascend")
        return self

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> "Scale":
        for name in ("domain", "pin"):
            if getattr(self, name) is not None and self.method not in BETWEEN:
                raise ValueError(f"{name} belongs to {', '.join(BETWEEN)}, not to {self.method}")
            if getattr(self, name) is not None and self.range is None:
                raise ValueError(f"{name} is about the points at the highest score; it needs a range")
        if self.pin is not None and self.domain is not None and self.domain[1] is not None:
            raise ValueError(f"domain says already that {self.domain[1]:g} points are the top; drop pin")
        if self.steepness is not None and self.method != "saturating":
            raise ValueError(f"steepness belongs to saturating, not to {self.method}")
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
    """The lower edge; null for none."""
    to: float | None = None
    """The upper edge; null for none."""
    include_from: bool = True
    """Whether a score at the lower edge lies in it."""
    include_to: bool = False
    """Whether a score at the upper edge lies in it; at the top of the scale's range it does without
    saying."""

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            if len(value) != 2:
                raise ValueError("a band is [from, to]; null for no bound")
            return {"from": value[0], "to": value[1]}
        return value
