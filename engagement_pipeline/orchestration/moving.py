"""How a score moved, from what is stored: nothing is computed anew and nothing is stored twice.

Here: choosing the dates and reading them. Dagster is not needed. Not here: the figures (`core.movement`,
`core.comparison`), how they look (`reports.trend_text`).
"""

from datetime import date

import polars as pl

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core import comparison, movement
from engagement_pipeline.core.alerts import ascending_bands
from engagement_pipeline.orchestration.comparing import with_reasons
from engagement_pipeline.orchestration.drafts import stored_lake
from engagement_pipeline.orchestration.explaining import let_go
from engagement_pipeline.reports.trend import Movement
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline.storage.tables import MissingPartitions, StorageError

EACH_WAY = 5
"""People shown who rose most, and who fell most."""
SHOWN_DATES = 31
"""Dates in the trend, the newest ones."""


class NoSuchScore(StorageError):  # noqa: N818  the words are what the reader sees
    """A score that the catalog does not declare."""


def moved(
    catalog: Catalog, settings: Settings, score: str, as_of: date | None = None, since: date | None = None
) -> Movement:
    """The score's last stored dates up to `as_of` (by default the newest), and how people moved since another
    (by default about a week before). Raises NoSuchScore, and MissingPartitions for a date not stored."""
    if score not in catalog.scores:
        raise NoSuchScore(f"there is no score '{score}'{did_you_mean(score, catalog.scores)}")
    lake = stored_lake(catalog, settings)
    stored = stored_dates(lake, score)
    if not stored:
        raise MissingPartitions(f"scores/{score} holds nothing yet: materialize it for a date first")
    as_of = as_of or stored[-1]
    for day in (as_of, since):
        if day is not None and day not in stored:
            raise MissingPartitions(
                f"scores/{score} is not stored for {day}; the dates that are run from {stored[0]} to "
                f"{stored[-1]}, {len(stored)} in all"
            )
    before = since or movement.since(stored, as_of)
    table = f"scores/{score}"
    dates = [day for day in stored if day <= as_of][-SHOWN_DATES:]
    if since is not None:
        dates = [day for day in dates if day >= since]
    scores = lake.scan(table, [day.isoformat() for day in dates])
    days, places = pl.collect_all([movement.trend(scores), movement.places(scores)])
    bands = ascending_bands(catalog.scores[score].bands)
    matrix, movers, up, down, note = pl.DataFrame(), pl.DataFrame(), 0, 0, ""
    if before is not None:
        sides = comparison.sides(*(lake.scan(table, [day.isoformat()]) for day in (before, as_of)))
        change = pl.col("score_after") - pl.col("score_before")
        ways = sides.select(up=(change > 0).sum(), down=(change < 0).sum())
        matrix, movers, counted = pl.collect_all(
            [comparison.migration(sides), comparison.movers(sides, EACH_WAY), ways]
        )
        (up, down), note = counted.row(0), _note(lake, table, before, as_of)
    there = [
        *places["place"],
        *(matrix["before"] if matrix.width else ()),
        *(matrix["after"] if matrix.width else ()),
    ]
    return Movement(
        score,
        catalog.scores[score].goal,
        as_of,
        before,
        days,
        places,
        tuple(movement.in_order(there, bands)),
        matrix,
        up,
        down,
        with_reasons(movers, _points(lake, score, before, as_of), catalog)
        if before and movers.height
        else (),
        note,
    )


def stored_dates(lake: Lake, score: str) -> list[date]:
    """The dates of a score that are stored, ascending."""
    return sorted(date.fromisoformat(key) for key in lake.partitions(f"scores/{score}"))


def _points(lake: Lake, score: str, before: date, as_of: date) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The points of both dates; without rows where contributions are no longer kept."""
    table = f"points/{score}"
    stored = lake.partitions(table)
    keys = [before.isoformat(), as_of.isoformat()]
    if all(key in stored for key in keys):
        one, other = (lake.scan(table, [key]) for key in keys)
        if not let_go(one) and not let_go(other):
            return one, other
    empty = lake.scan(table).clear()
    return empty, empty


def _note(lake: Lake, table: str, before: date, as_of: date) -> str:
    """What besides people differs between the two dates."""
    said = []
    first = pl.col("definition", "reference").drop_nulls().first()
    one, other = (
        lake.scan(table, [day.isoformat()]).select(first).collect().row(0) for day in (before, as_of)
    )
    if one[0] != other[0]:
        said.append("the definition was edited in between")
    if one[1] != other[1]:
        said.append("the reference is another one")
    for day in (before, as_of):
        states = lake.scan(table, [day.isoformat()]).select(pl.col("state").unique()).collect()["state"]
        said += [f"{day} is {state}" for state in ("stale", "provisional") if state in states]
    return f"Not only people moved: {'; '.join(said)}." if said else ""
