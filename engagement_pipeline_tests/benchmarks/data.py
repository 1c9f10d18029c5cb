"""Generated events to measure with: skewed over people, even over 90 days, the same for the same number.

Here: the generator only. Not here: the sample data of the example, which is made to be looked at.
"""

from datetime import date

import numpy as np
import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import UTC_MICROS, event_schema

FIRST, AS_OF = date(2026, 1, 1), date(2026, 3, 31)
DAYS = (AS_OF - FIRST).days + 1

# event: share of all events
SHARES = {
    "email_sent": 0.18,
    "email_opened": 0.14,
    "email_clicked": 0.05,
    "push_clicked": 0.05,
    "page_view": 0.25,
    "product_viewed": 0.10,
    "cart_added": 0.06,
    "order_completed": 0.04,
    "app_opened": 0.08,
    "review_posted": 0.02,
    "ticket_opened": 0.02,
    "email_unsubscribed": 0.01,
}
CATEGORIES = ["insurance", "books", "toys", "food", None]
PEOPLE_PER_EVENT = 1 / 40


def generate(count: int, days: int = DAYS) -> pl.DataFrame:
    """`count` events of about count / 42 people on `days` days: the columns that the measures read."""
    rng = np.random.default_rng(1)
    people = max(int(count * PEOPLE_PER_EVENT), 100)
    person = (rng.pareto(1.2, count) * people / 20).astype(np.int64) % people
    event = rng.choice(len(SHARES), count, p=list(SHARES.values()))
    return pl.DataFrame(
        {
            "person": person,
            "event_date": pl.Series(rng.integers(0, days, count)),
            "event": pl.Series(list(SHARES)).gather(pl.Series(event)),
            "category": pl.Series(CATEGORIES).gather(pl.Series(rng.integers(0, len(CATEGORIES), count))),
            "value": pl.Series(rng.integers(1, 20_000, count)),
            "is_machine": pl.Series(rng.random(count) < 0.05),
        }
    ).select(
        person_id=pl.format("p{}", pl.col("person").cast(pl.String).str.zfill(8)),
        event_date=pl.lit(FIRST) + pl.duration(days="event_date"),
        event="event",
        category="category",
        value=pl.when(pl.col("event") == "order_completed").then(pl.col("value") * 0.01),
        is_machine="is_machine",
    )


def completed(events: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """One day of `generate` with all columns of a stored events table (`frames.event_schema`)."""
    number = pl.int_range(pl.len())
    every = {
        **{name: pl.lit(None, dtype=kind) for name, kind in event_schema(catalog).items()},
        **{name: pl.col(name) for name in events.columns},
    }
    at = pl.col("event_date").cast(UTC_MICROS) + pl.duration(seconds=(number * 7919) % 86_400)
    event_id = pl.format("{}-{}", pl.col("event_date"), number)
    channels = {name: event.channel for name, event in catalog.events.items()}
    every |= {
        "event_id": event_id,
        "channel": pl.col("event").replace_strict(channels),
        "occurred_at": at,
        "received_at": at + pl.duration(hours=1),
        "machine_reason": pl.when("is_machine").then(pl.lit("provider_flag")),
        "properties": pl.lit("{}"),
        "content_hash": event_id.hash(0).cast(pl.String),
        "batch": pl.lit("generated"),
        "row_number": number.cast(pl.Int64),
    }
    return events.select(**every)
