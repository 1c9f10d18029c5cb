"""One definition with several mistakes: all of them are told at once, at their own lines, and no others."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import BUYERS, EMAIL, PERKS, READERS, WEB, catalog, said


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def test_a_score(tmp_path: Path) -> None:
    text = changed(
        EMAIL,
        ("goal: Is this person reading our emails?\n", ""),
        ("window:", "windw:"),
        ("email_opened, weight: 3, cap: {per_day: 1}", "email_opend, weight: 3, cap: {per_day: -1}"),
        ("where: \"category = 'garden'\", weight: 5", "where: \"categry = 'garden'\", wight: 5"),
        ("profile.plan is not null", "profile.plam is not null"),
    )
    assert said(catalog(tmp_path, {"scores/email.yaml": text})) == [
        "scores/email.yaml:1: missing key 'goal'",
        "scores/email.yaml:3: unknown key 'windw'; did you mean 'window'?",
        "scores/email.yaml:5: per_day: -1 should be greater than or equal to 1",
        "scores/email.yaml:5: unknown event 'email_opend'; did you mean 'email_opened'?",
        "scores/email.yaml:6: unknown key 'wight'; did you mean 'weight'?",
        "scores/email.yaml:6: where: unknown column 'categry'; did you mean 'category'?",
        "scores/email.yaml:9: applies_to: unknown column 'profile.plam'; did you mean 'profile.plan'?",
    ]
    with pytest.raises(CatalogError):  # a guess is never loaded
        load_catalog(tmp_path)


def test_lines_stay_right_behind_a_rule_that_cannot_be_read(tmp_path: Path) -> None:
    text = changed(EMAIL, ("event: email_opened", "event: {a: b}"), ("order_completed", "order_complted"))
    assert said(catalog(tmp_path, {"scores/email.yaml": text})) == [
        "scores/email.yaml:6: event: must be the name of an event, or a list of them",
        "scores/email.yaml:7: unknown event 'order_complted'; did you mean 'order_completed'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scale: {method: percentile", "scale: {method: percentil", "scores/email.yaml:8: method: "),
        ("low: [1, 4]", "low: [1, x]", "scores/email.yaml:9: "),
        ("window: 90d", "window: 0d", "scores/email.yaml:4: window: 0 should be"),
        ("weight: 5", "weight: five", "scores/email.yaml:7: weight: 'five' is not a number"),
        ("score: email\n", "score: email\nscore: email\n", "scores/email.yaml:2: key 'score' stands twice"),
    ],
)
def test_one_mistake_is_told_once_and_brings_no_others(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    (issue,) = said(catalog(tmp_path, {"scores/email.yaml": changed(EMAIL, (old, new))}))
    assert issue.startswith(message)


def test_segments(tmp_path: Path) -> None:
    nobody = {"owner: team:lifecycle\n": "", "score.email": "score.mail"}
    text = changed(READERS, *nobody.items())
    circle = changed(BUYERS, ("owner:", "ownr:"), ("segment.readers", "segment.buyers"))
    files = {"segments/readers.yaml": text, "segments/buyers.yaml": circle}
    assert said(catalog(tmp_path, files)) == [
        "segments/buyers.yaml:2: unknown key 'ownr'; did you mean 'owner'?",
        "segments/buyers.yaml:3: segments need each other in a circle: buyers -> buyers",
        "segments/readers.yaml:1: missing key 'owner'",
        "segments/readers.yaml:2: where: unknown column 'score.mail'; did you mean 'score.email'?",
    ]


def test_a_campaign(tmp_path: Path) -> None:
    text = changed(
        PERKS,
        ("include: [readers]", "include: [reders]"),
        ("channel: email", "channel: emial"),
        ("score.email >= 9", "score.mail >= 9"),
        ("holdout: 10%", "holdout: 110%"),
        ("event: order_completed", "event: order_complted"),
        ("kind: files", "kind: flies"),
    )
    found = said(catalog(tmp_path, {"campaigns/perks.yaml": text}))
    assert [issue.split(": ")[0] for issue in found] == [
        f"campaigns/perks.yaml:{line}" for line in (4, 5, 7, 9, 10, 11)
    ]


def test_a_source(tmp_path: Path) -> None:
    text = changed(WEB, ("path: web/", "path: ../web/"), ("jsonl\n", "josnl\n"), ("epoch_ms", "epoc_ms"))
    found = said(catalog(tmp_path, {"sources/web.yaml": text}))
    assert [issue.split(": ")[0] for issue in found] == [f"sources/web.yaml:{line}" for line in (3, 4, 8)]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("campaigns/perks.yaml", changed(PERKS, ("when:", "zzz:"))),  # a variant without it takes everyone
        ("scores/email.yaml", changed(EMAIL, ("low: [1, 4]", "{a: b}: [1, 4]"))),  # the scale has a gap then
    ],
)
def test_what_is_left_out_is_not_missed(tmp_path: Path, file: str, text: str) -> None:
    assert len(said(catalog(tmp_path, {file: text}))) == 1
