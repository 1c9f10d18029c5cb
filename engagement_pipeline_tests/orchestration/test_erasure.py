"""A person erased from a project that ran through Dagster: nowhere left, never back, nobody else moved."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.orchestration import erasure
from engagement_pipeline.orchestration.erasure import Receipt, erase_requested, known_as, traces
from engagement_pipeline.orchestration.pending import due_as_of_dates, due_campaigns, due_event_days
from engagement_pipeline.orchestration.upkeep import dagster_traces
from engagement_pipeline.storage import locks
from engagement_pipeline.storage.erasures import ask, receipts, requested
from engagement_pipeline.storage.tables import StaleInput
from engagement_pipeline.storage.tombstones import VARIABLE
from engagement_pipeline.storage.traces import Search
from engagement_pipeline_tests.orchestration import erasing_killed
from engagement_pipeline_tests.orchestration.erasing import (
    CHANGED,
    DEVICE,
    ELSEWHERE,
    GONE,
    IDS,
    PHONE,
    STAYS,
    TABLES,
    landing,
    made,
    run_all,
)
from engagement_pipeline_tests.orchestration.scenario import FIRST, LAST, Scenario, mail
from engagement_pipeline_tests.processes import kill_when

pytestmark = pytest.mark.slow

NOW = datetime(2026, 4, 6, tzinfo=UTC)


@dataclass
class Done:
    """A project before and after."""

    project: Scenario
    before: dict[str, pl.DataFrame]
    traces: list[str]
    due: list[Any]
    receipt: Receipt
    versions: dict[str, Any]


def due(project: Scenario) -> list[Any]:
    dates = due_as_of_dates(project.bench, LAST)
    return [due_event_days(project.bench, LAST), dates, due_campaigns(project.bench, LAST, dates)]


def erase(project: Scenario, *people: str) -> Receipt:
    ask(project.bench.database, people, NOW)
    receipt = erase_requested(project.bench, NOW, lambda search: dagster_traces(project.instance, search))
    assert receipt is not None
    return receipt


def others(rows: pl.DataFrame) -> pl.DataFrame:
    for name in ("person_id", "alias"):
        if name in rows.columns:
            rows = rows.remove(pl.col(name).is_in(IDS))
    return rows


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """The project before. Do not change it."""
    project = made(tmp_path_factory.mktemp("named"))
    yield project
    project.close()


@pytest.fixture(scope="module")
def done(named: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """A copy of the project after. Do not change it."""
    project = named.copy(tmp_path_factory.mktemp("erased"))
    before, pending = project.content(), due(project)
    found = traces(project.bench, IDS, lambda search: dagster_traces(named.instance, search))
    versions = {name: project.bench.lake.partitions(name) for name in before}
    yield Done(project, before, found, pending, erase(project, GONE), versions)
    project.close()


@pytest.fixture
def copied(named: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    project = named.copy(tmp_path / "copy")
    yield project
    project.close()


@pytest.fixture
def without(done: Done, tmp_path: Path) -> Iterator[Scenario]:
    project = done.project.copy(tmp_path / "copy")
    yield project
    project.close()


# --- nowhere left -------------------------------------------------------------------------------------


CHANGES = ("score_changes/reading", "score_changes/buying")
"""They have rows of people too, who need not be among those erased here."""


@pytest.mark.parametrize("where", [*(f"lake: {table}/" for table in TABLES), *ELSEWHERE])
def test_the_person_was_named_there_and_the_proof_sees_it(done: Done, where: str) -> None:
    assert any(each.startswith(where) for each in done.traces), where


def test_a_table_that_is_left_out_shows_in_the_proof(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, purge = "daily_measures", erasure._purge
    monkeypatch.setattr(
        erasure, "_purge", lambda bench, name, ids: 0 if name == left else purge(bench, name, ids)
    )
    receipt = erase(copied, GONE)
    assert not receipt.proven
    assert {each.partition("/event_date")[0] for each in receipt.content["traces"]} == {f"lake: {left}"}


def test_nothing_is_left_anywhere(done: Done) -> None:
    assert done.receipt.proven
    assert traces(done.project.bench, IDS) == []
    everything = b"".join(path.read_bytes() for path in done.project.folder.rglob("*.db*") if path.is_file())
    assert not any(each.encode() in everything for each in (DEVICE, PHONE))


def test_dagsters_storage_never_held_an_id(done: Done, named: Scenario) -> None:
    assert [each for each in done.traces if each.startswith("Dagster")] == []
    assert "Dagster: event_logs" in list(dagster_traces(named.instance, Search(["email_opened"])))


def test_dagsters_storage_on_disk_is_looked_through_too(project: Scenario, tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        project.instance.dispose()
        project.instance = instance
        assert list(dagster_traces(instance, Search(["land_mail"]))) == []
        project.run("landing", only=["landed/mail", "rejected/mail"])
        found = list(dagster_traces(instance, Search(["land_mail"])))
        assert [each for each in found if each.endswith(".db")], found
        assert list(dagster_traces(instance, Search([GONE, STAYS]))) == []


def test_the_receipt_counts_and_names_nobody(done: Done) -> None:
    content = done.receipt.content
    assert receipts(done.project.bench.database) == {done.receipt.receipt: content}
    text = json.dumps(content)
    assert not any(each in text for each in IDS)
    assert len(content["people"]) == 1
    assert re.fullmatch(r"[0-9a-f]{64}", content["people"][0]["hash"])
    assert set(content["tables"]) == {*TABLES, *CHANGES}
    removed = {table: each["removed"] for table, each in content["tables"].items()}
    for table in ("persons", "scores/buying", "aliases", "consents", "daily_measures", "identities/shop"):
        before = done.before[table]
        assert removed[table] == before.height - others(before).height > 0, table
    assert content["tables"]["events/shop"]["redacted"] == 1
    assert content["database"]["current_scores"] == 2
    assert content["exports"] == 1
    assert content["landing"] == {"mail": 2, "shop": 2, "crm": 1}
    assert all(count > 0 for table, count in content["versions"].items()), content["versions"]
    assert requested(done.project.bench.database) == []


# --- nobody else moved --------------------------------------------------------------------------------


def test_the_rows_of_others_are_as_they_were(done: Done) -> None:
    after = done.project.content()
    assert after.keys() == done.before.keys()
    for name, rows in done.before.items():
        kind = name.partition("/")[0]
        if kind in ("landed", "rejected", "conflicts", "measure_coverage", "held"):
            continue
        left = after[name]
        if kind == "events":  # where they named the person
            assert left["properties"].str.contains("erased").sum() == (1 if name == "events/shop" else 0)
            rows, left = rows.drop("properties"), left.drop("properties")
        assert_frame_equal(others(rows), left)
    assert after["references/buying"].height, "aggregates stay"


def test_nothing_is_due_that_was_not(done: Done) -> None:
    assert due(done.project) == done.due


def test_partitions_keep_their_place_in_the_chain(done: Done) -> None:
    for name, infos in done.versions.items():
        if name == "measure_coverage":
            continue
        now = done.project.bench.lake.partitions(name)
        assert {key: (info.delta_version, info.inputs) for key, info in now.items()} == {
            key: (info.delta_version, info.inputs) for key, info in infos.items()
        }, name


def test_running_everything_again_changes_nothing(without: Scenario) -> None:
    before = without.content()
    versions = {name: without.bench.lake.version(name) for name in before}
    run_all(without)
    for name, rows in without.content().items():
        if name == "events/shop":  # the content of one row of another is not what it was
            same = ["content_hash"]
            assert_frame_equal(rows.drop(same), before[name].drop(same))
        else:
            assert_frame_equal(rows, before[name])
    moved = {name for name, version in versions.items() if without.bench.lake.version(name) != version}
    assert moved <= {"events/shop", "measure_coverage"}, moved
    assert traces(without.bench, IDS) == []


def test_a_delivered_audience_still_cannot_change_otherwise(without: Scenario) -> None:
    without.drop("mail/late.csv", mail([("late-1", STAYS, "click", f"{LAST}T09:00:00Z")] * 1))
    without.drop("crm/new.csv", b"person,plan\nsomebody-new-99,gold\n")
    without.drop(
        "mail/new.csv", mail([(f"n{n}", "somebody-new-99", "click", f"{LAST}T09:0{n}:00Z") for n in range(4)])
    )
    without.run("landing")
    without.run("event_days", LAST)
    without.run("as_of_dates", LAST, only=["points/reading", "scores/reading", "segments/readers"])
    result = without.run("campaigns", LAST, ok=False)
    assert "can no longer change" in str([event for event in result.all_events if event.is_step_failure])


def test_delivered_files_lose_the_row_and_keep_their_counts(done: Done) -> None:
    folder = done.project.settings.exports / "perks" / LAST.isoformat()
    summary = json.loads((folder / "summary.json").read_text())
    people = pl.read_csv(folder / "people.csv")
    assert summary["people"] == people.height + 1
    assert summary["erased"] == 1


# --- never back ---------------------------------------------------------------------------------------


def test_files_that_come_again_do_not_bring_the_person_back(without: Scenario) -> None:
    for file, content in landing().items():
        without.drop(file.replace("/", "/again-"), content + b"\n")
    without.drop(
        "mail/new.csv",
        mail([("m1", DEVICE, "open", f"{LAST}T10:00:00Z"), ("m2", STAYS, "open", f"{LAST}T10:00:00Z")]),
    )
    before = without.content()
    without.run("landing")
    without.run("event_days", FIRST, LAST)
    without.run("as_of_dates", LAST, only=["points/reading", "points/buying", "scores/reading"])
    assert traces(without.bench, IDS) == []
    rows = without.table("events/mail")
    assert "m2" in rows["event_id"]
    assert "m1" not in rows["event_id"]
    assert_frame_equal(
        without.content()["events/shop"].drop("content_hash"), before["events/shop"].drop("content_hash")
    )


def test_a_replay_does_not_bring_the_person_back(without: Scenario) -> None:
    without.write("events.yaml", CHANGED["events.yaml"] + "  x: {channel: email, chosen: false}\n")
    job = without.definitions.resolve_job_def("landing")
    result = job.execute_in_process(
        run_config={
            "ops": {f"land_{name}": {"config": {"replay": True}} for name in ("mail", "shop", "crm")}
        },
        instance=without.instance,
    )
    assert result.success
    without.run("event_days", FIRST, LAST)
    assert "u2" in without.table("events/mail")["event_id"], "formerly unknown, now an event"
    assert traces(without.bench, IDS) == []


def test_a_run_that_read_before_is_refused(copied: Scenario) -> None:
    lake = copied.bench.lake
    rows = lake.scan("segments/readers", [LAST.isoformat()]).collect()
    staged = copied.bench.stage(
        "segments/fans", rows, [LAST.isoformat()], lake.versions(["segments/readers"])
    )
    erase(copied, GONE)
    with pytest.raises((StaleInput, FileNotFoundError)):
        lake.commit(staged)
    # As old as what is stored was made from, so only the erasure stands against it.
    read = lake.partitions("segments/fans")[LAST.isoformat()].inputs
    again = copied.bench.stage("segments/fans", rows, [LAST.isoformat()], read)
    with pytest.raises(StaleInput, match="before people were erased"):
        lake.commit(again)
    assert traces(copied.bench, IDS) == []


def test_without_the_key_nothing_lands(without: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "x" * 32)
    erase(without, STAYS)
    monkeypatch.setenv(VARIABLE, "y" * 32)
    without.run("landing", ok=False)


# --- whom, and how ------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", IDS)
def test_any_id_of_a_person_means_all_of_them(named: Scenario, person: str) -> None:
    assert known_as(named.bench, person) == set(IDS)
    assert known_as(named.bench, "nobody-knows-me") == {"nobody-knows-me"}


def test_several_people_go_at_once_and_those_never_seen_never_come(copied: Scenario) -> None:
    stranger = "stranger-0001"
    receipt = erase(copied, DEVICE, STAYS, stranger)
    assert receipt.proven
    assert len(receipt.content["people"]) == 3
    copied.drop(
        "mail/s.csv",
        mail(
            [("s1", stranger, "open", f"{LAST}T10:00:00Z"), ("s2", "other-77", "open", f"{LAST}T10:00:00Z")]
        ),
    )
    copied.run("landing")
    assert traces(copied.bench, [*IDS, STAYS, stranger]) == []
    assert copied.table("landed/mail")["raw"].str.contains("other-77").any()
    assert erase_requested(copied.bench, NOW) is None


def test_the_job_takes_who_is_on_the_list(copied: Scenario) -> None:
    ask(copied.bench.database, [GONE], NOW)
    result = copied.run("erasure")
    shown = {
        name: value.value
        for event in result.all_events
        if event.event_type_value == "STEP_OUTPUT"
        for name, value in event.event_specific_data.metadata.items()
    }
    assert shown["proof"] == "no trace"
    assert shown["people"] == 1
    assert traces(copied.bench, IDS, lambda search: dagster_traces(copied.instance, search)) == []
    assert copied.run("erasure").success, "nobody is left to erase"


def test_the_job_fails_where_a_trace_is_left(copied: Scenario) -> None:
    (copied.settings.exports / "notes.txt").write_text(f"call {GONE} back")
    ask(copied.bench.database, [GONE], NOW)
    result = copied.run("erasure", ok=False)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "exports: notes.txt" in str(failure.step_failure_data.user_failure_data)
    assert GONE not in str(result.all_events)


MOMENTS = ("commit events/shop", "forget points/reading", "sql", "finish")


def test_killed_anywhere_it_is_finished_by_the_next(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copied.content()
    pending = due(copied)
    ask(copied.bench.database, [GONE], NOW)
    for number, moment in enumerate(MOMENTS):
        stalled = copied.folder / "stalled"
        stalled.unlink(missing_ok=True)
        kill_when(
            stalled.exists, erasing_killed.run, copied.folder, moment, number * (locks.LEASE_SECONDS + 1)
        )
    clock, later = time.time, len(MOMENTS) * (locks.LEASE_SECONDS + 1)
    monkeypatch.setattr(locks.time, "time", lambda: clock() + later)
    receipt = erase_requested(copied.bench, NOW)
    assert receipt is not None
    assert receipt.proven
    assert (
        receipt.content["tables"]["persons"]["removed"]
        == before["persons"].height - others(before["persons"]).height
    )
    assert set(receipt.content["tables"]) == {*TABLES, *CHANGES}
    assert due(copied) == pending
