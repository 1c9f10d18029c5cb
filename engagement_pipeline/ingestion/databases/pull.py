"""What is new in a table or query, streamed in the order of its watermark and cut into batches.

Here: the statements, and where a batch ends. Identifiers are quoted by SQLAlchemy, values bound. Not here:
where a pull begins and which rows landed before (`pulling`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.elements import quoted_name

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.specs import DatabaseRows
from engagement_pipeline.ingestion.databases.connection import MYSQL, DatabaseRefused, opened
from engagement_pipeline.ingestion.databases.values import Converter, bits, row_writer, utc
from engagement_pipeline.ingestion.databases.watermarks import Watermark, WrongWatermark, checked, same_kind

FETCH_ROWS = 2_000
"""Rows that the driver holds at once."""
TIE_FACTOR = 2
"""A batch waits for the next watermark until it is this many times as long as it was to be."""
MYSQL_KINDS: dict[int, Converter] = {7: utc, 16: bits}
"""What is done with values whose Python type does not say what they are, by the driver's number: TIMESTAMP is
in the connection's zone, a BIT comes as bytes."""
RAW = pl.Schema({"row_number": pl.Int64(), "raw": pl.String()})


@dataclass(frozen=True)
class PulledRows:
    """Rows that follow one another."""

    rows: pl.DataFrame
    """`row_number` (Int64, from 1) and `raw` (String: the row as JSON)."""
    first: Watermark
    last: Watermark
    cut: bool
    """Whether it ends within rows of one watermark, because these are very many."""


@dataclass
class Pull:
    """One pull: `batches` gives the rows, and fills in the rest on the way."""

    source: DatabaseRows
    subject: str
    """How errors name it: `source 'crm'`."""
    since: Watermark | None
    """Rows with this watermark or a later one; all without it."""
    columns: list[str] = field(default_factory=list)
    without_watermark: int = 0
    """Rows whose watermark is null, which are never pulled."""

    def batches(self) -> Iterator[PulledRows]:
        """Batches of about `batch_rows` rows in the order of the watermark. Raises DatabaseRefused, also
        after some batches."""
        with opened(self.source.url_env, self.subject) as connection:
            origin, watermark = _origin(self.source)
            rows = sa.select(sa.text("*")).select_from(origin)
            self.columns, converters = self._described(connection, rows)
            nulls = sa.select(sa.func.count()).select_from(origin).where(watermark.is_(None))
            self.without_watermark = connection.scalar(nulls) or 0
            new = watermark.is_not(None) if self.since is None else watermark >= _bound(self.since)
            statement = rows.where(new).order_by(watermark)
            result = connection.execute(
                statement.execution_options(stream_results=True, yield_per=FETCH_ROWS)
            )
            write = row_writer(self.columns, converters, self.subject)
            try:
                yield from self._cut(result, write, self.columns.index(self.source.watermark))
            finally:
                result.close()

    def _cut(
        self, result: sa.CursorResult[Any], write: Callable[[Any], str], place: int
    ) -> Iterator[PulledRows]:
        texts: list[str] = []
        first: Any = None
        last: Any = None
        size = self.source.batch_rows
        for row in result:
            value = row[place]
            if len(texts) >= size and (value != last or len(texts) >= TIE_FACTOR * size):
                yield self._batch(texts, first, last, cut=value == last)
                texts = []
            if not texts:
                first = value
            texts.append(write(row))
            last = value
        if texts:
            yield self._batch(texts, first, last, cut=False)

    def _batch(self, texts: list[str], first: Any, last: Any, *, cut: bool) -> PulledRows:
        column = self.source.watermark
        try:
            begins, ends = checked(first), checked(last)
        except WrongWatermark as wrong:
            raise DatabaseRefused(
                self.subject,
                f"its watermark {column!r} {wrong}, which do not say what is "
                "new. Choose a column of times, dates or whole numbers that grow",
            ) from None
        if not same_kind(begins, self.since if self.since is not None else begins) or not same_kind(
            begins, ends
        ):
            raise DatabaseRefused(
                self.subject,
                f"its watermark {column!r} holds another kind of values than "
                f"before ({begins}, {ends}; before {self.since}). Give a changed column another name in a "
                "`query`, and name that as the watermark: then all rows are looked at again",
            )
        rows = pl.DataFrame({"row_number": range(1, len(texts) + 1), "raw": texts}, schema=RAW)
        return PulledRows(rows, begins, ends, cut)

    def _described(
        self, connection: sa.Connection, rows: sa.Select[Any]
    ) -> tuple[list[str], dict[str, Converter]]:
        """The columns, and what is done with the values of some. Raises DatabaseRefused for a missing
        table or watermark, naming the nearest that is there."""
        try:
            result = connection.execute(rows.where(sa.false()))
        except DBAPIError:
            connection.rollback()
            if missing := _missing_table(connection, self.source):
                raise DatabaseRefused(self.subject, f"{missing}") from None
            raise
        columns = [str(name) for name in result.keys()]  # noqa: SIM118  not a dict's
        described = result.cursor.description if result.cursor is not None else ()
        result.close()
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise DatabaseRefused(
                self.subject, f"its query gives the column {twice[0]!r} more than once; rename one with AS"
            )
        name = self.source.watermark
        if name not in columns:
            hint = did_you_mean(name, columns) or "; it has " + ", ".join(columns[:20])
            why = f"{self.source.label!r} has no column {name!r}, which is to be the watermark{hint}"
            raise DatabaseRefused(self.subject, why)
        if connection.dialect.name not in MYSQL:
            return columns, {}
        kinds = zip(columns, described, strict=True)
        return columns, {name: MYSQL_KINDS[each[1]] for name, each in kinds if each[1] in MYSQL_KINDS}


def _origin(source: DatabaseRows) -> tuple[sa.FromClause, sa.ColumnElement[Any]]:
    """What is selected from, and its watermark. Names are always quoted: they are meant letter by letter."""
    column: sa.ColumnClause[Any] = sa.column(quoted_name(source.watermark, True))
    if source.query is None:
        schema = None if source.schema_ is None else quoted_name(source.schema_, True)
        table = sa.table(quoted_name(str(source.table), True), column, schema=schema)
        return table, table.c[source.watermark]
    # A colon is no parameter here, and a comment at the end must not swallow what follows.
    text = sa.text(source.query.strip().rstrip(";").replace(":", "\\:") + "\n")
    rows = text.columns(column).subquery("source_rows")
    return rows, rows.c[source.watermark]


def _bound(value: Watermark) -> sa.BindParameter[Any]:
    """A parameter that the driver gets as it gave it: SQLAlchemy's types would cast, to 32 bits for one."""
    return sa.bindparam("since", value, type_=sa.types.NullType())


def _missing_table(connection: sa.Connection, source: DatabaseRows) -> str | None:
    """Which table or schema is not there; None where that is not what is wrong."""
    if source.table is None:
        return None
    try:
        inspector = sa.inspect(connection)
        if source.schema_ is not None and source.schema_ not in (schemas := inspector.get_schema_names()):
            return f"there is no schema {source.schema_!r}{did_you_mean(source.schema_, schemas)}"
        there = inspector.get_table_names(source.schema_) + inspector.get_view_names(source.schema_)
    except SQLAlchemyError:
        return None
    if source.table in there:
        return None
    schema, dot, table = source.table.partition(".")
    hint = did_you_mean(source.table, there)
    if dot and not hint:
        hint = f"; a table of another schema is written `schema: {schema}` and `table: {table}`"
    return f"there is no table {source.label!r}{hint}"
