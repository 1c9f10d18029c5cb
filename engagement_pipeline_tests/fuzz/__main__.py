"""`make fuzz`: ten thousand broken files in batches, each batch in a process of its own.

`python -m engagement_pipeline_tests.fuzz [--files N] [--seed S] [--processes P] [--keep DIR]`
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from random import SystemRandom

from rich.console import Console
from rich.progress import track

from engagement_pipeline_tests.fuzz.batch import run

BATCH = 240
LIMIT = 600
"""Seconds that a batch may take before it counts as hanging; it takes about 20."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder for the files of sources that failed")
    parser.add_argument(
        "--batch", action="store_true", help="run one batch here, and print what became of it"
    )
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    if given.batch:
        print(json.dumps(vars(run(given.seed, given.files, given.keep))))
        return 0
    return _all(given)


def _all(given: argparse.Namespace) -> int:
    console, started = Console(), time.monotonic()
    console.print(f"{given.files} broken files, seed {given.seed}: the same seed makes the same files")
    sizes = [min(BATCH, given.files - start) for start in range(0, given.files, BATCH)]
    totals, rules, failures = Counter[str](), Counter[str](), list[str]()
    with ThreadPoolExecutor(given.processes) as pool:
        jobs = [
            pool.submit(_batch, given.seed * 1_000 + number, size, given.keep)
            for number, size in enumerate(sizes)
        ]
        for job in track(as_completed(jobs), "batches", total=len(jobs), console=console):
            outcome = job.result()
            failures += outcome.pop("failures")
            rules.update(outcome.pop("rules"))
            totals.update(outcome)
    for failure in failures:
        console.print(failure, markup=False, style="red")
    console.print(
        f"{totals['files']} broken files in {time.monotonic() - started:.0f} s: {totals['landed']} landed, "
        f"{totals['refused']} refused; {totals['rows']} rows with {totals['rejected']} rejections; "
        f"{len(failures)} failures"
    )
    console.print(", ".join(f"{rule} {count}" for rule, count in rules.most_common()), style="dim")
    return 1 if failures else 0


def _batch(seed: int, size: int, keep: Path | None) -> dict:
    command = [sys.executable, "-m", "engagement_pipeline_tests.fuzz", "--batch"]
    command += ["--files", str(size), "--seed", str(seed), *(["--keep", str(keep)] if keep else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return {"failures": [f"seed {seed}: hangs ({' '.join(command)})"], "rules": {}}
    if done.returncode:
        return {"failures": [f"seed {seed}: died with {done.returncode}: {done.stderr[-2000:]}"], "rules": {}}
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
