"""One planted mistake a rule about segments and campaigns, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline_tests.catalog.folders import FILES, READERS, catalog, planted, said

READERS_FILE, PERKS_FILE = "segments/readers.yaml", "campaigns/perks.yaml"
ZONE = "timezone: Europe/Berlin\n"


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ("facts: {plam: [crm]}", "3: no source declares the fact 'plam'; did you mean 'plan'?"),
        ("facts: {plan: [crn]}", "3: source 'crn' does not declare 'plan'; did you mean 'crm'?"),
        ("facts: {plan: {sources: [web], fresh_for: 90d}}", "3: source 'web' does not declare 'plan'"),
        (
            "opt_in_needed: [sms]",
            (
                "3: warning: nobody could be reached on 'sms': an opt-in is needed, and no event with "
                "`consent: opt_in` and no profile's `consents` says who gave one"
            ),
        ),
    ],
)
def test_what_the_project_says_of_people_is_about_what_sources_say(
    tmp_path: Path, people: str, message: str
) -> None:
    found = planted(tmp_path, "project.yaml", ZONE, f"{ZONE}people: {{{people}}}\n")
    assert found == [f"project.yaml:{message}"]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            READERS_FILE,
            "score.email",
            "score.emial",
            "3: where: unknown column 'score.emial'; did you mean 'score.email'?",
        ),
        (
            READERS_FILE,
            "profile.plan",
            "profile.tariff",
            "3: where: unknown column 'profile.tariff'",
        ),
        (
            READERS_FILE,
            "score.email >= 8",
            "segment.buyrs",
            "3: where: unknown column 'segment.buyrs'; did you mean 'segment.buyers'?",
        ),
        (
            READERS_FILE,
            "score.email >= 8",
            "score.email",
            "3: where: 'score.email AND profile.plan = 'premium'' needs true or false, not a number",
        ),
        (
            READERS_FILE,
            "score.email >= 8",
            "segment.readers",
            "3: segments need each other in a circle: readers -> readers",
        ),
        (
            PERKS_FILE,
            "include: [readers]",
            "include: [reader]",
            "4: unknown segment 'reader'; did you mean 'readers'?",
        ),
        (
            PERKS_FILE,
            "exclude: [buyers]",
            "exclude: [byers]",
            "4: unknown segment 'byers'; did you mean 'buyers'?",
        ),
        (PERKS_FILE, "[readers]", "[readers, readers]", "4: segment 'readers' is listed twice"),
        (PERKS_FILE, "[buyers]", "[readers]", "4: segment 'readers' is both included and excluded"),
        (
            PERKS_FILE,
            "score.email >= 9",
            "score.email >= '9'",
            "7: when: 'score.email >= '9'' compares a number with text",
        ),
        (
            PERKS_FILE,
            "message: newsletter",
            "message: extra_perks",
            "8: variant 'extra_perks' stands twice; give one another name",
        ),
        (
            PERKS_FILE,
            "  - {message: newsletter}\n",
            "  - {message: newsletter}\n  - {message: late}\n",
            "9: variant 'late' is never reached: 'newsletter' before it takes everyone",
        ),
        (
            PERKS_FILE,
            "order_completed",
            "order_complete",
            "10: unknown event 'order_complete'; did you mean 'order_completed'?",
        ),
        (
            PERKS_FILE,
            "order_completed",
            "email_opened",
            "10: 'email_opened' has no unit, so no value to sum; use value: count",
        ),
        (
            PERKS_FILE,
            "path: perks",
            "path: ../perks",
            "11: path '../perks' must be relative to the exports folder, without ..",
        ),
    ],
)
def test_a_planted_mistake_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    assert planted(tmp_path, file, old, new) == [f"{file}:{message}"]


@pytest.mark.parametrize("path", ["perks", "./perks/", "perks/mail", "perks//mail/new"])
def test_two_deliveries_do_not_share_a_folder(tmp_path: Path, path: str) -> None:
    perks = FILES[PERKS_FILE]
    other = perks.replace("campaign: perks", "campaign: thanks").replace("path: perks", f"path: {path}")
    within = perks.replace("path: perks}", f"path: perks}}, {{kind: files, path: {path}, format: jsonl}}")
    message = (
        f"11: path '{path}' and path 'perks' of campaign 'perks' (campaigns/perks.yaml:11) are the same or "
        "one lies in the other: one delivery would overwrite the other; give each a folder of its own"
    )
    assert said(catalog(tmp_path / "a", {"campaigns/thanks.yaml": other})) == [
        f"campaigns/thanks.yaml:{message}"
    ]
    assert said(catalog(tmp_path / "b", {PERKS_FILE: within})) == [f"{PERKS_FILE}:{message}"]


def test_deliveries_apart_are_fine(tmp_path: Path) -> None:
    other = FILES[PERKS_FILE].replace("campaign: perks", "campaign: thanks")
    folders = {"campaigns/thanks.yaml": other.replace("path: perks", "path: perks_too")}
    assert said(catalog(tmp_path, folders)) == []


def test_a_circle_is_named_from_its_first_segment(tmp_path: Path) -> None:
    changed = {
        f"segments/{name}.yaml": f"segment: {name}\nowner: team:x\nwhere: not segment.{needed}\n"
        for name, needed in (("c", "a"), ("b", "c"), ("a", "b"), ("d", "a"))
    }
    assert said(catalog(tmp_path, changed)) == [
        "segments/a.yaml:3: segments need each other in a circle: a -> b -> c -> a"
    ]


def test_a_missing_segment_does_not_trouble_others(tmp_path: Path) -> None:
    folder = catalog(tmp_path, without=("segments/buyers.yaml",))
    assert said(folder) == [f"{PERKS_FILE}:4: unknown segment 'buyers'"]


def test_every_issue_of_all_files_at_once_in_order(tmp_path: Path) -> None:
    changed = {
        READERS_FILE: READERS.replace("score.email", "score.x").replace("owner", "onwer"),
        PERKS_FILE: FILES[PERKS_FILE].replace("include: [readers]", "include: [zzz]").replace("9", "nine"),
        "scores/email.yaml": FILES["scores/email.yaml"]
        .replace("weight: 3", "weight: 99")
        .replace("[4, 7]", "[5, 7]"),
    }
    assert said(catalog(tmp_path, changed)) == [
        f"{PERKS_FILE}:4: unknown segment 'zzz'",
        f"{PERKS_FILE}:7: when: unknown column 'nine'; if it is text, put it in single quotes: 'nine'",
        "scores/email.yaml:6: weight 99 is outside the project's limits, -10 to 10",
        "scores/email.yaml:9: no band holds the scores from 4 to 5, between 'low' and 'medium'",
        f"{READERS_FILE}:2: unknown key 'onwer'; did you mean 'owner'?",
        f"{READERS_FILE}:3: where: unknown column 'score.x'",
    ]
