"""Which landed batches a replay judges anew.

Here: the choice. Not here: judging them (`intake`, which does it as soon as the ledger notes the request) and
making their days (`events`).
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import Ledger


def batches_of(
    source: Source, dates: tuple[date, date] | None, catalog: Catalog, lake: Lake, ledger: Ledger
) -> list[str]:
    """Landed batches that a replay of these event days has to judge anew; all of them without dates.

    A batch is judged as a whole. Those are chosen that touch any of the days, and those with rejected rows
    that were received since the first of them: a rejected row has no day, but none is received before the day
    it happened (or more than `limits.future_minutes` before).
    """
    landed = ledger.landed(source.source)
    if dates is None:
        return sorted(landed)
    first, last = dates
    days = [first + timedelta(days=age) for age in range((last - first).days + 1)]
    project = catalog.project
    since = datetime.combine(first, time.min, ZoneInfo(project.timezone))
    since -= timedelta(minutes=project.limits.future_minutes)
    files = ledger.files(source.source)
    received = {batch for batch in _rejected(source, lake) & landed if files[batch].received_at >= since}
    return sorted((set(ledger.batches(source.source, days)) & landed) | received)


def _rejected(source: Source, lake: Lake) -> set[str]:
    """Batches with rejected rows."""
    stored = lake.partitions(f"rejected/{source.source}")
    return {batch for batch, info in stored.items() if info.rows}


def parse_dates(text: str) -> tuple[date, date]:
    """`2026-03-01..2026-03-31`, or one day. Raises ValueError with words for people."""
    first, _, last = text.partition("..")
    try:
        found = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError:
        raise ValueError(f"{text!r} are no dates: write 2026-03-01..2026-03-31, or one day") from None
    if found[0] > found[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return found
