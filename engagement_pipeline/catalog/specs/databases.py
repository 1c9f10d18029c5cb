"""What a source reads of a database.

Here: the model of `database` in a source's YAML. Not here: connecting and pulling (`ingestion.databases`),
and whether a query is one statement (`lint_databases`).
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from engagement_pipeline.catalog.specs.base import Spec

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPAN = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _variable(name: str) -> str:
    # The text is never repeated: it may be a URL with its password.
    if "://" in name or "@" in name:
        raise ValueError(
            "this is a URL, and a catalog is no place for credentials: it is kept in git and shown in "
            "the UI. Put the URL into an environment variable and write the variable's name here, such as "
            "CRM_DATABASE_URL"
        )
    if not _VARIABLE.fullmatch(name):
        raise ValueError("this is no name of an environment variable; write one such as CRM_DATABASE_URL")
    return name


def _span(value: object) -> object:
    """`1h`, `30m`, `2d` or `90s` as a time; a whole number stays one."""
    if isinstance(value, str) and (match := _SPAN.fullmatch(value)):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    if isinstance(value, timedelta) or (type(value) is int and value >= 0):
        return value
    raise ValueError(f"{value!r} is no overlap; write 30m, 1h or 2d, or for number watermarks a number")


def as_mapping(value: object) -> object:
    """Refuses a text where the keys of `database` belong, without repeating it."""
    if isinstance(value, str):
        raise ValueError(
            "must be keys and values (url_env, table or query, watermark); the URL itself belongs into an "
            "environment variable that url_env names"
        )
    return value


DatabaseName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
"""A table, schema or column exactly as the database spells it; quoted wherever it is used."""
Overlap = Annotated[
    timedelta | int,
    BeforeValidator(
        _span,
        json_schema_input_type=Annotated[str, Field(pattern=r"^\d+[smhd]$", examples=["1h"])]
        | Annotated[int, Field(ge=0)],
    ),
]


class DatabaseRows(Spec):
    """Rows of a table or a query, pulled in the order of a column that only grows."""

    url_env: Annotated[str, AfterValidator(_variable)]
    """The name of the environment variable that holds the database's SQLAlchemy URL, password included:
    `postgresql+psycopg://…`, `mysql+pymysql://…`, `sqlite:////…`."""
    table: DatabaseName | None = None
    """The table or view that is read."""
    schema_: Annotated[DatabaseName | None, Field(alias="schema")] = None
    """Of the table; the database's own default without it."""
    query: Annotated[str, Field(min_length=1)] | None = None
    """Instead of a table: one SELECT. It runs as a subquery, with the watermark's condition around it."""
    watermark: DatabaseName
    """The column that says what is new: a time, a date or a whole number that a row gets when it is inserted
    or updated and that grows with every one. Index it."""
    overlap: Overlap | None = None
    """How far behind the newest row seen every pull begins again, for rows that were committed late: a time,
    or a number for watermarks that are numbers. 1h, or 1000, without it."""
    batch_rows: Annotated[int, Field(ge=1, le=500_000)] = 50_000
    """About how many rows are landed together; a pull that is cut off goes on behind the last batch."""

    @model_validator(mode="after")
    def _one_origin(self) -> "DatabaseRows":
        if (self.table is None) == (self.query is None):
            raise ValueError("say one of table and query")
        if self.schema_ is not None and self.table is None:
            raise ValueError("`schema` goes with `table`; a query names the schemas it reads itself")
        return self

    @property
    def label(self) -> str:
        """What is read, in a few words on one line."""
        if self.table is None:
            return "query"
        return " ".join(".".join(each for each in (self.schema_, self.table) if each).split())
