"""Scores: everyone known on an as-of date, with points, score, band and state.

Here: who gets a row and in which state, and attaching the scale. Not here: the scales (`scales`) and fitting
references (`references`).
"""

from datetime import date

import polars as pl

from engagement_pipeline.catalog.expressions import Condition, columns_of
from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.facts import profile_facts
from engagement_pipeline.core.frames import SCORES
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.references import fit
from engagement_pipeline.core.scales import banded, scaled
from engagement_pipeline.core.words import STATE

TRUSTED = Guard()
LIVE = "live"
"""What stands in `reference` for a population that was fitted on the same date."""


def standing(
    points: pl.LazyFrame, people: pl.LazyFrame, applies_to: Condition | None, needs_parts: bool = False
) -> pl.LazyFrame:
    """`person_id`, `points` (Int64), `state` (`words.STATE`) of everyone: `unscored` (does not apply, null
    points), `inactive` (nothing found in the window: 0 points, or those that people have without doing
    anything) or `scored`.

    points: `person_id`, `points` and, unless all of them are, `active` of one score and date. people:
    `people.as_of` the same date; somebody with points who is missing there is known all the same, without a
    profile. needs_parts: of a composite whose points are only of those who have its parts; the others are
    unscored.
    """
    needed = columns_of(applies_to)
    columns = [name for name in ("person_id", "points", "active") if name in points.collect_schema()]
    known = profile_facts(people, needed).join(
        points.select(columns), on="person_id", how="full", coalesce=True
    )
    applies = pl.lit(value=True) if applies_to is None else applies_to.expr.fill_null(value=False)
    if needs_parts:
        applies &= pl.col("points").is_not_null()
    found = pl.col("points").is_not_null()
    if "active" in columns:
        found &= pl.col("active").fill_null(value=True)  # of those stored before it was said
    return known.select(
        "person_id",
        pl.when(applies).then(pl.col("points").fill_null(0)).alias("points"),
        pl.when(~applies)
        .then(pl.lit("unscored", dtype=STATE))
        .when(found)
        .then(pl.lit("scored", dtype=STATE))
        .otherwise(pl.lit("inactive", dtype=STATE))
        .alias("state"),
    )


def attach(
    points: pl.LazyFrame,
    people: pl.LazyFrame,
    plan: ScorePlan,
    as_of: date,
    histogram: pl.LazyFrame | None = None,
    version: str | None = None,
    guard: Guard = TRUSTED,
    previous: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """`frames.SCORES` of one score and date, but for `state`, `band`, `reference` and `definition`, which are
    Enums: a row per known person, in no order.

    points, people: as in `standing`. histogram, version: the frozen reference in force. Without one, and
    while the window is not covered, a relative scale is read against the population of this very date and
    `reference` says `live`. guard: see `coverage.coverage_guard`. previous: `person_id` and `band` of the day
    before by the same definition, for a score with hysteresis; who has none there lies in the plain band.

    Points, score and band are what they are; the state is the first that fits: `unscored`; `stale`, on a
    date on which a needed source lacks days; `provisional`, while the window is not covered, and of the
    scored while a frozen reference is lacking; `inactive`; `scored`.
    """
    known = standing(points, people, plan.applies_to, plan.parts.needed)
    reference, provisional = version, False
    if not plan.scale.needs_reference:
        histogram, reference = None, None
    elif histogram is None or plan.scale.reference == "live" or guard.provisional:
        known = known.collect().lazy()  # read twice, and in order
        histogram, reference = fit(known, plan.scale.population).collect().lazy(), LIVE
        provisional = plan.scale.reference == "frozen"
    state = pl.col("state")
    if guard.stale:
        state = state.replace({"scored": "stale", "inactive": "stale"})
    elif guard.provisional:
        state = state.replace({"scored": "provisional", "inactive": "provisional"})
    elif provisional:  # who did nothing did nothing, whatever reference that is read against
        state = state.replace({"scored": "provisional"})
    found, before = scaled(known, plan.scale, histogram), None
    if plan.hysteresis is not None and previous is not None:
        before = "band before"
        lain = previous.select("person_id", pl.col("band").alias(before))
        found = found.join(lain, on="person_id", how="left", maintain_order="left")
    return found.with_columns(
        banded(plan.bands, plan.hysteresis, before),
        state,
        pl.lit(as_of, dtype=pl.Date).alias("as_of"),
        pl.lit(reference, dtype=pl.Enum([] if reference is None else [reference])).alias("reference"),
        pl.lit(plan.definition, dtype=pl.Enum([plan.definition])).alias("definition"),
    ).select(SCORES.names())
