"""Proof that an id is nowhere: every byte of the stores is looked at that can be.

Here: the lake's files (data of every version, Delta's log, what is staged), the database, delivered files and
any other folder. Not here: Dagster's own storage (`orchestration.erasure` names it to `in_folder`). Written
apart from what erases, so that it finds what that forgets.
"""

import io
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import polars as pl
import sqlalchemy as sa
from polars.exceptions import PolarsError

from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.named import rows_near
from engagement_pipeline.storage.plain import files_below, read_bytes
from engagement_pipeline.storage.spelling import spellings, within_text
from engagement_pipeline.storage.tables import PEOPLE_COLUMNS

SQLITE = b"SQLite format 3\x00"
PARQUET, ARROW = b"PAR1", b"ARROW1"


class Search:
    """Ids to look for. One within a longer word is not meant: `ada-7` does not stand in `ada-71`.

    `short` ids mean other things wherever they stand but in a column of people.
    """

    def __init__(self, ids: Collection[str], short: Collection[str] = ()) -> None:
        self.ids = sorted(set(ids) - set(short))
        self.people = sorted(set(ids))
        self.spelt = sorted({spelling for each in self.ids for spelling in spellings(each)})
        pattern = within_text(self.ids)
        self._text = re.compile(pattern, re.IGNORECASE)
        self._bytes = re.compile(pattern.encode(), re.IGNORECASE)

    def in_text(self, text: str) -> bool:
        """Whether one of the ids stands in it."""
        return self._text.search(text) is not None

    def masked(self, text: str) -> str:
        """Text with the ids left out."""
        return self._text.sub("…", text)

    def in_bytes(self, content: bytes) -> bool:
        """The same for bytes that are no text."""
        return self._bytes.search(content) is not None

    def in_frame(self, frame: pl.DataFrame) -> bool:
        """Whether one of the ids stands in any cell, records and lists included."""
        for name in PEOPLE_COLUMNS:
            if frame.schema.get(name) == pl.String and frame[name].is_in(self.people).any():
                return True
        if not self.spelt:
            return False
        for column in frame.iter_columns():
            text = _as_text(column)
            if text is not None:
                near = text.filter(text.str.contains_any(self.spelt, ascii_case_insensitive=True))
                if any(map(self.in_text, near.unique())):
                    return True
        return False


def _as_text(column: pl.Series) -> pl.Series | None:
    if column.dtype == pl.String:
        return column.drop_nulls()
    if column.dtype in (pl.Categorical, pl.Enum) or column.dtype.is_integer():
        return column.drop_nulls().cast(pl.String)
    if column.dtype == pl.Binary:
        return pl.Series(
            [bytes(each).decode(errors="replace") for each in column.drop_nulls()], dtype=pl.String
        )
    if column.dtype.is_nested():
        return column.to_frame().select(pl.struct(pl.all()).struct.json_encode()).to_series()
    return None


def in_folder(root: str, search: Search) -> Iterator[str]:
    """Paths below a folder or URI whose content, or name, holds one of the ids."""
    for path in files_below(root):
        if search.in_text(path) or _in_file(root, path, search):
            yield search.masked(path)  # where an id was found is told to others


def _in_file(root: str, path: str, search: Search) -> bool:
    content = read_bytes(root, path)
    if content.startswith(SQLITE):
        return any(True for _ in _in_sqlite(Path(root) / path, search)) or search.in_bytes(content)
    frame = _frame(content)
    if frame is not None:
        return search.in_frame(frame) or search.in_bytes(content)
    return search.in_bytes(content)


def _frame(content: bytes) -> pl.DataFrame | None:
    with suppress(PolarsError):
        if content.startswith(PARQUET) and content.endswith(PARQUET):
            return pl.read_parquet(io.BytesIO(content))
        if content.startswith(ARROW):
            return pl.read_ipc(io.BytesIO(content))
    return None


def _in_sqlite(path: Path, search: Search) -> Iterator[str]:
    """Tables of a database file; values, where bytes alone would miss text that is cut into pages."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            quoted = name.replace('"', '""')
            for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608  SQLite's own names
                if any(_in_value(value, search) for value in row):
                    yield name
                    break


def _in_value(value: object, search: Search) -> bool:
    if isinstance(value, bytes):
        return search.in_bytes(value)
    return value is not None and search.in_text(str(value))


def in_database(database: Database, search: Search) -> Iterator[str]:
    """Tables of the database in which one of the ids stands, and its files where deleted rows left bytes."""
    with database.read() as connection:
        yield from in_tables(connection, search)
        # Values stand in the file without anything between them, so an id that is part of a longer one can
        # only be told apart in rows: bytes are asked for those that no row holds, not even as a part.
        part = {each for each in search.ids if any(True for _ in rows_near(connection, spellings(each)))}
    for path in database.files:
        content = path.read_bytes()
        if any(spelt.encode() in content for each in set(search.ids) - part for spelt in spellings(each)):
            yield f"the bytes of {path.name}"


def in_tables(connection: sa.Connection, search: Search) -> Iterator[str]:
    """Tables behind a connection, also those that are not ours, in which one of the ids stands."""
    found = set()
    for table, row in rows_near(connection, [*search.spelt, *search.people]):
        if table not in found and _in_row(row, search):
            found.add(table)
            yield table


def _in_row(row: Mapping[str, object], search: Search) -> bool:
    if any(row.get(name) in search.people for name in PEOPLE_COLUMNS):
        return True
    return any(_in_value(value, search) for value in row.values())
