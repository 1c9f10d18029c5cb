"""Small tables that the tests write."""

from datetime import date, timedelta

import polars as pl

from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.tables import TableSpec

START = date(2026, 1, 1)
SCHEMA = pl.Schema({"event_date": pl.Date(), "person_id": pl.String(), "quantity": pl.Int64()})
MEASURES = TableSpec("daily_measures", SCHEMA, "event_date", ("person_id",))
PEOPLE = TableSpec(
    "persons", pl.Schema({"person_id": pl.String(), "plan": pl.String()}), None, ("person_id",)
)


def day(number: int) -> date:
    """The day this many days after the first."""
    return START + timedelta(days=number)


def keys(*numbers: int) -> list[str]:
    """Their partition keys."""
    return [day(number).isoformat() for number in numbers]


def rows(number: int, people: int = 3, quantity: int = 1) -> pl.DataFrame:
    """`people` rows of one day."""
    return pl.DataFrame(
        {
            "event_date": [day(number)] * people,
            "person_id": [f"p{person}" for person in range(people)],
            "quantity": [quantity] * people,
        },
        schema=SCHEMA,
    )


def days(*numbers: int, quantity: int = 1) -> pl.DataFrame:
    """Rows of several days."""
    return pl.concat([rows(number, quantity=quantity) for number in numbers])


def stored(lake: Lake, *numbers: int) -> pl.DataFrame:
    """What the table holds, all of it or of these days, in order."""
    frame = lake.scan(MEASURES.name, keys(*numbers) if numbers else None)
    return frame.sort("event_date", "person_id").collect()
