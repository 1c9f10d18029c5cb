"""Daily measures of every person, and which of them were computed from what.

Here: finding what is missing or outdated for the days asked for, so that a new rule costs one new measure and
not all of them. Not here: what a measure is (`core.measures`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import DAILY_MEASURES, MEASURE_COVERAGE
from engagement_pipeline.core.measures import Measure, measures_of
from engagement_pipeline.orchestration.assets.table import materialized, stored_output
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.metadata import column_schema, markdown, markdown_table
from engagement_pipeline.orchestration.partitions import event_days
from engagement_pipeline.orchestration.preview import in_ranges
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.staging import StagedTable

MEASURES, COVERAGE = "daily_measures", "measure_coverage"


@dataclass(frozen=True)
class Work:
    """Days that lack the same measures."""

    days: tuple[str, ...]
    missing: tuple[str, ...]


def measures_asset(bench: Workbench) -> dg.AssetsDefinition:
    """`daily_measures` by event day; the same step stores `measure_coverage`, a table without an asset."""
    project = bench.catalog.project
    sources = [f"events/{name}" for name in event_sources(bench.catalog)]
    measures = measures_of(bench.catalog)
    spec = dg.AssetSpec(
        asset_key(project, MEASURES),
        group_name="measures",
        description=(
            "What every person did each day, once per distinct quantity that rules read, uncapped. The table "
            f"`{COVERAGE}` says which measure was computed for which day, from which version of its events."
        ),
        kinds={"polars", "deltalake"},
        metadata={
            "dagster/table_name": MEASURES,
            "dagster/uri": bench.uri(MEASURES),
            "dagster/column_schema": column_schema(bench.table(MEASURES).schema),
            "measures": markdown(measure_table(measures)),
        },
    )

    @dg.multi_asset(
        name=MEASURES,
        outs={MEASURES: stored_output(spec)},
        deps=[asset_key(project, source) for source in sources],
        partitions_def=event_days(project),
        backfill_policy=in_ranges(),
    )
    def daily_measures(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[StagedTable]]:
        keys = list(context.partition_keys)
        inputs = bench.versions(
            [*sources, MEASURES]
        )  # what is not computed anew is read from the table itself
        versions = events_versions(bench, sources, keys)
        work = plan_work(covered(bench, keys), versions, list(measures))
        rows = compute(bench, sources, work, measures)
        staged = bench.stage(MEASURES, pl.concat(rows) if len(keys) == 1 else rows, keys, inputs)
        stored = {day: part.data_version for day, part in staged.partitions.items()}
        yield materialized(context, bench, staged, {"newly computed": markdown(work_table(work))})
        # A run killed here leaves coverage of other measures than are stored now, which counts for nothing.
        bench.lake.commit(bench.stage(COVERAGE, coverage_rows(versions, stored, measures), keys, inputs))

    return daily_measures


def event_sources(catalog: Catalog) -> list[str]:
    """Names of the sources that deliver events."""
    return [name for name, source in catalog.sources.items() if source.events]


def events_versions(bench: Workbench, sources: Sequence[str], days: Sequence[str]) -> dict[str, str]:
    """Day -> digest of what every source holds for it. A source that has nothing for a day yet counts as
    such, so the day is computed again once it has."""
    stored = {source: bench.lake.partitions(source) for source in sources}
    return {
        day: events_digest(
            {source: infos[day].data_version if day in infos else None for source, infos in stored.items()}
        )
        for day in days
    }


def events_digest(versions: Mapping[str, str | None]) -> str:
    """One digest of a day's events, from the data version of every `events/<source>`."""
    lines = (f"{source}={version or 'missing'}" for source, version in sorted(versions.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def covered(bench: Workbench, days: Sequence[str] | None = None) -> pl.LazyFrame:
    """`event_date`, `measure`, `events_version`: which measure is stored for which day. Coverage that was
    written for other content than the day's partition of `daily_measures` now holds is left out."""
    if not bench.lake.exists(COVERAGE):
        return MEASURE_COVERAGE.to_frame().lazy().drop("measures_version")
    stored = bench.lake.partitions(MEASURES)
    now = pl.LazyFrame(
        {
            "event_date": [date.fromisoformat(day) for day in stored],
            "measures_version": [info.data_version for info in stored.values()],
        },
        schema={name: MEASURE_COVERAGE[name] for name in ("event_date", "measures_version")},
    )
    rows = bench.lake.scan(COVERAGE, days, allow_missing=True)
    return rows.join(now, on=["event_date", "measures_version"], how="semi").drop("measures_version")


def plan_work(covered: pl.LazyFrame, versions: Mapping[str, str], measures: Sequence[str]) -> list[Work]:
    """The days grouped by the measures they lack, all of them where the events changed since."""
    known: dict[str, set[str]] = defaultdict(set)
    rows = covered.select("event_date", "measure", "events_version").collect()
    for day, measure, version in rows.iter_rows():
        if versions.get(day.isoformat()) == version:
            known[day.isoformat()].add(measure)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for day in versions:
        groups[tuple(name for name in measures if name not in known[day])].append(day)
    return [Work(tuple(days), missing) for missing, days in groups.items()]


def compute(
    bench: Workbench, sources: Sequence[str], work: Sequence[Work], measures: Mapping[str, Measure]
) -> Iterator[pl.DataFrame]:
    """The rows of every day of the work: what is missing from events, the rest as it is stored."""
    yield DAILY_MEASURES.to_frame()
    stored = {source: bench.lake.partitions(source) for source in sources}
    for each in work:
        kept = [name for name in measures if name not in each.missing]
        if kept:
            rows = bench.lake.scan(MEASURES, each.days).filter(pl.col("measure").is_in(kept))
            yield rows.select(DAILY_MEASURES.names()).collect()
        events = [
            bench.lake.scan(source, days)
            for source, infos in stored.items()
            if (days := [day for day in each.days if day in infos])
        ]
        if events and each.missing:
            missing = [measures[name] for name in each.missing]
            yield from bench.engine.measures(pl.concat(events, how="diagonal"), missing)


def coverage_rows(
    versions: Mapping[str, str], stored: Mapping[str, str], measures: Iterable[str]
) -> pl.DataFrame:
    """`frames.MEASURE_COVERAGE`: all measures, computed from these versions of the days' events, are in these
    versions of the days' measures."""
    rows = [
        (date.fromisoformat(day), name, version, stored[day])
        for day, version in versions.items()
        for name in measures
    ]
    return pl.DataFrame(rows, schema=MEASURE_COVERAGE, orient="row")


def measure_table(measures: Mapping[str, Measure]) -> str:
    """The catalog's measures, for the asset's page."""
    return markdown_table(
        ("measure", "events", "channels", "where", "quantity", "machine events"),
        (
            (
                each.id,
                ", ".join(each.events) or "every event",
                ", ".join(each.channels) or "all",
                each.where.sql if each.where else "",
                each.kind,
                each.machine,
            )
            for each in measures.values()
        ),
    )


def work_table(work: Sequence[Work]) -> str:
    """What a run found missing."""
    return markdown_table(
        ("days", "from", "to", "measures computed"),
        ((len(each.days), each.days[0], each.days[-1], len(each.missing)) for each in work),
    )
