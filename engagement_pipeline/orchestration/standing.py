"""How far a score may be relied upon on a date: its guard, the reference in force, and the
bands of the day before.

Here: reading them from the stores. Not here: judging coverage (`core.coverage`) and fitting references
(`assets.scores`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.ingestion.coverage import Deliveries, coverage_guard
from engagement_pipeline.orchestration.known import made_from_present_points
from engagement_pipeline.orchestration.workbench import Workbench


def guard_on(bench: Workbench, plan: ScorePlan, as_of: date) -> Guard:
    """Whether the score may be relied upon on the date."""
    return coverage_guard(bench.catalog, bench.lake, plan.name, as_of)


def guards_on(bench: Workbench, plan: ScorePlan, days: Iterable[date]) -> dict[date, Guard]:
    """Date -> whether the score may be relied upon."""
    found = Deliveries(bench.catalog, bench.lake)
    return {day: found.guard(plan.name, day) for day in days}


def of_parts(bench: Workbench, plan: ScorePlan, as_of: date, guard: Guard) -> Guard:
    """The guard of a composite with what is stored of its parts: where one is stale or provisional, because
    its reference is lacking, say, so is their sum."""
    for name in plan.parts.scores:
        table, key = f"scores/{name}", as_of.isoformat()
        if key not in bench.lake.partitions(table):
            continue
        states = bench.lake.scan(table, [key]).select(pl.col("state").unique()).collect()["state"]
        if "stale" in states and not guard.stale:
            guard = replace(guard, stale=(f"{table} is stale",))
        if "provisional" in states and not guard.provisional:
            guard = replace(guard, provisional=f"{table} is provisional")
    return guard


def lacks_reference(bench: Workbench, plan: ScorePlan, as_of: date) -> bool:
    """Whether a reference could be fitted on the date, and none is there that would be read against: of the
    plan's present rules, on or before the date, with the window covered."""
    guard, table = guard_on(bench, plan, as_of), f"references/{plan.name}"
    if guard.provisional:
        return False
    if not bench.lake.exists(table):
        return True
    return reference_in_force(bench.lake.scan(table), plan, as_of, guard.covered_from)[1] is None


def bands_before(bench: Workbench, plan: ScorePlan, as_of: date) -> pl.LazyFrame | None:
    """`person_id` and `band` of the day before, as stored and as far as the same definition made them; None
    where that day was not scored. Only the day before counts: over a gap nobody knows who crossed an edge."""
    table, key = f"scores/{plan.name}", (as_of - timedelta(days=1)).isoformat()
    if key not in bench.lake.partitions(table):
        return None
    if not made_from_present_points(bench, plan, as_of - timedelta(days=1)):
        return None
    stored = bench.lake.scan(table, [key]).filter(pl.col("definition") == plan.definition)
    return stored.select("person_id", "band")


def frozen(plan: ScorePlan) -> bool:
    """Whether the score is read against a population that stays until it is refitted."""
    return plan.scale.needs_reference and plan.scale.reference == "frozen"


def reference_in_force(
    references: pl.LazyFrame, plan: ScorePlan, as_of: date, since: date = date.min, people: int = 1
) -> tuple[pl.LazyFrame | None, str | None]:
    """Histogram and version of the latest reference fitted for this plan on or before the date; never a
    later one, so that a restated date reads what was in force then. (None, None) where there is none, or
    none fitted from `since` on. One of fewer `people` never comes into force; the one before stays in it."""
    fitted = references.filter(
        pl.col("points_digest") == plan.points_digest,
        pl.col("effective_from").is_between(since, as_of),
        pl.col("persons").sum().over("effective_from") >= people,
    )
    latest = fitted.filter(pl.col("effective_from") == pl.col("effective_from").max()).collect()
    if latest.is_empty():
        return None, None
    return latest.lazy().select("points", "persons"), latest["version"][0]
