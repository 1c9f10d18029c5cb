"""What was handed over: one row per campaign or alert, as-of date and destination.

Here: remembering deliveries, which makes an audience, or an alert's date, immutable. Not here: handing over
(`delivery`).
"""

from datetime import date

import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("campaign", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("destination", sa.String(200), primary_key=True),
    sa.Column("data_version", sa.String(64), nullable=False),  # of the audience that was handed over
    sa.Column("people", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)

ALERT_DELIVERIES = sa.Table(
    "alert_deliveries",
    METADATA,
    sa.Column("alert", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("destination", sa.String(200), primary_key=True),
    sa.Column("data_version", sa.String(64), nullable=False),
    sa.Column("people", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)


class AudienceDelivered(Exception):  # noqa: N818  the words are what the reader sees
    """A delivered audience was about to change."""


def begin(
    database: Database,
    campaign: str,
    as_of: date,
    destination: str,
    data_version: str,
    people: int,
    table: sa.Table = DELIVERIES,
) -> None:
    """Remember that an audience is about to be handed over: from here on it can no longer change, whatever
    becomes of the delivery. table: `ALERT_DELIVERIES` for an alert, there and below."""
    with database.write() as connection:
        connection.execute(sa.delete(table).where(_key(campaign, as_of, destination, table)))
        connection.execute(
            sa.insert(table).values(
                {
                    _whose(table).name: campaign,
                    "as_of": as_of,
                    "destination": destination,
                    "data_version": data_version,
                    "people": people,
                    "done": False,
                }
            )
        )


def finish(
    database: Database, campaign: str, as_of: date, destination: str, table: sa.Table = DELIVERIES
) -> None:
    """Remember that it was handed over."""
    with database.write() as connection:
        mine = _key(campaign, as_of, destination, table)
        connection.execute(sa.update(table).where(mine).values(done=True))


def delivered(database: Database, campaign: str, as_of: date) -> set[str]:
    """Destinations that got the audience of the date."""
    mine = (DELIVERIES.c.campaign == campaign) & (DELIVERIES.c.as_of == as_of) & DELIVERIES.c.done
    with database.read() as connection:
        return set(connection.scalars(sa.select(DELIVERIES.c.destination).where(mine)))


def begun(database: Database, name: str, table: sa.Table = ALERT_DELIVERIES) -> dict[date, dict[str, bool]]:
    """As-of date -> destination -> whether it got it, of every date whose delivery ever began."""
    statement = sa.select(table.c.as_of, table.c.destination, table.c.done).where(_whose(table) == name)
    found: dict[date, dict[str, bool]] = {}
    with database.read() as connection:
        for as_of, destination, done in connection.execute(statement.order_by(table.c.as_of)):
            found.setdefault(as_of, {})[destination] = bool(done)
    return found


def _whose(table: sa.Table) -> sa.Column[str]:
    return next(iter(table.c))


def _key(
    campaign: str, as_of: date, destination: str, table: sa.Table = DELIVERIES
) -> sa.ColumnElement[bool]:
    return sa.and_(
        _whose(table) == campaign,
        table.c.as_of == as_of,
        table.c.destination == destination,
    )


def refuse_change(database: Database, campaign: str, as_of: date, data_version: str) -> None:
    """Raises AudienceDelivered when another content of this audience was handed over already, and somebody
    was in it: a delivery to nobody treated nobody."""
    with database.read() as connection:
        delivered = connection.execute(
            sa.select(DELIVERIES.c.data_version, DELIVERIES.c.destination).where(
                DELIVERIES.c.campaign == campaign, DELIVERIES.c.as_of == as_of, DELIVERIES.c.people > 0
            )
        ).all()
    for version, destination in delivered:
        if version != data_version:
            raise AudienceDelivered(
                f"the audience of {campaign} on {as_of} was delivered to {destination!r} and can no longer "
                "change: people were already treated by it. Decide on another as-of date instead."
            )
