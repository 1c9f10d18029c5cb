"""Conditions that can be read but never hold, and the very words they are reported in."""

from pathlib import Path

import pytest

from engagement_pipeline_tests.catalog.folders import planted

FILE = "segments/readers.yaml"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("band.email = 'hihg'", "band.email is never 'hihg', only low, medium, high; did you mean 'high'?"),
        ("band.email in ('low', 'top')", "band.email is never 'top', only low, medium, high"),
        ("'asleep' = state.email",
         ("state.email is never 'asleep', only scored, inactive, unscored, stale, "
          "provisional")),
        ("consent.email = 'yes'", "consent.email is never 'yes', only in, out"),
        ("score.email >= 80", "score.email is never 80: its scale runs from 1 to 10"),
        ("score.email between -1 and 5", "score.email is never -1: its scale runs from 1 to 10"),
    ],
)  # fmt: skip
def test_what_can_never_hold_is_warned_of(tmp_path: Path, condition: str, message: str) -> None:
    found = planted(tmp_path, FILE, "score.email >= 8", condition)
    assert found == [f"{FILE}:3: warning: where: {message}"]


@pytest.mark.parametrize(
    "condition",
    ["band.email = 'high'", "score.email >= 10", "points.email > 500", "profile.plan = 'whatever'"],
)
def test_what_can_hold_is_not(tmp_path: Path, condition: str) -> None:
    assert planted(tmp_path, FILE, "score.email >= 8", condition) == []


def test_rules_on_people_and_variants_are_looked_at_too(tmp_path: Path) -> None:
    email, perks = "scores/email.yaml", "campaigns/perks.yaml"
    assert planted(tmp_path, email, "profile.plan is not null", "consent.email = 'no'") == [
        f"{email}:10: warning: applies_to: consent.email is never 'no', only in, out"
    ]
    assert planted(tmp_path, perks, "score.email >= 9", "score.email >= 90") == [
        f"{perks}:7: warning: when: score.email is never 90: its scale runs from 1 to 10"
    ]
