"""Rules about rules on events: what they count, in which unit, and how much it weighs.

Not here: the plan they read (`lint_plan`), rules on people and other scores (`lint_parts`), the score they
belong to (`lint_scores`).
"""

import math
from collections.abc import Iterator, Mapping

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.expressions import ExpressionError, parse
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.lint_scores import condition_issues
from engagement_pipeline.catalog.namespaces import CANONICAL, columns_of_events
from engagement_pipeline.catalog.specs import Event, EventRule, PropertyType, Score

LARGEST = 2**63 - 1
ADVISED = (1, 10)
"""The range positive weights usually lie in; others work, with a warning."""


def rules_name_known_events(draft: Draft) -> Iterator[Issue]:
    """Every event a rule counts is in the plan, and so are those that imply it or give it its chance."""
    events = [event.name for event in draft.events]
    for score, index, rule in _rules(draft):
        named = {
            ("event",): rule.event_names,
            ("implied_by",): rule.implying,
            ("rate", "per"): rule.rate.event_names if rule.rate else (),
        }
        for at, names in named.items() if draft.events_known else ():
            for name in names:
                if name not in events:
                    hint = did_you_mean(name, events)
                    yield score.issue(f"unknown event '{name}'{hint}", "rules", index, *at)


def weights_are_allowed(draft: Draft) -> Iterator[Issue]:
    """Weights lie in the project's limits, and only what a person chose to do earns points."""
    plan = _plan(draft)
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
            elif rule.weight == 0:
                yield score.issue("weight 0 gives nobody anything", *at, level="warning")
        earns = rule.weight > 0 and rule.inactive_for is None
        for name in (*rule.event_names, *rule.implying) if earns else ():
            if (event := plan.get(name)) and not event.chosen:
                message = (
                    f"'{name}' cannot have the positive weight {rule.weight:g}: the person did not choose it"
                )
                yield score.issue(f"{message}; use what they did in answer to it", *at)


def channels_hold_something(draft: Draft) -> Iterator[Issue]:
    """A rule that names channels alone counts what people choose to do there, if there is anything."""
    plan = _plan(draft)
    for score, index, rule in _rules(draft):
        broken = len(plan) < len(draft.events) or not draft.events_known
        if rule.event_names or broken or _rows_say_channels(draft) or _counted(rule, plan):
            continue
        where = " or ".join(rule.channels)
        message = f"the plan has no event on {where} that a person chooses to do, so nothing is counted"
        yield score.issue(f"{message}; name the events", "rules", index, "channel")


def values_have_one_unit(draft: Draft) -> Iterator[Issue]:
    """A rule that is proportional to value reads events that have one, all in the same unit."""
    plan = _plan(draft)
    for score, index, rule in _rules(draft):
        if rule.per is None:
            continue
        known = _counted(rule, plan)
        for name in rule.event_names:
            if name in known and known[name].unit is None:
                message = f"'{name}' has no unit, so no value to be proportional to; give it one or drop per"
                yield score.issue(message, "rules", index, "per")
        units = {event.unit: name for name, event in known.items() if event.unit}
        if rule.unit is not None:
            if known and rule.unit not in units:
                message = f"no event of the rule has values in '{rule.unit}'{did_you_mean(rule.unit, units)}"
                yield score.issue(message, "rules", index, "unit")
        elif len(units) > 1:
            found = " and ".join(f"{unit} ('{name}')" for unit, name in sorted(units.items()))
            message = f"values in {found} cannot be added up; use one rule each, or say which with unit"
            yield score.issue(message, "rules", index, "per")
        elif known and not units and not rule.event_names:
            message = f"no event on {' or '.join(rule.channels)} has a unit, so there is no value"
            yield score.issue(message, "rules", index, "per")


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


