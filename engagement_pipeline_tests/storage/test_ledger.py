"""The ledger of landed files: what it knows, and what it can be rebuilt from."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import FILES, TOUCHED, LandedFile, Ledger
from engagement_pipeline.storage.tables import TableSpec
from engagement_pipeline_tests.storage.tables import day

RECEIVED = datetime(2026, 1, 5, 12, 30, 0, 123456, tzinfo=UTC)
FILE = LandedFile("web", "abc", "web/a.csv", 10, 3, RECEIVED, 1)
SPEC = TableSpec("landed/web", LANDED, "batch", ("row_number",))


def land(lake: Lake, batch: str, count: int) -> None:
    frame = pl.DataFrame(
        {
            "batch": [batch] * count,
            "file": [f"{batch}.csv"] * count,
            "row_number": list(range(1, count + 1)),
            "received_at": [RECEIVED] * count,
            "raw": ["{}"] * count,
        },
        schema=LANDED,
    )
    lake.replace(SPEC, frame, [batch])


def test_a_file_is_known_with_its_instant(database: Database) -> None:
    ledger = Ledger(database)
    ledger.record(FILE)
    assert ledger.files("web") == {"abc": FILE}
    assert ledger.files("app") == {}
    assert ledger.landed("web") == {"abc"}


def test_a_failed_file_may_land_later_but_not_the_other_way_round(database: Database) -> None:
    ledger = Ledger(database)
    failed = replace(FILE, rows=0, delta_version=None, status="failed", reason="truncated gzip")
    ledger.record(failed)
    assert ledger.landed("web") == set()
    assert ledger.files("web")["abc"].reason == "truncated gzip"
    ledger.record(FILE)
    ledger.record(failed)
    assert ledger.files("web") == {"abc": FILE}


def test_thousands_of_refused_files_are_forgotten_together(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'engagement.db'}")

    def few(connection: sqlite3.Connection, _: object) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)

    sa.event.listen(database._engine, "connect", few)
    ledger = Ledger(database)
    ledger.record(*(replace(FILE, fingerprint=f"{each}", status="failed") for each in range(1_200)))
    ledger.forget_failed("web", {"7"})
    assert set(ledger.files("web")) == {"7"}
    database.close()


def test_a_file_seen_again_keeps_the_instant_it_was_first_received(database: Database) -> None:
    ledger = Ledger(database)
    ledger.record(FILE)
    ledger.record(replace(FILE, received_at=datetime(2027, 1, 1, tzinfo=UTC), delta_version=4))
    assert ledger.files("web")["abc"] == replace(FILE, delta_version=4)


def test_days_touched_lead_back_to_batches(database: Database) -> None:
    ledger = Ledger(database)
    for number, batch in enumerate(["a", "b", "c"]):
        ledger.record(replace(FILE, fingerprint=batch, delta_version=number))
    assert ledger.untouched("web") == ["a", "b", "c"]
    ledger.touch("web", {"a": [day(0), day(1), day(1)], "b": [day(1)], "c": []})
    assert ledger.untouched("web") == []
    assert ledger.batches("web", [day(1)]) == ["a", "b"]
    assert ledger.batches("web", [day(number) for number in range(2000)]) == ["a", "b"]
    assert ledger.batches("app", [day(1)]) == []
    assert ledger.touched("web") == {day(0): 0, day(1): 1}
    assert ledger.touched("web", after_version=0) == {day(1): 1}
    ledger.touch("web", {"a": [day(5)]})
    assert ledger.batches("web", [day(0), day(5)]) == ["a"]
    assert ledger.batches("web", [day(0)]) == []


def test_a_lost_ledger_is_rebuilt_from_the_lake(lake: Lake) -> None:
    ledger = Ledger(lake.database)
    for batch, count in (("abc", 3), ("def", 0)):
        land(lake, batch, count)
    ledger.record(FILE)
    with lake.database.write() as connection:
        connection.execute(sa.delete(FILES))
        connection.execute(sa.delete(TOUCHED))
    assert ledger.rebuild("web", lake) == ["abc", "def"]
    assert ledger.files("web")["abc"] == LandedFile("web", "abc", "abc.csv", None, 3, RECEIVED, 1)
    assert ledger.files("web")["def"].rows == 0
    assert ledger.untouched("web") == ["abc", "def"]
    assert ledger.rebuild("web", lake) == []
    assert ledger.rebuild("never_landed", lake) == []


def test_rebuilding_asks_once_what_is_known(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once for each file, a thousand files took 41 s."""
    asked: list[str] = []

    def landed(_: Ledger, source: str) -> set[str]:
        asked.append(source)
        return set()

    for batch in ("a", "b", "c"):
        land(lake, batch, 1)
    monkeypatch.setattr(Ledger, "landed", landed)
    assert Ledger(lake.database).rebuild("web", lake) == ["a", "b", "c"]
    assert asked == ["web"]
