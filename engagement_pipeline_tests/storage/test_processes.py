"""Processes that write at once, and processes that are killed."""

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from polars.testing import assert_frame_equal

from engagement_pipeline.storage import lake as lake_module
from engagement_pipeline.storage import locks
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline_tests.processes import done, kill_when, start
from engagement_pipeline_tests.storage.tables import MEASURES, days, keys, rows
from engagement_pipeline_tests.storage.writer import write


def test_four_processes_write_disjoint_days_to_a_new_table(database: Database, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), database)
    done(*(start(write, lake.root, database.url, "days", 5 * number, 5) for number in range(4)))
    assert_frame_equal(lake.scan(MEASURES.name).sort("event_date", "person_id").collect(), days(*range(20)))
    assert list(lake.partitions(MEASURES.name)) == keys(*range(20))


@pytest.mark.parametrize("moment", ["stall-staging", "stall-commit"])
def test_a_killed_writer_leaves_the_old_version_and_the_next_run_works(
    lake: Lake, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    stalled = Path(lake.root).parent / "stalled"
    kill_when(stalled.exists, write, lake.root, lake.database.url, moment, 0, 2)
    assert lake.version(MEASURES.name) == 1
    assert_frame_equal(lake.scan(MEASURES.name).sort("event_date", "person_id").collect(), days(0, 1))

    held_by_the_dead = locks.holder_of(lake.database, f"table {MEASURES.name}")
    assert (held_by_the_dead is not None) == (moment == "stall-commit")
    later = time.time() + locks.LEASE_SECONDS  # as if its lease had run out
    monkeypatch.setattr(locks.time, "time", lambda: later + 1)
    lake.replace(MEASURES, rows(1, quantity=9), keys(1))
    assert lake.scan(MEASURES.name, keys(1)).collect()["quantity"].to_list() == [9, 9, 9]
    assert lake.scan(MEASURES.name, keys(0)).collect()["quantity"].to_list() == [1, 1, 1]


def test_a_writer_waits_for_the_one_before(lake: Lake) -> None:
    staged = lake.stage(MEASURES, rows(0), keys(0))
    with locks.lock(lake.database, f"table {MEASURES.name}"):
        writer = threading.Thread(target=lake.commit, args=[staged])
        writer.start()
        writer.join(timeout=0.3)
        assert writer.is_alive()
        assert not lake.exists(MEASURES.name)
    writer.join()
    assert lake.version(MEASURES.name) == 1


def test_a_writer_that_lost_its_lock_commits_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.replace(MEASURES, rows(0), keys(0))

    def stand_still(*_: object) -> list[object]:
        with lake.database.write() as connection:  # another took over in the meantime
            connection.execute(sa.update(locks.LOCKS).values(holder="another"))
        return []

    monkeypatch.setattr(lake_module, "added", stand_still)
    with pytest.raises(locks.LockLost):
        lake.replace(MEASURES, rows(0, quantity=5), keys(0))
    assert_frame_equal(lake.scan(MEASURES.name).sort("person_id").collect(), rows(0))


def test_a_commit_that_another_tool_overtook_is_tried_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace(MEASURES, rows(0), keys(0))
    write, tried = DeltaTable.create_write_transaction, []

    def overtaken_once(*args: object, **kwargs: object) -> None:
        tried.append(1)
        if len(tried) == 1:
            raise CommitFailedError("Metadata changed since last commit.")
        write(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(DeltaTable, "create_write_transaction", overtaken_once)
    lake.replace(MEASURES, rows(0, quantity=5), keys(0))
    assert (len(tried), lake.version(MEASURES.name)) == (2, 2)
