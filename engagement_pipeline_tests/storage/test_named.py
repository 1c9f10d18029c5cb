"""SQL rows that name people: gone from every table, bytes included; what is in the way of others stays."""

from datetime import UTC, date, datetime

import polars as pl
import sqlalchemy as sa

from engagement_pipeline.core.frames import SCORES
from engagement_pipeline.ingestion.naming import Names
from engagement_pipeline.storage.current import Shown, read_current, replace_current
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.erasures import (
    REQUESTS,
    Rewritten,
    announce,
    ask,
    finish,
    identified,
    receipts,
    requested,
    work_done,
)
from engagement_pipeline.storage.ledger import LandedFile, Ledger
from engagement_pipeline.storage.named import Spelling, erase_rows
from engagement_pipeline.storage.traces import Search, in_database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ADA, BEN = "kunde-ada-71", "kunde-ben-72"


def spelling(*ids: str) -> Spelling:
    names = Names(frozenset(ids))
    return Spelling(names.telling, names.out_of_text)


def scores(*people: str) -> pl.DataFrame:
    rows = [(date(2026, 3, 1), person, 10, 1.0, "low", "scored", None, "d") for person in people]
    return pl.DataFrame(rows, schema=SCORES, orient="row")


def test_rows_go_and_texts_of_others_lose_the_id(database: Database) -> None:
    replace_current(
        database, "scores", "email", Shown(date(2026, 3, 1), 7), scores(ADA, BEN, f"{ADA}1", "7", "77")
    )
    ledger = Ledger(database)
    ledger.record(LandedFile("web", "f1", f"web/{ADA}.csv", 1, 1, NOW, 0))
    ledger.record(LandedFile("web", "f2", "web/b.csv", 1, 0, NOW, status="failed", reason=f"row of '{ADA}'"))
    search = Search([ADA, "7"], ["7"])
    assert set(in_database(database, search)) >= {"current_scores", "landed_files"}

    assert erase_rows(database, [ADA, "7"], spelling(ADA, "7")) == {"current_scores": 2, "landed_files": 2}
    database.compact()

    assert list(in_database(database, search)) == []
    assert set(read_current(database, "scores", "email")["person_id"]) == {BEN, f"{ADA}1", "77"}
    files = ledger.files("web")
    assert (files["f1"].file, files["f2"].reason) == ("web/erased.csv", "row of 'erased'")
    assert erase_rows(database, [ADA, "7"], spelling(ADA, "7")) == {}


def test_deleted_rows_leave_bytes_until_the_file_is_compacted(database: Database) -> None:
    if not database.is_file:
        return
    replace_current(database, "scores", "email", Shown(date(2026, 3, 1), 7), scores(ADA, BEN))
    erase_rows(database, [ADA], spelling(ADA))
    assert any(each.startswith("the bytes of") for each in in_database(database, Search([ADA]))), "in the log"
    database.compact()
    assert list(in_database(database, Search([ADA]))) == []


def test_who_is_asked_for_is_in_the_clear_until_it_is_done(database: Database) -> None:
    first = ask(database, [ADA, BEN, ADA], NOW)
    assert len(set(first)) == 2
    assert ask(database, [BEN], NOW) == [first[1]], "on the list already"
    assert {each.person for each in requested(database)} == {ADA, BEN}
    identified(database, first[0], [ADA, "alias-1"], "hash")
    assert {each.request: each.ids for each in requested(database)}[first[0]] == ("alias-1", ADA)
    receipt = finish(database, first, {"people": 2}, NOW)
    assert requested(database) == []
    assert receipts(database) == {receipt: {"people": 2}}
    database.compact()
    assert list(in_database(database, Search([ADA, BEN, "alias-1"]))) == []
    with database.read() as connection:
        done = connection.execute(sa.select(REQUESTS.c.state, REQUESTS.c.receipt)).all()
    assert [tuple(row) for row in done] == [("done", receipt)] * 2


def test_what_was_announced_and_not_committed_does_not_count(database: Database) -> None:
    one = Rewritten("events/web", "2026-03-01", 2, 0, "a", "b")
    again = Rewritten("events/web", "2026-03-01", 1, 0, "b", "c")
    vain = Rewritten("points/x", "2026-03-01", 5, 0, "d", "e")
    announce(database, [one, vain])
    announce(database, [again])
    now = {("events/web", "2026-03-01"): "c", ("points/x", "2026-03-01"): "d"}
    assert work_done(database, now) == [one, again]
    assert work_done(database, now) == [one, again]
