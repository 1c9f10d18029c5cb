"""Dagster's history of runs on SQLite, without what it does for every event all over again.

A backfill stores an event and more for each day of each table. Dagster makes an engine for each statement,
which therefore is compiled each time, waits for the disk and takes its index apart when it closes it: 14 ms
of processor time an event, which was a quarter of the time that a year of days took. Here: the same files in
the same place, with engines that are kept. Not here: what stands in them. A team's history belongs on
PostgreSQL, which does none of this.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import NullPool, QueuePool

KEPT = 4
"""Engines; a run has one, the index of all runs another."""


class History(DagsterSqliteStorage):
    """`storage.custom` of dagster.yaml; `base_dir` is the instance's folder, as for `storage.sqlite`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = _Events(self._event_log_storage._base_dir)  # noqa: SLF001

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "History":
        """What Dagster calls."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _Events(SqliteEventLogStorage):
    """Events of runs, each run in a file of its own, and the index of them all."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            # A run's file is closed after each event: whoever watches the run sees it change only then.
            watched = shard != INDEX_SHARD_NAME
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool if watched else QueuePool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            sa.event.listen(engine, "connect", _at_ease)
            self._engines[shard] = engine
            if len(self._engines) > KEPT:
                _, oldest = self._engines.popitem(last=False)
                oldest.dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def dispose(self) -> None:
        """Gives the files back."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _at_ease(connection: Any, _: object) -> None:
    """A process that is killed loses nothing; a machine without power may lose the last second's events."""
    connection.execute("PRAGMA synchronous=NORMAL")
