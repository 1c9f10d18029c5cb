"""Three assets per score: its points, the reference a relative scale is read against, the score itself.

Here: which tables they are made from and what their pages say. Not here: their rows (`scoring`).
"""

from collections.abc import Iterable
from datetime import date

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.core.drift import drift_on
from engagement_pipeline.core.frames import REFERENCES
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.points import check_points
from engagement_pipeline.orchestration.assets.table import Frames, Reads, Second, TableAsset, table_asset
from engagement_pipeline.orchestration.describe import (
    describe_fit,
    describe_guard,
    describe_points,
    describe_reference,
    describe_scores,
    describe_unverified,
    drift_finding,
)
from engagement_pipeline.orchestration.describe_moves import describe_moves
from engagement_pipeline.orchestration.measured import MEASURES, MESSAGES
from engagement_pipeline.orchestration.metadata import score_definition
from engagement_pipeline.orchestration.partitions import as_of_days
from engagement_pipeline.orchestration.preview import Finding, day_before, lookback
from engagement_pipeline.orchestration.scoring import (
    guarded_scores,
    points_rows,
    points_tables,
    reference_rows,
    scored_from,
    unverified_on,
)
from engagement_pipeline.orchestration.standing import frozen, guard_on, of_parts
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.staging import WholePartitions
from engagement_pipeline.storage.tables import TableMissing


def score_assets(score: Score, plan: ScorePlan, bench: Workbench) -> list[dg.AssetsDefinition]:
    """Points, score, and for a frozen relative scale the reference between them."""
    found = [_points(score, plan, bench), _scores(score, plan, bench)]
    if frozen(plan):
        found.append(_references(score, plan, bench))
    return found


def by_date(rows: Iterable[pl.DataFrame], days: list[date]) -> Iterable[pl.DataFrame]:
    """Rows of several dates, a frame for each: they are stored one after the other. One date's may come in
    parts."""
    return rows if len(days) == 1 else WholePartitions(rows)


def _points(score: Score, plan: ScorePlan, bench: Workbench) -> dg.AssetsDefinition:
    window = lookback(plan.lookback)

    def compute(frames: Frames, days: list[date]) -> Iterable[pl.DataFrame]:
        return by_date(points_rows(bench, plan, days, frames.made), days)

    return table_asset(
        TableAsset(
            table=f"points/{plan.name}",
            group="scores",
            description=f"What each rule of {plan.name} gives every person, and the sum, before scaling.",
            owner=score.owner,
            reads=tuple(
                Reads(
                    table,
                    window if table == MEASURES else None,
                    loaded=False,
                    has_asset=table != MESSAGES,
                )
                for table in points_tables(bench, plan)
            ),
            partitions=as_of_days(bench.catalog.project),
            code_version=bench.code_versions[f"points/{plan.name}"],
            definition=score_definition(score),
            compute=compute,
            invariant=check_points,
            check=("contributions_sum_to_points", "Every person's contributions add up to their points."),
            describe=lambda staged, days: describe_points(staged, days),
        ),
        bench,
    )


def _references(score: Score, plan: ScorePlan, bench: Workbench) -> dg.AssetsDefinition:
    points, people = f"points/{plan.name}", _people(plan, bench)

    def latest() -> list[date]:
        newest = max(bench.lake.partitions(points), default=None)
        if newest is None:
            raise TableMissing(f"{plan.name} is fitted on its points: materialize {points} first")
        return [date.fromisoformat(newest)]

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        stored = bench.lake.scan(points, [days[0].isoformat()])
        return reference_rows(bench, plan, stored, days[0]).lazy()

    return table_asset(
        TableAsset(
            table=f"references/{plan.name}",
            group="scores",
            description=(
                f"The population that {plan.name} is read against, frozen. Materialize it to refit on "
                "the latest points; until then nobody's score moves because others moved."
            ),
            owner=score.owner,
            reads=(
                Reads(points, dg.LastPartitionMapping(), loaded=False),
                *people,
            ),
            code_version=plan.points_digest,
            days=latest,
            compute=compute,
            describe=lambda staged, days: {
                **describe_reference(staged, plan.scale),
                **describe_fit(staged, guard_on(bench, plan, days[0]), bench.catalog.project.limits),
            },
        ),
        bench,
    )


def _scores(score: Score, plan: ScorePlan, bench: Workbench) -> dg.AssetsDefinition:
    points, references = f"points/{plan.name}", f"references/{plan.name}"
    people = _people(plan, bench)

    def compute(frames: Frames, days: list[date]) -> Iterable[pl.DataFrame]:
        rows = guarded_scores(bench, plan, frames[points], frames.get(references), days)
        return by_date(rows, days)

    return table_asset(
        TableAsset(
            table=f"scores/{plan.name}",
            group="scores",
            description=f"{score.goal}\n\nEvery known person's score, band and state on the as-of date.",
            owner=score.owner,
            reads=(
                Reads(points),
                *people,
                *((Reads(references, optional=True),) if frozen(plan) else ()),
                *((Reads(f"scores/{plan.name}", day_before(), loaded=False),) if plan.hysteresis else ()),
            ),
            partitions=as_of_days(bench.catalog.project),
            code_version=bench.code_versions[f"scores/{plan.name}"],
            definition=score_definition(score),
            compute=compute,
            describe=lambda staged, days: {
                **describe_scores(staged, days, score),
                **describe_guard(of_parts(bench, plan, max(days), guard_on(bench, plan, max(days)))),
                **describe_unverified(unverified_on(bench, plan, max(days))),
                **describe_moves(bench.lake, staged, max(days), score),
            },
            second=_drift_check(plan, bench) if frozen(plan) else None,
            current="scores",
        ),
        bench,
    )


def _people(plan: ScorePlan, bench: Workbench) -> tuple[Reads, ...]:
    return tuple(Reads(table, loaded=False) for table in scored_from(bench.catalog, plan))


def _drift_check(plan: ScorePlan, bench: Workbench) -> Second:
    def judge(staged: pl.LazyFrame, days: list[date]) -> dict[str, Finding]:
        table = f"references/{plan.name}"
        references = bench.lake.scan(table) if bench.lake.exists(table) else REFERENCES.to_frame().lazy()
        by_day = ((day, staged.filter(pl.col("as_of") == day)) for day in days)
        return {day.isoformat(): drift_finding(drift_on(references, rows, plan)) for day, rows in by_day}

    return Second(
        "reference_fits_population",
        f"The people of the date are still those of the frozen reference. Where they are not, materialize "
        f"references/{plan.name}, then this again.",
        judge,
    )
