"""A folder as one catalog, or all that is wrong with it."""

from pathlib import Path
from typing import get_args

import pytest

from engagement_pipeline.catalog.issues import CatalogError, Issue, nearest
from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.catalog.namespaces import event_columns, person_columns, profile_columns
from engagement_pipeline.catalog.specs import Channel
from engagement_pipeline_tests.catalog.folders import EMAIL, FILES, catalog, said


def test_a_valid_catalog(tmp_path: Path) -> None:
    loaded = load_catalog(catalog(tmp_path))
    assert loaded.project.project == "shop"
    assert list(loaded.events) == ["email_sent", "email_opened", "order_completed", "course_watched"]
    assert list(loaded.sources) == ["crm", "web"]
    assert list(loaded.scores) == ["email"]
    assert list(loaded.campaigns) == ["perks"]
    assert loaded.campaigns["perks"].holdout == 0.1
    assert loaded.scores["email"].window == 90


def test_segments_stand_after_those_they_name(tmp_path: Path) -> None:
    assert list(load_catalog(catalog(tmp_path)).segments) == ["readers", "buyers"]


def test_all_errors_are_in_the_one_exception(tmp_path: Path) -> None:
    changed = {
        "scores/email.yaml": EMAIL.replace("weight: 3", "weight: 99"),
        "events.yaml": FILES["events.yaml"].replace("channel: app", "channel: ap"),
        "segments/readers.yaml": FILES["segments/readers.yaml"].replace("score.email", "score.mail"),
    }
    with pytest.raises(CatalogError) as error:
        load_catalog(catalog(tmp_path, changed))
    assert [(issue.file, issue.line) for issue in error.value.issues] == [
        ("events.yaml", 5),
        ("scores/email.yaml", 6),
        ("segments/readers.yaml", 3),
    ]
    assert str(error.value) == "\n".join(map(str, error.value.issues)) == "\n".join(said(tmp_path))


def test_warnings_do_not_fail(tmp_path: Path) -> None:
    folder = catalog(tmp_path, {"scores/email.yaml": EMAIL.replace("weight: 3", "weight: 0.5")})
    assert len(said(folder)) == 1
    assert load_catalog(folder).scores["email"].rules[0].weight == 0.5


def test_an_error_lists_no_warnings(tmp_path: Path) -> None:
    text = EMAIL.replace("weight: 3", "weight: 0.5").replace("weight: 5", "weight: 50")
    with pytest.raises(CatalogError) as error:
        load_catalog(catalog(tmp_path, {"scores/email.yaml": text}))
    assert [issue.level for issue in error.value.issues] == ["error"]


@pytest.mark.parametrize("file", ["project.yaml", "events.yaml"])
def test_a_missing_file_is_the_only_issue(tmp_path: Path, file: str) -> None:
    assert said(catalog(tmp_path, without=(file,))) == [f"{file}:1: is missing"]


def test_a_missing_folder(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    expected = f"{missing}:1: is no folder; `engagement init DIR` writes a catalog to start from"
    with pytest.raises(CatalogError) as error:
        load_catalog(missing)
    assert str(error.value) == expected


def test_a_folder_that_is_no_catalog_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "compose.yaml").write_text("services: {}\n", "utf-8")
    plain = f"{tmp_path}:1: is no catalog: it has no project.yaml and no events.yaml"
    remedy = "; `engagement init DIR` writes a catalog to start from"
    assert said(tmp_path) == [plain + remedy]
    (tmp_path / "mine").mkdir()
    catalog(tmp_path / "mine")
    assert said(tmp_path) == [f"{plain}; mine below it has{remedy}"]


def test_a_definition_in_the_folder_of_another_kind(tmp_path: Path) -> None:
    """It is checked as what it is, and those who use it are not told of it."""
    text = EMAIL.replace("score: email", "score: mail").replace("email_opened", "email_opend")
    used = "segment: keen\nowner: team:lifecycle\nwhere: score.mail > 3\n"
    folder = catalog(tmp_path, {"campaigns/mail.yaml": text, "segments/keen.yaml": used})
    assert said(folder) == [
        "campaigns/mail.yaml:1: 'score' belongs in scores/, not in campaigns/: move the file",
        "campaigns/mail.yaml:6: unknown event 'email_opend'; did you mean 'email_opened'?",
    ]


