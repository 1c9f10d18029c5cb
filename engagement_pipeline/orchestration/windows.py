"""The rows that points are made from: which days and measures they need, and reading them.

Here: what a window holds, over which days, and what is refused because it was never measured. Nothing is
stored and Dagster is not needed. Not here: computing measures (`measured`), points and scores (`scoring`).
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.core.frames import DAILY_MESSAGES
from engagement_pipeline.core.identity import stitched, stitched_messages
from engagement_pipeline.core.measures import SHADOW
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.orchestration.known import stored_aliases
from engagement_pipeline.orchestration.measured import COVERAGE, MEASURES, MESSAGES, covered
from engagement_pipeline.orchestration.workbench import Workbench


class MeasuresMissing(Exception):  # noqa: N818  the words are what the reader sees
    """Measures that a score needs were not computed for days in its window."""


def window_tables(bench: Workbench) -> tuple[str, ...]:
    """What events give is made from."""
    more = (MESSAGES,) if bench.counts_messages else ()
    return (MEASURES, *more, "aliases") if bench.catalog.has_aliases else (MEASURES, *more)


def window_rows(
    bench: Workbench,
    plans: Sequence[ScorePlan],
    as_of: date,
    *,
    ids_on: date | None = None,
) -> pl.LazyFrame:
    """`frames.DAILY_MEASURES` of the longest window of the plans, by person as known on the date (or, to find
    out what that changed, on another one, `ids_on`): with `message_rows` the one way from what is stored to
    points. What they read is named in `window_tables`. Days that are missing are left out, for only one of
    the plans may need them: `check_coverage` knows them."""
    rows = bench.lake.scan(MEASURES, _days(bench, plans, as_of), allow_missing=True)
    needed = sorted({measure for plan in plans for measure in plan.measures})
    return stitched(rows, stored_aliases(bench), ids_on or as_of, needed)


def message_rows(
    bench: Workbench, plans: Sequence[ScorePlan], as_of: date, *, ids_on: date | None = None
) -> pl.LazyFrame | None:
    """`frames.DAILY_MESSAGES` of the same window, by person as known on the date; None where no plan counts
    messages. Days that are missing are left out here, too."""
    if not (needed := sorted({measure for plan in plans for measure in plan.message_measures})):
        return None
    if not bench.lake.exists(MESSAGES):
        return DAILY_MESSAGES.to_frame().lazy()
    rows = bench.lake.scan(MESSAGES, _days(bench, plans, as_of), allow_missing=True)
    return stitched_messages(rows, stored_aliases(bench), ids_on or as_of, needed)


def reads_from(bench: Workbench, plans: Iterable[ScorePlan], as_of: date) -> date:
    """The first day of the project on which anything counts for any of the plans."""
    start = bench.catalog.project.start_date
    days = (day for plan in plans for day in plan.reads_from(start, as_of).values())
    return min(days, default=as_of)


def _days(bench: Workbench, plans: Sequence[ScorePlan], as_of: date) -> list[str]:
    return [day.isoformat() for day in days_of(bench, plans, [as_of])]


def days_of(bench: Workbench, plans: Sequence[ScorePlan], dates: Sequence[date]) -> list[date]:
    """The days on which anything counts for any of the plans, as of any of the dates."""
    found: set[date] = set()
    for as_of in dates:
        first = reads_from(bench, plans, as_of)
        found.update(first + timedelta(days=age) for age in range((as_of - first).days + 1))
    return sorted(found)


def stored_coverage(bench: Workbench) -> pl.LazyFrame:
    """`measured.covered` of every day, read once for all scores of a run."""
    states = bench.states((COVERAGE, MEASURES, MESSAGES))
    return bench.coverage.rows(states, lambda: covered(bench).collect()).lazy()


def check_coverage(
    bench: Workbench, plan: ScorePlan, dates: Sequence[date], until: date | None = None
) -> None:
    """Raises MeasuresMissing unless every measure of the plan was computed for every day (up to `until`) on
    which it counts as of the dates and that lies in the project; of the first date that lacks any. A day
    without rows means nobody did anything only when it was computed."""
    lacking = uncovered(bench, ((plan, as_of) for as_of in dates))
    if until is not None:
        lacking = lacking.filter(pl.col("event_date") <= until)
    found = lacking.sort("as_of", "event_date").collect()
    if not found.is_empty():
        as_of = found["as_of"][0]
        missing = found.filter(pl.col("as_of") == as_of)
        days: Sequence[date] = missing["event_date"].unique(maintain_order=True).to_list()
        span = f"for {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"
        raise MeasuresMissing(
            f"score {plan.name} on {as_of} needs {missing['measure'].n_unique()} measure(s) on {len(days)} "
            f"day(s) for which they were not computed, such as {missing['measure'][0]!r} on {days[0]}. "
            f"Materialize daily_measures {span} (only what is missing is computed), then this again."
        )


def uncovered(
    bench: Workbench, scored: Iterable[tuple[ScorePlan, date]], shadows: frozenset[str] = frozenset()
) -> pl.LazyFrame:
    """What was not computed of `days_wanted`."""
    wanted = days_wanted(scored, bench.catalog.project.start_date, shadows)
    return wanted.join(stored_coverage(bench), on=["event_date", "measure"], how="anti")


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
