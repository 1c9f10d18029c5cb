"""One planted mistake a rule about alerts, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import EMAIL, catalog, said

FILE = "alerts/cooling.yaml"
COOLING = """\
alert: cooling
goal: Call those who stop reading
owner: team:lifecycle
score: email
drop: {score: 2, within: 7d}
where: "profile.plan = 'premium' and not segment.readers"
cooldown: 14d
destinations:
  - {kind: log}
  - {kind: file, path: cooling}
  - {kind: webhook, url_env: COOLING_HOOK}
"""
BANDS = "drop: {bands: 1, within: 7d}"


def planted(folder: Path, old: str, new: str, **changed: str) -> list[str]:
    assert COOLING.count(old) == 1
    return said(catalog(folder, {FILE: COOLING.replace(old, new), **changed}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("score: email", "score: emial", "4: unknown score 'emial'; did you mean 'email'?"),
        ("score: 2,", "score: 9.5,", "5: a drop of 9.5 is more than the scale 1 to 10 has"),
        ("kind: log", "kind: lgo", "9: kind: 'lgo' is not one of log, file, webhook; did you mean 'log'?"),
        ("kind: log", "path: cold", "9: missing key 'kind'"),
        ("kind: log", "kind:", "9: kind: nothing is not one of log, file, webhook"),
        (
            "url_env: COOLING_HOOK",
            "url: COOLING_HOOK",
            "11: unknown key 'url'; did you mean 'url_env'?",
        ),
        (
            "url_env: COOLING_HOOK",
            "url_env: cooling",
            "11: url_env: 'cooling' is not the name of an environment variable; write one such as ALERT_URL",
        ),
        ("score: 2,", "bands: 3,", "5: score 'email' has 3 bands, so nobody falls by 3"),
        (
            "score: 2,",
            "score: 2, bands: 1,",
            "5: drop: a drop says either score, how much on the scale, or bands, how many",
        ),
        (
            "cooldown: 14d",
            "cooldown: 5d",
            "7: warning: cooldown 5d is shorter than within 7d: the same fall may be told of twice",
        ),
        (
            "profile.plan",
            "profile.paln",
            "6: where: unknown column 'profile.paln'; did you mean 'profile.plan'?",
        ),
        (
            "path: cooling",
            "path: ../cooling",
            "10: path '../cooling' must be relative to the exports folder, without ..",
        ),
        (
            "path: cooling",
            "path: perks/cooling",
            (
                "10: path 'perks/cooling' and path 'perks' of campaign 'perks' are the same or one lies in "
                "the other: give each a folder of its own"
            ),
        ),
        (
            "{kind: file, path: cooling}",
            "{kind: log}",
            "10: destination 'log' stands twice",
        ),
    ],
)
def test_a_planted_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert planted(tmp_path, old, new) == [f"{FILE}:{message}"]


def test_it_is_sound_without_them(tmp_path: Path) -> None:
    folder = catalog(tmp_path, {FILE: COOLING})
    assert said(folder) == []
    alert = load_catalog(folder).alerts["cooling"]
    assert [each.label for each in alert.destinations] == ["log", "file:cooling", "webhook:COOLING_HOOK"]


def test_a_webhook_is_an_environment_variable(tmp_path: Path) -> None:
    found = planted(tmp_path, "COOLING_HOOK", "https://hooks.example.com/secret")
    assert len(found) == 1
    assert found[0].startswith(f"{FILE}:11: url_env")


def test_bands_need_bands(tmp_path: Path) -> None:
    plain = EMAIL.replace("bands: {low: [1, 4], medium: [4, 7], high: [7, 10]}\n", "")
    segments = {"segments/buyers.yaml": 'segment: buyers\nowner: a@b.de\nwhere: "score.email > 1"\n'}
    found = planted(
        tmp_path, "drop: {score: 2, within: 7d}", BANDS, **{"scores/email.yaml": plain, **segments}
    )
    assert f"{FILE}:5: score 'email' has no bands to fall by" in found


def test_a_live_population_is_warned_of(tmp_path: Path) -> None:
    live = EMAIL.replace("range: [1, 10]}", "range: [1, 10], reference: live}")
    found = said(catalog(tmp_path, {FILE: COOLING, "scores/email.yaml": live}))
    assert found == [
        f"{FILE}:4: warning: score 'email' is read against a live population: it falls when others rise"
    ]


def test_two_alerts_keep_apart(tmp_path: Path) -> None:
    other = COOLING.replace("alert: cooling", "alert: freezing").replace(
        "path: cooling", "path: cooling/more"
    )
    [found] = said(catalog(tmp_path, {FILE: COOLING, "alerts/freezing.yaml": other}))
    assert found == (
        "alerts/freezing.yaml:10: path 'cooling/more' and path 'cooling' of alert 'cooling' are the same or "
        "one lies in the other: give each a folder of its own"
    )
    twice = said(catalog(tmp_path / "twice", {FILE: COOLING, "alerts/other.yaml": COOLING}))
    assert twice == [f"alerts/other.yaml:1: alert 'cooling' is already declared in {FILE}:1"]
