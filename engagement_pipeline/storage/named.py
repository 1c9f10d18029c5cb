"""SQL rows that name people: taking them away, and finding them.

Here: every table on `METADATA`, whatever it means. Not here: how an id may be written and what replaces it in
the texts of others (the caller's `Spelling`).
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engagement_pipeline.storage import current, deliveries, ledger, seen  # noqa: F401  they declare tables
from engagement_pipeline.storage.database import METADATA, Database
from engagement_pipeline.storage.erasures import OWN
from engagement_pipeline.storage.tables import PEOPLE_COLUMNS
from engagement_pipeline.storage.tombstones import KEYS, TOMBSTONES

SOME = 100
"""Values in one statement."""


@dataclass(frozen=True)
class Spelling:
    """How ids are recognized in text that is not an id itself."""

    patterns: Collection[str]
    """Plain text, at least one of which stands where an id does."""
    clean: Callable[[str], str]
    """Text without the ids; the same text where it names none."""


def erase_rows(database: Database, ids: Collection[str], spelling: Spelling) -> dict[str, int]:
    """Table -> rows taken away or rewritten: those of these people go, texts of others lose the ids."""
    found = {}
    for table in METADATA.sorted_tables:
        if table in (*OWN, KEYS, TOMBSTONES):
            continue
        with database.write() as connection:
            count = sum(_delete(connection, table, column, ids) for column in _people(table))
            count += _rewrite(connection, table, spelling)
        if count:
            found[table.name] = count
    return found


def _people(table: sa.Table) -> list[sa.Column[Any]]:
    return [table.c[name] for name in PEOPLE_COLUMNS if name in table.c]


def _texts(table: sa.Table) -> list[sa.Column[Any]]:
    kinds = (sa.String, sa.JSON)  # Text is a String
    return [each for each in table.c if isinstance(each.type, kinds) and each.name not in PEOPLE_COLUMNS]


def _delete(connection: sa.Connection, table: sa.Table, column: sa.Column[Any], ids: Collection[str]) -> int:
    wanted, gone = sorted(ids), 0
    for start in range(0, len(wanted), SOME):
        some = column.in_(wanted[start : start + SOME])
        gone += connection.execute(sa.delete(table).where(some)).rowcount
    return gone


def _rewrite(connection: sa.Connection, table: sa.Table, spelling: Spelling) -> int:
    columns = _texts(table)
    changed = 0
    for row in list(_near(connection, table, columns, spelling.patterns)):
        values = {}
        for column in columns:
            value = row[column.name]
            if isinstance(column.type, sa.JSON):
                text = json.dumps(value, ensure_ascii=False)
                if (clean := spelling.clean(text)) != text:
                    values[column.name] = json.loads(clean)
            elif value is not None and (clean := spelling.clean(value)) != value:
                values[column.name] = clean
        if values:
            mine = sa.and_(*(each == row[each.name] for each in table.primary_key))
            connection.execute(sa.update(table).where(mine).values(values))
            changed += 1
    return changed


def _near(
    connection: sa.Connection,
    table: sa.Table,
    columns: Collection[sa.Column[Any]],
    patterns: Collection[str],
) -> Iterator[Any]:
    """Rows with one of the patterns in one of the columns, as mappings."""
    wanted = sorted(patterns)
    for start in range(0, len(wanted), SOME):
        near = [
            sa.func.lower(sa.cast(each, sa.Text)).contains(pattern.lower(), autoescape=True)
            for each in columns
            for pattern in wanted[start : start + SOME]
        ]
        if near:
            yield from connection.execute(sa.select(table).where(sa.or_(*near))).mappings()


def rows_near(
    connection: sa.Connection, patterns: Collection[str]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """(table, row) of the whole database, also of tables that are not ours, where one of the patterns stands
    in any column."""
    everything = sa.MetaData()
    everything.reflect(connection)
    for table in everything.sorted_tables:
        columns = [each for each in table.c if not isinstance(each.type, sa.LargeBinary)]
        for row in _near(connection, table, columns, patterns):
            yield table.name, {str(name): value for name, value in row.items()}
