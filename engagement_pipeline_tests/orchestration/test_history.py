"""Dagster's history of runs: the same files with kept engines."""

import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_pipeline.orchestration.history import KEPT
from engagement_pipeline.orchestration.preview import accepted_warnings, check_result, check_spec, in_ranges
from engagement_pipeline.orchestration.runner import INSTANCE

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04")


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("fine", asset="orders")])
def orders():  # type: ignore[no-untyped-def]  # dagster reads outputs from it
    return dg.MaterializeResult(
        metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True, check_name="fine")]
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_bytes(INSTANCE.read_bytes())
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as found:
        yield found


def run(instance: dg.DagsterInstance, day: str) -> dg.ExecuteInProcessResult:
    return dg.materialize([orders], instance=instance, partition_key=day)


def told(instance: dg.DagsterInstance) -> list[tuple[str | None, dict[str, dg.MetadataValue]]]:
    """What the instance knows of each day."""
    found = instance.fetch_materializations(dg.AssetKey("orders"), limit=99, ascending=True).records
    return [(each.partition_key, dict(each.asset_materialization.metadata)) for each in found]


def test_what_it_writes_the_usual_storage_reads_and_the_other_way_round(home: Path) -> None:
    with dg.DagsterInstance.get() as ours:
        assert type(ours.event_log_storage) is not SqliteEventLogStorage
        first = run(ours, "2026-01-01")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.get() as usual:
        assert type(usual.event_log_storage) is SqliteEventLogStorage
        assert [day for day, _ in told(usual)] == ["2026-01-01"]
        logged = usual.all_logs(first.run_id)
        assert len(logged) >= len(first.all_events)
        run(usual, "2026-01-02")
    (home / "dagster.yaml").write_bytes(INSTANCE.read_bytes())
    with dg.DagsterInstance.get() as ours:
        assert told(ours) == [(day, {"rows": dg.IntMetadataValue(3)}) for day in ("2026-01-01", "2026-01-02")]
        assert ours.get_materialized_partitions(dg.AssetKey("orders")) == {"2026-01-01", "2026-01-02"}
        assert list(ours.all_logs(first.run_id)) == list(logged)


KEY = dg.AssetKey("visits")
UNLIKE = (
    r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}",  # a run
    r"\d{4}-\d\d-\d\d \d\d:[\d:.]+|\d{10}\.\d+",  # a time
    r'[\d.]+ ?m?s\b|_ms": [\d.]+',  # how long it took
    r'pid[^}]*|log_key": "\w+',
)
"""What two runs alike do not share."""
with accepted_warnings():

    @dg.asset(
        partitions_def=DAYS, backfill_policy=in_ranges(), check_specs=[check_spec("fine", KEY, "", DAYS)]
    )
    def visits(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
        for day in context.partition_keys:
            context.add_asset_metadata({"day": day}, partition_key=day)
        found = check_result(context, KEY, "fine", True, {}, context.partition_keys)
        return dg.MaterializeResult(data_version=dg.DataVersion("3"), check_results=[found])


def run_of_days(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    first, last = ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG
    return dg.materialize([visits], instance=instance, tags={first: "2026-01-01", last: "2026-01-03"})


def rows_of(file: Path) -> dict[str, list[str]]:
    """What stands in a database, but for when it was written, by which run and process."""
    with closing(sqlite3.connect(file)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
        found = {name: database.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for (name,) in names}
    unlike = "|".join(UNLIKE)
    return {name: [re.sub(unlike, "…", repr(row)) for row in rows] for name, rows in found.items()}


def test_a_range_leaves_what_the_usual_storage_leaves(home: Path) -> None:
    """In the file of the run and in the index of all, event by event."""
    left = []
    for config in (INSTANCE.read_text(), "telemetry: {enabled: false}"):
        (home / "dagster.yaml").write_text(config)
        with dg.DagsterInstance.get() as instance:
            ran = run_of_days(instance)
        runs = home / "history" / "runs"
        left.append([rows_of(runs / f"{name}.db") for name in ("index", ran.run_id)])
        assert len(left[-1][0]["asset_event_tags"]) > 2
        shutil.rmtree(home / "history")
    ours, usual = left
    assert ours == usual


def test_a_step_s_days_are_stored_at_once_or_not_at_all(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster then stores them one by one."""
    storage = instance.event_log_storage
    monkeypatch.setattr(storage, "store_event_batch", Mock(wraps=storage.store_event_batch))
    ran = run_of_days(instance)
    several = [call.args[0] for call in storage.store_event_batch.call_args_list if len(call.args[0]) > 1]
    assert [len(each) for each in several] == [4, 3]  # what is planned, and what was made
    before = len(instance.all_logs(ran.run_id))
    monkeypatch.setattr(storage, "_store_asset_event", Mock(side_effect=RuntimeError("no room")))
    with pytest.raises(RuntimeError, match="no room"):
        storage.store_event_batch(several[1])
    assert len(instance.all_logs(ran.run_id)) == before
    assert len(instance.fetch_materializations(KEY, limit=99).records) == 3


def test_threads_lose_no_event(instance: dg.DagsterInstance) -> None:
    def several(thread: int) -> None:
        for number in range(20):
            told = dg.AssetMaterialization("orders", metadata={"thread": thread, "number": number})
            instance.report_runless_asset_event(told)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(several, range(4)))
    found = {tuple(each.value for each in metadata.values()) for _, metadata in told(instance)}
    assert found == {(thread, number) for thread in range(4) for number in range(20)}


def test_only_the_last_runs_are_kept_at_hand(instance: dg.DagsterInstance) -> None:
    ids = [run(instance, "2026-01-01").run_id for _ in range(KEPT)]
    assert len(instance.event_log_storage._engines) == KEPT
    assert instance.all_logs(ids[0])


def test_who_watches_a_run_sees_its_events(instance: dg.DagsterInstance) -> None:
    """The page of a run waits for its file to change."""
    found, heard = run(instance, "2026-01-01"), threading.Event()

    def hear(event: dg.EventLogEntry, _: str) -> None:
        if event.dagster_event is not None and event.dagster_event.message == "hello":
            heard.set()

    instance.watch_event_logs(found.run_id, None, hear)
    instance.report_engine_event("hello", run_id=found.run_id, job_name="daily")
    assert heard.wait(10)


def test_wiping_leaves_a_history_that_can_be_written(instance: dg.DagsterInstance) -> None:
    wiped = run(instance, "2026-01-01")
    instance.event_log_storage.wipe()
    assert told(instance) == []
    run(instance, "2026-01-02")
    assert [day for day, _ in told(instance)] == ["2026-01-02"]
    instance.report_engine_event("hello", run_id=wiped.run_id, job_name="daily")
    assert Path(instance.event_log_storage.path_for_shard(wiped.run_id)).exists()


def test_no_file_stays_open(home: Path) -> None:
    open_now = Path("/proc/self/fd")
    if not open_now.exists():
        pytest.skip("only Linux lists a process's open files")
    with dg.DagsterInstance.get() as found:
        run(found, "2026-01-01")
    names = [str(each.resolve()) for each in open_now.iterdir()]
    assert not [name for name in names if name.startswith(str(home))]
