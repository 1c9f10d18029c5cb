"""Which measures are stored for which days, and the rows of those that are missing or outdated.

Here: comparing coverage with the events, so that a new rule costs one new measure and not all of them, and
computing what is lacking. Nothing is stored and Dagster is not needed. Not here: what a measure is
(`core.measures`), the asset (`assets.measures`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import DAILY_MEASURES, DAILY_MESSAGES, MEASURE_COVERAGE
from engagement_pipeline.core.measures import Measure
from engagement_pipeline.orchestration.wanted import Wanted
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.staging import StagedTable

MEASURES, MESSAGES, COVERAGE = "daily_measures", "daily_messages", "measure_coverage"


@dataclass(frozen=True)
class Work:
    """Days that lack the same measures."""

    days: tuple[str, ...]
    missing: tuple[str, ...]
    """Those to be computed."""
    left: tuple[str, ...] = ()
    """Those that are missing and stay so, for nobody asked for them."""


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


def keeps_messages(bench: Workbench) -> bool:
    """Whether the table of messages is written: also where no rule counts them any more, to empty it."""
    return bench.counts_messages or bench.lake.exists(MESSAGES)


def measures_version(daily: str, messages: str | None) -> str:
    """What stands for a day's measures in coverage, of the data versions of the day in both tables."""
    return daily if messages is None else f"{daily}+{messages}"


def stored_versions(bench: Workbench) -> dict[str, str]:
    """Day -> `measures_version`, as stored now."""
    messages = {day: info.data_version for day, info in bench.lake.partitions(MESSAGES).items()}
    return {
        day: measures_version(info.data_version, messages.get(day))
        for day, info in bench.lake.partitions(MEASURES).items()
    }


def versions_of(staged: Mapping[str, StagedTable]) -> dict[str, str]:
    """Day -> `measures_version`, of what is about to be stored."""
    messages = staged[MESSAGES].partitions if MESSAGES in staged else {}
    return {
        day: measures_version(part.data_version, messages[day].data_version if day in messages else None)
        for day, part in staged[MEASURES].partitions.items()
    }


def covered(bench: Workbench, days: Sequence[str] | None = None) -> pl.LazyFrame:
    """`event_date`, `measure`, `events_version`: which measure is stored for which day. Coverage that was
    written for other content than the day's partitions of `daily_measures` and `daily_messages` now hold is
    left out."""
    if not bench.lake.exists(COVERAGE):
        return MEASURE_COVERAGE.to_frame().lazy().drop("measures_version")
    stored = stored_versions(bench)
    now = pl.LazyFrame(
        {
            "event_date": [date.fromisoformat(day) for day in stored],
            "measures_version": list(stored.values()),
        },
        schema={name: MEASURE_COVERAGE[name] for name in ("event_date", "measures_version")},
    )
    rows = bench.lake.scan(COVERAGE, days, allow_missing=True)
    return rows.join(now, on=["event_date", "measures_version"], how="semi").drop("measures_version")


def plan_work(
    covered: pl.LazyFrame, versions: Mapping[str, str], measures: Sequence[str], wanted: Wanted | None = None
) -> list[Work]:
    """The days grouped by the measures they lack, all of them where the events changed since. wanted: of days
    whose events did not, only what counts on them is computed; a day whose events are read for the first time
    has everything, which costs little then."""
    known: dict[str, set[str]] = defaultdict(set)
    rows = covered.select("event_date", "measure", "events_version").collect()
    for day, measure, version in rows.iter_rows():
        if versions.get(day.isoformat()) == version:
            known[day.isoformat()].add(measure)
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for day in versions:
        lacking = [name for name in measures if name not in known[day]]
        left: list[str] = []
        if wanted is not None and known[day]:
            left = [name for name in lacking if not wanted.on(name, date.fromisoformat(day))]
        groups[tuple(name for name in lacking if name not in left), tuple(left)].append(day)
    return [Work(tuple(days), missing, left) for (missing, left), days in groups.items()]


def compute(
    bench: Workbench,
    sources: Sequence[str],
    work: Sequence[Work],
    measures: Mapping[str, Measure],
    table: str = MEASURES,
) -> Iterator[pl.DataFrame]:
    """The rows of every day of the work, of `daily_measures` or of `daily_messages`: what is missing from
    events, the rest as it is stored."""
    schema, made = {
        MEASURES: (DAILY_MEASURES, bench.engine.measures),
        MESSAGES: (DAILY_MESSAGES, bench.engine.messages),
    }[table]
    measures = {
        name: each for name, each in measures.items() if (each.kind == "messages") == (table == MESSAGES)
    }
    yield schema.to_frame()
    stored = {source: bench.lake.partitions(source) for source in sources}
    for each in work:
        kept = [name for name in measures if name not in each.missing and name not in each.left]
        if kept:
            rows = bench.lake.scan(table, each.days).filter(pl.col("measure").is_in(kept))
            if table == MESSAGES:  # where an erasure took a name out of their ids, two may have become one
                rows = rows.drop_nulls().unique()
            yield rows.select(schema.names()).collect()
        events = [
            bench.lake.scan(source, days)
            for source, infos in stored.items()
            if (days := [day for day in each.days if day in infos])
        ]
        missing = [measure for name, measure in measures.items() if name in each.missing]
        if events and missing:
            yield from made(pl.concat(events, how="diagonal"), missing)


def coverage_of(
    work: Sequence[Work], versions: Mapping[str, str], stored: Mapping[str, str], measures: Collection[str]
) -> pl.DataFrame:
    """See `coverage_rows`, of work that was done: all of these measures but those that were left."""
    return pl.concat(
        coverage_rows(
            {day: versions[day] for day in each.days},
            stored,
            [name for name in measures if name not in each.left],
        )
        for each in work
    )


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
