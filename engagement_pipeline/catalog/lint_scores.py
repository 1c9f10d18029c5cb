"""Rules about scores: their rules and whom they apply to. Not here: what becomes of points (`lint_scales`),
the plan they read, the people they rank."""

import math
from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.expressions import ExpressionError, parse
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.namespaces import CANONICAL, columns_of_events, columns_of_people
from engagement_pipeline.catalog.specs import Event, EventRule, PropertyType, Score, Spec

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
    scores_apply_to_profiles,
)
