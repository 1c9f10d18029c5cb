"""Tables that are not opened twice, and when they are."""

import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from deltalake.exceptions import TableNotFoundError

from engagement_pipeline.storage import opened
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.opened import Opened
from engagement_pipeline_tests.storage.tables import MEASURES, keys, rows, stored


def write(lake: Lake, number: int, quantity: int = 1) -> None:
    lake.replace(MEASURES, rows(number, quantity=quantity), keys(number))


def test_a_table_is_shared_until_somebody_writes_to_it(lake: Lake) -> None:
    write(lake, 0)
    tables, uri = Opened(), lake.uri(MEASURES.name)
    first = tables.newest(uri)
    assert tables.newest(uri) is first
    write(lake, 1)
    second = tables.newest(uri)
    assert (first.version(), second.version()) == (1, 2)
    assert tables.newest(uri) is second


def test_what_another_lake_wrote_is_read(lake: Lake) -> None:
    write(lake, 0)
    assert stored(lake, 0).equals(rows(0))
    other = Lake(lake.root, lake.database)
    write(other, 0, quantity=5)
    assert stored(lake, 0).equals(rows(0, quantity=5))
    assert lake.partitions(MEASURES.name) == other.partitions(MEASURES.name)


def test_a_plan_that_was_made_before_a_commit_reads_what_was_there(lake: Lake) -> None:
    write(lake, 0)
    before = lake.scan(MEASURES.name)
    write(lake, 0, quantity=5)
    lake.version(MEASURES.name)
    assert before.collect().sort("person_id").equals(rows(0))


def test_a_table_made_anew_is_another_though_it_has_as_many_versions(lake: Lake, tmp_path: Path) -> None:
    write(lake, 0)
    assert stored(lake).equals(rows(0))
    shutil.rmtree(lake.uri(MEASURES.name))
    with pytest.raises(TableNotFoundError):
        lake.opened.newest(lake.uri(MEASURES.name))
    write(Lake(lake.root, Database(f"sqlite:///{tmp_path / 'other.db'}")), 3)
    assert stored(lake).equals(rows(3))


def test_in_an_object_store_a_table_is_opened_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "DeltaTable", opens := Mock())
    tables = Opened()
    for _ in range(2):
        tables.newest("s3://bucket/lake/persons")
    assert opens.call_count == 2


def test_only_so_many_are_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "KEPT", 1)
    write(lake, 0)
    shutil.copytree(lake.uri(MEASURES.name), lake.uri("other"))
    tables = Opened()
    first = tables.newest(lake.uri(MEASURES.name))
    tables.newest(lake.uri("other"))
    assert tables.newest(lake.uri(MEASURES.name)) is not first
