"""Rules about what a score is put together from: other scores, facts about people, groups and caps.

Not here: rules on events, scales and bands (`lint_scores`).
"""

from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.graph import in_order
from engagement_pipeline.catalog.issues import Issue, did_you_mean, nearest
from engagement_pipeline.catalog.lint_scores import condition_issues, hidden, profile_facts
from engagement_pipeline.catalog.namespaces import columns_of_people
from engagement_pipeline.catalog.specs import AttributeRule, EventRule, PartRule, Rule, Score


def parts_are_known(draft: Draft) -> Iterator[Issue]:
    """A composite adds up scores that are declared, each once."""
    known = [score.name for score in draft.scores]
    for score, spec in _scores(draft):
        seen: set[str] = set()
        for index, rule in enumerate(spec.rules):
            if not isinstance(rule, PartRule):
                continue
            at = ("rules", index, "score")
            if rule.score not in known:
                others = [name for name in known if name != score.name]
                yield score.issue(f"unknown score '{rule.score}'{did_you_mean(rule.score, others)}", *at)
            elif rule.score in seen:
                message = f"score '{rule.score}' is added twice; one rule with both weights says the same"
                yield score.issue(message, *at, level="warning")
            seen.add(rule.score)


def parts_do_not_circle(draft: Draft) -> Iterator[Issue]:
    """No score is a part of itself, not even through others."""
    declared = {score.name: score for score in reversed(draft.scores)}
    needs = {
        name: [part.score for part in score.spec.part_rules] if score.spec else []
        for name, score in declared.items()
    }
    for circle in in_order(needs)[1]:
        message = f"a score cannot be a part of itself: {' -> '.join(circle)}"
        first = declared[circle[0]]
        rules = first.spec.rules if first.spec else []
        at = next(n for n, rule in enumerate(rules) if isinstance(rule, PartRule) and rule.score == circle[1])
        yield first.issue(message, "rules", at, "score")


def parts_are_weighed(draft: Draft) -> Iterator[Issue]:
    """What is said of missing parts is said of a composite, whose parts weigh something."""
    for score, spec in _scores(draft):
        if "missing_parts" in spec.model_fields_set and not spec.part_rules:
            message = "missing_parts says what happens to who lacks a part, but no rule adds up a score"
            yield score.issue(f"{message}; write {{score: name, weight: 1}}, or drop it", "missing_parts")
        weights = [part.weight for part in spec.part_rules]
        if weights and not any(weights):
            yield score.issue("every part has the weight 0, so they add up to nothing", "rules")


def windows_are_of_events(draft: Draft) -> Iterator[Issue]:
    """A window and decay are about events."""
    for score, spec in _scores(draft):
        for key in ("window", "decay"):
            if not spec.event_rules and key in spec.model_fields_set:
                message = f"{key} says nothing here: no rule reads events"
                yield score.issue(message, key, level="warning")


def conditions_on_people_hold(draft: Draft) -> Iterator[Issue]:
    """What rules ask of people can be read and names what is declared."""
    facts = columns_of_people(profile_facts(draft))
    for score, index, rule in _rules(draft):
        key = "when" if isinstance(rule, AttributeRule) else "applies_to"
        if (sql := getattr(rule, key, None)) is not None:
            yield from condition_issues(score, sql, facts, ("rules", index, key), hidden(draft))


def weights_of_facts_are_allowed(draft: Draft) -> Iterator[Issue]:
    """Points for a fact lie in the project's limits, as those for an event do."""
    if draft.project.spec is None:
        return
    low, high = draft.project.spec.limits.weight
    for score, index, rule in _rules(draft):
        if isinstance(rule, AttributeRule) and low < high and not low <= rule.weight <= high:
            message = f"weight {rule.weight:g} is outside the project's limits, {low:g} to {high:g}"
            yield score.issue(message, "rules", index, "weight")


def groups_are_used(draft: Draft) -> Iterator[Issue]:
    """A rule's group is declared, and a declared one has rules."""
    for score, spec in _scores(draft):
        named = {rule.group for rule in spec.rules}
        for index, rule in enumerate(spec.rules):
            if rule.group is not None and rule.group not in spec.groups:
                hint = did_you_mean(rule.group, spec.groups)
                message = f"unknown group '{rule.group}'{hint or '; declare its cap under groups'}"
                yield score.issue(message, "rules", index, "group")
        misspelt = {nearest(name, spec.groups) for name in named - {None, *spec.groups} if name}
        for group in spec.groups:
            if group not in named | misspelt:
                yield score.issue(f"no rule is in group '{group}'", "groups", group, level="warning")


def caps_can_be_reached(draft: Draft) -> Iterator[Issue]:
    """A cap that a tighter one never lets anyone reach is probably a slip."""
    for score, spec in _scores(draft):
        for index, rule in enumerate(spec.rules):
            own = rule.cap.points if isinstance(rule, EventRule) and rule.cap else None
            around = spec.groups.get(rule.group) if rule.group else None
            tighter = min((most for most in (around, spec.cap) if most is not None), default=None)
            if own is not None and tighter is not None and own > tighter:
                whose = f"its group '{rule.group}'" if tighter == around else "the score"
                message = f"the cap of {own:g} points is never reached: {whose} gives at most {tighter:g}"
                yield score.issue(message, "rules", index, "cap", "points", level="warning")
        for group, most in spec.groups.items():
            if spec.cap is not None and most > spec.cap:
                message = f"the cap of {most:g} points is never reached: the score gives at most {spec.cap:g}"
                yield score.issue(message, "groups", group, level="warning")


def silence_is_punished_plainly(draft: Draft) -> Iterator[Issue]:
    """A rule about doing nothing has nothing to count, and is rarely meant as a reward."""
    for score, index, rule in _rules(draft):
        if not isinstance(rule, EventRule) or rule.inactive_for is None:
            continue
        for key in ("window", "decay", "cap"):
            if key in rule.model_fields_set:
                message = f"{key} says nothing beside inactive_for, which gives its weight once; drop it"
                yield score.issue(message, "rules", index, key)
        if rule.weight > 0:
            message = f"weight {rule.weight:g} rewards doing nothing for {rule.inactive_for} days"
            yield score.issue(f"{message}; a penalty is negative", "rules", index, "weight", level="warning")


def _scores(draft: Draft) -> Iterator[tuple[Declared[Score], Score]]:
    for score in draft.scores:
        if score.spec:
            yield score, score.spec


def _rules(draft: Draft) -> Iterator[tuple[Declared[Score], int, Rule]]:
    for score, spec in _scores(draft):
        for index, rule in enumerate(spec.rules):
            yield score, index, rule


RULES = (
    parts_are_known,
    parts_do_not_circle,
    parts_are_weighed,
    windows_are_of_events,
    conditions_on_people_hold,
    weights_of_facts_are_allowed,
    groups_are_used,
    caps_can_be_reached,
    silence_is_punished_plainly,
)
