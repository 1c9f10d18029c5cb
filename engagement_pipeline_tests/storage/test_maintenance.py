"""Upkeep: fewer files, old versions gone after a week, nothing else moved."""

import os
import time
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.storage.index import PARTITIONS, TABLES
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.maintenance import Maintained, maintain
from engagement_pipeline_tests.storage.tables import MEASURES, PEOPLE, days, keys, rows


def files(lake: Lake) -> list[Path]:
    folder = Path(lake.uri(MEASURES.name))
    return [path for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts]


def aged(lake: Lake, days_ago: int) -> None:
    """Everything on disk looks as if it had been written that many days ago."""
    then = time.time() - days_ago * 24 * 3600
    for path in Path(lake.root).rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def in_pieces(lake: Lake) -> None:
    """A partition of three files, in the order of its rows."""
    whole = rows(0, people=9)
    lake.replace(MEASURES, iter([whole.slice(0, 3), whole.slice(3, 3), whole.slice(6, 3)]), keys(0))
    lake.replace(MEASURES, days(1), keys(1), {"events/web": 7})


def test_small_files_are_joined_and_nothing_else_moves(lake: Lake) -> None:
    in_pieces(lake)
    before, infos = lake.scan(MEASURES.name).collect(), lake.partitions(MEASURES.name)
    then = lake.version(MEASURES.name)
    assert maintain(lake) == [Maintained("daily_measures", 4, 2, 0)]
    assert_frame_equal(lake.scan(MEASURES.name).collect(), before, check_row_order=False)
    assert_frame_equal(lake.scan(MEASURES.name, keys(0)).collect(), rows(0, people=9)), "in their order"
    assert lake.partitions(MEASURES.name) == infos
    assert lake.content_version(MEASURES.name) == then
    with lake.database.write() as connection:  # a database that knows nothing
        connection.execute(TABLES.delete())
        connection.execute(PARTITIONS.delete())
    assert lake.partitions(MEASURES.name) == infos
    assert not lake.replace(MEASURES, days(1), keys(1), {"events/web": 7}).changed
    assert_frame_equal(lake.scan(MEASURES.name, version=then).collect(), before, check_row_order=False)


def test_doing_it_again_does_nothing(lake: Lake) -> None:
    in_pieces(lake)
    maintain(lake)
    version = lake.version(MEASURES.name)
    assert not any(each.worked for each in maintain(lake))
    assert lake.version(MEASURES.name) == version


def test_joined_files_leave_no_ids_in_the_log(lake: Lake) -> None:
    in_pieces(lake)
    maintain(lake)
    for log in Path(lake.root).rglob("_delta_log/*.json"):
        assert '"p0"' not in log.read_text().replace("\\", ""), log


def test_versions_of_a_week_stay_and_what_killed_runs_left_goes(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, quantity=1), keys(0))
    lake.replace(MEASURES, days(0, quantity=2), keys(0))
    maintain(lake)
    old = lake.scan(MEASURES.name, version=1).collect()
    assert old["quantity"].unique().to_list() == [1]
    orphan = Path(lake.uri(MEASURES.name)) / "event_date=2026-01-01" / "left.parquet"
    rows(0).write_parquet(orphan)
    aged(lake, 8)
    maintain(lake)
    assert not orphan.exists(), "a killed run's file"
    assert len(files(lake)) == 2, "the log says when a file was replaced: just now"
    with pytest.raises(ValueError, match="168 hours"):
        maintain(lake, 24)


def test_tables_without_partitions_are_kept_as_well(lake: Lake) -> None:
    lake.replace(PEOPLE, PEOPLE.schema.to_frame())
    assert [each.table for each in maintain(lake)] == ["persons"]
