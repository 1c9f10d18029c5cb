"""The lake: what is replaced, what is refused, what stays."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest.mock import Mock

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.storage import staging
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.objects import upload
from engagement_pipeline.storage.tables import (
    ForeignRows,
    MissingPartitions,
    OverlappingFrames,
    StaleInput,
    TableMissing,
    TableSpec,
    WrongSchema,
)
from engagement_pipeline_tests.storage.tables import MEASURES, PEOPLE, SCHEMA, day, days, keys, rows, stored


def test_a_partition_is_replaced_and_the_others_stay(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1, 2), keys(0, 1, 2))
    commit = lake.replace(MEASURES, rows(1, quantity=9), keys(1))
    assert commit.changed
    assert_frame_equal(stored(lake), pl.concat([rows(0), rows(1, quantity=9), rows(2)]))
    infos = lake.partitions(MEASURES.name)
    assert [infos[key].delta_version for key in keys(0, 1, 2)] == [1, 2, 1]


def test_a_range_is_one_commit_and_reads_open_only_its_files(lake: Lake) -> None:
    commit = lake.replace(MEASURES, days(*range(40)).lazy(), keys(*range(40)))
    assert (commit.delta_version, lake.version(MEASURES.name)) == (1, 1)
    plan = lake.scan(MEASURES.name, keys(7)).explain()
    assert "event_date=2026-01-08" in plan
    assert plan.count(".parquet") == 1
    assert stored(lake, 7, 8).height == 6


@pytest.mark.parametrize("form", ["frame", "lazy", "pieces"])
def test_every_form_of_rows_gives_the_same_table(lake: Lake, form: str) -> None:
    frame = days(0, 1, 2).sample(fraction=1, shuffle=True, seed=1)
    given: pl.DataFrame | pl.LazyFrame | Iterator[pl.DataFrame] = frame
    if form != "frame":
        given = frame.lazy() if form == "lazy" else frame.iter_slices(2)
    commit = lake.replace(MEASURES, given, keys(0, 1, 2))
    assert_frame_equal(stored(lake), days(0, 1, 2))
    again = lake.replace(MEASURES, days(0, 1, 2), keys(0, 1, 2))
    assert not again.changed
    assert again.partitions == commit.partitions


@pytest.mark.parametrize(("limit", "most"), [("SPILL_ROWS", 4), ("SPILL_BYTES", 1)])
def test_many_rows_are_spilled_and_come_back_whole(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(staging, limit, most)
    split, seen = Mock(side_effect=staging._split), list[pl.DataFrame]()
    monkeypatch.setattr(staging, "_split", split)
    shuffled = days(0, 1, 2).sample(fraction=1, shuffle=True, seed=2)
    lake.replace(MEASURES, shuffled.iter_slices(2), keys(0, 1, 2), validate=seen.append)
    assert_frame_equal(stored(lake), days(0, 1, 2))
    assert split.call_count > 2
    assert [piece.height for piece in seen] == [9]  # whole partitions, so that their grain can be seen


def test_whole_partitions_are_written_as_they_come(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "SPILL_ROWS", 0)
    monkeypatch.setattr(staging, "BATCH_ROWS", 3)
    taken, seen = list[int](), list[int]()

    def whole() -> Iterator[pl.DataFrame]:
        for number in (2, 0, 1):
            taken.append(len(seen))
            yield rows(number).reverse()

    given = staging.WholePartitions(whole())
    lake.replace(MEASURES, given, keys(0, 1, 2), validate=lambda piece: seen.append(piece.height))
    assert_frame_equal(stored(lake), days(0, 1, 2))
    assert taken == [0, 1, 2], "one is done before the next comes"
    twice = staging.WholePartitions([rows(0), rows(0)])
    with pytest.raises(OverlappingFrames, match="more than one frame"):
        lake.replace(MEASURES, twice, keys(0))


def test_big_partitions_are_validated_one_by_one(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "BATCH_ROWS", 3)
    seen: list[pl.DataFrame] = []
    lake.replace(MEASURES, days(0, 1, 2), keys(0, 1, 2), validate=seen.append)
    assert [piece.height for piece in seen] == [3, 3, 3]


def test_one_partition_in_pieces_is_written_piece_by_piece(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "BATCH_ROWS", 4)
    seen: list[int] = []
    lake.replace(
        MEASURES,
        rows(0, people=9).iter_slices(4),
        keys(0),
        validate=lambda piece: seen.append(piece.height),
    )
    assert seen == [4, 4, 1]
    assert_frame_equal(stored(lake), rows(0, people=9))


def test_pieces_that_overlap_are_refused(lake: Lake) -> None:
    with pytest.raises(OverlappingFrames, match="overlap"):
        lake.replace(MEASURES, iter([rows(0), rows(0)]), keys(0))
    assert not lake.exists(MEASURES.name)


def test_a_rerun_leaves_the_table_as_it_was_but_remembers_its_inputs(lake: Lake) -> None:
    first = lake.replace(MEASURES, days(0, 1), keys(0, 1), {"events/web": 1})
    again = lake.replace(MEASURES, days(1, 0), keys(0, 1), {"events/web": 2})
    assert (first.changed, again.changed, again.delta_version) == (True, False, first.delta_version)
    assert lake.partitions(MEASURES.name)[keys(0)[0]].inputs == {"events/web": 2}
    with pytest.raises(StaleInput):
        lake.replace(MEASURES, days(0, 1), keys(0, 1), {"events/web": 1})


def test_only_changed_partitions_of_a_range_are_written(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    kept = {file for file in DeltaTable(lake.uri(MEASURES.name)).file_uris() if keys(0)[0] in file}
    lake.replace(MEASURES, pl.concat([rows(0), rows(1, quantity=5)]), keys(0, 1))
    assert kept < set(DeltaTable(lake.uri(MEASURES.name)).file_uris())
    versions = [lake.partitions(MEASURES.name)[key].delta_version for key in keys(0, 1)]
    assert versions == [1, 2]


def test_a_partition_without_rows_is_written_and_empty(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    commit = lake.replace(MEASURES, rows(0), keys(0, 1))
    assert commit.partitions[keys(1)[0]].rows == 0
    assert stored(lake, 1).is_empty()
    assert stored(lake).height == 3
    assert not lake.replace(MEASURES, SCHEMA.to_frame(), keys(1)).changed


def test_a_table_may_lose_all_rows_and_get_new_ones(lake: Lake) -> None:
    lake.replace(MEASURES, SCHEMA.to_frame(), keys(0))
    assert stored(lake, 0).schema == SCHEMA
    lake.replace(MEASURES, rows(0), keys(0))
    lake.replace(MEASURES, SCHEMA.to_frame(), keys(0))
    assert stored(lake).is_empty()


def test_a_table_without_partitions_is_replaced_whole(lake: Lake) -> None:
    for plan in ("basic", "premium"):
        lake.replace(PEOPLE, pl.DataFrame({"person_id": ["a"], "plan": [plan]}))
    assert lake.scan(PEOPLE.name).collect().rows() == [("a", "premium")]
    assert list(lake.partitions(PEOPLE.name)) == ["all"]


def test_text_partitions(lake: Lake) -> None:
    spec = TableSpec("landed/web", pl.Schema({"batch": pl.String(), "raw": pl.String()}), "batch")
    for batch in ("ab12", "cd34"):
        lake.replace(spec, pl.DataFrame({"batch": [batch], "raw": ["{}"]}), [batch])
    assert lake.scan(spec.name, ["cd34"]).collect()["batch"].to_list() == ["cd34"]


def test_an_older_input_is_refused_and_nothing_changes(lake: Lake) -> None:
    lake.replace(MEASURES, rows(0, quantity=2), keys(0), {"events/web": 7})
    before = lake.version(MEASURES.name)
    with pytest.raises(StaleInput, match=r"2026-01-01.*version 7 of 'events/web'.*version 6.*run it again"):
        lake.replace(MEASURES, days(0, 1), keys(0, 1), {"events/web": 6})
    assert lake.version(MEASURES.name) == before
    assert_frame_equal(stored(lake), rows(0, quantity=2))
    lake.replace(MEASURES, rows(1), keys(1), {"events/web": 6})  # another partition may be older


def test_a_slow_run_cannot_undo_a_newer_one(lake: Lake) -> None:
    lake.replace(PEOPLE, pl.DataFrame({"person_id": ["a"], "plan": ["old"]}))

    def run() -> tuple[pl.DataFrame, dict[str, int]]:
        inputs = lake.versions([PEOPLE.name])
        plan = lake.scan(PEOPLE.name).collect()["plan"][0]
        return rows(0, quantity=len(plan)), inputs

    slow, slow_inputs = run()
    lake.replace(PEOPLE, pl.DataFrame({"person_id": ["a"], "plan": ["newer"]}))
    fast, fast_inputs = run()
    lake.replace(MEASURES, fast, keys(0), fast_inputs)
    with pytest.raises(StaleInput):
        lake.replace(MEASURES, slow, keys(0), slow_inputs)
    assert_frame_equal(stored(lake), fast)


def test_an_input_made_anew_counts_its_versions_from_zero(lake: Lake) -> None:
    lake.replace(PEOPLE, pl.DataFrame({"person_id": ["a"], "plan": ["x"]}))
    lake.replace(MEASURES, rows(0), keys(0), {PEOPLE.name: 50})
    assert lake.replace(MEASURES, rows(0, quantity=2), keys(0), lake.versions([PEOPLE.name])).changed


def test_a_refused_piece_leaves_everything_as_it_was(lake: Lake) -> None:
    lake.replace(MEASURES, rows(0), keys(0))

    def refuse(piece: pl.DataFrame) -> None:
        raise LookupError(piece.height)

    with pytest.raises(LookupError):
        lake.replace(MEASURES, days(0, 1), keys(0, 1), validate=refuse)
    assert_frame_equal(stored(lake), rows(0))
    assert list((Path(lake.root) / ".staging").iterdir()) == []


def test_rows_outside_the_partitions_are_refused(lake: Lake) -> None:
    with pytest.raises(ForeignRows, match="2026-01-02"):
        lake.replace(MEASURES, days(0, 1), keys(0))
    with pytest.raises(ForeignRows, match="have no event_date"):
        lake.replace(MEASURES, rows(0).with_columns(event_date=pl.lit(None, pl.Date)), keys(0))
    with pytest.raises(ValueError, match="cannot be a partition"):
        lake.replace(MEASURES, rows(0), ["../escape"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("quantity").cast(pl.String), "quantity is String, not Int64"),
        (pl.lit(1).alias("surprise"), "surprise is not part of it"),
        (pl.col("quantity").cast(pl.Float64), "quantity is Float64, not Int64"),
    ],
)
def test_frames_that_do_not_fit_are_refused(lake: Lake, change: pl.Expr, words: str) -> None:
    with pytest.raises(WrongSchema, match=words):
        lake.replace(MEASURES, rows(0).lazy().with_columns(change), keys(0))
    with pytest.raises(WrongSchema, match="person_id is missing"):
        lake.replace(MEASURES, rows(0).drop("person_id"), keys(0))


def test_what_loses_nothing_is_cast(lake: Lake) -> None:
    narrow = rows(0).with_columns(pl.col("quantity").cast(pl.Int16), pl.col("person_id").cast(pl.Categorical))
    lake.replace(MEASURES, narrow, keys(0))
    assert_frame_equal(stored(lake), rows(0))


def test_what_is_missing_is_named(lake: Lake) -> None:
    with pytest.raises(TableMissing, match=r"'daily_measures'.*materialize the asset daily_measures"):
        lake.scan(MEASURES.name)
    assert (lake.version(MEASURES.name), lake.partitions(MEASURES.name)) == (None, {})
    lake.replace(MEASURES, rows(0), keys(0))
    with pytest.raises(MissingPartitions, match=r"2 of the 3 partitions.*2026-01-02"):
        lake.scan(MEASURES.name, keys(0, 1, 2))
    assert lake.scan(MEASURES.name, keys(0, 1), allow_missing=True).collect().height == 3


def test_an_old_version_stays_readable(lake: Lake) -> None:
    lake.replace(MEASURES, rows(0, quantity=1), keys(0))
    lake.replace(MEASURES, rows(0, quantity=2), keys(0))
    assert_frame_equal(lake.scan(MEASURES.name, keys(0), version=1).collect(), rows(0, quantity=1))


def test_other_tools_read_the_tables(lake: Lake) -> None:
    lake.replace(MEASURES, days(0, 1), keys(0, 1))
    frame = pl.from_arrow(DeltaTable(lake.uri(MEASURES.name)).to_pyarrow_table())
    assert isinstance(frame, pl.DataFrame)
    assert frame.height == 6
    files = DeltaTable(lake.uri(MEASURES.name)).file_uris()
    assert duckdb.sql(f"select sum(quantity) from read_parquet({files})").fetchall() == [(6,)]


def test_staged_rows_can_be_looked_at_before_they_are_committed(lake: Lake) -> None:
    staged = lake.stage(MEASURES, days(0, 1), keys(0, 1, 2), {"events/web": 1})
    assert staged.rows == dict(zip(keys(0, 1, 2), [3, 3, 0], strict=True))
    assert_frame_equal(staged.scan().collect(), days(0, 1))
    assert not lake.exists(MEASURES.name)
    commit = lake.commit(staged, {"events/web": 4})
    assert {key: info.data_version for key, info in commit.partitions.items()} == staged.data_versions
    assert commit.partitions[keys(0)[0]].inputs == {"events/web": 4}
    assert list((Path(lake.root) / ".staging").iterdir()) == []


def test_staged_rows_go_with_the_object(lake: Lake) -> None:
    staged = lake.stage(MEASURES, rows(0), keys(0))
    folder = staged.folder
    assert folder.exists()
    del staged
    assert not folder.exists()


def test_provenance_is_no_part_of_the_content(lake: Lake) -> None:
    schema = pl.Schema({**SCHEMA, "batch": pl.String()})
    spec = TableSpec("events/web", schema, "event_date", ("person_id",), frozenset({"batch"}))
    first = lake.replace(spec, rows(0).with_columns(batch=pl.lit("a")), keys(0))
    again = lake.replace(spec, rows(0).with_columns(batch=pl.lit("b")), keys(0))
    assert (first.changed, again.changed) == (True, False)


@given(st.permutations(range(6)), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_the_data_version_is_of_the_rows_whatever_their_order_and_cut(order: list[int], cut: int) -> None:
    frame = rows(0, people=6)

    def version(frames: pl.DataFrame | Iterator[pl.DataFrame], tmp: Path) -> str:
        return staging.stage(unsorted, frames, keys(0), tmp)[keys(0)[0]].data_version

    unsorted = TableSpec("t", SCHEMA, "event_date")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", lambda *_, **__: None)  # only digests are looked at
        expected = version(frame, Path())
        assert version(frame[order].iter_slices(cut), Path()) == expected
        other = frame.with_columns(quantity=pl.when(pl.int_range(pl.len()) == cut - 1).then(2).otherwise(1))
        assert version(other, Path()) != expected
        assert version(pl.concat([frame, frame.head(1)]), Path()) != expected


def test_files_reach_an_object_store_whole(tmp_path: Path) -> None:
    source = tmp_path / "part.parquet"
    source.write_bytes(bytes(range(256)) * 40_000)  # more than one piece
    (tmp_path / "store").mkdir()
    upload(source, f"file://{tmp_path}/store/event_date=2026-01-01/part.parquet")
    assert (tmp_path / "store/event_date=2026-01-01/part.parquet").read_bytes() == source.read_bytes()


def test_a_lake_behind_a_uri_is_written_by_upload(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    store = Lake(f"file://{tmp_path}/store", lake.database)  # the way of every object store
    store.replace(MEASURES, days(0, 1), keys(0, 1))
    store.replace(MEASURES, rows(1, quantity=4), keys(1))
    assert_frame_equal(stored(store), pl.concat([rows(0), rows(1, quantity=4)]))
    assert not (tmp_path / "store" / ".staging").exists()
    assert list((tmp_path / "temporary" / ".staging").iterdir()) == []


def test_both_databases_index_the_same(database: Database, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), database)
    commit = lake.replace(MEASURES, days(*range(600)), keys(*range(600)), {"events/web": 2})
    assert lake.partitions(MEASURES.name) == commit.partitions
    lake.replace(MEASURES, rows(0, quantity=3), keys(0), {"events/web": 3})
    with pytest.raises(StaleInput):
        lake.replace(MEASURES, rows(0), keys(0), {"events/web": 2})
    assert lake.partitions(MEASURES.name)[str(day(0))].delta_version == 2
    assert day(599) == date(2027, 8, 23)
