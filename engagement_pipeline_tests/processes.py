"""Processes of their own that start at once, to be killed or to work side by side.

Here: forking them off a server that has imported the package and done nothing else; a Python that imports it
itself takes 3 s of processor time before it does anything. They are processes like any other: nothing is
shared, and SIGKILL ends them where they are. Not here: programs whose own start is tested (`subprocess`).
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

# Elsewhere a fork of a process that has loaded that much is not safe.
_SERVER = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
_SERVER.set_forkserver_preload(
    ["engagement_pipeline.definitions", "engagement_pipeline.cli", "engagement_pipeline_tests.instances"]
)


def start(work: Callable[..., object], *given: object, env: Mapping[str, str] | None = None) -> BaseProcess:
    """A process that calls a function of a module, in the environment of now with `env` changed in it.

    What polars and deltalake were told by the environment when they were imported is not changed any more.
    """
    process = _SERVER.Process(target=_call, args=({**os.environ, **(env or {})}, work, given), daemon=True)
    process.start()
    return process


def engagement(*words: str) -> None:
    """The command, as a process of `start`."""
    from engagement_pipeline.cli import app

    app(list(words))


def _call(env: dict[str, str], work: Callable[..., object], given: tuple[object, ...]) -> None:
    os.environ.clear()  # the server's, which is that of the test that came first
    os.environ.update(env)
    work(*given)


def done(*processes: BaseProcess, patience: float = 90) -> None:
    """Waits until all of them have ended without an error."""
    deadline = time.monotonic() + patience
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        code = process.exitcode
        process.kill()
        process.join()
        assert code == 0, f"{process.name} ended with {code}; None: not within {patience} s"


def kill_when(
    moment: Callable[[], object],
    work: Callable[..., object],
    *given: object,
    env: Mapping[str, str] | None = None,
) -> None:
    """Starts a process and kills it once the moment has come, which it must before it ends."""
    with killed_in_the_end(start(work, *given, env=env)) as process:
        deadline = time.monotonic() + 120
        while not moment():
            assert process.is_alive(), f"it ended with {process.exitcode} before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def killed_in_the_end(process: BaseProcess) -> Iterator[BaseProcess]:
    """Ends it with SIGKILL whatever happens."""
    try:
        yield process
    finally:
        process.kill()
        process.join()
