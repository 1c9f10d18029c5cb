"""The SQL database: one engine, its tables, transactions, and an error people can act on.

Here: opening and creating it, how transactions begin. Not here: what the tables mean (`ledger`, `index`,
`locks`, `current`, which declare their own on `METADATA`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from tenacity import (
    retry,
    retry_if_exception_message,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random,
)

SCHEMA_VERSION = 1
BUSY_SECONDS = 60

METADATA = sa.MetaData()

again_if_overtaken = retry(
    retry=retry_if_exception_type(IntegrityError), stop=stop_after_attempt(3), reraise=True
)
"""For functions that look whether a row is there and then add it: of two at once, the second looks again."""

SCHEMA_VERSIONS = sa.Table("schema_version", METADATA, sa.Column("version", sa.Integer, primary_key=True))


class DatabaseDown(Exception):  # noqa: N818  the words are what the reader sees
    """The database does not answer, or cannot be opened."""


class SchemaTooNew(Exception):  # noqa: N818
    """The database was written by a newer version of this package."""


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant in UTC, also on SQLite, which knows no zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To UTC; a naive time is a slip of the caller."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Always with its zone."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return None if value is None else value.astimezone(UTC)


class Database:
    """One SQL database; tables are created at first use. Cheap to make, safe to use from threads.

    Not to be carried over a fork: a child process makes its own.
    """

    def __init__(self, url: str):
        self._url = sa.make_url(url)
        self._made = 0  # tables known when they were last created; a module imported later brings more
        if self._url.get_backend_name() == "sqlite" and self._url.database in (None, "", ":memory:"):
            raise DatabaseDown(
                f"the database {self} would live in memory, where no other process or thread sees its locks: "
                "name a file, as in sqlite:////folder/engagement.db"
            )
        try:
            self._engine = sa.create_engine(self._url, **_options(self._url))
        except (NoSuchModuleError, ImportError) as error:
            raise DatabaseDown(
                f"no driver for the database {self}: {error}. For PostgreSQL install the extra `postgres` "
                "and write the URL as postgresql+psycopg://…"
            ) from None
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _sqlite_connect)
            event.listen(self._engine, "begin", _sqlite_begin)

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"Database({self})"

    @property
    def url(self) -> str:
        """The URL with its password: for a child process that opens the same database, never to be shown."""
        return self._url.render_as_string(hide_password=False)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine and no server."""
        return self._engine.dialect.name == "sqlite"

    @property
    def files(self) -> list[Path]:
        """The files that a database file consists of; none for a server."""
        if not self.is_file or not self._url.database:
            return []
        names = [self._url.database + ending for ending in ("", "-wal", "-shm")]
        return [path for path in map(Path, names) if path.exists()]

    def compact(self) -> None:
        """Rewrites the database without what was deleted from it: rows leave their bytes behind until then.

        A database file is rewritten whole; a server's tables are vacuumed, and its write-ahead log and
        backups are its operator's.
        """
        raw = self._engine.raw_connection()
        try:
            if not self.is_file:
                raw.driver_connection.autocommit = True  # type: ignore[union-attr]  # VACUUM takes no transaction
            for statement in ("VACUUM", *(["PRAGMA wal_checkpoint(TRUNCATE)"] if self.is_file else [])):
                raw.cursor().execute(statement)
        finally:
            raw.close()
            self._engine.dispose()  # the next connection is one without these settings

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection in a transaction that only reads."""
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection in a transaction, committed at the end, rolled back on an error."""
        with self._transaction(writes=True) as connection:
            yield connection

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        try:
            if self._made < len(METADATA.tables):
                self._create()
            with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            if not _is_outage(error):
                raise
            raise DatabaseDown(
                f"the database {self} does not answer: {_first_line(error)}. Check that "
                "it runs and that ENGAGEMENT_DATABASE_URL is right, then run it again."
            ) from None

    def _create(self) -> None:
        if self._engine.dialect.name == "sqlite" and self._url.database:
            folder = Path(self._url.database).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseDown(
                    f"the folder of the database {self} cannot be made: {error.strerror}. "
                    "Make it writable, or set ENGAGEMENT_DATABASE_URL."
                ) from None
        known = len(METADATA.tables)
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":
                # Two processes that create the tables at once would fail on the catalog's unique index.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x656E67)))
            METADATA.create_all(connection)
            found = connection.scalar(sa.select(sa.func.max(SCHEMA_VERSIONS.c.version)))
            if found is None:
                connection.execute(sa.insert(SCHEMA_VERSIONS).values(version=SCHEMA_VERSION))
            elif found > SCHEMA_VERSION:
                raise SchemaTooNew(
                    f"the database {self} has schema version {found}, this package knows {SCHEMA_VERSION}: "
                    "install the package version that wrote it, or a newer one"
                )
        self._made = known


def _options(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True}


def _sqlite_connect(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and only before the first write.
    connection.isolation_level = None
    _keep_a_log(connection)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@retry(
    retry=retry_if_exception_message(match="database is locked"),
    stop=stop_after_delay(BUSY_SECONDS),
    wait=wait_random(0.01, 0.1),
    reraise=True,
)
def _keep_a_log(connection: Any) -> None:
    """Write-ahead, for good. Where two open a new file at once the second is refused without any waiting."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode=WAL")


def _sqlite_begin(connection: sa.Connection) -> None:
    # A transaction that reads and then writes fails at once when another wrote in between; one that is
    # known to write takes the write lock first and waits for it instead.
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_outage(error: DBAPIError) -> bool:
    """Whether the database is at fault and not the statement; SQLite says plain DatabaseError for a file
    that is no database."""
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n")[0]
