"""A person's scores explained: what an explanation holds, and the words of it.

Here: units, scales, bands and states in words; the same words for the terminal, for JSON and for frames. Not
here: how it looks (`explanations_text`), where it comes from (`orchestration.explaining`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.catalog.specs import (
    AttributeRule,
    Band,
    Catalog,
    PartRule,
    Rule,
    Scale,
    Score,
)
from engagement_pipeline.core.explanations import Standing
from engagement_pipeline.core.frames import HUNDREDTHS, POINT

EXPLAINED = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "name": pl.String(),
        "points": pl.Int64(),
        "score": pl.Float64(),
        "band": pl.String(),
        "state": pl.String(),
        "reference": pl.String(),
        "definition": pl.String(),
        "version": pl.Int64(),
        "source": pl.String(),
        "changed_since": pl.Int64(),
        "scale": pl.String(),
        "bands": pl.String(),
        "why": pl.String(),
    }
)
"""A row per score. Points in ten-thousandths; `source` says where the rules' rows come from (`SOURCES`);
`changed_since` is what the stored points have more than the rules' rows add up to: measures, or facts,
changed since they were stored. `scale`, `bands` and `why` are words."""
RULES = pl.Schema(
    {
        "name": pl.String(),
        "rule": pl.String(),
        "unit": pl.String(),
        "quantity": pl.Float64(),
        "capped_off": pl.Float64(),
        "gross": pl.Int64(),
        "decay_loss": pl.Int64(),
        "cap_loss": pl.Int64(),
        "group_loss": pl.Int64(),
        "points": pl.Int64(),
        "gave": pl.Boolean(),
    }
)
"""A row per score and rule, in rule order; quantities in the rule's `unit`, points in ten-thousandths.
gross = points + group_loss + cap_loss + decay_loss; the points and `changed_since` add up to the score's."""
PARTS = pl.Schema(
    {
        "name": pl.String(),
        "part": pl.String(),
        "weight": pl.Float64(),
        "score": pl.Float64(),
        "band": pl.String(),
        "state": pl.String(),
        "points": pl.Int64(),
    }
)
"""A row per score and other score that it adds up; null where the person lacks that part."""
ALIASES = pl.Schema({"alias": pl.String(), "valid_from": pl.Date()})

STORED, RECOMPUTED, COMPUTED, GONE = "stored", "recomputed", "computed", "gone"
SOURCES = {
    STORED: "as stored",
    RECOMPUTED: "points are stored, their rules were computed again from stored measures",
    COMPUTED: "nothing is stored for this date: all of it was computed now, from stored measures",
    GONE: "the rules can no longer be told apart",
}


@dataclass(frozen=True)
class Explanation:
    """A person's scores on a date, as frames."""

    asked: str
    """The id as it was asked for."""
    person_id: str
    """The person it belongs to, as known on the date."""
    as_of: date
    aliases: pl.DataFrame
    """`ALIASES`: the person's other ids as known on the date."""
    scores: pl.DataFrame
    """`EXPLAINED`."""
    rules: pl.DataFrame
    """`RULES`."""
    parts: pl.DataFrame
    """`PARTS`."""


@dataclass(frozen=True)
class Unit:
    """What a rule's quantity is counted in."""

    word: str
    divisor: int = 1
    """Of the stored integers."""


def unit_of(rule: Rule, catalog: Catalog) -> Unit:
    """The unit of a rule's quantity."""
    if isinstance(rule, AttributeRule):
        return Unit("holds")
    if isinstance(rule, PartRule):
        return Unit("score", POINT)
    if rule.inactive_for is not None:
        return Unit(f"{rule.inactive_for} days without")
    if rule.per is not None:
        units = {catalog.events[name].unit for name in rule.event_names if name in catalog.events}
        only = next(iter(units)) if len(units) == 1 else None
        return Unit(rule.unit or only or "in value", HUNDREDTHS)
    if rule.streak is not None:
        return Unit(f"times {rule.streak} days in a row")
    return Unit(
        {"events": "events", "days": "days", "messages": "messages", "first": "first time"}[rule.count]
    )


def number(value: float, places: int = 4) -> str:
    """`1,234.5`: no more places than needed, a real minus sign."""
    text = f"{abs(value):,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"\N{MINUS SIGN}{text}" if value < 0 and text.strip("0.,") else text


def in_points(points: int, *, signed: bool = False) -> str:
    """Ten-thousandths as points."""
    text = number(points / POINT)
    return f"+{text}" if signed and points > 0 else text


def many(points: int) -> str:
    """`12.5 points`, `1 point`."""
    return f"{in_points(points)} point{'' if points == POINT else 's'}"


