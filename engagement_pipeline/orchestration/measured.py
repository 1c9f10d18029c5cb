"""Which measures are stored for which days, and the rows of those that are missing or outdated.

Here: comparing coverage with the events, so that a new rule costs one new measure and not all of them, and
computing what is lacking. Nothing is stored and Dagster is not needed. Not here: what a measure is
(`core.measures`), the asset (`assets.measures`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import DAILY_MEASURES, MEASURE_COVERAGE
from engagement_pipeline.core.measures import Measure
from engagement_pipeline.orchestration.workbench import Workbench

MEASURES, COVERAGE = "daily_measures", "measure_coverage"


@dataclass(frozen=True)
class Work:
    """Days that lack the same measures."""

    days: tuple[str, ...]
    missing: tuple[str, ...]


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