def test_a_misspelt_key_does_not_make_it_another_kind(tmp_path: Path) -> None:
    """Campaigns have a key `outcome`, alerts a key `score`."""
    text = "campain: thanks\noutcome: {event: order_completed, within: 14d}\n"
    assert "did you mean 'campaign'?" in said(catalog(tmp_path, {"campaigns/thanks.yaml": text}))[-1]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "score/x.yaml",
            (
                "is not read; the folders are sources, scores, segments, campaigns, outcomes, alerts; "
                "did you mean 'scores'?"
            ),
        ),
        ("scores/old/x.yml", "is not read; definitions stand directly in scores/"),
        (
            "event.yaml",
            (
                "is not read; a catalog has project.yaml, events.yaml and the folders "
                "sources, scores, segments, campaigns, outcomes, alerts"
            ),
        ),
    ],
)
def test_a_file_that_nobody_would_read(tmp_path: Path, file: str, message: str) -> None:
    assert said(catalog(tmp_path, {file: EMAIL})) == [f"{file}:1: {message}"]


def test_both_endings_of_yaml_files_and_nothing_hidden(tmp_path: Path) -> None:
    changed = {"scores/more.yml": EMAIL.replace("score: email", "score: more"), ".git/x.yaml": "- no\n"}
    assert list(load_catalog(catalog(tmp_path, changed)).scores) == ["email", "more"]


def test_a_project_may_have_events_only(tmp_path: Path) -> None:
    without = tuple(file for file in FILES if file not in ("project.yaml", "events.yaml"))
    assert load_catalog(catalog(tmp_path, without=without)).scores == {}


def test_the_folder_is_the_one_chosen_or_the_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENGAGEMENT_CATALOG", str(tmp_path))
    assert catalog_folder() == tmp_path
    monkeypatch.delenv("ENGAGEMENT_CATALOG")
    assert catalog_folder().parts[-3:] == ("engagement_pipeline", "example", "catalog")


def test_the_example_is_a_valid_catalog() -> None:
    example = Path(catalog_folder.__code__.co_filename).parents[1] / "example" / "catalog"
    assert said(example) == []


def test_which_names_conditions_see(tmp_path: Path) -> None:
    loaded = load_catalog(catalog(tmp_path))
    canonical = {"channel": "text", "value": "number", "campaign_id": "text", "message_id": "text"}
    canonical |= {"session_id": "text"}
    assert event_columns(loaded, ["email_sent"]) == canonical
    of_order = {**canonical, "category": "text", "items": "integer"}
    assert event_columns(loaded, ["email_opened", "order_completed"]) == of_order
    profile = {
        "profile.age": "integer",
        "profile.plan": "text",
        "profile.since": "date",
        "profile.vip": "boolean",
    }
    reach = {f"consent.{channel}": "text" for channel in get_args(Channel)}
    reach |= {f"reachable.{channel}": "boolean" for channel in get_args(Channel)}
    assert profile_columns(loaded) == profile | reach
    assert person_columns(loaded) == {
        "score.email": "number",
        "points.email": "number",
        "band.email": "text",
        "state.email": "text",
        **profile,
        **reach,
        "segment.readers": "boolean",
        "segment.buyers": "boolean",
    }


def test_issues_sort_and_print() -> None:
    warning = Issue("a.yaml", 2, "odd", "warning")
    error = CatalogError([Issue("b.yaml", 1, "x"), warning, Issue("a.yaml", 10, "y")])
    assert str(error) == "a.yaml:2: warning: odd\na.yaml:10: y\nb.yaml:1: x"


@pytest.mark.parametrize(
    ("name", "choices", "expected"),
    [
        ("emial", ["email", "mail", "push"], "email"),
        ("zzz", ["email"], None),
        ("profile.tariff", ["profile.age", "profile.plan"], None),
        ("profle.plan", ["profile.age", "profile.plan"], "profile.plan"),
        ("ab", ["b", "a"], "b"),
        ("x", [], None),
    ],
)
def test_the_nearest_name(name: str, choices: list[str], expected: str | None) -> None:
    assert nearest(name, choices) == expected
