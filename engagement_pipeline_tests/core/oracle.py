"""Rules on events in plain Python: the same definition read the slow and obvious way.

Nothing of the core is used, so that agreement means something.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from math import cos, floor, pi
from typing import Any

from engagement_pipeline.catalog.specs import Decay, EventRule, HalfLife, Linear, Score, SCurve

UNCHOSEN = {"sent"}
Event = Mapping[str, Any]


def points(
    score: Score, events: Iterable[Event], as_of: date, aliases: Mapping[str, str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """By person, the contributions in rule order, rules without any event left out. aliases: id -> person."""
    of_person: dict[str, list[Event]] = {}
    for event in events:
        if event["event_date"] <= as_of:
            person = (aliases or {}).get(event["person_id"], event["person_id"])
            of_person.setdefault(person, []).append(event)
    found = {
        person: [_contribution(score, rule, mine, as_of) for rule in score.event_rules]
        for person, mine in of_person.items()
    }
    kept = {person: [c for c in each if c is not None] for person, each in found.items()}
    return {person: each for person, each in sorted(kept.items()) if each}


def _contribution(score: Score, rule: EventRule, events: list[Event], as_of: date) -> dict[str, int] | None:
    window = rule.window or score.window
    decay = score.decay if rule.decay is None else rule.decay
    by_age = _quantities(rule, [event for event in events if _matches(rule, event)], window, as_of)
    if not by_age:
        return None
    unit = 1 if rule.per is None else 100
    most = None if rule.cap is None or rule.cap.per_day is None else rule.cap.per_day * unit
    capped = {age: quantity if most is None else min(quantity, most) for age, quantity in by_age.items()}
    net = sum(quantity * _billionths(rule.weight * _share(decay, age)) for age, quantity in capped.items())
    gross = sum(capped.values()) * _billionths(rule.weight)
    if rule.rate is None:
        each = Fraction(10_000) / unit / (1 if rule.per is None else Fraction(str(rule.per)))
        given, whole = net * each / 10**9, gross * each / 10**9
    else:
        names = set(rule.rate.event_names)
        exposures = _quantities(rule, [e for e in events if e["event"] in names], window, as_of)
        decayed = sum(n * _billionths(_share(decay, age)) for age, n in exposures.items())
        given = whole = Fraction(0)
        if sum(exposures.values()) >= rule.rate.at_least:
            given = Fraction(net * 10_000, decayed) if decayed else given
            whole = Fraction(gross * 10_000, sum(exposures.values()) * 10**9)
    points = floor(given + Fraction(1, 2))
    return {
        "quantity": sum(by_age.values()),
        "capped_off": sum(by_age.values()) - sum(capped.values()),
        "decay_loss": floor(whole + Fraction(1, 2)) - points,
        "points": points,
    }


def _quantities(rule: EventRule, matching: list[Event], window: int, as_of: date) -> dict[int, int]:
    """Age in days -> what is counted of that day, as far as there is anything."""
    inside = sorted(
        (event for event in matching if (as_of - event["event_date"]).days < window),
        key=lambda event: event["event_date"],
    )
    days = sorted({event["event_date"] for event in inside})
    counted: dict[date, int] = {}
    if rule.count == "first":
        ever = min((event["event_date"] for event in matching), default=None)
        counted = {day: 1 for day in days if day == ever}
    elif rule.count == "days":
        counted = dict.fromkeys(days, 1)
    elif rule.streak is not None:
        row = 0
        for day in days:
            follows = row > 0 and day - timedelta(days=1) in days
            row = row + 1 if follows else 1
            if row == rule.streak:
                counted[day], row = 1, 0
    elif rule.count == "messages":
        seen = set()
        for event in inside:
            if event["message_id"] is not None and event["message_id"] not in seen:
                seen.add(event["message_id"])
                counted[event["event_date"]] = counted.get(event["event_date"], 0) + 1
    else:
        for event in inside:
            amount = 1 if rule.per is None else _hundredths(rule, event["value"])
            counted[event["event_date"]] = counted.get(event["event_date"], 0) + amount
    return {(as_of - day).days: quantity for day, quantity in counted.items() if quantity}


def _hundredths(rule: EventRule, value: float | None) -> int:
    if value is None:
        return 0
    if rule.floor is not None:
        value = max(value, rule.floor)
    if rule.ceiling is not None:
        value = min(value, rule.ceiling)
    return floor(value * 100.0 + 0.5)


def _matches(rule: EventRule, event: Event) -> bool:
    names = {*rule.event_names, *rule.implying}
    return (
        (event["event"] in names if names else event["event"] not in UNCHOSEN)
        and (not rule.channels or event["channel"] in rule.channels)
        and (rule.unit is None or event["unit"] == rule.unit)
        and not (rule.machine == "exclude" and event["is_machine"])
        and (rule.where is None or event["category"] == "a")  # the one condition these tests use
    )


def _share(decay: Decay, age: int) -> float:
    if isinstance(decay, HalfLife):
        return float(0.5 ** (age / decay.half_life))
    if isinstance(decay, Linear):
        return max(0.0, 1 - age / decay.linear)
    if isinstance(decay, SCurve):
        return (1 + cos(pi * (age / (2 * decay.s_curve)))) / 2 if age < 2 * decay.s_curve else 0.0
    return 1.0


def _billionths(factor: float) -> int:
    return floor(factor * 1e9 + 0.5)
