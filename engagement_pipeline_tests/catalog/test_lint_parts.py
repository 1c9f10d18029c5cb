"""One planted mistake a rule about parts, facts, groups and caps, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import catalog, said

FILE = "scores/overall.yaml"
OVERALL = """\
score: overall
goal: How close are we to this person?
owner: team:lifecycle
rules:
  - {score: email, weight: 0.6}
  - {score: orders, weight: 0.4}
missing_parts: reweight
"""
ORDERS = """\
score: orders
goal: How much do they order?
owner: team:lifecycle
window: 30d
rules:
  - {event: order_completed, weight: 5, cap: {points: 20}, group: bought}
  - {event: course_watched, weight: 2, group: bought, applies_to: "profile.age >= 18"}
  - {event: order_completed, weight: -5, inactive_for: 60d}
  - {when: "profile.vip", weight: 10}
groups: {bought: 40}
cap: 60
"""
SCORES = {FILE: OVERALL, "scores/orders.yaml": ORDERS}


def test_parts_facts_groups_and_caps_are_fine(tmp_path: Path) -> None:
    folder = catalog(tmp_path, SCORES)
    assert said(folder) == []
    scores = load_catalog(folder).scores
    assert list(scores) == ["email", "orders", "overall"]  # a composite after its parts


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (FILE, "score: orders", "score: oders", "6: unknown score 'oders'; did you mean 'orders'?"),
        (
            FILE,
            "score: orders",
            "score: overall",
            "6: a score cannot be a part of itself: overall -> overall",
        ),
        (
            FILE,
            "score: orders",
            "score: email",
            "6: warning: score 'email' is added twice; one rule with both weights says the same",
        ),
        (
            FILE,
            "weight: 0.6}\n  - {score: orders, weight: 0.4}",
            "weight: 0}",
            "4: every part has the weight 0, so they add up to nothing",
        ),
        (
            FILE,
            "missing_parts: reweight",
            "window: 30d",
            "7: warning: window says nothing here: no rule reads events",
        ),
        (
            "scores/orders.yaml",
            "cap: 60",
            "missing_parts: zero",
            (
                "11: missing_parts says what happens to who lacks a part, but no rule adds up a score; write "
                "{score: name, weight: 1}, or drop it"
            ),
        ),
        (
            "scores/orders.yaml",
            "weight: 2, group: bought",
            "weight: 2, group: bougth",
            "7: unknown group 'bougth'; did you mean 'bought'?",
        ),
        (
            "scores/orders.yaml",
            "groups: {bought: 40}\n",
            "",
            "6: unknown group 'bought'; declare its cap under groups",
        ),
        (
            "scores/orders.yaml",
            "bought: 40}",
            "bought: 40, other: 10}",
            "10: warning: no rule is in group 'other'",
        ),
        (
            "scores/orders.yaml",
            "points: 20",
            "points: 50",
            "6: warning: the cap of 50 points is never reached: its group 'bought' gives at most 40",
        ),
        (
            "scores/orders.yaml",
            "cap: 60",
            "cap: 30",
            "10: warning: the cap of 40 points is never reached: the score gives at most 30",
        ),
        (
            "scores/orders.yaml",
            "bought: 40}",
            "bought: 0}",
            "10: bought: 0 is too small; it must be more than 0",
        ),
        (
            "scores/orders.yaml",
            "profile.vip",
            "profile.vpi",
            "9: when: unknown column 'profile.vpi'; did you mean 'profile.vip'?",
        ),
        (
            "scores/orders.yaml",
            "profile.vip",
            "score.email > 5",
            "9: when: unknown column 'score.email'",
        ),
        (
            "scores/orders.yaml",
            "profile.age >= 18",
            "profile.age >= 'old'",
            "7: applies_to: 'profile.age >= 'old'' compares a number with text",
        ),
        (
            "scores/orders.yaml",
            "weight: 10}",
            "weight: 11}",
            "9: weight 11 is outside the project's limits, -10 to 10",
        ),
        (
            "scores/orders.yaml",
            "weight: -5, inactive_for: 60d",
            "weight: 5, inactive_for: 60d",
            "8: warning: weight 5 rewards doing nothing for 60 days; a penalty is negative",
        ),
        (
            "scores/orders.yaml",
            "inactive_for: 60d",
            "inactive_for: 60d, decay: {half_life: 9d}",
            "8: decay says nothing beside inactive_for, which gives its weight once; drop it",
        ),
        (
            "scores/orders.yaml",
            "inactive_for: 60d",
            "inactive_for: 60d, streak: 3d",
            "8: rules: streak and inactive_for are different ways of counting; use one rule each",
        ),
        (
            "scores/orders.yaml",
            "window: 30d\n",
            "",
            "1: missing key 'window': how many days of events count, such as 90d",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    assert SCORES[file].count(old) == 1
    found = said(catalog(tmp_path, {**SCORES, file: SCORES[file].replace(old, new)}))
    assert any(each.startswith(f"{file}:{message}") for each in found), found


def test_a_circle_of_scores_is_named_once(tmp_path: Path) -> None:
    orders = ORDERS + "missing_parts: zero\n"
    orders = orders.replace("groups:", "  - {score: overall, weight: 1}\ngroups:")
    assert said(catalog(tmp_path, {**SCORES, "scores/orders.yaml": orders})) == [
        "scores/orders.yaml:10: a score cannot be a part of itself: orders -> overall -> orders"
    ]


def test_a_part_whose_file_is_broken_is_known(tmp_path: Path) -> None:
    found = said(catalog(tmp_path, {**SCORES, "scores/orders.yaml": ORDERS.replace("goal:", "gaol:")}))
    assert [each for each in found if "overall" in each] == []
