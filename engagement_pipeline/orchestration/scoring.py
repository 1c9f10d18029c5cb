"""Points and scores of as-of dates, from what is stored: the one way there, whoever asks.

Here: points from windows, references and scores from points, and points refused that other rules made.
Nothing is stored and Dagster is not needed. Not here: which rows a window holds (`windows`), the arithmetic
(`core`), the assets (`assets.scores`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import polars as pl
from polars.selectors import by_name

from engagement_pipeline.catalog.expressions import columns_of
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.measures import shadows_of
from engagement_pipeline.core.ordered import ascending
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.references import fitted
from engagement_pipeline.core.scores import TRUSTED, attach, standing
from engagement_pipeline.core.unverified import Unverified, by_day, unverified
from engagement_pipeline.engines.window import Window, points_of
from engagement_pipeline.orchestration.known import (
    asks_consents,
    known_rows,
    people_frames,
    people_on,
    people_tables,
    stored_aliases,
)
from engagement_pipeline.orchestration.measured import MEASURES, MESSAGES
from engagement_pipeline.orchestration.past import other_version
from engagement_pipeline.orchestration.standing import (
    bands_before,
    frozen,
    guards_on,
    of_parts,
    reference_in_force,
)
from engagement_pipeline.orchestration.windows import (
    check_coverage,
    days_of,
    message_rows,
    reads_from,
    stored_coverage,
    window_rows,
    window_tables,
)
from engagement_pipeline.orchestration.workbench import Workbench


def points_tables(bench: Workbench, plan: ScorePlan) -> tuple[str, ...]:
    """What the points of a score are made from: their versions go into the commit."""
    return (*(window_tables(bench) if plan.rules else ()), *people_tables(bench.catalog, plan))


class PointsOutdated(Exception):  # noqa: N818
    """Stored points belong to another version of the definition."""


def points_rows(
    bench: Workbench, plan: ScorePlan, days: Sequence[date], made: Iterable[str] = ()
) -> Iterator[pl.DataFrame]:
    """`frames.POINTS` of the dates; see `check_coverage` for what is refused. Of one date in parts, of
    several a frame each, all from one reading of their days. made: the tables that the run makes, whose
    points of one date share their reading and sums."""
    if len(days) == 1:
        windows = _shared_windows(bench, plan, days[0], made)
        yield from points_of(windows, plan, known_rows(bench, plan, days[0]), days[0])
        return
    for as_of, of_date in _windows_by_date(bench, plan, sorted(days)):
        yield pl.concat(points_of(of_date, plan, known_rows(bench, plan, as_of), as_of))


def _shared_windows(bench: Workbench, plan: ScorePlan, as_of: date, made: Iterable[str]) -> Iterator[Window]:
    """One date's, shared with the other scores that the run makes."""
    if not plan.rules:
        return
    run = [each for each in bench.plans.values() if each.rules and f"points/{each.name}" in made]
    key = (as_of, *bench.states(window_tables(bench)))
    check_coverage(bench, plan, [as_of])
    yield from bench.shared.windows(key, plan, run, partial(_windows, bench, as_of))


def _windows_by_date(
    bench: Workbench, plan: ScorePlan, days: Sequence[date]
) -> Iterator[tuple[date, Iterable[Window]]]:
    """Of ascending dates, from one reading. Not shared with other scores: a step makes all dates before the
    next step makes any, and that would be too much to keep."""
    if not plan.rules:
        yield from ((as_of, []) for as_of in days)
        return
    check_coverage(bench, plan, days)
    needed = [as_of.isoformat() for as_of in days_of(bench, [plan], days)]
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

    totals = bench.totals.rows((as_of, *bench.states(tables)), compute).lazy()
    shadows = shadows_of(bench.catalog)
    return unverified(totals, stored_coverage(bench), plan, shadows, project.start_date, as_of)


def _windows(bench: Workbench, as_of: date, plans: Sequence[ScorePlan]) -> Iterable[Window]:
    rows, said = window_rows(bench, plans, as_of), message_rows(bench, plans, as_of)
    return bench.engine.windows(rows, plans, as_of, said)


