"""One planted mistake a rule about scores, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline_tests.catalog.folders import EMAIL, PROJECT, catalog, planted, said

FILE = "scores/email.yaml"
OPENED = "{event: email_opened, weight: 3, cap: {per_day: 1}}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("email_opened,", "emial_opened,", "6: unknown event 'emial_opened'; did you mean 'email_opened'?"),
        ("email_opened,", "[email_opened, zzz],", "6: unknown event 'zzz'"),
        ("weight: 3", "weight: 11", "6: weight 11 is outside the project's limits, -10 to 10"),
        ("weight: 3", "weight: -10.5", "6: weight -10.5 is outside the project's limits, -10 to 10"),
        ("weight: 3", "weight: 0.5", "6: warning: weight 0.5 is outside the usual 1 to 10"),
        (
            "email_opened,",
            "[email_opened, email_sent],",
            (
                "6: 'email_sent' cannot have the positive weight 3: the person did not choose it; "
                "use what they did in answer to it"
            ),
        ),
        (
            OPENED,
            "{event: email_opened, weight: 3, per: 10}",
            "6: 'email_opened' has no unit, so no value to be proportional to; give it one or drop per",
        ),
        (
            OPENED,
            "{event: [course_watched, order_completed], weight: 3, per: 10}",
            (
                "6: values in EUR ('order_completed') and minutes ('course_watched') cannot be added up; "
                "use one rule each, or say which with unit"
            ),
        ),
        (
            "category = 'garden'",
            "categroy = 'garden'",
            "7: where: unknown column 'categroy'; did you mean 'category'?",
        ),
        ("category = 'garden'", "category = 5", "7: where: 'category = 5' compares text with a number"),
        (
            "category = 'garden'",
            "read_csv('x')",
            (
                "7: where: unknown function 'read_csv', conditions know abs, coalesce, contains, ends_with, "
                "length, lower, starts_with, upper"
            ),
        ),
        (
            "event: order_completed",
            "event: [order_completed, course_watched]",
            "7: warning: 'course_watched' declares no property 'category', so there it is always null",
        ),
        (
            OPENED,
            "{event: email_opened, weight: 3, label: a}\n  - {event: email_opened, weight: 3, label: a}",
            "7: label 'a' stands on two rules",
        ),
        (
            "profile.plan",
            "profile.paln",
            "10: applies_to: unknown column 'profile.paln'; did you mean 'profile.plan'?",
        ),
        (
            "profile.plan",
            "score.email",
            "10: applies_to: unknown column 'score.email'; did you mean 'consent.email'?",
        ),
    ],
)
def test_a_planted_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert planted(tmp_path, FILE, old, new) == [f"{FILE}:{message}"]


TOO_MUCH = "is too much for exact arithmetic; write a smaller weight, or per with fewer decimals"
BOUGHT = "{{event: order_completed, weight: {}, per: {}}}"


@pytest.mark.parametrize(
    ("weight", "per", "message"),
    [
        ("1", "0.0000009", "per: 9e-07 is too small; it must be at least 0.000001"),
        (
            "10000",
            "0.000001",
            f"weight 10000 per 1e-06 {TOO_MUCH}",
        ),
        (
            "-9224",
            "1.333333",
            f"weight -9224 per 1.333333 {TOO_MUCH}",
        ),
        ("-9223", "1.333333", None),
        ("-1000000", "2.001", None),
    ],
)
def test_a_weight_over_its_per_fits_in_64_bits(
    tmp_path: Path, weight: str, per: str, message: str | None
) -> None:
    project = PROJECT + "limits: {weight: [-1000000, 1000000]}\n"
    score = EMAIL.replace(OPENED, BOUGHT.format(weight, per))
    folder = catalog(tmp_path, {"project.yaml": project, FILE: score})
    errors = [issue for issue in lint(folder) if issue.level == "error"]
    assert [str(issue) for issue in errors] == ([f"{FILE}:6: {message}"] if message else [])
    if message is None:
        plan_scores(load_catalog(folder))


def test_weights_have_a_bound(tmp_path: Path) -> None:
    project = PROJECT + "limits:\n  weight: [-10, 1000001]\n"
    assert said(catalog(tmp_path, {"project.yaml": project})) == [
        "project.yaml:6: weight: 1000001 is too large; it must be at most 1000000"
    ]


def test_what_was_not_chosen_may_cost_points(tmp_path: Path) -> None:
    assert planted(tmp_path, FILE, OPENED, "{event: email_sent, weight: -1}") == []
