"""Rules about scores: their rules, scales and bands. Not here: the plan they read, the people they rank."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple, Self

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.expressions import ExpressionError, parse
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.namespaces import CANONICAL, columns_of_events, columns_of_people
from engagement_pipeline.catalog.specs import Band, Event, EventRule, PropertyType, Score, Spec

LARGEST = 2**63 - 1
ADVISED = (1, 10)
"""The range positive weights usually lie in; others work, with a warning."""


def rules_name_known_events(draft: Draft) -> Iterator[Issue]:
    """Every event a rule counts is in the plan."""
    events = [event.name for event in draft.events]
    for score, index, rule in _rules(draft):
        for name in rule.event_names if draft.events_known else ():
            if name not in events:
                hint = did_you_mean(name, events)
                yield score.issue(f"unknown event '{name}'{hint}", "rules", index, "event")


def weights_are_allowed(draft: Draft) -> Iterator[Issue]:
    """Weights lie in the project's limits, and only what a person chose to do earns points."""
    plan = {event.name: event.spec for event in draft.events}
    for score, index, rule in _rules(draft):
        at = ("rules", index, "weight")
        if project := draft.project.spec:
            low, high = project.limits.weight
            if low < high and not low <= rule.weight <= high:
                message = f"weight {rule.weight:g} is outside the project's limits, {low:g} to {high:g}"
                yield score.issue(message, *at)
            elif rule.weight > 0 and not ADVISED[0] <= rule.weight <= ADVISED[1]:
                message = f"weight {rule.weight:g} is outside the usual {ADVISED[0]} to {ADVISED[1]}"
                yield score.issue(message, *at, level="warning")
        for name in rule.event_names if rule.weight > 0 else ():
            if (event := plan.get(name)) and not event.chosen:
                message = (
                    f"'{name}' cannot have the positive weight {rule.weight:g}: the person did not choose it"
                )
                yield score.issue(f"{message}; use what they did in answer to it", *at)


def values_have_one_unit(draft: Draft) -> Iterator[Issue]:
    """A rule that is proportional to value reads events that have one, all in the same unit."""
    plan = {event.name: event.spec for event in draft.events}
    for score, index, rule in _rules(draft):
        if rule.per is None:
            continue
        known = {name: event for name in rule.event_names if (event := plan.get(name))}
        for name, event in known.items():
            if event.unit is None:
                message = f"'{name}' has no unit, so no value to be proportional to; give it one or drop per"
                yield score.issue(message, "rules", index, "per")
        units = {event.unit: name for name, event in known.items() if event.unit}
        if len(units) > 1:
            found = " and ".join(f"{unit} ('{name}')" for unit, name in sorted(units.items()))
            yield score.issue(
                f"values in {found} cannot be added up; use one rule each", "rules", index, "per"
            )


def factors_fit(draft: Draft) -> Iterator[Issue]:
    """A weight over its `per` is held as one 64-bit integer; decay only makes it smaller."""
    for score, index, rule in _rules(draft):
        if rule.per is not None and _billionths(rule) > LARGEST:
            message = f"weight {rule.weight:g} per {rule.per:.10g} is too much for exact arithmetic"
            yield score.issue(
                f"{message}; write a smaller weight, or per with fewer decimals", "rules", index, "per"
            )


def _billionths(rule: EventRule) -> int:
    return math.floor(abs(rule.weight) * 1_000_000_000 + 0.5) * rule.exact_per.denominator


def rule_conditions_hold(draft: Draft) -> Iterator[Issue]:
    """A rule's condition can be read and names what its events have."""
    plan = {event.name: event.spec for event in draft.events}
    for score, index, rule in _rules(draft):
        events = {name: event for name in rule.event_names if (event := plan.get(name))}
        if rule.where is None or len(events) < len(rule.event_names):
            continue
        at = ("rules", index, "where")
        columns = columns_of_events(events.values())
        yield from condition_issues(score, rule.where, columns, at)
        yield from _always_null(score, rule.where, columns, events, at)


def _always_null(
    score: Declared[Score],
    where: str,
    columns: dict[str, PropertyType],
    events: dict[str, Event],
    at: tuple[str | int, ...],
) -> Iterator[Issue]:
    try:
        named = parse(where, columns).columns
    except ExpressionError:
        return
    for name, event in events.items():
        for column in sorted(named - event.properties.keys() - CANONICAL.keys()):
            message = f"'{name}' declares no property '{column}', so there it is always null"
            yield score.issue(message, *at, level="warning")


def labels_are_unique(draft: Draft) -> Iterator[Issue]:
    """Two rules of a score with one label cannot be told apart in an explanation."""
    for score in draft.scores:
        seen: set[str] = set()
        for index, rule in enumerate(score.spec.rules if score.spec else ()):
            if rule.label in seen:
                yield score.issue(f"label '{rule.label}' stands on two rules", "rules", index, "label")
            seen |= {rule.label} if rule.label else set()


def scales_are_consistent(draft: Draft) -> Iterator[Issue]:
    """The steps of a thresholds scale ascend and stay in its range."""
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


def bands_tile_the_scale(draft: Draft) -> Iterator[Issue]:
    """Every score lies in exactly one band."""
    for score in draft.scores:
        if score.spec and score.spec.bands:
            low, high = score.spec.scale.range or (-math.inf, math.inf)
            bands = [_Edges.of(name, band, low, high) for name, band in score.spec.bands.items()]
            wrong = list(_misfits(bands, low, high)) or _seams(sorted(bands), low, high)
            for name, message in wrong:
                yield score.issue(message, "bands", name)


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


def scores_apply_to_profiles(draft: Draft) -> Iterator[Issue]:
    """Whom a score applies to depends on the profile alone."""
    facts = columns_of_people(profile_facts(draft))
    for score in draft.scores:
        if score.spec and score.spec.applies_to is not None:
            yield from condition_issues(score, score.spec.applies_to, facts, ("applies_to",), hidden(draft))


def condition_issues(
    definition: Declared[Spec],
    sql: str,
    columns: dict[str, PropertyType],
    at: tuple[str | int, ...],
    unknown: tuple[str, ...] = (),
) -> Iterator[Issue]:
    """What is wrong with a condition. Names under the prefixes in `unknown` cannot be judged."""
    try:
        parse(sql, columns)
    except ExpressionError as error:
        if not (error.unknown and error.unknown.startswith(unknown)):
            yield definition.issue(f"{at[-1]}: {error}", *at)


def profile_facts(draft: Draft) -> dict[str, PropertyType]:
    """The profile facts of the sources that could be read."""
    return {
        name: kind for source in draft.sources if source.spec for name, kind in source.spec.columns.items()
    }


def hidden(draft: Draft) -> tuple[str, ...]:
    """Prefixes of names that a broken file may declare."""
    return ("profile.",) if any(source.spec is None for source in draft.sources) else ()


def _rules(draft: Draft) -> Iterator[tuple[Declared[Score], int, EventRule]]:
    for score in draft.scores:
        for index, rule in enumerate(score.spec.rules if score.spec else ()):
            if isinstance(rule, EventRule):
                yield score, index, rule


RULES = (
    rules_name_known_events,
    weights_are_allowed,
    values_have_one_unit,
    factors_fit,
    rule_conditions_hold,
    labels_are_unique,
    scales_are_consistent,
    bands_tile_the_scale,
    scores_apply_to_profiles,
)
