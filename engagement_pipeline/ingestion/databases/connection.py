"""Connections to the databases that sources read: found through environment variables, never written to.

Here: opening one, and what went wrong in words that hold no credentials. Not here: statements (`pull`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

SECRET_WORDS = ("pass", "pwd", "secret", "token", "key", "credential")
MYSQL = ("mysql", "mariadb")


class DatabaseRefused(Exception):  # noqa: N818  the words are what the reader sees
    """A source's database, table or rows cannot be read; the message says why, without credentials."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"{subject} cannot be read: {why}")


def dialect_of(variable: str) -> str | None:
    """What kind of database a variable names, without connecting: `postgresql`; None where unknown."""
    try:
        return sa.make_url(os.environ[variable]).get_backend_name()
    except (KeyError, ArgumentError):
        return None


@contextmanager
def opened(variable: str, subject: str) -> Iterator[sa.Connection]:
    """A connection that only reads, to the database whose URL stands in an environment variable.

    Raises DatabaseRefused, also for whatever the database says while the connection is used.
    """
    url = _url(variable, subject)
    try:
        engine = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            hide_parameters=True,
            execution_options={"sqlite_raw_colnames": True, "postgresql_readonly": True},
        )
    except (NoSuchModuleError, ImportError) as error:
        raise DatabaseRefused(
            subject,
            f"no driver for the URL in {variable} ({_scrubbed(str(error), url)}). "
            "Install the extra `postgres` and write postgresql+psycopg://…, or the extra `mysql` and "
            "mysql+pymysql://…; "
            "for another database install the driver that SQLAlchemy's documentation names",
        ) from None
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise DatabaseRefused(
            subject, f"the URL in {variable} cannot be used ({_scrubbed(str(error), url)})"
        ) from None
    event.listen(engine, "connect", _prepare(engine.dialect.name))
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        said = _scrubbed(_first_line(error.orig), url)
        if error.connection_invalidated or not _connected(engine):
            raise DatabaseRefused(
                subject,
                f"the database {_shown(url)} does not answer ({said}). Check "
                f"that it runs and that {variable} is right; nothing is lost, the next run goes on from here",
            ) from None
        raise DatabaseRefused(subject, f"the database says: {said}") from None
    except (SQLAlchemyError, UnicodeDecodeError, OverflowError) as error:
        raise DatabaseRefused(subject, f"{_scrubbed(_first_line(error), url)}") from None
    finally:
        engine.dispose()


def _url(variable: str, subject: str) -> sa.URL:
    given = os.environ.get(variable, "").strip()
    if not given:
        raise DatabaseRefused(
            subject,
            f"the environment variable {variable} is not set. Set it to the "
            "database's URL, such as postgresql+psycopg://user:password@host/name, where the pipeline runs",
        )
    try:
        url = sa.make_url(given)
    except ArgumentError:  # not shown: whatever it is, it may hold a password
        raise DatabaseRefused(
            subject,
            f"{variable} does not hold a database URL; write it like "
            "postgresql+psycopg://user:password@host:5432/name or sqlite:////folder/file.db",
        ) from None
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        # SQLite would make an empty database of that name.
        raise DatabaseRefused(subject, f"{variable} names no file that is there ({url.database})")
    return url


def _prepare(dialect: str) -> Any:
    """What is said to every new connection: only reading, and times in UTC whatever the server's zone is."""

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        if dialect == "sqlite":
            cursor.execute("PRAGMA query_only=ON")
        elif dialect == "postgresql":
            cursor.execute("SET TIME ZONE 'UTC'")
            connection.commit()
        elif dialect in MYSQL:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute("SET SESSION time_zone = '+00:00'")
        cursor.close()

    return prepare


def _connected(engine: sa.Engine) -> bool:
    """Whether the database can be reached at all."""
    try:
        with engine.connect():
            return True
    except SQLAlchemyError:
        return False


def _shown(url: sa.URL) -> str:
    """Where the database is: no user, no password, no options."""
    place = url.host or url.query.get("host") or ""
    return f"{url.get_backend_name()} {place}/{url.database or ''}".replace(" /", " ", 1)


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__


def _scrubbed(text: str, url: sa.URL) -> str:
    """The text without any credential of the URL, however it is written."""
    secrets = [str(url.password)] if url.password else []
    for name, value in url.query.items():
        if any(word in name.lower() for word in SECRET_WORDS):
            secrets += [value] if isinstance(value, str) else list(value)
    for secret in secrets:
        for written in (
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            repr(secret)[1:-1],
        ):
            if written:
                text = text.replace(written, "***")
    return text
