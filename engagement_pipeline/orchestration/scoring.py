"""Points and scores of as-of dates, from what is stored: the one way there, whoever asks.

Here: which rows a score reads, over which days, and what is refused. Nothing is stored and Dagster is not
needed. Not here: the arithmetic (`core`), the assets (`assets.scores`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import polars as pl
from polars.selectors import by_name

from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.frames import DAILY_MESSAGES
from engagement_pipeline.core.identity import stitched, stitched_messages
from engagement_pipeline.core.measures import SHADOW, shadows_of
from engagement_pipeline.core.ordered import ascending
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.scores import TRUSTED, attach
from engagement_pipeline.core.unverified import Unverified, by_day, unverified
from engagement_pipeline.engines.window import Window, with_people
from engagement_pipeline.orchestration.known import known_rows, people_tables, stored_aliases
from engagement_pipeline.orchestration.measured import (
    MEASURES,
    MESSAGES,
    covered,
)
from engagement_pipeline.orchestration.standing import frozen, reference_in_force
from engagement_pipeline.orchestration.workbench import Workbench


def points_tables(bench: Workbench, plan: ScorePlan) -> tuple[str, ...]:
    """What the points of a score are made from: their versions go into the commit."""
    return (*(window_tables(bench) if plan.rules else ()), *people_tables(bench.catalog, plan))


def window_tables(bench: Workbench) -> tuple[str, ...]:
    """What events give is made from."""
    more = (MESSAGES,) if bench.counts_messages else ()
    return (MEASURES, *more, "aliases") if bench.catalog.has_aliases else (MEASURES, *more)


class MeasuresMissing(Exception):  # noqa: N818  the words are what the reader sees
    """Measures that a score needs were not computed for days in its window."""


class PointsOutdated(Exception):  # noqa: N818
    """Stored points belong to another version of the definition."""


def points_rows(
    bench: Workbench, plan: ScorePlan, days: Sequence[date], made: Iterable[str] = ()
) -> Iterator[pl.DataFrame]:
    """`frames.POINTS` of the dates; see `check_coverage` for what is refused. Of one date in parts, of
    several a frame each, all from one reading of their days. made: the tables that the run makes, whose
    points of one date share their reading and sums."""
    if len(days) == 1:
        yield from _points_of(bench, plan, days[0], _shared_windows(bench, plan, days[0], made))
        return
    for as_of, windows in _windows_by_date(bench, plan, sorted(days)):
        yield pl.concat(_points_of(bench, plan, as_of, windows))


def _points_of(
    bench: Workbench, plan: ScorePlan, as_of: date, windows: Iterable[Window]
) -> Iterator[pl.DataFrame]:
    known = known_rows(bench, plan, as_of)
    if known is None:
        for window in windows:
            yield window.points(plan)
        return
    for window, people in with_people(windows, known, [plan], as_of):
        yield window.points(plan, people)


def _shared_windows(bench: Workbench, plan: ScorePlan, as_of: date, made: Iterable[str]) -> Iterator[Window]:
    """One date's, shared with the other scores that the run makes."""
    if not plan.rules:
        return
    run = [each for each in bench.plans.values() if each.rules and f"points/{each.name}" in made]
    # Taken before reading, so that nothing is kept under a newer version than was read.
    key = (as_of, *sorted(bench.versions(window_tables(bench)).items()))
    window_rows(bench, [plan], as_of)  # refuses days that are missing
    check_coverage(covered(bench), plan, bench.catalog.project.start_date, as_of)
    yield from bench.shared.windows(key, plan, run, partial(_windows, bench, as_of))


def _windows_by_date(
    bench: Workbench, plan: ScorePlan, days: Sequence[date]
) -> Iterator[tuple[date, Iterable[Window]]]:
    """Of ascending dates, from one reading. Not shared with other scores: a step makes all dates before the
    next step makes any, and that would be too much to keep."""
    if not plan.rules:
        yield from ((as_of, []) for as_of in days)
        return
    stored = covered(bench).collect().lazy()
    for as_of in days:
        check_coverage(stored, plan, bench.catalog.project.start_date, as_of)
    needed = [as_of.isoformat() for as_of in _days_of(bench, [plan], days)]
    daily = bench.lake.scan(MEASURES, needed)
    said = None
    if plan.message_measures and bench.lake.exists(MESSAGES):
        said = bench.lake.scan(MESSAGES, needed, allow_missing=True)
    yield from bench.engine.dates(daily, [plan], days, said, stored_aliases(bench))