def scale_in_words(
    scale: Scale,
    points: int,
    score: float,
    people: str | None = None,
    standing: Standing | None = None,
    edges: tuple[int | None, int | None] | None = None,
) -> str:
    """How points became the score. people: what the population is called, such as `the reference of
    2026-05-01`. standing: the points' in it. edges: the points at both ends of a scale between two."""
    said, got = many(points), number(score)
    if scale.method == "points":
        return f"the score is the points: {got}"
    if scale.range is None:
        curve = "square root of" if scale.method == "sqrt" else "logarithm of one more than"
        return f"{got} is the {curve} {said}"
    got = f"{got} on {number(scale.range[0])} to {number(scale.range[1])}"
    if scale.method == "percentile":
        return _ranked(said, got, people, standing)
    if scale.method == "thresholds":
        return _stepped(scale, points, got)
    if edges is None or edges[0] is None or edges[1] is None:
        return f"{said} are {got}, between points of a population that is no longer stored"
    return _between(scale, points, got, people, edges[0], edges[1])


def _ranked(said: str, got: str, people: str | None, standing: Standing | None) -> str:
    if standing is None or not standing.people:
        return f"{said} are {got}, by their rank in a population that is no longer stored"
    equal, below = (_share(count, standing.people) for count in (standing.equal, standing.below))
    rank = f": the middle rank {_share(standing.rank, 1)}" if standing.equal else ""
    if not standing.below:
        tied = f", {equal} have as many" if standing.equal else ""
        return f"nobody of {people} has fewer than {said}{tied}{rank}, which is {got}"
    tied = f" and as many as {equal} have" if standing.equal else ""
    return f"{said} are more than {below} of {people} have{tied}{rank}, which is {got}"


def _between(scale: Scale, points: int, got: str, people: str | None, bottom: int, top: int) -> str:
    low, high = (number(end) for end in scale.range or ())
    from_people = f", by {people}" if people and scale.needs_reference else ""
    span = f"from {in_points(bottom)} ({low}) to {many(top)} ({high}{from_people})"
    if bottom >= top:
        return f"{span} there is no way between, so {many(points)} are {got}"
    if points >= top or points <= bottom:
        where = "reach the top" if points >= top else "are at the bottom"
        return f"{many(points)} {where}, which is {got}: it runs {span}"
    bends = {
        "sqrt": " along a square root,",
        "log": " along a logarithm,",
        "saturating": f" along a curve of steepness {scale.bend:g},",
    }
    way = _share((points - bottom) / (top - bottom), 1)
    return f"{span}, {many(points)} are {way} of the way,{bends.get(scale.method, '')} which is {got}"


def _stepped(scale: Scale, points: int, got: str) -> str:
    reached = [step for step in scale.steps if points >= round(step[0] * POINT)]
    ahead = [step for step in scale.steps if points < round(step[0] * POINT)]
    found = (
        f"{many(points)} have reached the step at {number(reached[-1][0])}"
        if reached
        else f"{many(points)} are below the first step"
    )
    more = f"; at {number(ahead[0][0])} points it would be {number(ahead[0][1])}" if ahead else ""
    return f"{found}, which is {got}{more}"


def band_in_words(
    score: Score,
    value: float,
    band: str | None,
    neighbours: Mapping[str, tuple[str | None, int | None]],
) -> str:
    """The band's edges, and how far the next ones are. neighbours: `above` and `below` -> the band there
    (None where this is the last) and how many more points reach the one above (None where none do)."""
    if band is None or band not in score.bands:
        return "no band"
    edges, found = score.bands[band], []
    above, more = neighbours.get("above", (None, None))
    below, _ = neighbours.get("below", (None, None))
    if above is not None and (start := score.bands[above].from_) is not None:
        needed = f", that is with {many(more)} more" if more is not None else ""
        found.append(f"{number(max(0.0, start - value))} below {above}{needed}")
    if below is not None and edges.from_ is not None:
        found.append(f"{number(max(0.0, value - edges.from_))} above {below}")
    if above is None:
        found.append("the highest band")
    if below is None:
        found.append("the lowest band")
    held = "" if _holds(edges, value) else "kept from the day before by hysteresis; "
    return f"{band}, {span(edges)}: {held}{', '.join(found)}"


def span(band: Band) -> str:
    """A band's edges."""
    low = (
        ""
        if band.from_ is None
        else f"from {number(band.from_)}" + ("" if band.include_from else " (without)")
    )
    high = "" if band.to is None else f"up to {number(band.to)}" + (" (with it)" if band.include_to else "")
    return " ".join(each for each in (low, high) if each) or "everything"


def _holds(band: Band, value: float) -> bool:
    above = band.from_ is None or value > band.from_ or (band.include_from and value == band.from_)
    return above and (band.to is None or value < band.to or (band.include_to and value == band.to))


def _share(part: float, whole: float) -> str:
    """In percent, with a place where that tells something from all or nothing."""
    share = 100 * part / whole if whole else 0.0
    text = f"{share:.0f}"
    if (text == "0" and share > 0) or (text == "100" and share < 100):
        text = f"{share:.1f}"
        text = {"0.0": "<0.1", "100.0": ">99.9"}.get(text, text)
    return f"{text} %"
