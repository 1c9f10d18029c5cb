"""One planted mistake a rule about outcomes, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import EMAIL, catalog, said

FILE = "outcomes/buys.yaml"
BUYS = """\
outcome: buys
goal: Who buys a course next?
owner: team:growth
event: course_watched
within: 30d
scores: [email]
"""


def planted(folder: Path, old: str, new: str) -> list[str]:
    assert BUYS.count(old) == 1
    return said(catalog(folder, {FILE: BUYS.replace(old, new)}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "course_watched",
            "course_wached",
            "4: unknown event 'course_wached'; did you mean 'course_watched'?",
        ),
        ("[email]", "[emial]", "6: unknown score 'emial'; did you mean 'email'?"),
        ("[email]", "[email, email]", "6: score 'email' stands twice"),
        (
            "within: 30d",
            "within: 90d",
            (
                "5: the 90 days after any as-of date end after the project does, on 2026-03-31: "
                "at most 89 are there"
            ),
        ),
        (
            "course_watched",
            "order_completed",
            (
                "6: warning: score 'email' counts 'order_completed', the outcome itself: "
                "so that it partly foretells who goes on doing it"
            ),
        ),
        (
            "event: course_watched",
            "event: order_completed\nnot_yet: true",
            (
                "7: warning: score 'email' counts 'order_completed', the outcome itself: "
                "of who did it before, whom not_yet leaves out"
            ),
        ),
        (
            "within: 30d",
            "within: 30d\nabsent: true",
            (
                "6: warning: everyone who was gone before counts as leaving, which is easily foretold; "
                "say active_within"
            ),
        ),
        (
            "event: course_watched",
            "event: course_watched\nwhere: levl > 3",
            "5: where: unknown column 'levl'; did you mean 'level'?",
        ),
        (
            "within: 30d",
            "within: 30d\napplies_to: profile.paln = 'x'",
            "6: applies_to: unknown column 'profile.paln'; did you mean 'profile.plan'?",
        ),
        (
            "within: 30d",
            "within: 30d\nmonetary: email_opened",
            "6: 'email_opened' has no unit, so no value to sum",
        ),
        (
            "within: 30d",
            "within: 30d\nmonetary: [order_completed, course_watched]",
            "6: values in EUR and minutes cannot be added up",
        ),
        (
            "within: 30d",
            "within: 30d\nabsent: true\nnot_yet: true",
            "7: not_yet is for what happens the first time; an absence does not",
        ),
        (
            "event: course_watched",
            "not_yet: true",
            "4: not_yet needs an event: which one did they never do before?",
        ),
    ],
)
def test_a_planted_mistake_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert planted(tmp_path, old, new) == [f"{FILE}:{message}"]


def test_a_good_outcome_says_nothing(tmp_path: Path) -> None:
    folder = catalog(tmp_path, {FILE: BUYS})
    assert said(folder) == []
    assert load_catalog(folder).outcomes["buys"].within == 30


def test_what_a_part_counts_is_counted_by_the_composite(tmp_path: Path) -> None:
    whole = "score: whole\ngoal: All of it\nowner: team:x\nwindow: 30d\nrules: [{score: email, weight: 1}]\n"
    outcome = BUYS.replace("course_watched", "order_completed").replace("[email]", "[whole]")
    found = said(catalog(tmp_path, {FILE: outcome, "scores/whole.yaml": whole}))
    assert [line for line in found if "'whole' counts 'order_completed'" in line], found
    assert "order_completed" in EMAIL


@pytest.mark.parametrize(
    "rule",
    [
        "{channel: app, weight: 1}",
        "{event: email_opened, count: messages, implied_by: course_watched, weight: 1}",
    ],
)
def test_what_a_whole_channel_or_an_implying_event_counts_is_counted(tmp_path: Path, rule: str) -> None:
    score = EMAIL.replace("{event: email_opened, weight: 3, cap: {per_day: 1}}", rule)
    found = said(catalog(tmp_path, {FILE: BUYS, "scores/email.yaml": score}))
    assert [line for line in found if "'email' counts 'course_watched'" in line], found