def counts_can_happen(draft: Draft) -> Iterator[Issue]:
    """A streak fits in the window; a cap per day takes something; messages have ids."""
    for score, index, rule in _rules(draft):
        window = rule.window or (score.spec.window if score.spec else 0)
        if rule.streak is not None and rule.streak > window:
            message = f"a streak of {rule.streak} days never fits in the window of {window} days"
            yield score.issue(message, "rules", index, "streak")
        once = rule.count in ("days", "first") or rule.streak is not None
        if once and rule.cap is not None and rule.cap.per_day is not None:
            message = "cap: per_day takes nothing here: a day counts once anyway"
            yield score.issue(message, "rules", index, "cap", "per_day", level="warning")
        if rule.count == "messages":
            yield from _without_messages(draft, score, index, rule)


def _without_messages(draft: Draft, score: Declared[Score], index: int, rule: EventRule) -> Iterator[Issue]:
    sources = [source.spec for source in draft.sources if source.spec]
    if len(sources) < len(draft.sources):
        return  # the broken one may bring them
    exposures = rule.rate.event_names if rule.rate else ()
    for name in (*rule.event_names, *rule.implying, *exposures):
        bringing = [source for source in sources if name in source.feeds]
        if bringing and all(mapping.message_id is None for source in bringing for mapping in source.events):
            whose = " and ".join(f"'{source.source}'" for source in bringing)
            message = f"'{name}' comes from {whose}, which maps no message_id, so no message is counted"
            yield score.issue(message, "rules", index, "count", level="warning")


def rule_conditions_hold(draft: Draft) -> Iterator[Issue]:
    """A rule's condition can be read and names what its events have."""
    plan = _plan(draft)
    for score, index, rule in _rules(draft):
        named = {*rule.event_names, *rule.implying}
        events = {name: event for name, event in plan.items() if name in named}
        if rule.where is None or len(events) < len(named):
            continue
        at = ("rules", index, "where")
        anywhere = _rows_say_channels(draft)
        on = [event for event in plan.values() if anywhere or event.channel in rule.channels]
        columns = columns_of_events(events.values() if named else on)
        if elsewhere := _of_other_events(rule.where, columns, plan):
            yield score.issue(elsewhere, *at)
            continue
        yield from condition_issues(score, rule.where, columns, at)
        yield from _always_null(score, rule.where, columns, events, at)


def _of_other_events(where: str, columns: dict[str, PropertyType], plan: Mapping[str, Event]) -> str | None:
    """That the condition names a property which only events have that the rule does not count."""
    try:
        parse(where, columns)
    except ExpressionError as error:
        having = [name for name, event in plan.items() if error.unknown in event.properties]
        if having:
            said = f"where: no event that the rule counts has the property '{error.unknown}'"
            return f"{said}; of the plan, {' and '.join(having)} {'has' if len(having) == 1 else 'have'} it"
    return None


def _always_null(
    score: Declared[Score],
    where: str,
    columns: dict[str, PropertyType],
    events: Mapping[str, Event],
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


def _rows_say_channels(draft: Draft) -> bool:
    """Whether a source says where its events happened, so that any of the plan may lie on any channel."""
    return any(source.spec is None or source.spec.says_channels for source in draft.sources)


def _plan(draft: Draft) -> dict[str, Event]:
    """The events of the plan that could be read."""
    return {event.name: event.spec for event in draft.events if event.spec}


def _counted(rule: EventRule, plan: Mapping[str, Event]) -> dict[str, Event]:
    """The events of the plan that the rule counts."""
    if rule.event_names:
        return {name: plan[name] for name in rule.event_names if name in plan}
    return {name: event for name, event in plan.items() if event.chosen and event.channel in rule.channels}


def _rules(draft: Draft) -> Iterator[tuple[Declared[Score], int, EventRule]]:
    for score in draft.scores:
        for index, rule in enumerate(score.spec.rules if score.spec else ()):
            if isinstance(rule, EventRule):
                yield score, index, rule


RULES = (
    rules_name_known_events,
    weights_are_allowed,
    channels_hold_something,
    values_have_one_unit,
    factors_fit,
    counts_can_happen,
    rule_conditions_hold,
)
