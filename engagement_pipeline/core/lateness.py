"""How long after they happened events were received, as a small histogram that adds up over days.

Here: counting delays into steps, and reading shares and quantiles off the counts. Not here: storing them
(`storage.event_days`).
"""

from collections.abc import Iterable, Mapping
from math import ceil

import polars as pl

STEPS = 4
"""Steps to a doubling: a quantile is told up to a fifth too high."""
DAY_SECONDS = 86_400
DELAYS = pl.Schema({"event_date": pl.Date(), "step": pl.Int64(), "events": pl.Int64()})


def delays(events: pl.LazyFrame) -> pl.LazyFrame:
    """`DELAYS` of events with `event_date`, `occurred_at` and `received_at`: how many of each day were
    received by when. Step 0 is within a second, also of events that lie ahead; step n within 2^(n/4) s."""
    seconds = (pl.col("received_at") - pl.col("occurred_at")).dt.total_seconds().clip(lower_bound=1)
    step = (seconds.cast(pl.Float64).log(2) * STEPS).ceil().cast(pl.Int64)
    return (
        events.group_by("event_date", step.alias("step"))
        .agg(events=pl.len().cast(pl.Int64))
        .sort("event_date", "step")
    )


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """One histogram, step -> events, of several."""
    total: dict[int, int] = {}
    for each in histograms:
        for step, events in each.items():
            total[step] = total.get(step, 0) + events
    return total


def within(histogram: Mapping[int, int], share: float) -> float | None:
    """In how many seconds that share of the events was received; None where there are none."""
    wanted, counted = ceil(share * sum(histogram.values())), 0
    for step in sorted(histogram):
        counted += histogram[step]
        if counted >= wanted:
            return float(2 ** (step / STEPS))
    return None


def in_words(seconds: float | None) -> str:
    """`40 s`, `12 min`, `5.0 h`, `3.2 d`; nothing for None."""
    if seconds is None:
        return ""
    for unit, size, limit in (("s", 1, 90), ("min", 60, 5_400), ("h", 3_600, 2 * DAY_SECONDS)):
        if seconds < limit:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if unit != "h" or amount >= 10 else f"{amount:.1f} {unit}"
    return f"{seconds / DAY_SECONDS:.1f} d"
