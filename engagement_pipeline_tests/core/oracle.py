"""Points in plain Python: the same definition read the slow and obvious way.

Nothing of the core is used, so that agreement means something.
"""

from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

from engagement_pipeline.catalog.specs import EventRule, HalfLife, Linear, Score


def points(score: Score, events: list[dict[str, Any]], as_of: date) -> dict[str, list[dict[str, Any]]]:
    """By person, the contributions in rule order, rules without any event left out."""
    people = {event["person_id"] for event in events}
    found = {
        person: [_contribution(score, rule, person, events, as_of) for rule in score.rules]
        for person in people
    }
    kept = {person: [c for c in each if c is not None] for person, each in found.items()}
    return {person: each for person, each in sorted(kept.items()) if each}


def _contribution(
    score: Score, rule: EventRule, person: str, events: list[dict[str, Any]], as_of: date
) -> dict[str, int] | None:
    by_age: dict[int, int] = {}
    for event in events:
        age = (as_of - event["event_date"]).days
        if event["person_id"] == person and 0 <= age < score.window and _matches(rule, event):
            amount = 1 if rule.per is None else floor((event["value"] or 0.0) * 100.0 + 0.5)
            by_age[age] = by_age.get(age, 0) + amount
    by_age = {age: quantity for age, quantity in by_age.items() if quantity}
    if not by_age:
        return None
    unit = 1 if rule.per is None else 100
    most = None if rule.cap is None else rule.cap.per_day * unit
    capped = {age: quantity if most is None else min(quantity, most) for age, quantity in by_age.items()}
    each = Fraction(10_000) / unit / (1 if rule.per is None else Fraction(str(rule.per)))
    net = sum(quantity * _billionths(rule.weight * _share(score, age)) for age, quantity in capped.items())
    gross = sum(capped.values()) * _billionths(rule.weight)
    points = floor(net * each / 10**9 + Fraction(1, 2))
    return {
        "quantity": sum(by_age.values()),
        "capped_off": sum(by_age.values()) - sum(capped.values()),
        "decay_loss": floor(gross * each / 10**9 + Fraction(1, 2)) - points,
        "points": points,
    }


def _matches(rule: EventRule, event: dict[str, Any]) -> bool:
    names = [rule.event] if isinstance(rule.event, str) else rule.event
    machine = rule.machine == "exclude" and event["is_machine"]
    condition = rule.where is None or event["category"] == "a"  # the one condition these tests use
    return event["event"] in names and not machine and condition


def _share(score: Score, age: int) -> float:
    if isinstance(score.decay, HalfLife):
        return float(0.5 ** (age / score.decay.half_life))
    if isinstance(score.decay, Linear):
        return max(0.0, 1 - age / score.decay.linear)
    return 1.0


def _billionths(factor: float) -> int:
    return floor(factor * 1e9 + 0.5)
