"""A lake in an object store: what is written, replaced, lost and swept."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from engagement_pipeline.storage import actions
from engagement_pipeline.storage import lake as lake_module
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.index import PARTITIONS, TABLES
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.locks import LOCKS
from engagement_pipeline.storage.settings import Settings, SettingsError
from engagement_pipeline.storage.tables import MissingPartitions, StaleInput, TableMissing
from engagement_pipeline_tests.object_stores import SECRET, Bucket
from engagement_pipeline_tests.processes import start
from engagement_pipeline_tests.storage.tables import MEASURES, PEOPLE, days, keys, rows, stored


@pytest.fixture
def remote(s3: Bucket, tmp_path: Path) -> Iterator[Lake]:
    database = Database(f"sqlite:///{tmp_path / 'engagement.db'}")
    yield Lake(f"{s3.uri}/lake", database)
    database.close()


def test_partitions_are_replaced_read_and_indexed(remote: Lake, s3: Bucket) -> None:
    assert not remote.exists(MEASURES.name)
    with pytest.raises(TableMissing):
        remote.scan(MEASURES.name)
    first = remote.replace(MEASURES, days(0, 1, 2), keys(0, 1, 2), {"events/web": 1})
    second = remote.replace(MEASURES, rows(1, quantity=4), keys(1), {"events/web": 2})
    assert (first.delta_version + 1, second.changed) == (second.delta_version, True)
    assert_frame_equal(stored(remote), pl.concat([rows(0), rows(1, quantity=4), rows(2)]))
    assert remote.scan(MEASURES.name, keys(1)).collect()["quantity"].to_list() == [4, 4, 4]
    assert remote.scan(MEASURES.name, version=first.delta_version).collect()["quantity"].sum() == 9
    with pytest.raises(MissingPartitions):
        remote.scan(MEASURES.name, keys(7))
    again = remote.replace(MEASURES, rows(1, quantity=4), keys(1), {"events/web": 3})
    assert (again.changed, again.delta_version) == (False, second.delta_version)
    with pytest.raises(StaleInput):
        remote.replace(MEASURES, rows(1), keys(1), {"events/web": 2})
    remote.replace(PEOPLE, pl.DataFrame({"person_id": ["a"], "plan": ["gold"]}))
    assert remote.scan("persons").collect().height == 1
    assert {key.split("/")[1] for key in s3.keys("lake")} == {"daily_measures", "persons"}


def test_a_lost_index_comes_back_from_the_log(remote: Lake) -> None:
    for number in range(12):  # beyond a checkpoint
        remote.replace(MEASURES, rows(number), keys(number), {"events/web": number})
    before = remote.partitions(MEASURES.name)
    with remote.database.write() as connection:
        connection.execute(PARTITIONS.delete())
        connection.execute(TABLES.delete())
    assert remote.partitions(MEASURES.name) == before


def test_writers_at_once_all_get_in(remote: Lake) -> None:
    with ThreadPoolExecutor(4) as pool:
        commits = list(pool.map(lambda n: remote.replace(MEASURES, rows(n), keys(n)), range(6)))
    assert len({commit.delta_version for commit in commits}) == 6
    assert stored(remote).height == 18


def test_a_commit_behind_our_back_is_not_lost(remote: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool commits between our look at the table and our own commit: the store lets no commit of the
    same number in twice."""
    remote.replace(MEASURES, days(0, 1), keys(0, 1))
    publish = actions.publish

    def and_another(*given: object) -> int:
        DeltaTable(remote.uri(MEASURES.name)).delete("event_date = '2026-01-01'")
        return publish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(actions, "publish", and_another)
    remote.replace(MEASURES, rows(1, quantity=2), keys(1))
    assert_frame_equal(stored(remote), rows(1, quantity=2))


def test_a_crash_before_the_commit_leaves_what_was(
    remote: Lake, s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.replace(MEASURES, rows(0), keys(0))

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lake_module, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            remote.replace(MEASURES, rows(0, quantity=9), keys(0))
    assert_frame_equal(stored(remote), rows(0))
    files = [key for key in s3.keys("lake/daily_measures") if key.endswith(".parquet")]
    assert len(files) == 2, "the one of the crash lies there, and no version names it"

    remote.replace(MEASURES, rows(0, quantity=3), keys(0))
    assert_frame_equal(stored(remote), rows(0, quantity=3))
    table = DeltaTable(remote.uri(MEASURES.name))
    gone = table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    assert len(gone) == 2, "the crash's and the replaced one"
    assert_frame_equal(stored(remote), rows(0, quantity=3))


def killed_at_the_commit(root: str, url: str) -> None:
    lake_module._write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,func-returns-value]
    Lake(root, Database(url)).replace(MEASURES, rows(0, quantity=9), keys(0))


def test_a_killed_process_leaves_what_was(remote: Lake, tmp_path: Path) -> None:
    """Killed with its files in the store and its lock held: the next one waits for the lease and goes on."""
    remote.replace(MEASURES, rows(0), keys(0))
    process = start(killed_at_the_commit, remote.root, remote.database.url)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert_frame_equal(stored(remote), rows(0))
    with remote.database.write() as connection:  # its lease, which ends by itself after 20 s
        connection.execute(LOCKS.update().values(expires_at=0.0))
    remote.replace(MEASURES, rows(0, quantity=2), keys(0))
    assert_frame_equal(stored(remote), rows(0, quantity=2))


def test_compacting_in_the_store_changes_no_row(remote: Lake) -> None:
    remote.replace(MEASURES, iter([rows(0, people=2), rows(0, people=4)[2:]]), keys(0))
    before = stored(remote)
    DeltaTable(remote.uri(MEASURES.name)).optimize.compact(min_commit_interval=timedelta(0))
    assert_frame_equal(stored(remote), before)
    assert remote.replace(MEASURES, rows(0, people=4), keys(0)).changed is False


def test_nothing_says_the_credentials(remote: Lake, s3: Bucket) -> None:
    assert SECRET not in repr(remote)
    with pytest.raises(TableMissing) as missing:
        remote.scan("persons")
    assert SECRET not in str(missing.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENGAGEMENT_LAKE", "s3://key:hunter2@bucket/lake"),
        ("ENGAGEMENT_LANDING", "az://container/landing?sig=hunter2"),
        ("ENGAGEMENT_LANDING", "abfss://container:hunter2@account.dfs.core.windows.net/landing"),
        ("ENGAGEMENT_LANDING", "ftp://bucket/landing"),
    ],
)
def test_a_uri_with_credentials_is_refused_without_showing_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_env({name: value, "ENGAGEMENT_DATABASE_URL": "sqlite:////tmp/x.db"})
    assert "hunter2" not in str(refused.value)


def test_settings_take_uris(tmp_path: Path) -> None:
    found = Settings.from_env(
        {
            "ENGAGEMENT_LAKE": "s3://bucket/lake/",
            "ENGAGEMENT_LANDING": "s3://bucket/landing/",
            "ENGAGEMENT_DATABASE_URL": "sqlite:////tmp/x.db",
        }
    )
    assert (found.lake, found.landing) == ("s3://bucket/lake", "s3://bucket/landing")
    assert Settings.from_env({"ENGAGEMENT_LANDING": f"file://{tmp_path}"}).landing == tmp_path
    with pytest.raises(SettingsError, match="set ENGAGEMENT_DATABASE_URL"):
        Settings.from_env({"ENGAGEMENT_LAKE": "s3://bucket/lake"})
