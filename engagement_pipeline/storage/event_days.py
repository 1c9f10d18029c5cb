"""What was found while a source's event days were made and cannot be read off the events themselves, or only
by reading all of them: how many deliveries were duplicates, how many events a machine's, how late they came.

One row of SQL per source and day, counts only, so that a look at the last weeks opens no table. It may be
lost: a day that is made again says it again. Here: that memory. Not here: the events' number (the lake's
index).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database, again_if_overtaken

EVENT_DAYS = sa.Table(
    "event_days",
    METADATA,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("event_date", sa.Date, primary_key=True),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("machine", sa.BigInteger, nullable=False),
    sa.Column("late", sa.BigInteger, nullable=False),
    sa.Column("delays", sa.JSON, nullable=False),
)
SOME = 500


@dataclass(frozen=True)
class EventDay:
    """One day of one source."""

    day: date
    duplicates: int = 0
    """Deliveries of an event that was delivered already."""
    machine: int = 0
    """Events that a machine did."""
    late: int = 0
    """Events that were received more than a day after they happened."""
    delays: Mapping[int, int] = field(default_factory=dict)
    """Step -> events, see `core.lateness`."""


@again_if_overtaken
def record_days(database: Database, source: str, days: Iterable[EventDay]) -> None:
    """Writes or replaces what is known of these days."""
    rows = [
        {
            "source": source,
            "event_date": each.day,
            "duplicates": each.duplicates,
            "machine": each.machine,
            "late": each.late,
            "delays": {str(step): events for step, events in each.delays.items()},
        }
        for each in days
    ]
    with database.write() as connection:
        for start in range(0, len(rows), SOME):
            some = rows[start : start + SOME]
            old = EVENT_DAYS.c.event_date.in_([row["event_date"] for row in some])
            connection.execute(sa.delete(EVENT_DAYS).where(EVENT_DAYS.c.source == source, old))
            connection.execute(sa.insert(EVENT_DAYS), some)


def days_between(database: Database, source: str, first: date, last: date) -> dict[date, EventDay]:
    """Day -> what is known of it, of the days that were made since it is noted."""
    span = (EVENT_DAYS.c.source == source) & EVENT_DAYS.c.event_date.between(first, last)
    with database.read() as connection:
        return {
            row.event_date: EventDay(
                row.event_date,
                row.duplicates,
                row.machine,
                row.late,
                {int(step): events for step, events in row.delays.items()},
            )
            for row in connection.execute(sa.select(EVENT_DAYS).where(span))
        }
