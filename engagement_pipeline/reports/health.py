"""The health of the sources: one row each, and the days of the last four weeks.

Here: reading both from the ledger, the lake's index and what was noted while days were made; no event is
read.
One truth for the command, the asset and the picture. Not here: how it looks (`health_text`, `plots`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.core.coverage import COVERAGE, Delivered, coverage
from engagement_pipeline.core.lateness import merged, within
from engagement_pipeline.ingestion.coverage import Deliveries
from engagement_pipeline.ingestion.databases.watermarks import as_text
from engagement_pipeline.ingestion.pulling import newest_watermark
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.event_days import EventDay, days_between
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import LandedFile, Ledger
from engagement_pipeline.storage.settings import Settings

SPAN = 28
"""Days that are looked back upon."""


@dataclass(frozen=True)
class SourceHealth:
    """One source. Days and shares are of the last four weeks up to `Health.as_of`; None where nothing is
    known, or nothing of the kind applies."""

    source: str
    state: str
    """`failing` (files are refused), `missing` or `thin` (days of the last week), `overdue`, else `ok`."""
    last_file: datetime | None
    """When the newest file, or batch of a database, was received."""
    overdue: bool | None
    """Whether that is longer ago than `fresh_within`; None without one."""
    failed_files: int
    """Files that are refused at every landing."""
    events_7d: int | None
    events_28d: int | None
    usual: int | None
    """Events of the middle one of the days that had any."""
    missing: tuple[date, ...] = ()
    thin: tuple[date, ...] = ()
    rejected_share: float | None = None
    """Of the rows received in these weeks."""
    top_rule: str | None = None
    """The rule that rejected most of them."""
    duplicates: int | None = None
    conflicts: int | None = None
    machine_share: float | None = None
    within_seconds: float | None = None
    """In how many seconds nine in ten events were received, up to a fifth too high."""
    watermark: str | None = None
    """How far a database was read."""


@dataclass(frozen=True)
class Health:
    """All sources on one day."""

    as_of: date
    at: datetime
    sources: tuple[SourceHealth, ...]
    days: Mapping[str, pl.DataFrame]
    """Source of events -> `core.coverage.COVERAGE` of the last four weeks."""

    @property
    def dates(self) -> list[date]:
        """The days that are looked back upon."""
        return next((frame["day"].to_list() for frame in self.days.values()), [])

    def strips(self) -> dict[str, list[str]]:
        """Source of events -> what each of the dates was: `ok`, `thin` or `missing` where something was
        expected, else `unasked` with events and `free` without."""
        return {
            name: [
                ("unasked" if rows else "free") if expected is None else state
                for rows, expected, state in frame.select("rows", "expected", "state").iter_rows()
            ]
            for name, frame in self.days.items()
        }

    def as_json(self) -> str:
        """For programs."""
        rows = [asdict(each) for each in self.sources]
        return json.dumps({"as_of": self.as_of, "at": self.at, "sources": rows}, default=_text, indent=2)


def health_of(catalog: Catalog, settings: Settings, over: date, at: datetime) -> Health:
    """`health` of the stores that the settings name."""
    database = Database(settings.database_url)
    try:
        return health(catalog, Lake(settings.lake, database), Ledger(database), over, at)
    finally:
        database.close()


def health(catalog: Catalog, lake: Lake, ledger: Ledger, over: date, at: datetime) -> Health:
    """The health of every source. over: the last day that is over, of a closed project its last; at: now."""
    as_of = min(over, catalog.project.end_date or over)
    found = Deliveries(catalog, lake)
    first = max(catalog.project.start_date, as_of - timedelta(days=SPAN - 1))
    span = [first + timedelta(days=age) for age in range((as_of - first).days + 1)]
    days = {name: coverage(each, span, found.start, as_of) for name, each in found.by_source.items() if span}
    rows = tuple(
        _source(source, lake, ledger, days.get(name), found.by_source.get(name), span, at)
        for name, source in catalog.sources.items()
    )
    return Health(as_of, at, rows, days)


def _source(
    source: Source,
    lake: Lake,
    ledger: Ledger,
    days: pl.DataFrame | None,
    delivered: Delivered | None,
    span: list[date],
    at: datetime,
) -> SourceHealth:
    name, files = source.source, list(ledger.files(source.source).values())
    landed = [each for each in files if each.status == "landed"]
    failed = len(files) - len(landed)
    last = max((each.received_at for each in landed), default=None)
    limit = source.fresh_within
    overdue = None if limit is None else last is None or at - last > limit
    recent = [each for each in landed if at - each.received_at <= timedelta(days=SPAN)]
    share, rule = _rejected(source, lake, recent)
    days = COVERAGE.to_frame() if days is None else days
    missing, thin = (tuple(days.filter(state=state)["day"].to_list()) for state in ("missing", "thin"))
    reached = newest_watermark(source, landed)
    return SourceHealth(
        source=name,
        state=_state(failed, missing, thin, overdue, span),
        last_file=last,
        overdue=overdue,
        failed_files=failed,
        missing=missing,
        thin=thin,
        rejected_share=share,
        top_rule=rule,
        watermark=None if reached is None else as_text(reached).strip("'"),
        **_events(source, lake, ledger, delivered, span),
    )


def _events(
    source: Source, lake: Lake, ledger: Ledger, delivered: Delivered | None, span: list[date]
) -> dict[str, Any]:
    """What only sources of events have."""
    nothing: dict[str, Any] = {"events_7d": None, "events_28d": None, "usual": None}
    if delivered is None or not span:
        return nothing
    rows = [delivered.rows.get(day, 0) for day in span]
    counted = [each for each in rows if each]
    noted = days_between(ledger.database, source.source, span[0], span[-1]).values()
    lost = lake.partitions(f"conflicts/{source.source}")
    return {
        "events_7d": sum(rows[-7:]),
        "events_28d": sum(rows),
        "usual": int(median(counted)) if counted else None,
        "conflicts": sum(lost[day.isoformat()].rows for day in span if day.isoformat() in lost),
        **(_noted(noted, sum(rows)) if noted else {}),
    }


def _noted(days: Iterable[EventDay], events: int) -> dict[str, Any]:
    days = list(days)
    return {
        "duplicates": sum(each.duplicates for each in days),
        "machine_share": sum(each.machine for each in days) / max(1, events),
        "within_seconds": within(merged(each.delays for each in days), 0.9),
    }


def _rejected(source: Source, lake: Lake, files: list[LandedFile]) -> tuple[float | None, str | None]:
    """The share of these files' rows that were rejected, and the rule that rejected most."""
    table, total = f"rejected/{source.source}", sum(each.rows for each in files)
    if not total:
        return None, None
    stored = lake.partitions(table)
    batches = [each.fingerprint for each in files]
    batches = [batch for batch in batches if batch in stored and stored[batch].rows]
    if not batches:
        return 0.0, None
    rows = lake.scan(table, batches).select("batch", "row_number", "rule").collect()
    top = rows.group_by("rule").len().sort("len", "rule", descending=[True, False])["rule"][0]
    return rows.select("batch", "row_number").unique().height / total, top


def _state(
    failed: int, missing: tuple[date, ...], thin: tuple[date, ...], overdue: bool | None, span: list[date]
) -> str:
    recent = set(span[-7:])
    if failed:
        return "failing"
    for state, days in (("missing", missing), ("thin", thin)):
        if recent.intersection(days):
            return state
    return "overdue" if overdue else "ok"


def _text(value: object) -> str:
    assert isinstance(value, date)  # noqa: S101  datetimes are dates
    return value.isoformat()
