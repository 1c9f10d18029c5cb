"""Dagster's programs as processes of their own, on this machine's loopback address only."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
"""The project's root, where workspace.yaml and pyproject.toml lie."""
INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""
"""Runs start at once: there is no daemon beside the server that would take them from a queue."""


def program(name: str) -> str:
    """A program that was installed with the package."""
    return str(Path(sys.executable).parent / name)


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process with an instance of its own."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    quiet = {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **quiet, **settings}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def webserver(folder: Path, settings: Mapping[str, str]) -> Iterator["GraphQL"]:
    """A running dagster-webserver over workspace.yaml; it and all its children are ended in any case."""
    port, log = free_port(), folder / "webserver.log"
    words = [program("dagster-webserver"), "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    process = started(words, folder, settings, log)
    try:
        yield _ready(process, f"http://127.0.0.1:{port}", log)
    finally:
        end(process)


def started(
    words: Sequence[str], folder: Path, settings: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """A program at the project's root, leading a session of its own, with an instance in the folder."""
    with log.open("wb") as out:
        return subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment(folder / "dagster", settings),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that leads a session of its own, and everything it started."""
    for sent, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait(1)


def _ready(process: subprocess.Popen[bytes], url: str, log: Path) -> "GraphQL":
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/server_info", timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return GraphQL(url)
    raise AssertionError(f"the webserver did not come up:\n{log.read_text()}")


class GraphQL:
    """The webserver's API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, query: str, **variables: object) -> Any:
        """The data of an answer; an answer with errors fails the test."""
        sent = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=sent, timeout=60)
        content = answer.json()
        assert "errors" not in content, content["errors"]
        return content["data"]
