"""What a source's event days look like beside what is expected of them: the check `day_is_sound`.

Here: figures of the days that a step is about to store, and the check's results by day. It never guards: what
is refused is refused in the step, and says so here. Not here: what is expected (`core.coverage`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.contracts.rules import TooManyRejected
from engagement_pipeline.core.coverage import Delivered, coverage
from engagement_pipeline.core.frames import CONFLICTS
from engagement_pipeline.core.lateness import DAY_SECONDS, delays, in_words, within
from engagement_pipeline.ingestion.coverage import Deliveries, delivered
from engagement_pipeline.ingestion.events import DayEvents
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.orchestration.preview import Finding
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.event_days import EventDay
from engagement_pipeline.storage.staging import StagedTable

SOUND = "day_is_sound"
SAYS = (
    "The day has as many events as its source is expected to deliver, its files few rejected rows, and no "
    "more of its ids conflict than the reject limit allows (then it keeps the events it had). The first two "
    "warn."
)
HEADER = (
    "day", "events", "expected", "state", "duplicates", "conflicts", "by machines",
    "half received within", "9 in 10 within", "over a day later",
)  # fmt: skip


@dataclass(frozen=True)
class Days:
    """What a step found of the days that it stores."""

    events: Mapping[str, int]
    """Day -> events."""
    figures: Mapping[str, EventDay]
    conflicts: Mapping[str, int]
    covered: Mapping[str, Mapping[str, Any]]
    """Day -> its row of `core.coverage.COVERAGE`."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Rejected rows by rule, of the files that touch the days."""
    rejected_share: float = 0.0
    """Of the rows of these files."""

    def findings(self, limit: float) -> dict[str, Finding]:
        """The check's result for each day. limit: the project's `reject_share`; half of it is a warning."""
        found = {}
        for day, row in self.covered.items():
            why = []
            if row["state"] == "missing":
                why.append(f"no events, at least {row['expected']} expected")
            elif row["state"] == "thin":
                why.append(f"{row['rows']} events, at least {row['expected']} expected")
            if self.rejected_share > limit / 2:
                why.append(f"{self.rejected_share:.1%} of the rows of its files were rejected")
            shown: dict[str, Any] = {"events": row["rows"], "state": row["state"]}
            if row["expected"] is not None:
                shown["expected"] = row["expected"]
            if why:
                shown["why"] = "; ".join(why)
            found[day] = Finding(not why, shown, dg.AssetCheckSeverity.WARN)
        return found

    def table(self) -> dict[str, Any]:
        """A line per day, and the rejected rows of their files, for the whole run."""
        rows = [
            (
                day,
                row["rows"],
                "" if row["expected"] is None else row["expected"],
                "" if row["state"] == "ok" else row["state"],
                *self._figures(day),
            )
            for day, row in self.covered.items()
        ]
        shown: dict[str, Any] = {"days": markdown(markdown_table(HEADER, rows))}
        if self.rejected:
            shown["rejected share"] = round(self.rejected_share, 4)
            shown["rejected by rule"] = markdown(markdown_table(("rule", "rows"), self.rejected.items()))
        return shown

    def by_day(self) -> dict[str, dict[str, Any]]:
        """Figures of each day, for its own page."""
        found: dict[str, dict[str, Any]] = {}
        for day, each in self.figures.items():
            events = max(1, self.events[day])
            found[day] = {
                "duplicates collapsed": each.duplicates,
                "conflicts": self.conflicts.get(day, 0),
                "machine share": round(each.machine / events, 4),
                "received over a day later": each.late,
            }
            if each.delays:
                median, most = within(each.delays, 0.5), within(each.delays, 0.9)
                found[day]["half received within"] = in_words(median)
                found[day]["9 in 10 received within"] = in_words(most)
        return found

    def _figures(self, day: str) -> tuple[object, ...]:
        each, events = self.figures[day], max(1, self.events[day])
        shares = (each.machine / events, each.late / events)
        machine, late = (f"{share:.1%}" if share else "" for share in shares)
        waits = (in_words(within(each.delays, share)) for share in (0.5, 0.9))
        return (each.duplicates or "", self.conflicts.get(day) or "", machine, *waits, late)


def look_at(
    bench: Workbench, source: Source, staged: StagedTable, found: Iterable[DayEvents], days: list[str]
) -> Days:
    """What is to be said of the days that are about to be stored."""
    found, stored = list(found), {day: staged.partitions[day].rows for day in days}
    lost = pl.concat([CONFLICTS.to_frame(), *(each.conflicts for each in found)])
    conflicts = {day.isoformat(): rows for day, rows in lost.group_by("event_date").len().iter_rows()}
    rejected, share = _rejected(bench, source, days)
    return Days(
        stored,
        {day.isoformat(): each for day, each in figures(staged.scan(), found, days).items()},
        conflicts,
        _covered(bench, source, stored),
        rejected,
        share,
    )


def figures(events: pl.LazyFrame, found: Iterable[DayEvents], days: Iterable[str]) -> dict[date, EventDay]:
    """Day -> duplicates, machine events and delays of the staged events."""
    duplicates = {day: count for each in found for day, count in each.duplicates.items()}
    late = (pl.col("received_at") - pl.col("occurred_at")) > pl.duration(seconds=DAY_SECONDS)
    counted, waited = pl.collect_all(
        [
            events.group_by("event_date").agg(machine=pl.col("is_machine").sum(), late=late.sum()),
            delays(events.select("event_date", "occurred_at", "received_at")),
        ]
    )
    counts = {day: (machine, late) for day, machine, late in counted.iter_rows()}
    steps: dict[date, dict[int, int]] = {}
    for day, step, events_of in waited.iter_rows():
        steps.setdefault(day, {})[step] = events_of
    return {
        day: EventDay(day, duplicates.get(day, 0), *counts.get(day, (0, 0)), steps.get(day, {}))
        for day in map(date.fromisoformat, days)
    }


def refused_findings(refused: Mapping[str, TooManyRejected], why: str) -> dict[str, Finding]:
    """Days that keep the events they had."""
    return {day: Finding(False, {"why": why}, dg.AssetCheckSeverity.ERROR) for day in refused}


def _covered(bench: Workbench, source: Source, stored: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    project, before = bench.catalog.project, delivered(source, bench.lake)
    rows = {**before.rows, **{date.fromisoformat(day): count for day, count in stored.items()}}
    # A day that is not over may still fill.
    over = min(yesterday(project, now()), project.end_date or date.max - timedelta(days=1))
    days = [date.fromisoformat(day) for day in stored]
    start = Deliveries(bench.catalog, bench.lake).start
    found = coverage(Delivered(source.source, rows, source.expects), days, start, over)
    return {row["day"].isoformat(): row for row in found.iter_rows(named=True)}


def _rejected(bench: Workbench, source: Source, days: list[str]) -> tuple[dict[str, int], float]:
    """Rejected rows by rule of the files that touch the days, and their share of these files' rows."""
    table, landed = f"rejected/{source.source}", bench.lake.partitions(f"landed/{source.source}")
    batches = bench.ledger.batches(source.source, [date.fromisoformat(day) for day in days])
    stored = bench.lake.partitions(table)
    having = [batch for batch in batches if batch in stored and stored[batch].rows]
    if not having:
        return {}, 0.0
    rows = bench.lake.scan(table, having).select("batch", "row_number", "rule").collect()
    by_rule = rows.group_by("rule").len().sort("len", "rule", descending=[True, False])
    total = sum(landed[batch].rows for batch in batches if batch in landed)
    refused = rows.select("batch", "row_number").unique().height
    return dict(by_rule.iter_rows()), refused / max(1, total)
