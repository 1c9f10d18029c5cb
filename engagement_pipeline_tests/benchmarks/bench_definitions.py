"""What more definitions cost, and what a setting does to the memory of very many events.

Run `python -m engagement_pipeline_tests.benchmarks.bench_definitions [--events 20000000] [--buckets 1 8]
[--definitions 10 50]`. Events lie in parquet files by day. Measures of the first definitions of `catalog_50`,
their points and their scores are computed by the engine and written to files; left out are contracts, digests
and commits (`bench_stored`). Every number of definitions runs in a process of its own.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.measures import ACTIVITY, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import check_points
from engagement_pipeline.core.scores import attach
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.benchmarks.data import AS_OF, generate
from engagement_pipeline_tests.benchmarks.measured import clock, in_a_process, peak_gb

HERE = Path(__file__).parent
PART = 10_000_000
"""Events that are generated at once; each part has people of its own."""
Figures = dict[str, float]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--definitions", type=int, nargs="+", default=[1, 5, 10, 25, 50])
    parser.add_argument("--buckets", type=int, nargs="+", default=[1])
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.folder:
        found = (
            _store(given.folder, given.events)
            if given.store
            else _run(given.folder, given.definitions[0], given.buckets[0])
        )
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as folder:

        def part(doing: str, *more: object) -> Figures:
            given = ["--folder", folder, *(str(each) for each in more)]
            found: Figures = in_a_process(doing, __spec__.name, given)
            return found

        size = part("events", "--events", given.events, "--store")["bytes"]
        print(f"\n{given.events:,} events in files of {size / 1e6:.0f} MB; processor seconds")
        print(f"  {'definitions':>11}{'rules':>7}{'measures':>9}{'buckets':>9}", end="")
        print(f"{'measures':>10}{'points':>9}{'scores':>9}{'together':>10}{'peak GB':>9}{'read MB':>9}")
        digests: dict[int, set[float]] = {}
        for count in given.definitions:
            for buckets in given.buckets:
                found = part(f"{count} definitions", "--definitions", count, "--buckets", buckets)
                digests.setdefault(count, set()).add(found["digest"])
                line = f"  {count:>11}{found['rules']:>7.0f}{found['distinct']:>9.0f}{buckets:>9}"
                stages = [found[stage] for stage in ("measures", "points", "scores")]
                line += "".join(f"{each:{width}.2f}" for each, width in zip(stages, (10, 9, 9), strict=True))
                print(f"{line}{sum(stages):10.2f}{found['peak_gb']:9.2f}{found['read']:9.0f}", flush=True)
        if any(len(found) > 1 for found in digests.values()):
            raise SystemExit("points or scores depend on the number of buckets")


def _store(folder: Path, count: int) -> Figures:
    events = folder / "events"
    for number, start in enumerate(range(0, count, PART)):
        part = generate(min(PART, count - start)).with_columns(
            pl.concat_str(pl.lit(f"{number:02}"), pl.col("person_id")).alias("person_id")
        )
        for (day,), rows in part.partition_by("event_date", as_dict=True).items():
            path = events / str(day)
            path.mkdir(parents=True, exist_ok=True)
            rows.write_parquet(path / f"{number:02}.parquet", compression="zstd", compression_level=1)
    return {"bytes": sum(path.stat().st_size for path in events.rglob("*.parquet"))}


def _run(folder: Path, definitions: int, buckets: int) -> Figures:
    catalog = _first(load_catalog(HERE / "catalog_50"), definitions)
    plans, engine = list(plan_scores(catalog).values()), LocalEngine(buckets)
    needed = [measure for measure in measures_of(catalog).values() if measure is not ACTIVITY]
    made = folder / f"made_{definitions}_{buckets}"
    made.mkdir()
    events = pl.scan_parquet(sorted((folder / "events").rglob("*.parquet")))
    begun = _read()
    with clock() as measuring:
        for number, rows in enumerate(engine.measures(events, needed)):
            ordered = rows.sort("event_date", "measure")
            ordered.write_parquet(made / f"measures_{number}.parquet", compression_level=1)
    read = _read() - begun
    with clock() as adding:
        daily = pl.scan_parquet(sorted(made.glob("measures_*.parquet")))
        for number, window in enumerate(engine.windows(daily, plans, AS_OF)):
            for plan in plans:
                points = window.points(plan)
                check_points(points)
                points.write_parquet(made / f"{plan.name}_{number}.parquet", compression_level=1)
    people = events.select("person_id").unique().sort("person_id").collect(engine="streaming").lazy()
    total = hashlib.sha256()
    with clock() as scaling:
        for plan in plans:
            stored = pl.scan_parquet(sorted(made.glob(f"{plan.name}_*.parquet")))
            standing = stored.select("person_id", "points", "active")
            scores = attach(standing, people, plan, AS_OF).collect()
            scores.write_parquet(made / f"scores_{plan.name}.parquet", compression_level=1)
            numbers = scores.select("person_id", "points", "score").sort("person_id")
            total.update(numbers.hash_rows(seed=0).to_numpy().tobytes())
    shutil.rmtree(made)
    return {
        "rules": sum(len(plan.rules) for plan in plans),
        "distinct": len(needed),
        "measures": measuring.cpu,
        "points": adding.cpu,
        "scores": scaling.cpu,
        "peak_gb": peak_gb(),
        "read": read / 1e6,
        "digest": int.from_bytes(total.digest()[:6]),
    }


def _first(catalog: Catalog, count: int) -> Catalog:
    return catalog.model_copy(update={"scores": dict(sorted(catalog.scores.items())[:count])})


def _read() -> int:
    """Bytes that this process has read from files."""
    said = Path("/proc/self/io").read_text() if Path("/proc/self/io").exists() else "rchar: 0"
    return int(said.split()[1])


if __name__ == "__main__":
    main()
