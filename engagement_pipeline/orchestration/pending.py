"""What is due: event days, as-of dates and campaigns whose stored tables are missing, or older than what they
are made from.

Here: comparing what the lake's index, the ledger and the deliveries say. No state of its own, so nothing is
lost when a daemon restarts or a run fails: what is still due is found again. Not here: requesting runs
(`sensors`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.expressions import columns_of
from engagement_pipeline.core.audiences import plan_campaign
from engagement_pipeline.core.measures import shadows_of
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.segments import plan_segment
from engagement_pipeline.ingestion.coverage import Deliveries
from engagement_pipeline.orchestration.assets.people import consent_reads, people_inputs
from engagement_pipeline.orchestration.assets.segments import reads_of
from engagement_pipeline.orchestration.held import held_since, noted
from engagement_pipeline.orchestration.inputs import versions_on, window_inputs
from engagement_pipeline.orchestration.measured import event_sources
from engagement_pipeline.orchestration.scoring import points_tables
from engagement_pipeline.orchestration.windows import uncovered
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.current import SHOWN_AS, current
from engagement_pipeline.storage.deliveries import delivered
from engagement_pipeline.storage.tables import WHOLE, PartitionInfo, older

Outdated = dict[str, dict[str, int]]
"""Tables to be made -> the versions of what they are made from, as far as these are stored."""
Stored = Callable[[str], Mapping[str, PartitionInfo]]


class DueDays(NamedTuple):
    """Event days that are due, ascending."""

    events: list[date]
    """Of which the events of some source are to be made, and then everything else."""
    measures: list[date]
    """Whose measures, or `persons`, lag behind the events that are stored; also days of `events`."""


def due_event_days(bench: Workbench, yesterday: date) -> DueDays:
    """Days whose events were landed or replayed after the day was last made, whose measures lag behind their
    events, and those in the windows of the newest scores that lack a measure: because nothing happened, which
    then is known, or because a rule is new. Yesterday as well when something was landed that `persons`,
    `aliases` or `consents` do not hold yet, which are made along with any day. Never a day after today:
    events may claim to lie a little ahead."""
    project = bench.catalog.project
    newest = _newest(bench, yesterday)
    measured = bench.lake.partitions("daily_measures")
    # A restated date needs its measures as the newest does, but one that was never scored asks for none.
    scored = [
        (plan, day)
        for plan in bench.plans.values()
        for stored in [bench.lake.partitions(f"points/{plan.name}")]
        for day in _recent(bench, newest)
        if day == newest or day.isoformat() in stored
    ]
    lacking = uncovered(bench, scored, shadows_of(bench.catalog))
    measures: set[date] = set(lacking.select("event_date").collect()["event_date"])
    events: set[date] = set()
    if newest.isoformat() not in measured or _people_lag(bench):
        measures.add(newest)
    for source in event_sources(bench.catalog):
        table = f"events/{source}"
        made = bench.lake.partitions(table)
        # A day without a partition was never looked at; what lags is then made with it.
        events.update(day for day in measures if day.isoformat() not in made)
        events.update(_outdated(bench, source, made))
        for key, info in made.items():
            if older(measured.get(key), {table: info.delta_version}):
                measures.add(date.fromisoformat(key))
    today = yesterday + timedelta(days=1)
    last = min(today, project.end_date or today)
    return DueDays(
        *(sorted(d for d in days if project.start_date <= d <= last) for days in (events, measures))
    )


def due_days_of(bench: Workbench, source: str, yesterday: date) -> list[date]:
    """Days of one source whose events were landed or replayed after they were last made. For a source of
    profiles alone the newest day, with which `persons` is made."""
    if not bench.catalog.sources[source].events:
        return [_newest(bench, yesterday)]
    project = bench.catalog.project
    last = min(yesterday + timedelta(days=1), project.end_date or date.max)
    found = _outdated(bench, source, bench.lake.partitions(f"events/{source}"))
    return sorted(day for day in found if project.start_date <= day <= last)


def resting_on(bench: Workbench, days: Sequence[date]) -> list[date]:
    """As-of dates that were scored and have any of these event days in the window of a score, ascending."""
    found: set[date] = set()
    for plan in bench.plans.values():
        for key in bench.lake.partitions(f"points/{plan.name}"):
            as_of = date.fromisoformat(key)
            if any(plan.rests_on(day, as_of) for day in days):
                found.add(as_of)
    return sorted(found)


def _outdated(bench: Workbench, source: str, made: Mapping[str, PartitionInfo]) -> set[date]:
    needed = bench.ledger.needed(source)
    return {day for day, versions in needed.items() if older(made.get(day.isoformat()), versions)}


def due_as_of_dates(bench: Workbench, yesterday: date) -> dict[date, Outdated]:
    """Of the last dates that the project restates, in order, those with points, scores or segments that are
    missing, older than what they are made from, or not what the current tables show, and which these are. Of
    `persons`, `aliases` and `consents` only what they hold of the date counts (see `held`).

    A date without points is due where the days in its window are measured: the newest always, another one
    from the first date on that the score was ever read as of.
    """
    newest = _newest(bench, yesterday)
    stored = cache(bench.lake.partitions)
    wheres = {
        name: plan_segment(segment, bench.catalog).where.columns
        for name, segment in bench.catalog.segments.items()
    }
    since = {table: held_since(bench, table) for table in people_inputs(bench.catalog)}
    expecting = any(source.expects for source in bench.catalog.sources.values())
    deliveries = Deliveries(bench.catalog, bench.lake) if expecting else None

    def held(day: date, *tables: str) -> dict[str, int]:
        return {table: since[table][day] for table in tables if day in since.get(table, {})}

    def people(day: date, columns: frozenset[str]) -> dict[str, int]:
        asked = (read.table for read in consent_reads(bench.catalog, columns))
        return held(day, "persons", *asked)

    days = _recent(bench, newest)
    lacking = uncovered(bench, [(plan, day) for plan in bench.plans.values() for day in days])
    unmeasured = set(lacking.select("score", "as_of").unique().collect().iter_rows())
    found = {}
    for day in sorted(days):
        due: Outdated = {}
        for plan in bench.plans.values():
            points, scores = f"points/{plan.name}", f"scores/{plan.name}"
            if (plan.name, day) not in unmeasured and _begun(stored(points), day, newest):
                parts = [f"scores/{name}" for name in plan.parts.scores]
                versions = window_inputs(bench, stored, plan, day) | versions_on(parts, day, stored)
                versions |= held(day, *points_tables(bench, plan))
                _add(due, points, day, versions, stored, needs=parts)
            versions = versions_on([points], day, stored) | people(day, columns_of(plan.applies_to))
            versions |= _yesterday(plan, day, stored)
            _add(due, scores, day, versions, stored, needs=[points])
            if scores not in due and deliveries and _misjudged(bench, deliveries, plan, day, stored(scores)):
                due[scores] = versions
            _add_changes(due, plan.name, day, newest, stored)
        for name, columns in wheres.items():  # a segment stands after those it names
            segment, tables = f"segments/{name}", _tables(columns)
            if tables or _begun(stored(segment), day, newest):
                versions = versions_on(tables, day, stored) | people(day, columns)
                _add(due, segment, day, versions, stored, needs=tables)
        tables = [*(f"scores/{name}" for name in bench.plans), *(f"segments/{name}" for name in wheres)]
        due = {table: {} for table in tables if _unshown(bench, table, day, stored)} | due
        if due:
            found[day] = due
    return found


def _misjudged(
    bench: Workbench, found: Deliveries, plan: ScorePlan, day: date, stored: Mapping[str, PartitionInfo]
) -> bool:
    """Whether the stored scores say that the date is stale and it is so no longer, or the other way round.
    Mostly its points change with that; not where the days that tell what is usual lie before its window."""
    key = day.isoformat()
    if key not in stored or not found.expects(plan.name):
        return False
    stale = pl.col("state") == "stale"
    wrong = ~stale & (pl.col("state") != "unscored") if found.guard(plan.name, day).stale else stale
    return bool(bench.lake.scan(f"scores/{plan.name}", [key]).select(wrong.any()).collect().item())


def due_campaigns(bench: Workbench, yesterday: date, outdated: Mapping[date, Outdated]) -> Outdated:
    """Audiences of yesterday (or a closed project's last day) that are missing although all they read is
    there and not `outdated`, and deliveries of it that a destination did not get. What another campaign reads
    holds none up."""
    newest, stored = _newest(bench, yesterday), cache(bench.lake.partitions)
    key, due = newest.isoformat(), Outdated()
    for name, campaign in bench.catalog.campaigns.items():
        audience, delivery = f"audiences/{name}", f"deliveries/{name}"
        tables = _tables(plan_campaign(campaign, bench.catalog).columns)
        done = delivered(bench.database, name, newest)
        made = key in stored(audience)
        shown = made and (bool(done) or not _unshown(bench, audience, newest, stored))
        if not shown and all(
            key in stored(table) and table not in outdated.get(newest, {}) for table in tables
        ):
            due[audience] = versions_on(tables, newest, stored)
        missing = {each.path for each in campaign.destinations} - done
        if missing and (made or audience in due):
            due[delivery] = versions_on([audience], newest, stored)
    return due


def _newest(bench: Workbench, yesterday: date) -> date:
    """The newest as-of date."""
    return min(yesterday, bench.catalog.project.end_date or yesterday)


def recent_dates(bench: Workbench, yesterday: date) -> list[date]:
    """The as-of dates that are kept up to date, newest first."""
    return _recent(bench, _newest(bench, yesterday))


def _recent(bench: Workbench, newest: date) -> list[date]:
    """The as-of dates that are kept up to date."""
    project = bench.catalog.project
    days = (newest - timedelta(days=age) for age in range(max(1, project.restated_dates)))
    return [day for day in days if day >= project.start_date]


def _people_lag(bench: Workbench) -> bool:
    """Whether a table about people was made before something that it is made from. Measures do not count:
    they and `persons` are made together."""
    for table, inputs in people_inputs(bench.catalog).items():
        found = {each: bench.lake.content_version(each) for each in inputs if each != "daily_measures"}
        versions = {each: version for each, version in found.items() if version is not None}
        if versions and older(bench.lake.partitions(table).get(WHOLE), versions):
            return True
        if not noted(bench, table):
            return True
    return False


def _tables(columns: frozenset[str]) -> list[str]:
    """The tables by as-of date that fill the columns of a condition."""
    return [read.table for read in reads_of(columns) if read.table != "persons"]


def _begun(stored: Mapping[str, PartitionInfo], day: date, newest: date) -> bool:
    """Whether a table has, or should have, this date: nobody asked for those before its first."""
    return day == newest or (bool(stored) and min(stored) <= day.isoformat())


def _unshown(bench: Workbench, table: str, day: date, stored: Stored) -> bool:
    """Whether the date is the newest that is stored, and the database shows something else: a run may have
    been killed between, or the database down."""
    key, (kind, _, name) = day.isoformat(), table.partition("/")
    if key not in stored(table) or key != max(stored(table)):
        return False
    shown = current(bench.database, SHOWN_AS[kind]).get(name)
    if shown is None or shown.as_of != day:
        return shown is None or shown.as_of < day  # it only moves forward
    return shown.version != stored(table)[key].delta_version


def _yesterday(plan: ScorePlan, day: date, stored: Stored) -> dict[str, int]:
    """The scores of the day before, on whose bands those of a score with hysteresis stand."""
    if plan.hysteresis is None:
        return {}
    table = f"scores/{plan.name}"
    before, own = (stored(table).get(each.isoformat()) for each in (day - timedelta(days=1), day))
    if before is None or (own is not None and own.delta_version == before.delta_version):
        return {}  # made by one run, one upon the other
    return {table: before.delta_version}


def _add_changes(due: Outdated, score: str, day: date, newest: date, stored: Stored) -> None:
    """Changes compare a day's points and scores with those of the day before."""
    table, read = f"score_changes/{score}", [f"points/{score}", f"scores/{score}"]
    if not _begun(stored(table), day, newest):
        return
    before, versions = (versions_on(read, each, stored) for each in (day - timedelta(days=1), day))
    if len(before) == len(read):  # else there is nothing to compare with, yet
        versions |= {name: max(version, before[name]) for name, version in versions.items()}
    _add(due, table, day, versions, stored, needs=read)


def _add(
    due: Outdated, table: str, day: date, versions: dict[str, int], stored: Stored, needs: Sequence[str] = ()
) -> None:
    """Adds the table to what is due where it is missing or older than these versions, or what it needs is
    due; not where something it needs is neither stored nor due."""
    if any(need not in versions and need not in due for need in needs):
        return
    if any(need in due for need in needs) or older(stored(table).get(day.isoformat()), versions):
        due[table] = versions