def unverified_on(bench: Workbench, plan: ScorePlan, as_of: date) -> Unverified | None:
    """How much of the score rests on machine events, as far as that is measured."""
    project = bench.catalog.project
    first = reads_from(bench, bench.plans.values(), as_of)
    within = pl.col("event_date").is_between(pl.lit(first), pl.lit(as_of))
    tables = [MEASURES, *([MESSAGES] if bench.lake.exists(MESSAGES) else [])]

    def compute() -> pl.DataFrame:
        return by_day(*(bench.lake.scan(table).filter(within) for table in tables)).collect()

    key = (as_of, *sorted(bench.versions(tables).items()))
    totals = bench.totals.rows(key, compute).lazy()
    return unverified(totals, covered(bench), plan, shadows_of(bench.catalog), project.start_date, as_of)


def window_rows(
    bench: Workbench,
    plans: Sequence[ScorePlan],
    as_of: date,
    *,
    allow_missing: bool = False,
    ids_on: date | None = None,
) -> pl.LazyFrame:
    """`frames.DAILY_MEASURES` of the longest window of the plans, by person as known on the date (or, to find
    out what that changed, on another one, `ids_on`): with `message_rows` the one way from what is stored to
    points. What they read is named in `window_tables`."""
    rows = bench.lake.scan(MEASURES, _days(bench, plans, as_of), allow_missing=allow_missing)
    needed = sorted({measure for plan in plans for measure in plan.measures})
    return stitched(rows, stored_aliases(bench), ids_on or as_of, needed)


def message_rows(
    bench: Workbench, plans: Sequence[ScorePlan], as_of: date, *, ids_on: date | None = None
) -> pl.LazyFrame | None:
    """`frames.DAILY_MESSAGES` of the same window, by person as known on the date; None where no plan counts
    messages. Days that are missing are left out: `check_coverage` knows them."""
    if not (needed := sorted({measure for plan in plans for measure in plan.message_measures})):
        return None
    if not bench.lake.exists(MESSAGES):
        return DAILY_MESSAGES.to_frame().lazy()
    rows = bench.lake.scan(MESSAGES, _days(bench, plans, as_of), allow_missing=True)
    return stitched_messages(rows, stored_aliases(bench), ids_on or as_of, needed)


def _days(bench: Workbench, plans: Sequence[ScorePlan], as_of: date) -> list[str]:
    return [day.isoformat() for day in _days_of(bench, plans, [as_of])]


def _days_of(bench: Workbench, plans: Sequence[ScorePlan], dates: Sequence[date]) -> list[date]:
    """The days on which anything counts for any of the plans, as of any of the dates."""
    found: set[date] = set()
    for as_of in dates:
        first = reads_from(bench, plans, as_of)
        found.update(first + timedelta(days=age) for age in range((as_of - first).days + 1))
    return sorted(found)


def reads_from(bench: Workbench, plans: Iterable[ScorePlan], as_of: date) -> date:
    """The first day of the project on which anything counts for any of the plans."""
    start = bench.catalog.project.start_date
    days = (day for plan in plans for day in plan.reads_from(start, as_of).values())
    return min(days, default=as_of)


def _windows(bench: Workbench, as_of: date, plans: Sequence[ScorePlan]) -> Iterable[Window]:
    # Days that only another plan's longer window has may be missing: its own step refuses them.
    rows = window_rows(bench, plans, as_of, allow_missing=True)
    return bench.engine.windows(rows, plans, as_of, message_rows(bench, plans, as_of))


