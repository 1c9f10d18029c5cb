"""One definition with several mistakes: all of them are told at once, at their own lines, and no others."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.catalog.folders import (
    BUYERS,
    CRM,
    EMAIL,
    EVENTS,
    PERKS,
    PROJECT,
    READERS,
    WEB,
    catalog,
    said,
)

GROUPED = """\
score: grouped
goal: How much of each?
owner: team:lifecycle
window: 30d
groups: {mail: 8, shop: 4}
rules:
  - {event: email_opened, weight: 3, group: mail}
  - {event: order_completed, weight: 3, group: shop}
"""
ORDER = """\
outcome: order
goal: Who buys soon?
owner: team:lifecycle
event: course_watched
within: 14d
scores: [email]
"""
LEAVING = """\
alert: leaving
goal: Write to them
owner: team:lifecycle
score: email
drop: {score: 2, within: 2w}
where: "band.email <> 'high'"
destinations:
  - {kind: log}
  - {kind: file, path: leaving}
"""


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
        "scores/email.yaml:5: per_day: -1 is too small; it must be at least 1",
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
        ("window: 90d", "window: 0d", "scores/email.yaml:4: window: '0d' is too small"),
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


def both(tmp_path: Path, file: str, text: str, one: tuple[str, str], other: tuple[str, str]) -> list[str]:
    """What is said of a file with two mistakes, once each of them is told alone."""
    alone = [said(catalog(tmp_path, {file: changed(text, each)})) for each in (one, other)]
    assert all(alone), alone
    together = said(catalog(tmp_path, {file: changed(text, one, other)}))
    assert sorted(together) == sorted(alone[0] + alone[1]), together
    return together


@pytest.mark.parametrize(
    ("file", "text", "one", "other"),
    [
        # what scores say of groups, rules and scales
        ("scores/grouped.yaml", GROUPED, ("mail: 8", "mail: lots"), ("email_opened", "email_opend")),
        ("scores/grouped.yaml", GROUPED, ("mail: 8", "mail: lots"), ("group: shop", "group: shopp")),
        ("scores/grouped.yaml", GROUPED, ("{mail: 8, shop: 4}", "[mail]"), ("order_comp", "order_cmp")),
        ("scores/grouped.yaml", GROUPED, ("{mail", "{Mail"), ("email_opened", "email_opend")),
        ("scores/email.yaml", EMAIL, ("score: email", "score: Email"), ("order_completed", "order_cmpleted")),
        ("scores/email.yaml", EMAIL, ("method: percentile", "method: percentil"), ("[1, 10]", "[10, 1]")),
        ("scores/email.yaml", EMAIL, ("rules:", "ruls:"), ("weight: 3", "weight: three")),
        ("scores/email.yaml", EMAIL, ("window: 90d\n", "decay: {halflife: 9d}\n"), ("1, 10]", "1, 9]")),
        # an entry of a list that is none
        ("campaigns/perks.yaml", PERKS, ("[readers]", "[readers, 5]"), ("score.email", "score.mail")),
        ("campaigns/perks.yaml", PERKS, ("[readers]", "readers"), ("[buyers]", "[byers]")),
        # outcomes and alerts
        ("outcomes/order.yaml", ORDER, ("owner:", "ownr:"), ("[email]", "[mail]")),
        ("outcomes/order.yaml", ORDER, ("within: 14d", "within: soon"), ("course_watched", "course_watchd")),
        ("outcomes/order.yaml", ORDER, ("[email]", "[email, 5]"), ("course_watched", "course_watchd")),
        ("alerts/leaving.yaml", LEAVING, ("goal: Write to them\n", "\n"), ("band.email", "band.emial")),
        ("alerts/leaving.yaml", LEAVING, ("score: 2,", "scor: 2,"), ("path: leaving", "path: ../leaving")),
        ("alerts/leaving.yaml", LEAVING, ("kind: log", "kind: lgo"), ("band.email", "band.emial")),
        # the project and the plan
        ("project.yaml", PROJECT, ("end_date: 2026-03-31", "end_dat: 2026-03-31"), ("/Berlin", "/Berln")),
        ("project.yaml", PROJECT, ("2026-03-31", "2026-03-31\nlimits: {weight: all}"), ("/Berlin", "/Berln")),
        ("events.yaml", EVENTS, ("events:", "evnts:"), ("level: integer", "level: int")),
        # sources
        ("sources/web.yaml", WEB, ("user", "5"), ("path: web", "path: /web")),
        ("sources/web.yaml", WEB, ("  person_id: user\n", "  # nobody\n"), ("epoch_ms", "epoch_m")),
        ("sources/web.yaml", WEB, ("event: name", "event: {path: name, names: {a: b}, case: up}"),
         ("epoch_ms", "epoch_m")),
        ("sources/web.yaml", WEB, ("source: web", "source: Web"), ("format: jsonl", "# none")),
        ("sources/crm.yaml", CRM, ("age: integer", "age: years"), ("path: crm", "path: /crm")),
        ("sources/crm.yaml", CRM, ("columns:", "colums:"), ("age: integer", "age: intger")),
        # a segment's name
        ("segments/readers.yaml", READERS, ("segment: readers", "segment: Readers"),
         ("score.email", "score.mail")),
    ],
)  # fmt: skip
def test_one_mistake_does_not_hide_another(
    tmp_path: Path, file: str, text: str, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert all(each.startswith(f"{file}:") for each in both(tmp_path, file, text, one, other))


def test_a_source_over_a_preset(tmp_path: Path) -> None:
    text = "source: mail\nowner:\npreset: sendgrid\npath: ../mail\nevents:\n  person_id: [[1]]\n"
    assert [each.split(": ")[0] for each in said(catalog(tmp_path, {"sources/mail.yaml": text}))] == [
        f"sources/mail.yaml:{line}" for line in (2, 4, 6)
    ]


def test_a_group_that_only_a_misspelt_rule_names_is_not_missed_too(tmp_path: Path) -> None:
    text = changed(GROUPED, ("group: shop", "group: shopp"))
    assert said(catalog(tmp_path, {"scores/grouped.yaml": text})) == [
        "scores/grouped.yaml:8: unknown group 'shopp'; did you mean 'shop'?"
    ]


@pytest.mark.parametrize(
    ("file", "text", "broken"),
    [
        ("events.yaml", EVENTS, ("email_sent: {channel: email", "email_sent: {chanel: email")),
        ("events.yaml", EVENTS, ("last_day: date", "last_day: dat")),
        ("events.yaml", EVENTS, ("events:", "evnts:")),
        ("project.yaml", PROJECT, ("start_date: 2026-01-01", "start_date: January")),
        ("sources/crm.yaml", CRM, ("owner: team:data", "owner: data")),
        ("scores/email.yaml", EMAIL, ("owner: team:lifecycle", "owner: lifecycle")),
    ],
)
def test_other_files_are_judged_by_what_a_broken_one_says(
    tmp_path: Path, file: str, text: str, broken: tuple[str, str]
) -> None:
    files = {
        "scores/grouped.yaml": changed(GROUPED, ("weight: 3, group: mail", "weight: 30, group: mail")),
        "sources/web.yaml": WEB + "  properties: {categry: c}\n",
        "segments/readers.yaml": changed(READERS, ("profile.plan", "profile.plam")),
        "alerts/leaving.yaml": changed(LEAVING, ("score: 2,", "score: 20,")),
    }
    others = said(catalog(tmp_path, files))
    assert len(others) == 4
    found = said(catalog(tmp_path, {**files, file: changed(text, broken)}))
    assert sorted(each for each in found if not each.startswith(f"{file}:")) == others
    assert len(found) == len(others) + 1


@pytest.mark.parametrize(
    ("file", "text", "broken"),
    [
        ("events.yaml", EVENTS, ("{category: text}}\n", "[category]}\n")),  # what `where` may name is unknown
        ("events.yaml", EVENTS, ("email_opened: {channel: email,", "email_opened: {channel: [],")),
        ("events.yaml", EVENTS, ("order_completed:", "Order-completed:")),
        ("sources/crm.yaml", CRM, ("age: integer", "age: years")),
        ("scores/email.yaml", EMAIL, ("[1, 4]", "[1, four]")),
        ("scores/email.yaml", EMAIL, ("score: email", "score: Email")),
        ("project.yaml", PROJECT, ("2026-03-31", "2026-03-31\nkeep_unknown_events: maybe")),
    ],
)
def test_other_files_are_not_judged_by_what_was_lost(
    tmp_path: Path, file: str, text: str, broken: tuple[str, str]
) -> None:
    older = READERS.replace("readers", "older").replace("profile.plan = 'premium'", "profile.age > 30")
    files = {"alerts/leaving.yaml": LEAVING, "outcomes/order.yaml": ORDER, "segments/older.yaml": older}
    if file == "project.yaml":
        files["sources/web.yaml"] = WEB.replace(
            "event: name", "event: {constant: seen}\n  channel: {constant: web}"
        )
    (issue,) = said(catalog(tmp_path, {**files, file: changed(text, broken)}))
    assert issue.startswith(f"{file}:")
