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
                "use one rule each"
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
        ("1", "0.0000009", "per: 9e-07 should be greater than or equal to 0.000001"),
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
        "project.yaml:6: weight: 1000001 should be less than or equal to 1000000"
    ]


def test_what_was_not_chosen_may_cost_points(tmp_path: Path) -> None:
    assert planted(tmp_path, FILE, OPENED, "{event: email_sent, weight: -1}") == []


BANDS = "bands: {low: [1, 4], medium: [4, 7], high: [7, 10]}"


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (
            "{low: [1, 4], medium: [5, 7], high: [7, 10]}",
            "no band holds the scores from 4 to 5, between 'low' and 'medium'",
        ),
        (
            "{low: [1, 4], medium: [3.5, 7], high: [7, 10]}",
            "bands 'low' and 'medium' both hold the scores from 3.5 to 4",
        ),
        ("{low: [2, 7], high: [7, 10]}", "no band holds the scores from 1 to 2"),
        ("{low: [1, 7], high: [7, 9]}", "no band holds the scores from 9 to 10"),
        ("{low: [1, 7], high: [7, 12]}", "band 'high' runs from 7 to 12, beyond the scale's 1 to 10"),
        ("{low: [1, 1], high: [1, 10]}", "band 'low' is empty: it runs from 1 to 1"),
        (
            "{low: {from: 1, to: 7, include_to: true}, high: [7, 10]}",
            "bands 'low' and 'high' both hold the score 7",
        ),
        (
            "{low: [1, 7], high: {from: 7, to: 10, include_from: false}}",
            "no band holds the score 7, between 'low' and 'high'",
        ),
        ("{low: {from: 1, to: 7, include_from: false}, high: [7, 10]}", "no band holds the score 1"),
        ("{low: [1, 7], high: {from: 7, to: 10, include_to: false}}", "no band holds the score 10"),
    ],
)
def test_bands_that_do_not_tile_their_scale(tmp_path: Path, bands: str, message: str) -> None:
    assert planted(tmp_path, FILE, BANDS, f"bands: {bands}") == [f"{FILE}:9: {message}"]


@pytest.mark.parametrize(
    ("bands", "messages"),
    [
        ("{all: [null, null]}", []),
        (
            "{low: [null, 0], mid: {from: 0, to: 9, include_to: true}, up: {from: 9, include_from: false}}",
            [],
        ),
        ("{low: [0, 5], high: [5, null]}", ["no band holds the scores below 0"]),
        ("{low: [null, 5], high: [5, 100]}", ["no band holds the scores from 100 up"]),
        (
            "{low: [null, 5], high: [6, 100]}",
            [
                "no band holds the scores from 5 to 6, between 'low' and 'high'",
                "no band holds the scores from 100 up",
            ],
        ),
    ],
)
def test_bands_of_points_reach_without_bound(tmp_path: Path, bands: str, messages: list[str]) -> None:
    text = EMAIL.replace("scale: {method: percentile, range: [1, 10]}", "scale: {method: points}")
    folder = catalog(tmp_path, {FILE: text.replace(BANDS, f"bands: {bands}")})
    assert said(folder) == [f"{FILE}:9: {message}" for message in sorted(messages)]


def test_the_line_is_that_of_the_band(tmp_path: Path) -> None:
    apart = "bands:\n  low: [1, 4]\n  medium: [5, 7]\n  high: [7, 10]"
    assert planted(tmp_path, FILE, BANDS, apart)[0].startswith("scores/email.yaml:11: ")


def test_the_top_of_the_range_belongs_to_the_highest_band(tmp_path: Path) -> None:
    from engagement_pipeline.catalog.loader import load_catalog

    bands = load_catalog(catalog(tmp_path)).scores["email"].bands
    assert [band.include_to for band in bands.values()] == [False, False, True]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("[[0, 2], [10, 5], [10, 7]]", "step at 10 points does not ascend from 10"),
        ("[[0, 2], [10, 11]]", "step at 10 points gives 11, outside the range 1 to 10"),
    ],
)
def test_steps_ascend_within_the_range(tmp_path: Path, steps: str, message: str) -> None:
    scale = f"{{method: thresholds, range: [1, 10], steps: {steps}}}"
    assert planted(tmp_path, FILE, "{method: percentile, range: [1, 10]}", scale) == [f"{FILE}:8: {message}"]
