"""Opening the database, and what is said when it is down."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from engagement_pipeline.storage import database as database_module
from engagement_pipeline.storage.database import (
    METADATA,
    SCHEMA_VERSION,
    SCHEMA_VERSIONS,
    Database,
    DatabaseDown,
    SchemaTooNew,
)
from engagement_pipeline.storage.ledger import FILES

SECRET = "open-sesame"


def test_a_database_that_is_down_is_named_without_its_password() -> None:
    database = Database(f"postgresql+psycopg://team:{SECRET}@127.0.0.1:1/engagement")
    with pytest.raises(DatabaseDown, match=r"127.0.0.1.*ENGAGEMENT_DATABASE_URL") as caught, database.read():
        pass
    assert SECRET not in f"{caught.value}{caught.value.__cause__}{database!r}{database}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///{}/a_file/engagement.db", "cannot be made"),
        ("nosuch+driver://h/d", "no driver"),
        ("sqlite://", "in memory"),
    ],
)
def test_a_database_that_cannot_be_opened_says_why(tmp_path: Path, url: str, words: str) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(DatabaseDown, match=words), Database(url.format(tmp_path)).read():
        pass


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "engagement.db").write_bytes(b"not a database" * 100)
    with (
        pytest.raises(DatabaseDown, match="not a database"),
        Database(f"sqlite:///{tmp_path}/engagement.db").read(),
    ):
        pass


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(LookupError), database.write() as connection:
        connection.execute(sa.insert(SCHEMA_VERSIONS).values(version=0))
        raise LookupError
    with database.read() as connection:
        assert connection.scalars(sa.select(SCHEMA_VERSIONS.c.version)).all() == [SCHEMA_VERSION]


def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(SCHEMA_VERSIONS).values(version=SCHEMA_VERSION + 1))
    newer = f"version {SCHEMA_VERSION + 1}"
    with closing(Database(database.url)) as other, pytest.raises(SchemaTooNew, match=newer), other.read():
        pass


def test_writers_at_once_wait_for_one_another(database: Database) -> None:
    table = sa.Table("counter", sa.MetaData(), sa.Column("n", sa.Integer))
    with database.write() as connection:
        table.create(connection)
        connection.execute(sa.insert(table).values(n=0))
    failed = []

    def count() -> None:
        try:
            for _ in range(10):
                with database.write() as connection:
                    number = connection.scalar(sa.select(table.c.n).with_for_update())
                    connection.execute(sa.update(table).values(n=(number or 0) + 1))
        except DatabaseDown as error:
            failed.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert (failed, connection.scalar(sa.select(table.c.n))) == ([], 40)


def test_a_new_file_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    """Two of a hundred were refused: SQLite waits for nobody who switches a file to its log."""
    for number in range(40):
        databases = [Database(f"sqlite:///{tmp_path / str(number)}.db") for _ in range(4)]
        together = threading.Barrier(len(databases))

        def begin(database: Database, together: threading.Barrier = together) -> None:
            together.wait()
            with database.write():
                pass
            database.close()

        with ThreadPoolExecutor(len(databases)) as pool:
            list(pool.map(begin, databases))


def test_instants_come_back_in_utc(database: Database) -> None:
    there = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    row = {"source": "s", "fingerprint": "f", "file": "x", "rows": 0, "status": "landed", "days_known": False}
    with database.write() as connection:
        connection.execute(sa.insert(FILES).values(**row, received_at=there))
    with database.read() as connection:
        found = connection.scalar(sa.select(FILES.c.received_at))
    assert found == there
    assert found is not None
    assert found.tzinfo == UTC
    with pytest.raises(sa.exc.StatementError, match="no time zone"), database.write() as connection:
        connection.execute(sa.update(FILES).values(received_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_every_table_is_made_at_first_use(database: Database) -> None:
    with database.read() as connection:
        found = set(sa.inspect(connection).get_table_names())
    assert found == set(METADATA.tables)


def test_tables_of_modules_imported_later_are_made_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.read():
        pass
    later = sa.MetaData()
    for table in METADATA.tables.values():
        table.to_metadata(later)
    added = sa.Table("added_later", later, sa.Column("n", sa.Integer))
    monkeypatch.setattr(database_module, "METADATA", later)
    with database.read() as connection:
        assert connection.execute(sa.select(added)).all() == []
