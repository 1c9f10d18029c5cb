"""Daily measures of every person, and which of them were computed from what.

Here: the asset and its page. Not here: what is missing and its rows (`measured`), what a measure is
(`core.measures`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.core.measures import Measure, measures_of
from engagement_pipeline.orchestration.assets.table import materialized, stored_output
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.measured import (
    COVERAGE,
    MEASURES,
    MESSAGES,
    Work,
    compute,
    coverage_of,
    covered,
    event_sources,
    events_versions,
    keeps_messages,
    plan_work,
    versions_of,
)
from engagement_pipeline.orchestration.metadata import column_schema, markdown, markdown_table
from engagement_pipeline.orchestration.partitions import event_days
from engagement_pipeline.orchestration.preview import in_ranges
from engagement_pipeline.orchestration.wanted import wanted_for
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.staging import StagedTable

AS_OF = "as_of"
AS_OF_MEANS = (
    "As-of dates: of days that are measured already and whose events did not change, only what scores read "
    "as of these dates is computed. Without it everything that is missing is."
)


def only_as_of(dates: Iterable[date]) -> dict[str, Any]:
    """The configuration of the step that says so, by name of step."""
    return {MEASURES: {"config": {AS_OF: [day.isoformat() for day in dates]}}}


def measures_asset(bench: Workbench) -> dg.AssetsDefinition:
    """`daily_measures` by event day; the same step stores `daily_messages` where a rule counts messages, and
    `measure_coverage`: tables without an asset."""
    project = bench.catalog.project
    sources = [f"events/{name}" for name in event_sources(bench.catalog)]
    measures = measures_of(bench.catalog)
    spec = dg.AssetSpec(
        asset_key(project, MEASURES),
        group_name="measures",
        description=(
            "What every person did each day, once per distinct quantity that rules read, uncapped. The table "
            f"`{COVERAGE}` says which measure was computed for which day, from which version of its events; "
            f"`{MESSAGES}` holds the messages behind rules that count each of them once."
        ),
        kinds={"polars", "deltalake"},
        metadata={
            "dagster/table_name": MEASURES,
            "dagster/uri": bench.uri(MEASURES),
            "dagster/column_schema": column_schema(bench.table(MEASURES)),
            "measures": markdown(measure_table(measures)),
        },
    )

    @dg.multi_asset(
        name=MEASURES,
        outs={MEASURES: stored_output(spec)},
        deps=[asset_key(project, source) for source in sources],
        partitions_def=event_days(project),
        backfill_policy=in_ranges(),
        config_schema={AS_OF: dg.Field([str], is_required=False, description=AS_OF_MEANS)},
    )
    def daily_measures(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[StagedTable]]:
        keys = list(context.partition_keys)
        tables = [MEASURES, MESSAGES] if keeps_messages(bench) else [MEASURES]
        # What is not computed anew is read from the tables themselves.
        inputs = bench.versions([*sources, *tables])
        versions = events_versions(bench, sources, keys)
        dates = [date.fromisoformat(day) for day in context.op_execution_context.op_config.get(AS_OF, ())]
        wanted = wanted_for(bench.catalog, bench.plans, dates) if dates else None
        work = plan_work(covered(bench, keys), versions, list(measures), wanted)
        staged = {}
        for table in tables:
            rows = compute(bench, sources, work, measures, table)
            staged[table] = bench.stage(table, pl.concat(rows) if len(keys) == 1 else rows, keys, inputs)
        stored = versions_of(staged)
        for table in tables[1:]:
            bench.lake.commit(staged[table])
        yield materialized(context, bench, staged[MEASURES], {"newly computed": markdown(work_table(work))})
        # A run killed here leaves coverage of other measures than are stored now, which counts for nothing.
        made = coverage_of(work, versions, stored, measures)
        bench.lake.commit(bench.stage(COVERAGE, made, keys, inputs))

    return daily_measures


def measure_table(measures: Mapping[str, Measure]) -> str:
    """The catalog's measures, for the asset's page."""
    return markdown_table(
        ("measure", "events", "channels", "where", "quantity", "machine events"),
        (
            (
                each.id,
                ", ".join(each.events) or " but ".join(["every event", *each.without]),
                ", ".join(each.channels) or "all",
                each.where.sql if each.where else "",
                quantity_of(each),
                each.machine,
            )
            for each in measures.values()
        ),
    )


def quantity_of(measure: Measure) -> str:
    """What is added up, in words."""
    bounds = {"in": measure.unit, "at least": measure.floor, "at most": measure.ceiling}
    said = [f"{word} {value}" for word, value in bounds.items() if value is not None]
    return " ".join([measure.kind, *said])


def work_table(work: Sequence[Work]) -> str:
    """What a run found missing."""
    return markdown_table(
        ("days", "from", "to", "measures computed"),
        ((len(each.days), each.days[0], each.days[-1], len(each.missing)) for each in work),
    )
