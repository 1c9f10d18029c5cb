"""Points of facts, parts and silence, and caps in points, in plain Python: the slow and obvious way.

Nothing of the core is used, so that agreement means something. Not here: what events give (`oracle`).
"""

from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from engagement_pipeline.catalog.specs import AttributeRule, PartRule, Score

Person = dict[str, Any]
"""`person_id`, `first_seen`, `plan` (the one fact these tests ask about), and `parts`: score -> number."""
Row = dict[str, int]


def points(
    score: Score, known: list[Person], events: list[dict[str, Any]], as_of: date, start: date
) -> dict[str, list[tuple[int, Row]]]:
    """By person, number of the rule and its contribution, in rule order; who has none is left out."""
    people = {each["person_id"]: each for each in known}
    for name in {event["person_id"] for event in events} - people.keys():
        people[name] = {"person_id": name, "first_seen": None, "plan": None, "parts": {}, "unknown": True}
    found = {}
    for name, person in sorted(people.items()):
        mine = [event for event in events if event["person_id"] == name]
        rows = {
            n: row for n in range(len(score.rules)) if (row := _row(score, n, person, mine, as_of, start))
        }
        if rows and _complete(score, person):
            for members, most in _groups(score):
                _share(rows, [n for n in members if n in rows], most)
            found[name] = list(rows.items())
    return found


def _row(
    score: Score, number: int, person: Person, events: list[dict[str, Any]], as_of: date, start: date
) -> Row | None:
    rule = score.rules[number]
    if isinstance(rule, AttributeRule):
        return _plain(1, _rounded(Fraction(str(rule.weight)))) if _holds(rule.when, person) else None
    if isinstance(rule, PartRule):
        return _of_part(score, rule, person)
    if rule.applies_to is not None and not _holds(rule.applies_to, person):
        return None
    days = rule.inactive_for or score.window
    found = [each for each in events if each["event"] == rule.event and _age(each, as_of) in range(days)]
    if rule.inactive_for is not None:
        first = as_of - timedelta(days=days - 1)
        known = not person.get("unknown") and person["first_seen"] <= first and start <= first
        return _plain(1, _rounded(Fraction(str(rule.weight)))) if known and not found else None
    if not found:
        return None
    row = _plain(len(found), _rounded(Fraction(str(rule.weight)) * len(found)))
    if rule.cap is not None and rule.cap.points is not None:
        most = _rounded(Fraction(str(rule.cap.points)))
        kept = max(-most, min(most, row["points"]))
        row |= {"cap_loss": row["points"] - kept, "points": kept}
    return row


def _of_part(score: Score, rule: PartRule, person: Person) -> Row | None:
    value = person["parts"].get(rule.score)
    if value is None:
        return None
    quantity = _rounded(Fraction(str(value)))
    weight = Fraction(str(rule.weight))
    if score.missing_parts == "reweight":
        every = [abs(Fraction(str(each.weight))) for each in score.part_rules]
        there = [
            abs(Fraction(str(each.weight)))
            for each in score.part_rules
            if person["parts"].get(each.score) is not None
        ]
        weight = weight * sum(every) / sum(there) if sum(there) else Fraction(0)
    return _plain(quantity, floor(weight * quantity + Fraction(1, 2)))


def _complete(score: Score, person: Person) -> bool:
    there = [person["parts"].get(each.score) is not None for each in score.part_rules]
    if not there or score.missing_parts == "zero":
        return True
    return any(there) if score.missing_parts == "reweight" else all(there)


def _groups(score: Score) -> list[tuple[list[int], int]]:
    found = [
        ([n for n, rule in enumerate(score.rules) if rule.group == group], _rounded(Fraction(str(most))))
        for group, most in score.groups.items()
    ]
    if score.cap is not None:
        found.append((list(range(len(score.rules))), _rounded(Fraction(str(score.cap)))))
    return found


def _share(rows: dict[int, Row], members: list[int], most: int) -> None:
    total = sum(rows[n]["points"] for n in members)
    if abs(total) <= most:
        return
    sign = 1 if total > 0 else -1
    side = [n for n in members if rows[n]["points"] * sign > 0]
    excess, whole = abs(total) - most, sum(abs(rows[n]["points"]) for n in side)
    exact = {n: Fraction(excess * abs(rows[n]["points"]), whole) for n in side}
    shares = {n: floor(share) for n, share in exact.items()}
    lacking = excess - sum(shares.values())
    for n in sorted(side, key=lambda n: (shares[n] - exact[n], n))[:lacking]:
        shares[n] += 1
    for n, share in shares.items():
        rows[n]["points"] -= sign * share
        rows[n]["group_loss"] += sign * share


def _holds(condition: str, person: Person) -> bool:
    """Of the two conditions that these tests use."""
    if person.get("unknown"):
        return False
    return person["plan"] == "gold" if condition == "profile.plan = 'gold'" else person["plan"] is None


def _plain(quantity: int, points: int) -> Row:
    losses = {"capped_off": 0, "decay_loss": 0, "cap_loss": 0, "group_loss": 0}
    return {"quantity": quantity, **losses, "points": points}


def _age(event: dict[str, Any], as_of: date) -> int:
    days: int = (as_of - event["event_date"]).days
    return days


def _rounded(points: Fraction) -> int:
    return floor(points * 10_000 + Fraction(1, 2))
