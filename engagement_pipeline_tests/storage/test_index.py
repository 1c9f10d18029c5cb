"""The index of partitions heals from Delta's log."""

import polars as pl
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable
from sqlalchemy import func

from engagement_pipeline.storage import index
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline_tests.storage.tables import MEASURES, SCHEMA, days, keys, rows


def forget(lake: Lake) -> None:
    with lake.database.write() as connection:
        connection.execute(sa.delete(index.PARTITIONS))
        connection.execute(sa.delete(index.TABLES))


def test_a_crash_between_commit_and_index_heals(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1), {"events/web": 1})
    with monkeypatch.context() as patch:

        def crash(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(index, "record", crash)
        with pytest.raises(KeyboardInterrupt):
            lake.replace(MEASURES, rows(1, quantity=4), keys(1), {"events/web": 2})
    infos = lake.partitions(MEASURES.name)
    assert [infos[key].delta_version for key in keys(0, 1)] == [1, 2]
    assert [infos[key].inputs for key in keys(0, 1)] == [{"events/web": 1}, {"events/web": 2}]


def test_a_reader_that_opened_the_table_before_a_commit_sees_what_is_known(lake: Lake) -> None:
    lake.replace(MEASURES, rows(0), keys(0))
    opened = DeltaTable(lake.uri(MEASURES.name))
    lake.replace(MEASURES, rows(1), keys(1))
    assert list(index.partitions(lake.database, MEASURES.name, opened)) == keys(0, 1)


def test_a_partition_that_is_written_while_one_looks_is_read_or_missing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace(MEASURES, rows(0), keys(0))
    known = Lake.partitions

    def meanwhile(self: Lake, table: str) -> object:
        monkeypatch.setattr(Lake, "partitions", known)
        lake.replace(MEASURES, rows(1), keys(1))
        return known(self, table)

    monkeypatch.setattr(Lake, "partitions", meanwhile)
    assert lake.scan(MEASURES.name, keys(1)).collect().height == rows(1).height


def test_a_lost_database_is_rebuilt(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1, 2), keys(0, 1, 2), {"events/web": 1})
    lake.replace(MEASURES, pl.concat([rows(0), rows(1, quantity=2)]), keys(0, 1), {"events/web": 2})
    lake.replace(MEASURES, SCHEMA.to_frame(), keys(2), {"events/web": 2})
    known = lake.partitions(MEASURES.name)
    forget(lake)
    assert lake.partitions(MEASURES.name) == known


def test_checkpoints_and_other_tools_commits_lose_nothing(lake: Lake) -> None:
    for number in range(5):
        lake.replace(MEASURES, rows(number).iter_slices(1), keys(number))
    table = DeltaTable(lake.uri(MEASURES.name))
    table.create_checkpoint()
    assert table.optimize.compact()["numFilesRemoved"] == 15
    known = lake.partitions(MEASURES.name)
    assert list(known) == keys(*range(5))
    forget(lake)
    assert lake.partitions(MEASURES.name) == known
    assert not lake.replace(MEASURES, rows(3), keys(3)).changed


def test_a_table_made_anew_forgets_the_old_one(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    other = Lake(lake.root + "2", lake.database)
    other.replace(MEASURES, rows(0), keys(0))
    assert list(other.partitions(MEASURES.name)) == keys(0)


def test_an_older_writer_never_overwrites_a_newer_row(database: Database) -> None:
    info = index.PartitionInfo(5, "d", 1, {})
    index.record(database, "t", "id", 5, {"a": info})
    index.record(database, "t", "id", 4, {"a": index.PartitionInfo(4, "old", 1, {})})
    index.record(database, "t", "id", 5, {"a": index.PartitionInfo(5, "same", 1, {})}, only_newer=True)
    with database.read() as connection:
        assert connection.scalars(sa.select(index.PARTITIONS.c.data_version)).all() == ["d"]
        assert connection.scalar(sa.select(func.count()).select_from(index.TABLES)) == 1
