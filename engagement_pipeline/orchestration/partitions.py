"""Which days exist: of events, and as-of dates. One place turns the project's calendar into Dagster's."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

import dagster as dg

from engagement_pipeline.catalog.specs import Project


def event_days(project: Project) -> dg.DailyPartitionsDefinition:
    """Days that events may lie on: from the project's start to today, or to a closed data set's end."""
    return _daily(project, end_offset=1)


def as_of_days(project: Project) -> dg.DailyPartitionsDefinition:
    """Days that scores can be read as of: they are over, so the last one is yesterday."""
    return _daily(project, end_offset=0)


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


def _daily(project: Project, end_offset: int) -> dg.DailyPartitionsDefinition:
    closed = project.end_date is not None
    return dg.DailyPartitionsDefinition(
        start_date=project.start_date.isoformat(),
        end_date=(project.end_date + timedelta(days=1)).isoformat() if project.end_date else None,
        timezone=project.timezone,
        end_offset=0 if closed else end_offset,
    )
