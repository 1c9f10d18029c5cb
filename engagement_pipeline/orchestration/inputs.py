"""What the points of a date are made from, in the versions that are stored now.

Here: those versions. Not here: whether something is due because of them (`pending`).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import cache

from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.orchestration.held import held_since
from engagement_pipeline.orchestration.measured import MEASURES, MESSAGES
from engagement_pipeline.orchestration.scoring import points_tables
from engagement_pipeline.orchestration.windows import reads_from
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.tables import PartitionInfo

Stored = Callable[[str], Mapping[str, PartitionInfo]]


def points_inputs(bench: Workbench, plan: ScorePlan, day: date) -> dict[str, int]:
    """Table -> version that last changed anything of the date, for what the points of a score read. Of tables
    about people that is known for the dates that may be restated (see `held`); of others it is their last."""
    stored = cache(bench.lake.partitions)  # once a table, not once a day of the window: 2 s each
    people: dict[str, int] = {}
    for table in {"persons", "aliases", "consents"}.intersection(points_tables(bench, plan)):
        since = held_since(bench, table).get(day, bench.lake.content_version(table))
        people |= {} if since is None else {table: since}
    parts = versions_on([f"scores/{name}" for name in plan.parts.scores], day, stored)
    return window_inputs(bench, stored, plan, day) | parts | people


def window_inputs(bench: Workbench, stored: Stored, plan: ScorePlan, day: date) -> dict[str, int]:
    """The newest version of the measures that a score reads; none of one that adds up others."""
    if not plan.rules:
        return {}
    first = reads_from(bench, [plan], day)
    days = [(first + timedelta(days=age)).isoformat() for age in range((day - first).days + 1)]
    tables = (MEASURES, MESSAGES) if plan.message_measures else (MEASURES,)
    versions = {
        table: [stored(table)[key].delta_version for key in days if key in stored(table)] for table in tables
    }
    return {table: max(found) for table, found in versions.items() if found}


def versions_on(tables: Iterable[str], day: date, stored: Stored) -> dict[str, int]:
    """Table -> version of its partition of the date, where it has one."""
    key = day.isoformat()
    return {table: stored(table)[key].delta_version for table in tables if key in stored(table)}
