"""Rules about what becomes of points: scales, bands and how sticky they are. Not here: what gives points
(`lint_scores`)."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple, Self

from engagement_pipeline.catalog.draft import Draft
from engagement_pipeline.catalog.issues import Issue
from engagement_pipeline.catalog.specs import Band, Score


def scales_are_consistent(draft: Draft) -> Iterator[Issue]:
    """The steps of a thresholds scale ascend, in points and in scores, and stay in its range."""
    for score in draft.scores:
        if score.spec is None or not score.spec.scale.steps or score.spec.scale.range is None:
            continue
        low, high = score.spec.scale.range
        steps = score.spec.scale.steps
        for index, (points, value) in enumerate(steps):
            at = ("scale", "steps", index)
            if not low <= value <= high:
                message = f"step at {points:g} points gives {value:g}, outside the range {low:g} to {high:g}"
                yield score.issue(message, *at)
            if index and points <= steps[index - 1][0]:
                message = f"step at {points:g} points does not ascend from {steps[index - 1][0]:g}"
                yield score.issue(message, *at)
            elif index and value < steps[index - 1][1]:
                message = f"step at {points:g} points gives {value:g}, less than fewer points give"
                yield score.issue(f"{message}; more points never score less", *at)


def references_are_read(draft: Draft) -> Iterator[Issue]:
    """What is said of the population belongs to a scale that is read against one."""
    for score in draft.scores:
        if score.spec is None or score.spec.scale.needs_reference:
            continue
        scale = score.spec.scale
        for name in sorted({"reference", "population"} & scale.model_fields_set):
            message = f"{name} says nothing here: this {scale.method} scale is read against no population"
            yield score.issue(message, "scale", name, level="warning")


def bands_tile_the_scale(draft: Draft) -> Iterator[Issue]:
    """Every score lies in exactly one band."""
    for score in draft.scores:
        if score.spec and score.spec.bands:
            low, high = score.spec.scale.range or (-math.inf, math.inf)
            bands = _edges(score.spec)
            wrong = list(_misfits(bands, low, high)) or _seams(sorted(bands), low, high)
            for name, message in wrong:
                yield score.issue(message, "bands", name)


def margins_fit_the_bands(draft: Draft) -> Iterator[Issue]:
    """Hysteresis is narrower than any band: else nobody would ever enter the narrowest from its side."""
    for score in draft.scores:
        if score.spec is None or score.spec.hysteresis is None:
            continue
        margin, at = score.spec.hysteresis, ("hysteresis",)
        if len(score.spec.bands) < 2:
            yield score.issue("hysteresis is about leaving a band; it needs two bands or more", *at)
            continue
        found = [(band.end - band.start, band.name) for band in _edges(score.spec)]
        width, name = min(found)
        if not 0 < width < math.inf:
            continue
        where = f"the narrowest band '{name}' is {width:g} wide"
        if margin >= width:
            message = f"hysteresis {margin:g} is too much: {where}, and nobody would enter it from the next"
            yield score.issue(f"{message}; choose less than {width:g}, a tenth of it say", *at)
        elif margin > width / 2:
            message = f"hysteresis {margin:g} is much: {where}, and who has just entered hardly leaves again"
            yield score.issue(message, *at, level="warning")


class _Edges(NamedTuple):
    """A band with the scale's ends for missing edges; sorts from low to high."""

    start: float
    end: float
    name: str
    holds_start: bool
    holds_end: bool

    @classmethod
    def of(cls, name: str, band: Band, low: float, high: float) -> Self:
        start, holds_start = (low, True) if band.from_ is None else (band.from_, band.include_from)
        end, holds_end = (high, True) if band.to is None else (band.to, band.include_to)
        return cls(start, end, name, holds_start, holds_end)


def _edges(score: Score) -> list[_Edges]:
    low, high = score.scale.range or (-math.inf, math.inf)
    return [_Edges.of(name, band, low, high) for name, band in score.bands.items()]


def _misfits(bands: list[_Edges], low: float, high: float) -> Iterator[tuple[str, str]]:
    """Bands that are wrong by themselves, and why."""
    for start, end, name, *_ in bands:
        if not start < end:
            yield name, f"band '{name}' is empty: it runs from {start:g} to {end:g}"
        elif start < low or end > high:
            message = f"band '{name}' runs from {start:g} to {end:g}, beyond the scale's {low:g} to {high:g}"
            yield name, message


def _seams(bands: list[_Edges], low: float, high: float) -> Iterator[tuple[str, str]]:
    """Gaps and overlaps between neighbours; the scale's ends count as bands without width."""
    bottom = _Edges(low, low, "", False, False)
    top = _Edges(high, high, "", False, False)
    for below, above in itertools.pairwise([bottom, *bands, top]):
        name = above.name or below.name
        between = f", between '{below.name}' and '{above.name}'" if below.name and above.name else ""
        both = f"bands '{below.name}' and '{above.name}' both hold"
        if below.end < above.start:
            yield name, f"no band holds the scores {_span(below.end, above.start)}{between}"
        elif below.end > above.start:
            yield name, f"{both} the scores {_span(above.start, min(below.end, above.end))}"
        elif below.holds_end and above.holds_start:
            yield name, f"{both} the score {above.start:g}"
        elif not below.holds_end and not above.holds_start and math.isfinite(above.start):
            yield name, f"no band holds the score {above.start:g}{between}"


def _span(start: float, end: float) -> str:
    if math.isinf(start):
        return f"below {end:g}"
    return f"from {start:g} up" if math.isinf(end) else f"from {start:g} to {end:g}"


RULES = (
    scales_are_consistent,
    references_are_read,
    bands_tile_the_scale,
    margins_fit_the_bands,
)
