"""One planted mistake a rule about project, plan and sources, and the very words it is reported in."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.lint_plan import EVENT_COLUMNS, PERSON_COLUMNS, stays_inside
from engagement_pipeline.core.frames import EVENT_BASE, EVENT_PROVENANCE, PERSON_BASE
from engagement_pipeline_tests.catalog.folders import CRM, FILES, WEB, catalog, planted, said


def test_the_valid_catalog_has_no_issues(tmp_path: Path) -> None:
    assert said(catalog(tmp_path)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "project.yaml",
            "Europe/Berlin",
            "Europe/Berlim",
            "project.yaml:2: unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?",
        ),
        (
            "project.yaml",
            "end_date: 2026-03-31",
            "end_date: 2025-12-31",
            "project.yaml:4: end_date 2025-12-31 is before start_date 2026-01-01",
        ),
        (
            "project.yaml",
            "end_date: 2026-03-31",
            "limits:\n  weight: [10, 1]",
            "project.yaml:5: limits.weight [10, 1] must ascend",
        ),
        (
            "events.yaml",
            "{level: integer",
            "{category: integer",
            (
                "events.yaml:5: property 'category' is integer here and text in 'email_opened' (line 3); "
                "a property has one type in all events"
            ),
        ),
        (
            "events.yaml",
            "{level: integer",
            "{value: integer",
            "events.yaml:5: property 'value' has the name of a column every event has; rename it",
        ),
        (
            "sources/crm.yaml",
            "age: integer",
            "first_seen: date",
            "sources/crm.yaml:7: column 'first_seen' has the name of a column every person has; rename it",
        ),
        (
            "sources/web.yaml",
            "web/*.jsonl.gz",
            "../web/*.jsonl.gz",
            "sources/web.yaml:3: path '../web/*.jsonl.gz' must be relative to the landing folder, without ..",
        ),
        (
            "sources/web.yaml",
            "format: epoch_ms",
            "timezone: Mars/Base",
            "sources/web.yaml:8: unknown time zone 'Mars/Base'",
        ),
        (
            "sources/web.yaml",
            "  person_id: user\n",
            "  person_id: user\n  properties:\n    categry: cat\n",
            (
                "sources/web.yaml:8: property 'categry' is mapped but no event declares it; "
                "did you mean 'category'?"
            ),
        ),
        (
            "sources/web.yaml",
            "event: name",
            "event: {constant: email_open}",
            "sources/web.yaml:7: unknown event 'email_open'; did you mean 'email_opened'?",
        ),
        (
            "sources/web.yaml",
            "event: name",
            "event:\n    path: name\n    names:\n      open: email_opened\n      buy: order_complete",
            "sources/web.yaml:11: unknown event 'order_complete'; did you mean 'order_completed'?",
        ),
        (
            "sources/web.yaml",
            "event: name",
            "event: name\n  channel: {constant: emial}",
            "sources/web.yaml:8: unknown channel 'emial'; did you mean 'email'?",
        ),
        (
            "sources/crm.yaml",
            "person_id: id",
            "person_id: id\n  columns:\n    pla: tariff",
            "sources/crm.yaml:8: 'pla' is mapped but not declared in columns; did you mean 'plan'?",
        ),
    ],
)
def test_a_planted_mistake_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    assert planted(tmp_path, file, old, new) == [message]


@pytest.mark.parametrize(
    ("file", "copy", "message"),
    [
        (
            "scores/email.yaml",
            "scores/other.yaml",
            "score 'email' is already declared in scores/email.yaml:1",
        ),
        ("sources/web.yaml", "sources/zoo.yaml", "source 'web' is already declared in sources/web.yaml:1"),
        (
            "segments/readers.yaml",
            "segments/zoo.yaml",
            "segment 'readers' is already declared in segments/readers.yaml:1",
        ),
        (
            "campaigns/perks.yaml",
            "campaigns/zoo.yaml",
            "campaign 'perks' is already declared in campaigns/perks.yaml:1",
        ),
    ],
)
def test_a_name_is_declared_once(tmp_path: Path, file: str, copy: str, message: str) -> None:
    assert said(catalog(tmp_path, {copy: FILES[file]})) == [f"{copy}:1: {message}"]


def test_a_fact_has_one_type_in_all_sources(tmp_path: Path) -> None:
    other = CRM.replace("source: crm", "source: shop").replace("age: integer", "age: number")
    assert said(catalog(tmp_path, {"sources/shop.yaml": other})) == [
        (
            "sources/shop.yaml:7: column 'age' is number here and integer in sources/crm.yaml:7; "
            "a profile fact has one type in all sources"
        )
    ]


def test_a_project_that_keeps_unknown_events_may_map_to_them(tmp_path: Path) -> None:
    changed = {
        "project.yaml": FILES["project.yaml"] + "keep_unknown_events: true\n",
        "sources/web.yaml": WEB.replace("event: name", "event: {constant: anything}\n  channel: kind"),
    }
    assert said(catalog(tmp_path, changed)) == []


def test_unknown_events_that_are_kept_need_a_channel(tmp_path: Path) -> None:
    project = FILES["project.yaml"] + "keep_unknown_events: true\n"
    known = WEB.replace("event: name", "event: {constant: email_opened}")
    assert said(catalog(tmp_path, {"project.yaml": project, "sources/web.yaml": known})) == []
    assert said(catalog(tmp_path, {"project.yaml": project, "sources/web.yaml": WEB})) == [
        (
            "sources/web.yaml:5: keep_unknown_events is true, but no channel is mapped, and an event outside "
            "the plan has none: it would be rejected; map channel, or do not keep them"
        )
    ]


def test_reserved_names_are_the_columns_of_the_frames() -> None:
    assert {*EVENT_BASE, *EVENT_PROVENANCE, "properties"} == EVENT_COLUMNS
    assert set(PERSON_BASE) == PERSON_COLUMNS


@pytest.mark.parametrize(
    "path", ["", "  ", "/etc", "..", "a/../../b", "a\\..\\b", "C:/x", "C:x", "\\\\host\\share"]
)
def test_paths_that_leave_are_refused(path: str) -> None:
    assert not stays_inside(path)


@pytest.mark.parametrize("path", ["a", "a/*.csv", "a..b/c.csv", "**/*.jsonl"])
def test_paths_that_stay_are_allowed(path: str) -> None:
    assert stays_inside(path)
