"""One writer at a time: a lease in the database, renewed while it is held.

Here: taking, renewing, checking and giving back a lease. Not here: what is protected (`lake`).
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from engagement_pipeline.storage.database import METADATA, Database, DatabaseDown

LEASE_SECONDS = 20.0
"""After a process was killed its lock stays this long. The clocks of machines that share a database must
agree better than this; a check before the commit catches what remains."""
WAIT_SECONDS = 600.0

LOCKS = sa.Table(
    "locks",
    METADATA,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),  # seconds since 1970
)


class LockTimeout(Exception):  # noqa: N818  the words are what the reader sees
    """Another run held the lock for longer than one was willing to wait."""


class LockLost(Exception):  # noqa: N818
    """The lease expired while it was held (the process or the database stood still), and may be another's."""


@dataclass(frozen=True)
class Held:
    """A lock that is held."""

    database: Database
    name: str
    holder: str
    lease: float

    def renew(self) -> None:
        """Renews the lease. Raises LockLost when it is no longer ours: nothing may be committed then."""
        with self.database.write() as connection:
            mine = (LOCKS.c.name == self.name) & (LOCKS.c.holder == self.holder)
            statement = sa.update(LOCKS).where(mine).values(expires_at=time.time() + self.lease)
            if connection.execute(statement).rowcount != 1:
                raise LockLost(
                    f"the lock on {self.name!r} was lost: this run stood still for longer than its lease of "
                    f"{self.lease:g} s and another took over. Nothing was committed; run it again."
                )


@contextmanager
def lock(
    database: Database, name: str, *, wait: float = WAIT_SECONDS, lease: float = LEASE_SECONDS
) -> Iterator[Held]:
    """Holds the lock `name`; waits at most `wait` seconds for another holder, takes over an expired lease.

    Raises LockTimeout naming the holder.
    """
    held = Held(database, name, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}", lease)
    _wait(held, wait)
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(held, stop), name=f"lock {name}", daemon=True)
    beat.start()
    try:
        yield held
    finally:
        stop.set()
        beat.join()
        mine = (LOCKS.c.name == name) & (LOCKS.c.holder == held.holder)
        with suppress(DatabaseDown), database.write() as connection:  # the lease ends by itself
            connection.execute(sa.delete(LOCKS).where(mine))


def holder_of(database: Database, name: str) -> str | None:
    """`host:process:token` of who holds the lock now, if anyone."""
    with database.read() as connection:
        alive = (LOCKS.c.name == name) & (LOCKS.c.expires_at >= time.time())
        return connection.scalar(sa.select(LOCKS.c.holder).where(alive))


def _wait(held: Held, wait: float) -> None:
    deadline, pause = time.monotonic() + wait, 0.02
    while not _take(held):
        if time.monotonic() >= deadline:
            raise LockTimeout(
                f"{held.name!r} is being written by {holder_of(held.database, held.name) or 'another run'} "
                f"(host:process:token) since more than {wait:g} s. Wait for that run or end it; a lock whose "
                f"holder is gone frees itself within {held.lease:g} s."
            )
        time.sleep(min(pause, max(deadline - time.monotonic(), 0.001)))
        pause = min(pause * 1.5, 0.2)


def _take(held: Held) -> bool:
    now = time.time()
    try:
        with held.database.write() as connection:
            expired = (LOCKS.c.name == held.name) & (LOCKS.c.expires_at < now)
            values = {"holder": held.holder, "expires_at": now + held.lease}
            if connection.execute(sa.update(LOCKS).where(expired).values(values)).rowcount:
                return True
            if connection.scalar(sa.select(LOCKS.c.name).where(LOCKS.c.name == held.name)):
                return False
            connection.execute(sa.insert(LOCKS).values(name=held.name, **values))
    except IntegrityError:  # another was quicker
        return False
    return True


def _heartbeat(held: Held, stop: threading.Event) -> None:
    while not stop.wait(held.lease / 4):
        try:
            held.renew()
        except LockLost:
            return  # the holder finds out by its own renew() before it commits
        except DatabaseDown:
            continue  # it may come back before the lease ends
