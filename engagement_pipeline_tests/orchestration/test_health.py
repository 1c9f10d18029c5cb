"""The page of the sources' health, and what a landing's page says of rejected rows: masked, or not at all."""

import json
from collections.abc import Callable

import dagster as dg

from engagement_pipeline.orchestration.metadata import PICTURE_LIMIT
from engagement_pipeline.orchestration.samples import masked_reason, masked_row
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    MAIL,
    PEOPLE,
    PROJECT,
    Scenario,
    event_log,
    key,
    mail,
)


def accepted(scenario: Scenario, source: str) -> dict[str, object]:
    """What the newest landing's check says."""
    check = dg.AssetCheckKey(key(f"landed/{source}"), "files_accepted")
    (record, *_) = scenario.instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
    shown = record.event.dagster_event.asset_check_evaluation_data.metadata
    return {name: value.value for name, value in shown.items()}


def test_the_health_of_every_source_is_one_page(open_project: Callable[..., Scenario]) -> None:
    project = open_project(changed={"sources/mail.yaml": MAIL + "expects: {at_least: 4}\n"})
    project.run("landing")
    project.run("event_days", FIRST, LAST)
    result = project.run("refit", LAST)
    (made,) = [e for e in result.get_asset_materialization_events() if e.asset_key == key("source_health")]
    shown = {name: value.value for name, value in made.materialization.metadata.items()}
    assert shown["sources to look at"] == 1
    assert shown["up to"] == str(LAST)
    table = str(shown["sources"]).splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| crm", "| mail", "| shop"]
    assert "data:image/png;base64," in str(shown["last days"])
    assert len(str(shown["last days"])) < PICTURE_LIMIT
    assert "mail: thin on" in str(shown["to look at"])


def test_the_daily_job_and_that_of_as_of_dates_look_at_it(project: Scenario) -> None:
    for job in ("daily", "as_of_dates", "refit"):
        assert (
            key("source_health") in project.definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        )


def test_rejected_rows_are_shown_masked(made: Scenario) -> None:
    said = accepted(made, "mail")
    assert (said["rows rejected"], said["rows judged"]) == (1, 39)
    assert "| unreadable_time | 1 |" in str(said["rejected by rule"])
    example = str(said["for example"])
    assert "| unreadable_time | mail/all.csv | 39 |" in example
    assert "person: kun…" in example
    assert "no time at all" not in example
    assert PEOPLE[0] not in event_log(made)


def test_a_project_may_want_none_of_them(open_project: Callable[..., Scenario]) -> None:
    project = open_project(changed={"project.yaml": PROJECT + "samples_in_metadata: false\n"})
    project.run("landing")
    assert "for example" not in accepted(project, "mail")


def test_a_header_that_is_missing_names_nobody(open_project: Callable[..., Scenario]) -> None:
    project = open_project(
        landing={"mail/all.csv": mail([("a", "kunde-zoe-99", "open", f"{DAYS[0]}T09:00:00Z")] * 2)}
    )
    path = project.settings.landing / "mail/all.csv"
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])  # the first person becomes a column
    project.run("landing", ok=False)
    assert "kunde-zoe" not in event_log(project)


def test_masks() -> None:
    assert masked_reason("the time 'kunde-ada' is not") == "the time 'kun…' is not"
    assert masked_reason("the id 'O'Brien at home' was") == "the id 'O'B…' was"
    assert masked_reason("no person id") == "no person id"
    fields = {"person": "kunde-ada-71", "type": "email_opened", "n": 123456789, "ok": True}
    row = json.dumps({**fields, "a@b.example": {"x": 1}})
    known, words = frozenset(fields), frozenset({"email_opened"})
    assert masked_row(row, known, words) == "person: kun…, type: email_opened, n: 123…, ok: true, a@b…: {…}"
    assert masked_row("not json at all", known, words) == "not…"
    assert masked_row("[1, 2]", known, words) == "[1…"