def scores_rows(
    plan: ScorePlan,
    points: pl.LazyFrame,
    people: Callable[[date], pl.LazyFrame],
    references: pl.LazyFrame | None,
    days: Sequence[date],
    guards: Mapping[date, Guard] | None = None,
    reference_people: int = 1,
    before: Callable[[date], pl.LazyFrame | None] = lambda _: None,
) -> Iterator[pl.DataFrame]:
    """`frames.SCORES`, date by date. people: see `people_on`. references: needed for a frozen relative scale
    only. guards: by date, see `guard_on`; nothing is held back without. reference_people: see `Limits`.
    before: see `bands_before`; of dates that follow each other here each stands on the one made before."""
    made: dict[date, pl.LazyFrame] = {}
    facts = sorted(column.removeprefix("profile.") for column in asked_of(plan))
    # A table that was written before it was said who is active does not have it.
    standing = by_name("person_id", "points", "active", "points_digest", require_all=False)
    for as_of in days:
        stored = points.filter(pl.col("as_of") == as_of).select(standing).collect()
        check_digest(stored.lazy(), plan, as_of)
        guard = (guards or {}).get(as_of, TRUSTED)
        histogram, in_force = None, None
        if references is not None and frozen(plan):
            since = guard.covered_from
            histogram, in_force = reference_in_force(references, plan, as_of, since, reference_people)
        known = people(as_of).select("person_id", *facts).collect()
        # In order both are merged, in half of the time that joining them by hashes took.
        given, everyone = (ascending(frame, "person_id").lazy() for frame in (stored, known))
        previous = None
        if plan.hysteresis is not None:
            previous = made.get(as_of - timedelta(days=1))
            previous = before(as_of) if previous is None else previous
        found = attach(given, everyone, plan, as_of, histogram, in_force, guard, previous).collect()
        if plan.hysteresis is not None:
            made = {as_of: found.select("person_id", "band").lazy()}
        yield found


def asked_of(plan: ScorePlan) -> frozenset[str]:
    """The facts about people that a score reads."""
    return frozenset() if plan.applies_to is None else plan.applies_to.columns


def check_coverage(
    coverage: pl.LazyFrame, plan: ScorePlan, start: date, as_of: date, until: date | None = None
) -> None:
    """Raises MeasuresMissing unless every measure of the plan was computed for every day (up to `until`) on
    which it counts and that lies in the project. A day without rows means nobody did anything only when it
    was computed."""
    wanted = days_wanted([(plan, as_of)], start).filter(pl.col("event_date") <= (until or as_of))
    missing = wanted.join(coverage, on=["event_date", "measure"], how="anti").sort("event_date").collect()
    if not missing.is_empty():
        days: Sequence[date] = missing["event_date"].unique(maintain_order=True).to_list()
        raise MeasuresMissing(
            f"score {plan.name} on {as_of} needs {missing['measure'].n_unique()} measure(s) on {len(days)} "
            f"day(s) for which they were not computed, such as {missing['measure'][0]!r} on {days[0]}. "
            f"Materialize daily_measures from {days[0]} to {days[-1]} (only what is missing is computed), "
            "then this again."
        )


def days_wanted(
    scored: Iterable[tuple[ScorePlan, date]], start: date, shadows: frozenset[str] = frozenset()
) -> pl.LazyFrame:
    """`score`, `as_of`, `measure`, `event_date`: the days on which the scores' measures count on these dates,
    and their `shadows`; start is the project's first day."""
    spans = [
        (plan.name, as_of, each, first)
        for plan, as_of in scored
        for measure, first in sorted(plan.reads_from(start, as_of).items())
        for each in (measure, measure + SHADOW)
        if each == measure or each in shadows
    ]
    schema = {"score": pl.String, "as_of": pl.Date, "measure": pl.String, "first": pl.Date}
    return (
        pl.LazyFrame(spans, schema=schema, orient="row")
        .with_columns(event_date=pl.date_ranges("first", "as_of"))
        .explode("event_date")
        .drop("first")
    )


def check_digest(points: pl.LazyFrame, plan: ScorePlan, as_of: date) -> None:
    """Raises PointsOutdated where the stored points were computed by other rules than the plan's."""
    found = points.select(
        pl.col("points_digest").filter(pl.col("points_digest") != plan.points_digest).first()
    )
    other = found.collect().item()
    if other is not None:
        raise PointsOutdated(
            f"points/{plan.name} on {as_of} were computed by version {other} of the definition, which is now "
            f"{plan.points_digest}. Materialize points/{plan.name} for {as_of}, then this again."
        )
