"""Rows taken out of a table for good: nothing of them is left, and nothing that refers to the table moves."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.storage import forgetting, rewriting
from engagement_pipeline.storage.erasures import Rewritten
from engagement_pipeline.storage.forgetting import has_past
from engagement_pipeline.storage.index import PARTITIONS, TABLES
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.rewriting import Change, Changed, purge, stored_tables
from engagement_pipeline.storage.tables import StaleInput, TableSpec
from engagement_pipeline.storage.traces import Search, in_folder
from engagement_pipeline_tests.storage.tables import MEASURES, PEOPLE, SCHEMA, day, days, keys, rows

GONE = "p1"
SEARCH = Search(["p1"])
LATER = TableSpec("later", SCHEMA, "event_date", ("person_id",))


def take_out(frame: pl.DataFrame) -> Changed:
    kept = frame.filter(pl.col("person_id") != GONE)
    return Changed(kept, frame.height - kept.height)


CHANGE = Change(pl.col("person_id") == GONE, take_out)


def cleared(lake: Lake, table: TableSpec = MEASURES, spec: TableSpec | None = MEASURES) -> list[Rewritten]:
    told: list[Rewritten] = []
    found = purge(lake, table.name, spec, CHANGE, told.extend)
    assert told == found.rewritten
    return found.rewritten


def anew(lake: Lake) -> Lake:
    """The same lake with a database that knows nothing."""
    with lake.database.write() as connection:
        connection.execute(TABLES.delete())
        connection.execute(PARTITIONS.delete())
    return Lake(lake.root, lake.database)


def test_rows_go_from_every_file_version_and_log(lake: Lake) -> None:
    for quantity in range(12):  # past a checkpoint
        lake.replace(MEASURES, days(0, 1, quantity=quantity), keys(0, 1))
    lake.replace(MEASURES, rows(2, people=1), keys(2))
    orphan = Path(lake.uri(MEASURES.name)) / "event_date=2026-01-01" / "left-by-a-killed-run.parquet"
    rows(0).write_parquet(orphan)
    assert list(in_folder(lake.root, SEARCH))
    untouched = set(lake.scan(MEASURES.name, keys(2)).collect()["person_id"])
    old = lake.version(MEASURES.name)

    work = cleared(lake)

    assert [(each.partition, each.removed) for each in work] == [("2026-01-01", 1), ("2026-01-02", 1)]
    assert list(in_folder(lake.root, SEARCH)) == []
    left = pl.concat([days(0, 1, quantity=11).filter(pl.col("person_id") != GONE), rows(2, people=1)])
    assert_frame_equal(lake.scan(MEASURES.name).collect(), left, check_row_order=False)
    assert untouched == {"p0"}
    with pytest.raises(Exception, match=r"(?i)log|version|not exist"):
        lake.scan(MEASURES.name, version=old).collect()
    assert not has_past(lake, MEASURES.name)


def test_logs_hold_no_bounds_of_ids(lake: Lake) -> None:
    lake.replace(MEASURES, days(0), keys(0))
    lake.replace(PEOPLE, pl.DataFrame({"person_id": ["p1", "p2"], "plan": ["x", "y"]}))
    for log in Path(lake.root).rglob("_delta_log/*.json"):
        assert "p1" not in log.read_text(), log


def test_only_files_with_the_person_are_written_anew(lake: Lake) -> None:
    parts = [rows(0, people=2), rows(0, people=6).tail(4).sort("person_id")]
    lake.replace(MEASURES, iter(parts), keys(0))
    files = set(Path(lake.uri(MEASURES.name)).rglob("*.parquet"))
    assert len(files) == 2
    cleared(lake)
    kept = {
        path for path in Path(lake.uri(MEASURES.name)).rglob("*.parquet") if "_delta_log" not in path.parts
    }
    assert len(kept & files) == 1
    assert sorted(lake.scan(MEASURES.name).collect()["person_id"]) == ["p0", "p2", "p3", "p4", "p5"]


def test_what_is_left_has_the_digest_of_a_run_without_the_person(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    cleared(lake)
    without = days(0, 1).filter(pl.col("person_id") != GONE)
    assert not lake.replace(MEASURES, without, keys(0, 1)).changed
    found = lake.partitions(MEASURES.name)
    assert {key: info.rows for key, info in found.items()} == {"2026-01-01": 2, "2026-01-02": 2}


def test_files_of_rows_in_one_order_are_digested_in_it(lake: Lake) -> None:
    ordered = replace(MEASURES, one_order=True)
    everyone, told = rows(0, people=6), list[Rewritten]()
    lake.replace(ordered, iter([everyone.head(2), everyone.slice(2, 2), everyone.tail(2)]), keys(0))
    for person in ("p3", "p1"):  # what was rewritten last is the first of the files then

        def without(frame: pl.DataFrame, person: str = person) -> Changed:
            kept = frame.filter(pl.col("person_id") != person)
            return Changed(kept, frame.height - kept.height)

        purge(lake, ordered.name, ordered, Change(pl.col("person_id") == person, without), told.extend)
    left = everyone.filter(~pl.col("person_id").is_in(["p1", "p3"]))
    assert not lake.replace(ordered, left, keys(0)).changed


def test_versions_and_inputs_of_partitions_stay(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    lake.replace(MEASURES, days(1, quantity=2), keys(1))
    lake.replace(LATER, days(0, 1), keys(0, 1), inputs={MEASURES.name: 2})
    for table in (MEASURES, LATER):
        before = lake.partitions(table.name)
        cleared(lake, table, table)
        for stored in (lake.partitions(table.name), anew(lake).partitions(table.name)):
            assert stored.keys() == before.keys()
            for key, info in before.items():
                assert (stored[key].delta_version, stored[key].inputs) == (info.delta_version, info.inputs)
                assert stored[key].data_version != info.data_version
                assert stored[key].rows == info.rows - 1


def test_the_log_alone_tells_what_is_stored_after_more_runs(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    cleared(lake)
    lake.replace(MEASURES, days(1, 2, quantity=3), keys(1, 2), inputs={"events/web": 4})
    known = lake.partitions(MEASURES.name)
    assert anew(lake).partitions(MEASURES.name) == known
    assert known["2026-01-02"].delta_version > known["2026-01-01"].delta_version


def test_a_run_that_read_the_old_rows_is_refused(lake: Lake) -> None:
    lake.replace(MEASURES, days(0), keys(0))
    read = lake.versions([MEASURES.name])
    slow = lake.scan(MEASURES.name).collect()
    cleared(lake)
    # Nothing is stored there whose inputs could be compared: the version that was read says it all.
    with pytest.raises(StaleInput, match="before people were erased"):
        lake.replace(LATER, slow, keys(0), inputs=read)
    assert lake.partitions(LATER.name) == {}
    lake.replace(LATER, lake.scan(MEASURES.name), keys(0), inputs=lake.versions([MEASURES.name]))


def test_a_table_that_never_named_the_person_counts_as_read_anew_too(lake: Lake) -> None:
    lake.replace(MEASURES, rows(0, people=1), keys(0))
    lake.replace(MEASURES, days(0), keys(0))
    lake.replace(MEASURES, rows(0, people=1), keys(0))
    assert cleared(lake) == []
    assert list(in_folder(lake.root, SEARCH)) == [], "older versions named the person"
    with pytest.raises(StaleInput):
        lake.replace(LATER, days(0), keys(0), inputs={MEASURES.name: 2})


def test_doing_it_again_does_nothing(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    cleared(lake)
    version = lake.version(MEASURES.name)
    assert cleared(lake) == []
    assert lake.version(MEASURES.name) == version


@pytest.mark.parametrize(
    ("module", "at"), [(rewriting, "amend"), (forgetting, "delete"), (rewriting, "forget")]
)
def test_cut_off_anywhere_it_is_finished_by_the_next(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, module: ModuleType, at: str
) -> None:
    for quantity in range(3):
        lake.replace(MEASURES, days(0, 1, quantity=quantity), keys(0, 1))
    before = lake.partitions(MEASURES.name)

    def stop(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, at, stop)
        cleared(lake)
    cleared(lake)
    assert list(in_folder(lake.root, SEARCH)) == []
    for stored in (lake.partitions(MEASURES.name), anew(lake).partitions(MEASURES.name)):
        assert {key: info.delta_version for key, info in stored.items()} == {
            key: info.delta_version for key, info in before.items()
        }
    assert lake.scan(MEASURES.name).collect().height == 4


def test_a_table_that_nobody_writes_any_more_loses_them_too(lake: Lake) -> None:
    wide = TableSpec("events/gone", pl.Schema({**SCHEMA, "extra": pl.String()}), "event_date", ("person_id",))
    lake.replace(wide, days(0).with_columns(extra=pl.lit("x")), keys(0))
    cleared(lake, wide, None)
    assert lake.scan(wide.name).collect()["extra"].to_list() == ["x", "x"]
    narrow = TableSpec("events/gone", SCHEMA, "event_date", ("person_id",))
    lake.replace(wide, days(1).with_columns(extra=pl.lit("y")), keys(1))
    cleared(lake, wide, narrow)
    assert sorted(lake.scan(wide.name).collect()["extra"]) == ["x", "x", "y", "y"], "no longer declared, kept"
    assert list(in_folder(lake.root, SEARCH)) == []
    assert stored_tables(lake) == ["events/gone"]


def test_columns_added_since_are_no_hindrance(lake: Lake) -> None:
    lake.replace(MEASURES, days(0), keys(0))
    wide = TableSpec(MEASURES.name, pl.Schema({**SCHEMA, "extra": pl.String()}), "event_date", ("person_id",))
    lake.replace(wide, days(1).with_columns(extra=pl.lit("x")), keys(1))
    cleared(lake, wide, wide)
    found = lake.scan(MEASURES.name).sort("event_date", "person_id").collect()
    assert found["extra"].to_list() == [None, None, "x", "x"]
    assert found["event_date"].to_list() == [day(0)] * 2 + [day(1)] * 2
