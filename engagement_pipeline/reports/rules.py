"""The rules of a score in words: what counts, of whom, how much and how far, for pages and terminals.

Not here: the arithmetic (`core.points`), what becomes of points (`scales`).
"""

from collections.abc import Iterator

from engagement_pipeline.catalog.specs import (
    AttributeRule,
    Decay,
    EventRule,
    HalfLife,
    Linear,
    PartRule,
    Rule,
    Score,
    SCurve,
)

HEADER = (
    "weight",
    "event",
    "where",
    "people",
    "quantity",
    "daily cap",
    "cap",
    "group",
    "window",
    "decay",
    "machines",
)
"""Of `rows`; what no rule of a score says is empty throughout."""
MISSING = {
    "unscored": "who lacks one is unscored",
    "zero": "who lacks one has nothing from it",
    "reweight": "who lacks one is judged by the others, whose weights share its weight",
}


def rows(score: Score) -> Iterator[tuple[str, ...]]:
    """A row a rule, in their order, with the columns of `HEADER`."""
    for rule in score.rules:
        said = _said(rule)
        if rule.group is not None:
            said["group"] = rule.group
        yield tuple(said.get(name, "") for name in HEADER)


def window(score: Score) -> str:
    """How long events count."""
    return f"{score.window} days" if score.event_rules else "none: no rule reads events"


def decay(said: Decay) -> str:
    """How events lose weight as they age."""
    match said:
        case HalfLife(half_life=days):
            return f"half after {days} days"
        case Linear(linear=days):
            return f"linear, nothing after {days} days"
        case SCurve(s_curve=days):
            return f"an S, half after {days} days, nothing after {2 * days}"
        case _:
            return "none"


def limits(score: Score) -> dict[str, str]:
    """The caps of groups and of the score, and what happens to who lacks a part; what is not said is left
    out."""
    found = {}
    if score.groups:
        found["group caps"] = ", ".join(f"{name} {most:g} points" for name, most in score.groups.items())
    if score.cap is not None:
        found["cap"] = f"{score.cap:g} points in all"
    if score.part_rules:
        found["missing parts"] = MISSING[score.missing_parts]
    return found


def _said(rule: Rule) -> dict[str, str]:
    weight = {"weight": f"{rule.weight:+g}"}
    if isinstance(rule, AttributeRule):
        return {**weight, "people": rule.when, "quantity": "once"}
    if isinstance(rule, PartRule):
        return {**weight, "event": f"score {rule.score}", "quantity": "its score"}
    cap = rule.cap
    return {
        **weight,
        "event": _events(rule),
        "where": rule.where or "",
        "people": rule.applies_to or "",
        "quantity": _quantity(rule),
        "daily cap": f"{cap.per_day:g}" if cap and cap.per_day is not None else "",
        "cap": f"{cap.points:g} points" if cap and cap.points is not None else "",
        "window": f"{rule.window} days" if rule.window else "",
        "decay": "" if rule.decay is None else decay(rule.decay),
        "machines": "excluded" if rule.machine == "exclude" else "",
    }


def _events(rule: EventRule) -> str:
    names = ", ".join(rule.event_names) or "anything chosen"
    return f"{names} on {', '.join(rule.channels)}" if rule.channels else names


def _quantity(rule: EventRule) -> str:
    if rule.inactive_for is not None:
        return f"once, if there was none for {rule.inactive_for} days"
    if rule.per is not None:
        bounds = [f"at least {rule.floor:g}"] if rule.floor is not None else []
        bounds += [f"at most {rule.ceiling:g}"] if rule.ceiling is not None else []
        unit = f" {rule.unit}" if rule.unit else ""
        return ", ".join([f"value, per {rule.per:g}{unit}", *bounds])
    counted = {"events": "count", "days": "days", "messages": "messages", "first": "the first time"}
    found = counted[rule.count]
    if rule.streak is not None:
        found = f"{rule.streak} days in a row"
    if rule.implying:
        found += f", also shown by {' or '.join(rule.implying)}"
    if rule.rate is not None:
        found += f" per {' or '.join(rule.rate.event_names)}"
        found += f", from {rule.rate.at_least} on" if rule.rate.at_least > 1 else ""
    return found
