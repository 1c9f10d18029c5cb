"""Dagster's history of runs: the same files with kept engines."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from engagement_pipeline.orchestration.history import KEPT
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
    run(instance, "2026-01-01")
    instance.event_log_storage.wipe()
    assert told(instance) == []
    run(instance, "2026-01-02")
    assert [day for day, _ in told(instance)] == ["2026-01-02"]


def test_no_file_stays_open(home: Path) -> None:
    open_now = Path("/proc/self/fd")
    if not open_now.exists():
        pytest.skip("only Linux lists a process's open files")
    with dg.DagsterInstance.get() as found:
        run(found, "2026-01-01")
    names = [str(each.resolve()) for each in open_now.iterdir()]
    assert not [name for name in names if name.startswith(str(home))]
