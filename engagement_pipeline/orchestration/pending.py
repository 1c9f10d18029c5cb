"""What is due: event days and as-of dates whose stored tables are older than what they are made from.

Here: comparing what the lake's index and the ledger say. No state of its own, so nothing is lost when a
daemon restarts or a run fails: what is still due is found again. Not here: requesting runs (`sensors`).
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from engagement_pipeline.orchestration.assets.measures import event_sources
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.tables import PartitionInfo


def due_event_days(bench: Workbench, yesterday: date) -> list[date]:
    """Days whose events were landed after the day was last made, whose measures lag behind their events, and
    those that yesterday's scores span, also when nothing happened: then that is what is known of them."""
    measured = bench.lake.partitions("daily_measures")
    first, last = bench.catalog.project.start_date, bench.catalog.project.end_date
    newest = min(yesterday, last or yesterday)
    longest = max((plan.window for plan in bench.plans.values()), default=1)
    spanned = {newest - timedelta(days=age) for age in range(longest)}
    due = {day for day in spanned if day.isoformat() not in measured}
    for source in event_sources(bench.catalog):
        landed, events = f"landed/{source}", f"events/{source}"
        stored = bench.lake.partitions(events)
        for day, version in bench.ledger.touched(source).items():
            if _older(stored.get(day.isoformat()), landed, version):
                due.add(day)
        for key, info in stored.items():
            if _older(measured.get(key), events, info.delta_version):
                due.add(date.fromisoformat(key))
    return sorted(day for day in due if first <= day and (last is None or day <= last))


def due_as_of_dates(bench: Workbench, yesterday: date) -> list[date]:
    """Of the last dates that the project restates, those never scored although their day is measured, and
    those whose measures changed since."""
    project = bench.catalog.project
    last = min(yesterday, project.end_date or yesterday)
    measured = bench.lake.partitions("daily_measures")
    recent = [last - timedelta(days=age) for age in range(max(1, project.restated_dates))]
    due = set()
    for plan in bench.plans.values():
        stored = bench.lake.partitions(f"points/{plan.name}")
        for day in recent:
            info = stored.get(day.isoformat())
            if info is None:
                # A date nobody asked for is made only when it is the newest.
                if day == last and last.isoformat() in measured:
                    due.add(day)
                continue
            window = (day - timedelta(days=age) for age in range(plan.window))
            changed = [measured[key].delta_version for day in window if (key := day.isoformat()) in measured]
            if changed and _older(info, "daily_measures", max(changed)):
                due.add(day)
    return sorted(due)


def due_audiences(bench: Workbench, yesterday: date) -> list[date]:
    """Yesterday (or a closed project's last day), when a campaign has no audience for it yet and every
    segment is there."""
    last = min(yesterday, bench.catalog.project.end_date or yesterday)

    def stored(kind: str, name: str) -> bool:
        return last.isoformat() in bench.lake.partitions(f"{kind}/{name}")

    ready = all(stored("segments", name) for name in bench.catalog.segments)
    missing = [name for name in bench.catalog.campaigns if not stored("audiences", name)]
    return [last] if ready and missing else []


def contiguous(days: Sequence[date]) -> list[tuple[date, date]]:
    """Sorted days as ranges of days that follow one another."""
    if not days:
        return []
    breaks = [later for earlier, later in pairwise(days) if later - earlier > timedelta(days=1)]
    starts = [days[0], *breaks]
    ends = [*(_before(days, start) for start in breaks), days[-1]]
    return list(zip(starts, ends, strict=True))


def _before(days: Iterable[date], start: date) -> date:
    return max(day for day in days if day < start)


def _older(info: PartitionInfo | None, table: str, version: int) -> bool:
    """Whether a partition was made from an older version of the table than this one."""
    return info is None or info.inputs.get(table, -1) < version
