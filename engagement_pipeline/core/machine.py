"""Which events a machine did, as far as their timing tells.

Here: pure judgements on the settled events of whole days. Not here: what a single row says of itself (the
provider's flag, the user agent: `ingestion.machine`), and what a rule makes of the verdict (`measures`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

PROVIDER_FLAG, KNOWN_BOT, APPLE_MAIL_PRIVACY = "provider_flag", "known_bot", "apple_mail_privacy"
PREFETCH, SECURITY_GATEWAY = "prefetch", "security_gateway"
REASONS = (PROVIDER_FLAG, KNOWN_BOT, APPLE_MAIL_PRIVACY, PREFETCH, SECURITY_GATEWAY)
"""Why an event is a machine's; of several reasons the first counts."""
LINK = "signal.link"
"""On events that are still to be judged: the link that was clicked."""
MESSAGE = ["event_date", "person_id", "message_id"]
"""Timings compare the events of one message to one person on one day: verdicts of a day stand on that day's
events alone, so late data never has to reopen the days beside its own. What is lost are the seconds around
midnight."""


@dataclass(frozen=True)
class Timings:
    """How soon is too soon. None: not looked at."""

    delivered: Sequence[str]
    opened: Sequence[str]
    clicked: Sequence[str]
    opened_within: timedelta | None = None
    clicked_within: timedelta | None = None
    links: int | None = None
    links_within: timedelta = timedelta(0)


def judge_timing(events: pl.DataFrame, timings: Timings) -> pl.DataFrame:
    """The events with their verdicts completed, in the same order and without `signal.link`.

    events: whole days of one source's settled events; `event_date`, `person_id`, `message_id`, `event`,
    `occurred_at`, `is_machine`, `machine_reason`, and where `links` are counted `signal.link` (text or null).
    An open or click at most the declared time after a delivery of its message (or before it: two machines'
    clocks differ) is a machine's; so are all clicks in any span of `links_within` that holds `links` distinct
    links. An earlier verdict stays; events without a message stay as they are.
    """
    numbered = events.with_row_index("row")
    near = numbered.filter(pl.col("message_id").is_not_null())
    delivered = near.filter(pl.col("event").is_in(timings.delivered))
    opened = near.filter(pl.col("event").is_in(timings.opened))
    clicked = near.filter(pl.col("event").is_in(timings.clicked))
    found = {
        PREFETCH: _close(opened, delivered, timings.opened_within),
        SECURITY_GATEWAY: pl.concat(
            [_close(clicked, delivered, timings.clicked_within), _many_links(clicked, timings)]
        ),
    }
    reason = pl.col("machine_reason")
    for name, rows in found.items():
        reason = pl.coalesce(reason, pl.when(pl.col("row").is_in(rows.implode())).then(pl.lit(name)))
    return (
        numbered.with_columns(machine_reason=reason)
        .with_columns(is_machine=pl.col("machine_reason").is_not_null())
        .drop("row", LINK, strict=False)
    )


def _close(events: pl.DataFrame, delivered: pl.DataFrame, within: timedelta | None) -> pl.Series:
    """Rows of the events that lie so near to a delivery of their message."""
    if within is None or events.is_empty() or delivered.is_empty():
        return pl.Series("row", dtype=pl.get_index_type())
    deliveries = delivered.sort("occurred_at").select(*MESSAGE, "occurred_at", delivery="row")
    return (
        events.sort("occurred_at")
        .join_asof(
            deliveries,
            on="occurred_at",
            by=MESSAGE,
            strategy="nearest",
            tolerance=within,
            check_sortedness=False,
        )
        .filter(pl.col("delivery").is_not_null())["row"]
    )


def _many_links(clicked: pl.DataFrame, timings: Timings) -> pl.Series:
    """Rows of the clicks in a span that holds too many distinct links."""
    nobody = pl.Series("row", dtype=pl.get_index_type())
    if timings.links is None:
        return nobody
    clicks = clicked.filter(pl.col(LINK).is_not_null()).sort(*MESSAGE, "occurred_at")
    if clicks.is_empty():
        return nobody
    # A span that holds a click can be moved to begin with its first one and still holds it.
    begun = (
        clicks.rolling(
            "occurred_at", period=timings.links_within, offset="0s", closed="both", group_by=MESSAGE
        )
        .agg(pl.col(LINK).n_unique())
        .filter(pl.col(LINK) >= timings.links)
        .select(*MESSAGE, "occurred_at", begun="occurred_at")
        .unique()
        .sort("occurred_at")
    )
    return (
        clicks.sort("occurred_at")
        .join_asof(
            begun,
            on="occurred_at",
            by=MESSAGE,
            strategy="backward",
            tolerance=timings.links_within,
            check_sortedness=False,
        )
        .filter(pl.col("begun").is_not_null())["row"]
    )
