"""Which of the claims on an event id is the event.

Here: collapsing deliveries of one event and settling ids that were used twice. Not here: reading rows and
judging their content (`ingestion`, `contracts`).
"""

from typing import NamedTuple

import polars as pl

CLAIM = ["event_id", "occurred_at", "content_hash"]


class Settled(NamedTuple):
    """Both with the columns of the claims; `conflicts` also with `earlier_at`, when the id was taken."""

    kept: pl.LazyFrame
    conflicts: pl.LazyFrame


def settle(claims: pl.LazyFrame, earlier: pl.LazyFrame | None, horizon_days: int) -> Settled:
    """Split the claims of one source into events and conflicts, whatever their order and delivery.

    Deliveries of the same event (equal `event_id`, `occurred_at`, `content_hash`) collapse to the one whose
    `properties` sort first, so that the order of delivery leaves no trace in them; of equal ones to the first
    received (`received_at`, then `batch` and `row_number`). Of several contents with one id the earliest
    `occurred_at`, then the smallest `content_hash`, is the event; any later one less than `horizon_days`
    times 24 hours after the one before it is a conflict, unless its content is equal to that one's: then it
    is the same event received again, whose time nobody told.

    claims: columns of `frames.event_schema`. earlier: `event_id`, `occurred_at`, `content_hash` of what was
    claimed on the days before, the conflicts of those days included, or None.
    """
    distinct = claims.sort("properties", "received_at", "batch", "row_number", nulls_last=True).unique(
        CLAIM, keep="first", maintain_order=True
    )
    claimed = distinct.select(CLAIM)
    if earlier is not None:
        claimed = pl.concat([claimed, earlier.select(CLAIM)]).unique(CLAIM)
    same_id = pl.col("event_id") == pl.col("event_id").shift(1)
    earlier_at = (
        pl.when(
            same_id,
            pl.col("occurred_at") - pl.col("occurred_at").shift(1) < pl.duration(days=horizon_days),
        )
        .then(pl.col("occurred_at").shift(1))
        .alias("earlier_at")
    )
    again = (same_id & (pl.col("content_hash") == pl.col("content_hash").shift(1))).alias("again")
    losers = claimed.sort(CLAIM).with_columns(earlier_at, again).filter(pl.col("earlier_at").is_not_null())
    return Settled(
        kept=distinct.join(losers, on=CLAIM, how="anti"),
        conflicts=distinct.join(losers.filter(~pl.col("again")).drop("again"), on=CLAIM, how="inner"),
    )
