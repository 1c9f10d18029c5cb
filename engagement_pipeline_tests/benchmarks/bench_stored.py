"""The run that stores its tables, beside the one in memory; and a new day beside the whole history.

Run `python -m engagement_pipeline_tests.benchmarks.bench_stored [--events 1000000] [--buckets 1 4]
[--repeat 3]`. Events lie in Delta, 60 days of them and one more. Stages are those of the assets, with the
functions of the assets: `daily_measures` in runs of as many days as a backfill takes, then persons, then
points and scores of every definition, each validated, digested, staged and committed. Left out is what
Dagster itself adds: a second or so a run. Every part runs in a process of its own, so that its peak memory
is its own.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.points import check_points
from engagement_pipeline.orchestration.assets.people import persons_rows
from engagement_pipeline.orchestration.measured import (
    COVERAGE,
    MEASURES,
    compute,
    coverage_rows,
    covered,
    events_versions,
    plan_work,
)
from engagement_pipeline.orchestration.preview import in_ranges
from engagement_pipeline.orchestration.scoring import points_rows, scored_people, scores_rows
from engagement_pipeline.orchestration.windows import window_tables
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.benchmarks import contenders
from engagement_pipeline_tests.benchmarks.data import FIRST, completed, generate
from engagement_pipeline_tests.benchmarks.measured import clock, in_a_process, peak_gb

HERE = Path(__file__).parent
HISTORY = 60
EVENTS = "events/shop"

Figures = dict[str, float]
"""`seconds`, `cpu` (processor seconds) and `peak_gb` (of the process)."""
Stages = dict[str, Figures]
Ratio = tuple[float, float]
"""By the clock, and of processor seconds."""
GOALS = {f"measures of the new day to all {HISTORY}": 0.03, "score run of the new day to all": 0.3}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[20_000_000])
    parser.add_argument("--buckets", type=int, nargs="+", default=[1, 4], help="of the engine, one run each")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the ratios' medians are taken")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.part:
        found = PARTS[given.part](given.folder, given.events[0], given.buckets[0])
        print(json.dumps(found))
        return
    for count in given.events:
        _compare(count, given.buckets, given.repeat)


def _compare(count: int, buckets: Sequence[int], repeat: int) -> None:
    catalog = load_catalog(HERE / "catalog_10")
    print(f"\n{count:,} events on {HISTORY} days, {len(catalog.scores)} scores", end="")
    print(f" over {len(measures_of(catalog)) - 1} distinct measures; and one day more")
    print(f"  {'':34}{'seconds':>9}{'cpu s':>9}{'peak GB':>9}")
    with tempfile.TemporaryDirectory() as root:
        events = Path(root) / "events"

        def part(name: str, folder: Path, bucket: int = 1) -> Figures:
            given = [
                "--part",
                name,
                "--folder",
                str(folder),
                "--events",
                str(count),
                "--buckets",
                str(bucket),
            ]
            found: Figures = in_a_process(name, __spec__.name, given)
            return found

        part("events", events)
        memory = part("memory", events)
        _line("in memory, nothing stored", memory)
        for bucket in buckets:
            found: list[dict[str, Ratio]] = []
            for turn in range(repeat):
                folder = Path(root) / f"with_{bucket}_{turn}"
                shutil.copytree(events, folder)
                runs = []
                for when in ("all", "day"):
                    runs.append({stage: part(f"{when} {stage}", folder, bucket) for stage in STAGES})
                    title = f"all {HISTORY} days" if when == "all" else "the new day"
                    for stage, figures in runs[-1].items():
                        _line(f"{title}: {stage}", figures)
                    _line(f"{title}: together", _together(runs[-1]))
                found.append(_ratios(*runs, memory))
                _told(f"ratios with {bucket} bucket(s)", found[-1])
                shutil.rmtree(folder)
            if repeat > 1:  # a machine's speed changes within a run
                _told(
                    f"medians of {repeat} runs",
                    {name: _median([each[name] for each in found]) for name in found[0]},
                )


def _ratios(history: Stages, day: Stages, memory: Figures) -> dict[str, Ratio]:
    return {
        "stored to in memory": _ratio(_together(history), memory),
        f"measures of the new day to all {HISTORY}": _ratio(day["measures"], history["measures"]),
        "score run of the new day to all": _ratio(_together(day), _together(history)),
    }


def _ratio(part: Figures, whole: Figures) -> Ratio:
    return part["seconds"] / whole["seconds"], part["cpu"] / whole["cpu"]


def _median(ratios: Sequence[Ratio]) -> Ratio:
    return median(seconds for seconds, _ in ratios), median(cpu for _, cpu in ratios)


def _told(title: str, ratios: Mapping[str, Ratio]) -> None:
    print(f"  {title:34}{'seconds':>9}{'cpu s':>9}")
    for name, (seconds, cpu) in ratios.items():
        goal = f"   goal: below {GOALS[name]:g}" if name in GOALS else ""
        print(f"    {name:32}{seconds:9.3f}{cpu:9.3f}{goal}", flush=True)


def _line(title: str, figures: Figures) -> None:
    print(f"  {title:34}{figures['seconds']:9.2f}{figures['cpu']:9.2f}{figures['peak_gb']:9.2f}", flush=True)


def _together(stages: Stages) -> Figures:
    """Of the score run: persons are made with events, not with scores."""
    run = [figures for stage, figures in stages.items() if stage != "persons"]
    total = {name: sum(figures[name] for figures in run) for name in ("seconds", "cpu")}
    return total | {"peak_gb": max(figures["peak_gb"] for figures in run)}


# --- the parts, each in a process of its own ---------------------------------------------------------


def _events(folder: Path, count: int, buckets: int) -> None:
    """Stores the events of all days."""
    bench = _bench(folder, buckets)
    events = generate(count * (HISTORY + 1) // HISTORY, HISTORY + 1)
    for (day,), rows in events.sort("event_date").partition_by("event_date", as_dict=True).items():
        bench.lake.commit(bench.stage(EVENTS, completed(rows, bench.catalog), [str(day)]))


def _memory(folder: Path, count: int, buckets: int) -> Figures:
    bench = _bench(folder, buckets)
    columns = ["person_id", "event_date", "event", "category", "value", "is_machine"]
    events = bench.lake.scan(EVENTS, _days(0, HISTORY)).select(columns).collect()
    people = events.select("person_id").unique()
    with clock() as spent:
        contenders.library(events, people, bench.catalog, _last(_days(0, HISTORY)))
    return {**vars(spent), "peak_gb": peak_gb()}


def _stage(
    folder: Path, count: int, buckets: int, run: Callable[[Workbench, list[str]], None], days: list[str]
) -> Figures:
    bench = _bench(folder, buckets)
    os.sync()  # no stage pays for what the one before left to be written
    with clock() as spent:
        run(bench, days)
    return {**vars(spent), "peak_gb": peak_gb()}


def _measures(bench: Workbench, days: list[str]) -> None:
    measures = measures_of(bench.catalog)
    size = in_ranges().max_partitions_per_run or len(days)
    for start in range(0, len(days), size):
        keys = days[start : start + size]
        inputs, versions = bench.versions([EVENTS]), events_versions(bench, [EVENTS], keys)
        work = plan_work(covered(bench, keys), versions, list(measures))
        rows = compute(bench, [EVENTS], work, measures)
        staged = bench.stage(MEASURES, pl.concat(rows) if len(keys) == 1 else rows, keys, inputs)
        stored = {day: info.data_version for day, info in bench.lake.commit(staged).partitions.items()}
        bench.lake.commit(bench.stage(COVERAGE, coverage_rows(versions, stored, measures), keys, inputs))


def _persons(bench: Workbench, days: list[str]) -> None:
    inputs = bench.versions([MEASURES])
    bench.lake.commit(bench.stage("persons", persons_rows(bench, {}), inputs=inputs))


def _points(bench: Workbench, days: list[str]) -> None:
    as_of, made = _last(days), {f"points/{name}" for name in bench.plans}
    for plan in bench.plans.values():
        inputs = bench.versions(window_tables(bench))
        rows = points_rows(bench, plan, [as_of], made)
        bench.lake.commit(
            bench.stage(f"points/{plan.name}", rows, [as_of.isoformat()], inputs, invariant=check_points)
        )


def _scores(bench: Workbench, days: list[str]) -> None:
    as_of = _last(days)
    for plan in bench.plans.values():
        points = f"points/{plan.name}"
        inputs = bench.versions([points, "persons"])
        stored = bench.lake.scan(points, [as_of.isoformat()])
        rows = scores_rows(plan, stored, partial(scored_people, bench, plan), None, [as_of])
        bench.lake.commit(bench.stage(f"scores/{plan.name}", rows, [as_of.isoformat()], inputs))


def _bench(folder: Path, buckets: int) -> Workbench:
    catalog = load_catalog(HERE / "catalog_10")
    engine = catalog.project.engine.model_copy(update={"buckets": buckets})
    project = catalog.project.model_copy(update={"engine": engine})
    database = f"sqlite:///{folder}/engagement.db"
    folder.mkdir(exist_ok=True)
    return Workbench(
        catalog.model_copy(update={"project": project}),
        Settings(str(folder / "tables"), database, folder / "landing", folder / "exports"),
    )


def _days(start: int, end: int) -> list[str]:
    return [(FIRST + timedelta(days=day)).isoformat() for day in range(start, end)]


def _last(days: Sequence[str]) -> date:
    return date.fromisoformat(days[-1])


STAGES = {"measures": _measures, "persons": _persons, "points": _points, "scores": _scores}
PARTS: dict[str, Callable[[Path, int, int], Figures | None]] = {
    "events": _events,
    "memory": _memory,
    **{
        f"{when} {stage}": partial(_stage, run=run, days=days)
        for when, days in (("all", _days(0, HISTORY)), ("day", _days(HISTORY, HISTORY + 1)))
        for stage, run in STAGES.items()
    },
}

if __name__ == "__main__":
    main()
