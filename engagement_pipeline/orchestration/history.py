"""Dagster's history of runs on SQLite, without what it does for every event all over again.

A backfill stores an event and more for each day of each table. For each of them Dagster makes an engine for
each statement, which therefore is compiled each time, waits for the disk, takes both files apart when it
closes them, and looks up which tables there are: 14 ms of processor time an event, which was a quarter of the
time that a year of days took. Here: the same files in the same place, kept open, and one transaction in each
for an event, or for all the events that come together. Not here: what stands in them. A team's history
belongs on PostgreSQL, which does none of this.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool

KEPT = 4
"""Engines; a run has one, the index of all runs another."""
TOGETHER = 500
"""Events of one step's partitions that Dagster stores at once; by itself it stores one by one."""
INSERT = sa.insert(SqlEventLogStorageTable)
"""One statement for all events: it is compiled once."""
MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | set(EVENT_TYPE_TO_PIPELINE_RUN_STATUS)
"""Events that stand in the index of all runs, too."""


class History(DagsterSqliteStorage):
    """`storage.custom` of dagster.yaml; `base_dir` is the instance's folder, as for `storage.sqlite`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = _Events(self._event_log_storage._base_dir)  # noqa: SLF001
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(TOGETHER))  # Dagster knows no other way

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
        self._transactions: ExitStack | None = None
        self._begun: dict[str, sa.Connection] = {}
        self._there: set[str] = set()
        super().__init__(base_dir)
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # what is stored together takes it twice

    def store_event(self, event: EventLogEntry) -> None:
        """Into the run's file and, where it is about an asset or the run's state, into the index."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """As `store_event`, of all or none."""
        rows = [self._event_to_row(event) for event in events]
        with self._together():
            mirrored = []
            for event, row in zip(events, rows, strict=True):
                with self.run_connection(event.run_id) as connection:
                    connection.execute(INSERT, row)
                if event.is_dagster_event and event.dagster_event_type in MIRRORED:
                    with self.index_connection() as connection:
                        number = connection.execute(INSERT, row).inserted_primary_key.id  # type: ignore[union-attr]
                    mirrored.append((event, number))
            self._store_of_assets([each for each in mirrored if each[0].dagster_event_type in ASSET_EVENTS])
            for event, number in mirrored:
                if event.dagster_event_type in ASSET_CHECK_EVENTS:
                    self.store_asset_check_event(event, number)
        # Whoever watches a run waits for its file to change; what was written stands in the log beside it.
        for run in {event.run_id for event in events}:
            with suppress(FileNotFoundError):
                os.utime(self.path_for_shard(run))

    def _store_of_assets(self, mirrored: Sequence[tuple[EventLogEntry, int]]) -> None:
        """What the index holds of assets besides their events: tags of each, and the last of each asset."""
        if not mirrored:
            return
        last = {
            (each[0].get_dagster_event().asset_key, each[0].dagster_event_type): each for each in mirrored
        }
        with self.index_connection() as connection:
            self._store_asset_event_tags(connection, *zip(*mirrored, strict=True))
            for event, number in last.values():
                self._store_asset_event(connection, event, number)

    def has_table(self, table_name: str) -> bool:
        """Looked up until it is there: none ever goes."""
        if table_name not in self._there and super().has_table(table_name):
            self._there.add(table_name)
        return table_name in self._there

    def _has_asset_key_col_on_connection(self, conn: sa.Connection, column_name: str) -> bool:
        name = f"asset_keys.{column_name}"
        if name not in self._there and super()._has_asset_key_col_on_connection(conn, column_name):
            self._there.add(name)
        return name in self._there

    @contextmanager
    def _together(self) -> Iterator[None]:
        """One transaction for each file that is opened within, all committed at its end."""
        with self._db_lock, ExitStack() as transactions:
            self._transactions = transactions
            transactions.callback(self._forget)
            yield

    def _forget(self) -> None:
        self._transactions = None
        self._begun.clear()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if self._transactions is None:
                with self._begin(shard) as connection:
                    yield connection
                return
            if shard not in self._begun:
                self._begun[shard] = self._transactions.enter_context(self._begin(shard))
            yield self._begun[shard]

    def _begin(self, shard: str) -> AbstractContextManager[sa.Connection]:
        engine = self._engine(shard)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine.begin()

    def _engine(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            sa.event.listen(engine, "connect", _at_ease)
            self._engines[shard] = engine
            if len(self._engines) > KEPT:
                _, oldest = self._engines.popitem(last=False)
                oldest.dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def wipe(self) -> None:
        """Takes all events away, and the runs' files."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Gives the files back."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


def _at_ease(connection: Any, _: object) -> None:
    """A process that is killed loses nothing; a machine without power may lose the last second's events."""
    connection.execute("PRAGMA synchronous=NORMAL")
