"""One planted mistake a rule about scales and bands, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import EMAIL, catalog, planted, said

FILE = "scores/email.yaml"
BANDS = "bands: {low: [1, 4], medium: [4, 7], high: [7, 10]}"


def of_score(issues: list[str]) -> list[str]:
    """Those of the score's own file: the catalog has a segment that names a band, too."""
    return [issue for issue in issues if issue.startswith(FILE)]


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
    assert of_score(said(folder)) == [f"{FILE}:9: {message}" for message in sorted(messages)]


def test_the_line_is_that_of_the_band(tmp_path: Path) -> None:
    apart = "bands:\n  low: [1, 4]\n  medium: [5, 7]\n  high: [7, 10]"
    assert planted(tmp_path, FILE, BANDS, apart)[0].startswith("scores/email.yaml:11: ")


def test_the_top_of_the_range_belongs_to_the_highest_band(tmp_path: Path) -> None:
    bands = load_catalog(catalog(tmp_path)).scores["email"].bands
    assert [band.include_to for band in bands.values()] == [False, False, True]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("[[0, 2], [10, 5], [10, 7]]", "step at 10 points does not ascend from 10"),
        ("[[0, 2], [10, 11]]", "step at 10 points gives 11, outside the range 1 to 10"),
        (
            "[[0, 5], [10, 4]]",
            "step at 10 points gives 4, less than fewer points give; more points never score less",
        ),
    ],
)
def test_steps_ascend_within_the_range(tmp_path: Path, steps: str, message: str) -> None:
    scale = f"{{method: thresholds, range: [1, 10], steps: {steps}}}"
    assert planted(tmp_path, FILE, "{method: percentile, range: [1, 10]}", scale) == [f"{FILE}:8: {message}"]


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ("0.3", ""),
        ("1.5", ""),
        ("1.6", "warning: hysteresis 1.6 is much: {}, and who has just entered hardly leaves again"),
        (
            "3",
            (
                "hysteresis 3 is too much: {}, and nobody would enter it from the next; choose less than 3, "
                "a tenth of it say"
            ),
        ),
    ],
)
def test_hysteresis_is_narrower_than_the_narrowest_band(tmp_path: Path, margin: str, message: str) -> None:
    found = planted(tmp_path, FILE, BANDS, f"{BANDS}\nhysteresis: {margin}")
    words = message.format("the narrowest band 'high' is 3 wide")
    assert found == ([f"{FILE}:10: {words}"] if message else [])


@pytest.mark.parametrize("bands", ["", "bands: {all: [1, 10]}"])
def test_hysteresis_without_an_edge(tmp_path: Path, bands: str) -> None:
    found = planted(tmp_path, FILE, BANDS, f"{bands}\nhysteresis: 0.5")
    message = "hysteresis is about leaving a band; it needs two bands or more"
    assert of_score(found) == [f"{FILE}:10: {message}"]


def test_bands_without_bounds_are_as_wide_as_it_takes(tmp_path: Path) -> None:
    text = EMAIL.replace("scale: {method: percentile, range: [1, 10]}", "scale: {method: points}")
    bands = "bands: {low: [null, 41], high: [41, null]}\nhysteresis: 50"
    assert said(catalog(tmp_path, {FILE: text.replace(BANDS, bands)})) == []


@pytest.mark.parametrize(
    ("scale", "messages"),
    [
        ("{method: saturating, range: [1, 10], reference: live, population: active}", []),
        ("{method: sqrt, range: [1, 10], domain: [0, null], reference: live}", []),
        (
            "{method: sqrt, range: [1, 10], domain: [0, 100], reference: live}",
            ["warning: reference says nothing here: this sqrt scale is read against no population"],
        ),
        (
            "{method: linear, range: [1, 10], domain: [0, 100], population: active}",
            ["warning: population says nothing here: this linear scale is read against no population"],
        ),
        (
            "{method: log, domain: [0, 9]}",
            ["scale: domain is about the points at the highest score; it needs a range"],
        ),
        ("{method: log, range: [1, 10], pinn: 9}", ["unknown key 'pinn'; did you mean 'pin'?"]),
    ],
)
def test_scales_say_what_they_are_read_against(tmp_path: Path, scale: str, messages: list[str]) -> None:
    found = planted(tmp_path, FILE, "{method: percentile, range: [1, 10]}", scale)
    assert [issue.partition(f"{FILE}:8: ")[2] for issue in found] == messages
