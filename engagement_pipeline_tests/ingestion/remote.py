"""Databases that sources read in the tests: made, filled and named by an environment variable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from engagement_pipeline.catalog.specs import DatabaseRows, Source
from engagement_pipeline.ingestion.databases.pull import Pull, PulledRows

VARIABLE = "CRM_DATABASE_URL"


@dataclass
class Remote:
    """An empty database of some kind; `VARIABLE` holds its URL."""

    url: str
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        self.monkeypatch.setenv(VARIABLE, self.url)

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    def do(self, *statements: str) -> None:
        """Runs statements as they are."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def add(self, table: sa.Table, *rows: Mapping[str, object]) -> None:
        """Adds rows, and the table if it is not there."""
        with self.engine.begin() as connection:
            table.create(connection, checkfirst=True)
            if rows:
                connection.execute(sa.insert(table), [dict(row) for row in rows])


def pulled(since: object = None, **rows: object) -> list[PulledRows]:
    """All batches of one pull."""
    return list(pull(since, **rows).batches())


def pull(since: object = None, **rows: object) -> Pull:
    source = {
        "url_env": VARIABLE,
        **({} if "query" in rows else {"table": "orders"}),
        "watermark": "updated_at",
    }
    return Pull(DatabaseRows.model_validate({**source, **rows}), "source 'crm'", since)  # type: ignore[arg-type]


def raws(batches: Iterable[PulledRows]) -> list[str]:
    return [raw for batch in batches for raw in batch.rows["raw"]]


def orders(name: str = "shop", **database: object) -> Source:
    """A source of orders with ids, from the table `orders`."""
    return Source.model_validate(
        {
            "source": name,
            "owner": "team:data",
            "database": {"url_env": VARIABLE, "table": "orders", "watermark": "updated_at", **database},
            "events": {
                "event_id": "id",
                "person_id": "person",
                "event": {"constant": "order"},
                "occurred_at": "at",
                "value": "total",
            },
        }
    )
