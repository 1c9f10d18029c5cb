"""One asset per segment: who belongs to it on the as-of date.

Here: which scores and segments a condition reads. Not here: evaluating it (`core.segments`).
"""

from datetime import date

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Segment
from engagement_pipeline.core.facts import SCORE_PARTS
from engagement_pipeline.core.segments import members, plan_segment
from engagement_pipeline.orchestration.assets.people import consent_reads
from engagement_pipeline.orchestration.assets.table import Frames, Reads, TableAsset, table_asset
from engagement_pipeline.orchestration.describe import describe_segment
from engagement_pipeline.orchestration.known import facts_on
from engagement_pipeline.orchestration.metadata import segment_definition
from engagement_pipeline.orchestration.partitions import as_of_days
from engagement_pipeline.orchestration.workbench import Workbench


def segment_asset(segment: Segment, bench: Workbench) -> dg.AssetsDefinition:
    """The segment's members by as-of date."""
    plan = plan_segment(segment, bench.catalog)
    columns = plan.where.columns

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        return pl.concat(
            [
                members(facts_on(bench.catalog, frames, columns, day), plan, day).sort("person_id")
                for day in days
            ]
        )

    return table_asset(
        TableAsset(
            table=f"segments/{segment.segment}",
            group="segments",
            description=segment.description or f"People who match the condition of {segment.segment}.",
            owner=segment.owner,
            reads=(*reads_of(columns), *consent_reads(bench.catalog, columns)),
            partitions=as_of_days(bench.catalog.project),
            code_version=bench.code_versions[f"segments/{segment.segment}"],
            definition=segment_definition(segment),
            compute=compute,
            describe=lambda staged, days: describe_segment(staged, days),
            current="memberships",
        ),
        bench,
    )


def reads_of(columns: frozenset[str]) -> tuple[Reads, ...]:
    """The tables that fill the columns of a condition, `persons` always: everyone known is judged."""
    tables = {table for column in columns if (table := _table(column)) is not None}
    return (Reads("persons"), *(Reads(table) for table in sorted(tables)))


def _table(column: str) -> str | None:
    part, _, name = column.partition(".")
    if part in SCORE_PARTS:
        return f"scores/{name}"
    return f"segments/{name}" if part == "segment" else None