def scored_people(bench: Workbench, plan: ScorePlan, as_of: date) -> pl.DataFrame:
    """`person_id`, ascending, and the facts that the score asks for, of everyone known on the date. Read once
    for all scores of a run that ask for the same."""
    asked = columns_of(plan.applies_to)

    def read() -> pl.DataFrame:
        facts = sorted(column.removeprefix("profile.") for column in asked)
        known = people_on(bench.catalog, people_frames(bench), asked, as_of)
        return ascending(known.select("person_id", *facts).collect(), "person_id")

    return bench.people.rows((as_of, asked, *bench.states(scored_from(bench.catalog, plan))), read)


def scored_from(catalog: Catalog, plan: ScorePlan) -> tuple[str, ...]:
    """The tables about people that `scored_people` reads."""
    return ("persons", "consents") if asks_consents(catalog, columns_of(plan.applies_to)) else ("persons",)


def reference_rows(bench: Workbench, plan: ScorePlan, points: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """`frames.REFERENCES` fitted on the date's people, in force from then on. points: `frames.POINTS` of the
    date. Raises PointsOutdated."""
    check_digest(points, plan, as_of)
    everyone = scored_people(bench, plan, as_of).lazy()
    known = standing(points, everyone, plan.applies_to, plan.parts.needed)
    return fitted(known, plan.scale.population, plan.points_digest, as_of)


def guarded_scores(
    bench: Workbench,
    plan: ScorePlan,
    points: pl.LazyFrame,
    references: pl.LazyFrame | None,
    days: Sequence[date],
) -> Iterator[pl.DataFrame]:
    """`scores_rows` of the dates, held back where sources or parts are. points and references: what is
    stored."""
    return scores_rows(
        plan,
        points,
        partial(scored_people, bench, plan),
        references,
        days,
        {day: of_parts(bench, plan, day, each) for day, each in guards_on(bench, plan, days).items()},
        bench.catalog.project.limits.reference_people,
        partial(bands_before, bench, plan),
    )


def scores_rows(
    plan: ScorePlan,
    points: pl.LazyFrame,
    people: Callable[[date], pl.DataFrame],
    references: pl.LazyFrame | None,
    days: Sequence[date],
    guards: Mapping[date, Guard] | None = None,
    reference_people: int = 1,
    before: Callable[[date], pl.LazyFrame | None] = lambda _: None,
) -> Iterator[pl.DataFrame]:
    """`frames.SCORES`, date by date. people: see `scored_people`. references: needed for a frozen relative
    scale only. guards: by date, see `guard_on`; nothing is held back without. reference_people: see `Limits`.
    before: see `bands_before`; of dates that follow each other here each stands on the one made before."""
    made: dict[date, pl.LazyFrame] = {}
    # A table that was written before it was said who is active does not have it.
    counted = by_name("person_id", "points", "active", "points_digest", require_all=False)
    for as_of in days:
        stored = points.filter(pl.col("as_of") == as_of).select(counted).collect()
        check_digest(stored.lazy(), plan, as_of)
        guard = (guards or {}).get(as_of, TRUSTED)
        histogram, in_force = None, None
        if references is not None and frozen(plan):
            since = guard.covered_from
            histogram, in_force = reference_in_force(references, plan, as_of, since, reference_people)
        # In order both are merged, in half of the time that joining them by hashes took.
        given, everyone = ascending(stored, "person_id").lazy(), people(as_of).lazy()
        previous = None
        if plan.hysteresis is not None:
            previous = made.get(as_of - timedelta(days=1))
            previous = before(as_of) if previous is None else previous
        found = attach(given, everyone, plan, as_of, histogram, in_force, guard, previous).collect()
        if plan.hysteresis is not None:
            made = {as_of: found.select("person_id", "band").lazy()}
        yield found


def check_digest(points: pl.LazyFrame, plan: ScorePlan, as_of: date) -> None:
    """Raises PointsOutdated where the stored points were computed by other rules than the plan's."""
    if (other := other_version(points, "points_digest", plan.points_digest)) is not None:
        raise PointsOutdated(
            f"points/{plan.name} on {as_of} were computed by version {other} of the definition, which is now "
            f"{plan.points_digest}. Materialize points/{plan.name} for {as_of}, then this again."
        )
