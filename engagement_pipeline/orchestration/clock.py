"""Today, in the project's zone: one of the two places where the clock is read (landing is the other)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from engagement_pipeline.catalog.specs import Project


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def yesterday(project: Project, instant: datetime) -> date:
    """The last day that is over in the project's zone."""
    return instant.astimezone(ZoneInfo(project.timezone)).date() - timedelta(days=1)
