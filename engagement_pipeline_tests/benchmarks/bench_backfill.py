"""A range of as-of dates of a score in one pass, beside as many dates one by one.

Run `python -m engagement_pipeline_tests.benchmarks.bench_backfill [--events 2000000] [--dates 90]`. Stored
measures of a window more than the dates, then the points of a score with decay and 90 days of window: all
dates in one range, the same dates in runs of 30, and each date by itself, through the functions of the asset,
staged, validated, digested and committed. What Dagster adds to each run is left out. Every way runs in a
process of its own; all must store the same rows, or the run fails.
"""

import argparse
import hashlib
import json
import tempfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.points import check_points
from engagement_pipeline.orchestration.assets.scores import by_date
from engagement_pipeline.orchestration.measured import (
    COVERAGE,
    MEASURES,
    coverage_rows,
    events_versions,
)
from engagement_pipeline.orchestration.scoring import points_rows
from engagement_pipeline.orchestration.windows import window_tables
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.benchmarks.data import FIRST, generate
from engagement_pipeline_tests.benchmarks.measured import clock, in_a_process, peak_gb

HERE = Path(__file__).parent
WINDOW = 90
SCORE = Score.model_validate(
    {
        "score": "backfilled",
        "goal": "A score to backfill",
        "owner": "team:benchmark",
        "window": f"{WINDOW}d",
        "decay": {"half_life": "30d"},
        "rules": [
            {"event": "email_opened", "weight": 3, "machine": "exclude", "cap": {"per_day": 1}},
            {"event": "email_clicked", "weight": 5},
            {"event": "page_view", "weight": 1, "cap": {"per_day": 3}},
            {"event": "order_completed", "weight": 1, "per": 10},
        ],
        "scale": {"method": "points"},
        "bands": {"low": [None, 10], "high": [10, None]},
    }
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--dates", type=int, default=90)
    parser.add_argument("--buckets", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--runs", type=int, nargs="+", help="dates per run; by default all, 30 and 1")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.folder:
        print(json.dumps(_part(given.folder, given.buckets[0], given.dates, given.runs)))
        return
    with tempfile.TemporaryDirectory() as folder:

        def part(doing: str, buckets: int, size: int) -> dict[str, float | str]:
            options = ["--folder", folder, "--events", given.events, "--dates", given.dates]
            more = ["--buckets", buckets, "--runs", size]
            found: dict[str, float | str] = in_a_process(
                doing, __spec__.name, [str(o) for o in options + more]
            )
            return found

        _store(Path(folder), given.events, given.dates)
        print(f"\n{given.events:,} events on {WINDOW + given.dates - 1} days, {given.dates} as-of dates")
        print(f"  {'':40}{'seconds':>9}{'cpu s':>9}{'peak GB':>9}")
        for buckets in given.buckets:
            results = {}
            for size in given.runs or sorted({given.dates, min(30, given.dates), 1}, reverse=True):
                title = f"{buckets} bucket(s), {size} date(s) a run"
                found = results[size] = part(title, buckets, size)
                print(
                    f"  {title:40}{found['seconds']:9.2f}{found['cpu']:9.2f}{found['peak_gb']:9.2f}",
                    flush=True,
                )
            if len({each["digest"] for each in results.values()}) > 1:
                raise SystemExit("what is stored depends on how many dates a run has")


def _store(folder: Path, count: int, dates: int) -> None:
    """Measures as they would be computed, without their events: those are no part of it."""
    bench = _bench(folder, 1)
    measures = measures_of(bench.catalog)
    events = generate(count, WINDOW + dates - 1).lazy()
    days = [(FIRST + timedelta(days=day)).isoformat() for day in range(WINDOW + dates - 1)]
    versions = events_versions(bench, [], days)
    for start in range(0, len(days), 30):
        keys = days[start : start + 30]
        ends = [date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])]
        within = events.filter(pl.col("event_date").is_between(*ends))
        rows = bench.engine.measures(within, list(measures.values()))
        commit = bench.lake.commit(bench.stage(MEASURES, rows, keys))
        stored = {day: info.data_version for day, info in commit.partitions.items()}
        covered = coverage_rows({day: versions[day] for day in keys}, stored, measures)
        bench.lake.commit(bench.stage(COVERAGE, covered, keys))


def _part(folder: Path, buckets: int, dates: int, runs: list[int]) -> dict[str, float | str]:
    bench, (size,) = _bench(folder, buckets), runs
    plan = bench.plans[SCORE.score]
    days = [FIRST + timedelta(days=WINDOW - 1 + day) for day in range(dates)]
    table, versions = f"points/{plan.name}", dict[str, str]()
    with clock() as spent:
        for start in range(0, dates, size):
            some = days[start : start + size]
            inputs = bench.versions(window_tables(bench))
            rows = by_date(points_rows(bench, plan, some), some)
            keys = [day.isoformat() for day in some]
            staged = bench.stage(table, rows, keys, inputs, invariant=check_points)
            versions |= {key: each.data_version for key, each in staged.partitions.items()}
            bench.lake.commit(staged)
    digest = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()
    return {**vars(spent), "peak_gb": peak_gb(), "digest": digest}


def _bench(folder: Path, buckets: int) -> Workbench:
    catalog = load_catalog(HERE / "catalog_10")
    engine = catalog.project.engine.model_copy(update={"buckets": buckets})
    days = {"start_date": FIRST, "end_date": FIRST + timedelta(days=1000)}
    project = catalog.project.model_copy(update={"engine": engine, **days})
    return Workbench(
        catalog.model_copy(update={"project": project, "scores": {SCORE.score: SCORE}}),
        Settings(str(folder / "tables"), f"sqlite:///{folder}/e.db", folder / "landing", folder / "exports"),
    )


if __name__ == "__main__":
    main()
