"""What every benchmark measures with: seconds, processor time and peak memory of a process.

Here: clocks, the peak, and running a part of a benchmark in a process of its own. Not here: what is measured.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Clock:
    """Seconds on the wall and of all processors together. The wall says little on a busy machine."""

    seconds: float = 0.0
    cpu: float = 0.0


@contextmanager
def clock() -> Iterator[Clock]:
    """Fills the clock when the block ends."""
    found, start, start_cpu = Clock(), time.perf_counter(), time.process_time()
    yield found
    found.seconds, found.cpu = time.perf_counter() - start, time.process_time() - start_cpu


def peak_gb() -> float:
    """The most memory this process ever had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def in_a_process(doing: str, module: str, arguments: Sequence[str]) -> Any:
    """What `python -m module arguments` prints on its last line, as JSON. Alone in its process, a part of a
    benchmark has a peak of its own. `doing` is shown meanwhile, beside the report and not in it."""
    print(f"  … {doing:40}", end="\r", flush=True, file=sys.stderr)
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(" " * 44, end="\r", flush=True, file=sys.stderr)
    return json.loads(done.stdout.splitlines()[-1])
