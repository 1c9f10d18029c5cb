"""Scores of generated events, in memory: the library beside a hand-written polars query, DuckDB and pandas.

Run `python -m engagement_pipeline_tests.benchmarks.bench_scores [--events 1000000 …] [--catalog 10 …]`. Every
contender runs in a process of its own, alone, so that its peak memory is its own; loading the events is
not timed. Seconds on a busy machine say little; the processor time beside them says more. All must find the
same points and scores to the last bit, or the run fails.
"""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline_tests.benchmarks.contenders import CONTENDERS, Found
from engagement_pipeline_tests.benchmarks.data import generate
from engagement_pipeline_tests.benchmarks.measured import clock, in_a_process, peak_gb

SIZES = [1_000_000, 5_000_000, 20_000_000]
HERE = Path(__file__).parent
BASELINE = "polars by hand"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=SIZES)
    parser.add_argument("--catalog", type=int, nargs="+", default=[10, 50], choices=[10, 50])
    parser.add_argument("--only", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--repeat", type=int, default=3, help="runs in one process; the fastest counts")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        _run_child(given.only[0], Path(given.child), given.catalog[0], given.repeat)
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in given.events:
            path = Path(folder) / "events.parquet"
            generate(count).write_parquet(path)
            for catalog in given.catalog:
                _compare(path, count, catalog, given.only, given.repeat)


def _compare(path: Path, count: int, catalog: int, only: list[str], repeat: int) -> None:
    definitions = load_catalog(HERE / f"catalog_{catalog}")
    rules = sum(len(score.rules) for score in definitions.scores.values())
    measures = len(measures_of(definitions)) - 1
    print(f"\n{count:,} events, {catalog} scores of {rules} rules over {measures} distinct measures")
    results = {}
    for name in only:
        child = ["--only", name, "--child", str(path), "--catalog", str(catalog), "--repeat", str(repeat)]
        results[name] = in_a_process(name, __spec__.name, child)
    baseline = results.get(BASELINE)
    print(f"  {'':24}{'seconds':>9}{'ratio':>8}{'cpu s':>9}{'ratio':>8}{'peak GB':>9}{'over input GB':>15}")
    for name, result in results.items():
        times = ""
        for each in ("seconds", "cpu"):
            ratio = f"{result[each] / baseline[each]:.2f}" if baseline else "-"
            times += f"{result[each]:9.2f}{ratio:>8}"
        above = result["peak_gb"] - result["loaded_gb"]
        print(f"  {name:24}{times}{result['peak_gb']:9.2f}{above:15.2f}")
    if len({result["digest"] for result in results.values()}) > 1:
        raise SystemExit(f"the contenders disagree: { {n: r['digest'][:12] for n, r in results.items()} }")


def _run_child(name: str, path: Path, catalog: int, repeat: int) -> None:
    events = pl.read_parquet(path)
    people = events.select("person_id").unique().sort("person_id")
    run = CONTENDERS[name](events, people, load_catalog(HERE / f"catalog_{catalog}"))
    if name in ("duckdb", "pandas"):
        del events
    loaded, times, cpu = peak_gb(), [], []
    for _ in range(repeat):
        with clock() as spent:
            found = run()
        times.append(spent.seconds)
        cpu.append(spent.cpu)
    result = {"seconds": min(times), "cpu": min(cpu), "loaded_gb": loaded, "peak_gb": peak_gb()}
    print(json.dumps({**result, "digest": _digest(found)}))


def _digest(found: Found) -> str:
    total = hashlib.sha256()
    for name, frame in sorted(found.items()):
        ordered = frame.sort("person_id")
        total.update(name.encode())
        total.update(ordered["points"].cast(pl.Int64).to_numpy().tobytes())
        total.update(ordered["score"].to_numpy().tobytes())
    return total.hexdigest()


if __name__ == "__main__":
    main()
