"""People: who is known on a date, and which facts about them held then.

Here: history from profile snapshots and first activity. Not here: reading profiles (`ingestion`).
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

_STRUCT = "facts of "  # a prefix no column of a catalog can have
_PERIOD = pl.Schema(
    {"person_id": pl.String(), "first_seen": pl.Date(), "valid_from": pl.Date(), "valid_to": pl.Date()}
)
FIRST_EVENT = pl.Schema({"person_id": pl.String(), "first_event": pl.Date()})


def history(snapshots: Mapping[str, pl.LazyFrame], start: date, timezone: str) -> pl.LazyFrame:
    """Periods of equal facts: `person_id`, `first_seen`, `valid_from`, `valid_to`, then the facts.

    snapshots: by source, `person_id`, `observed_at` (UTC µs) and the facts that this source declares. The
    last snapshot of a calendar day in `timezone` counts for that day (of several at one instant the
    greatest); the first one of a source counts from `start`. A fact that two sources declare is the first
    source's where it has one. `first_seen` is the day of the first snapshot.
    """
    if not snapshots:
        return pl.LazyFrame(schema=_PERIOD)
    frames, facts = [], dict[str, list[pl.Expr]]()
    for source, snapshot in snapshots.items():
        columns = [
            name for name in snapshot.collect_schema().names() if name not in ("person_id", "observed_at")
        ]
        frames.append(_daily(snapshot, source, columns, start, timezone))
        for column in columns:
            facts.setdefault(column, []).append(pl.col(_STRUCT + source).struct.field(column))
    merged = (
        pl.concat(frames, how="diagonal")
        .group_by("person_id", "valid_from")
        .agg(
            pl.col("first_seen").min(),
            *(pl.col(_STRUCT + source).drop_nulls().first() for source in snapshots),
        )
        .sort("person_id", "valid_from")
        .with_columns(
            pl.col("first_seen").min().over("person_id"),
            *(pl.col(_STRUCT + source).forward_fill().over("person_id") for source in snapshots),
        )
        .select(
            "person_id",
            "first_seen",
            "valid_from",
            *(pl.coalesce(found).alias(c) for c, found in facts.items()),
        )
    )
    same_person = pl.col("person_id").eq_missing(pl.col("person_id").shift(1))
    unchanged = [pl.col(column).eq_missing(pl.col(column).shift(1)) for column in facts]
    return merged.filter(~pl.all_horizontal(same_person, *unchanged)).select(
        "person_id",
        "first_seen",
        "valid_from",
        pl.col("valid_from").shift(-1).over("person_id").alias("valid_to"),
        *facts,
    )


def with_activity(periods: pl.LazyFrame, first_events: pl.LazyFrame, start: date) -> pl.LazyFrame:
    """`frames.person_schema` of everyone with a profile or an event, sorted by `person_id`, `valid_from`.

    periods: as from `history`. first_events: `FIRST_EVENT`. Who has only events gets one period from
    `start` without facts.
    """
    facts = [name for name in periods.collect_schema().names() if name not in _PERIOD]
    return (
        periods.join(first_events, on="person_id", how="full", coalesce=True)
        .select(
            "person_id",
            pl.min_horizontal("first_seen", "first_event").alias("first_seen"),
            pl.col("valid_from").fill_null(pl.min_horizontal(pl.lit(start), "first_event")),
            "valid_to",
            *facts,
        )
        .sort("person_id", "valid_from")
    )


def as_of(persons: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """The one period that holds on `day` of everyone seen by then. persons: `frames.person_schema`."""
    return persons.filter(
        pl.col("first_seen") <= day,
        pl.col("valid_from") <= day,
        pl.col("valid_to").is_null() | (pl.col("valid_to") > day),
    )


def _daily(
    snapshot: pl.LazyFrame, source: str, columns: list[str], start: date, timezone: str
) -> pl.LazyFrame:
    """A row per person and day with the facts as a struct under the source's name."""
    day = pl.col("observed_at").dt.convert_time_zone(timezone).dt.date()
    first = day.min().over("person_id")
    return (
        snapshot.with_columns(
            first_seen=first,
            valid_from=pl.when(day == first).then(pl.min_horizontal(day, pl.lit(start))).otherwise(day),
        )
        .sort("person_id", "observed_at", *columns)
        .unique(["person_id", "valid_from"], keep="last", maintain_order=True)
        .select("person_id", "first_seen", "valid_from", pl.struct(columns).alias(_STRUCT + source))
    )
