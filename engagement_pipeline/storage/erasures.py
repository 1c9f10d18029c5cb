"""Who is to be erased, how far it got, and the receipts.

Here: three SQL tables. Not here: doing it (`rewriting`, and `orchestration.erasure` in which order).
The ids asked for stand here in the clear until the erasure is done, and then no more: without them one that
was cut off could not be finished.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database, Instant

REQUESTS = sa.Table(
    "erasure_requests",
    METADATA,
    sa.Column("request", sa.String(32), primary_key=True),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("person_id", sa.Text),  # as asked, until it is done
    sa.Column("ids", sa.JSON),  # with every alias, as soon as they are known, until it is done
    sa.Column("hash", sa.String(64)),
    sa.Column("receipt", sa.String(32)),
)
WORK = sa.Table(
    "erasure_work",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("partition", sa.String(200), nullable=False),
    sa.Column("removed", sa.BigInteger, nullable=False),
    sa.Column("redacted", sa.BigInteger, nullable=False),
    sa.Column("was", sa.String(64), nullable=False),
    sa.Column("is_now", sa.String(64), nullable=False),
)
RECEIPTS = sa.Table(
    "erasure_receipts",
    METADATA,
    sa.Column("receipt", sa.String(32), primary_key=True),
    sa.Column("finished_at", Instant, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
)
OWN = (REQUESTS, WORK, RECEIPTS)


@dataclass(frozen=True)
class Request:
    """One person to be erased."""

    request: str
    person: str
    ids: tuple[str, ...]
    """The person and every alias; empty until they were looked up."""


@dataclass(frozen=True)
class Rewritten:
    """What was changed in one partition of a table."""

    table: str
    partition: str
    removed: int
    """Rows."""
    redacted: int
    """Rows of others in which the person's id was taken out."""
    was: str
    """Data version before; empty where none was known."""
    now: str


def ask(database: Database, people: Iterable[str], at: datetime) -> list[str]:
    """Puts people on the list; gives the requests' ids. Somebody who is on it already keeps theirs."""
    waiting = {each.person: each.request for each in requested(database)}
    found = []
    with database.write() as connection:
        for person in dict.fromkeys(people):
            if person not in waiting:
                waiting[person] = uuid.uuid4().hex
                row = {
                    "request": waiting[person],
                    "requested_at": at,
                    "state": "requested",
                    "person_id": person,
                }
                connection.execute(sa.insert(REQUESTS).values(row))
            found.append(waiting[person])
    return found


def requested(database: Database) -> list[Request]:
    """Everyone who is still to be erased, first come first."""
    statement = sa.select(REQUESTS).where(REQUESTS.c.state == "requested").order_by(REQUESTS.c.requested_at)
    with database.read() as connection:
        return [
            Request(row.request, row.person_id, tuple(row.ids or ())) for row in connection.execute(statement)
        ]


def identified(database: Database, request: str, ids: Iterable[str], hashed: str) -> None:
    """Remembers every id of a person before the tables that say so are rewritten."""
    with database.write() as connection:
        mine = REQUESTS.c.request == request
        connection.execute(sa.update(REQUESTS).where(mine).values(ids=sorted(ids), hash=hashed))


def announce(database: Database, work: Iterable[Rewritten]) -> None:
    """Remembers what is about to be committed."""
    rows = [
        {
            "table_name": each.table,
            "partition": each.partition,
            "removed": each.removed,
            "redacted": each.redacted,
            "was": each.was,
            "is_now": each.now,
        }
        for each in work
    ]
    with database.write() as connection:
        for start in range(0, len(rows), 500):
            connection.execute(sa.insert(WORK), rows[start : start + 500])


def work_done(database: Database, now: Mapping[tuple[str, str], str]) -> list[Rewritten]:
    """What was rewritten since the list was last emptied, in order. `now`: (table, partition) -> its data
    version; what was announced and then not committed is forgotten."""
    with database.write() as connection:
        rows = connection.execute(sa.select(WORK).order_by(WORK.c.number)).all()
        led_on = {(row.table_name, row.partition, row.was) for row in rows}
        vain = [
            row.number
            for row in rows
            if now.get((row.table_name, row.partition)) != row.is_now
            and (row.table_name, row.partition, row.is_now) not in led_on
        ]
        for start in range(0, len(vain), 500):
            connection.execute(sa.delete(WORK).where(WORK.c.number.in_(vain[start : start + 500])))
    return [
        Rewritten(row.table_name, row.partition, row.removed, row.redacted, row.was, row.is_now)
        for row in rows
        if row.number not in set(vain)
    ]


def finish(database: Database, requests: Sequence[str], content: Mapping[str, Any], at: datetime) -> str:
    """Writes the receipt, and takes every id and the work list away; gives the receipt's id."""
    receipt = uuid.uuid4().hex
    with database.write() as connection:
        connection.execute(sa.insert(RECEIPTS).values(receipt=receipt, finished_at=at, content=dict(content)))
        for request in requests:
            done = {"state": "done", "person_id": None, "ids": sa.null(), "receipt": receipt}
            connection.execute(sa.update(REQUESTS).where(REQUESTS.c.request == request).values(done))
        connection.execute(sa.delete(WORK))
    return receipt


def amend(database: Database, receipt: str, content: Mapping[str, Any]) -> None:
    """Adds to a receipt what was found out once it was written."""
    with database.write() as connection:
        mine = RECEIPTS.c.receipt == receipt
        connection.execute(sa.update(RECEIPTS).where(mine).values(content=dict(content)))


def receipts(database: Database) -> dict[str, dict[str, Any]]:
    """Receipt id -> its content, oldest first."""
    with database.read() as connection:
        rows = connection.execute(sa.select(RECEIPTS).order_by(RECEIPTS.c.finished_at))
        return {row.receipt: row.content for row in rows}
