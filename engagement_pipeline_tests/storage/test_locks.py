"""One writer at a time, also across processes, and also when one dies."""

import threading
import time

import pytest
import sqlalchemy as sa

from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.locks import LOCKS, LockLost, LockTimeout, holder_of, lock


def test_a_second_holder_waits_for_the_first(database: Database) -> None:
    order = []

    def second() -> None:
        with lock(database, "table a"):
            order.append("second")

    with lock(database, "table a"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert holder_of(database, "table a") is None


def test_waiting_ends_and_names_the_holder(database: Database) -> None:
    with lock(database, "table a") as held, lock(database, "table b"):
        with pytest.raises(LockTimeout) as caught, lock(database, "table a", wait=0.1):
            pass
        assert held.holder in str(caught.value)


def test_an_expired_lease_is_taken_over_and_the_first_holder_notices(database: Database) -> None:
    with lock(database, "table a", lease=60) as stalled:
        with database.write() as connection:  # as if it had stood still for longer than its lease
            connection.execute(sa.update(LOCKS).values(expires_at=time.time() - 1))
        with lock(database, "table a", wait=1), pytest.raises(LockLost, match="table a"):
            stalled.renew()
        assert holder_of(database, "table a") is None


def test_the_lease_is_renewed_while_it_is_held(database: Database) -> None:
    with lock(database, "table a", lease=0.4):
        time.sleep(0.8)
        assert holder_of(database, "table a") is not None


def test_an_error_gives_the_lock_back(database: Database) -> None:
    with pytest.raises(LookupError), lock(database, "table a"):
        raise LookupError
    with lock(database, "table a", wait=0):
        pass


def test_many_threads_never_hold_it_together(database: Database) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with lock(database, "table a"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.005)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
