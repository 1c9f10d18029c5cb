"""The commands that a developer starts at the project's root bring up Dagster with the project in it.

Here: `dagster dev` and `dg dev`, each with all that belongs to it, until the code location is loaded. Not
here: what the UI then shows and does (`test_webserver`); whether definitions load at all (`test_programs`).
"""

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from engagement_pipeline_tests.end_to_end.corner_shop import write_catalog
from engagement_pipeline_tests.end_to_end.servers import GraphQL, end, free_port, program, started

pytestmark = pytest.mark.slow
LOADED = """
{ workspaceOrError { __typename
    ... on PythonError { message }
    ... on Workspace { locationEntries { name loadStatus locationOrLoadError { __typename
        ... on PythonError { message }
        ... on RepositoryLocation { repositories {
            assetNodes { assetKey { path } } sensors { name } schedules { name }
        } }
    } } }
} }
"""
needs_dg = pytest.mark.skipif(
    not Path(program("dg")).exists(), reason="no program dg; it comes with dagster-dg-cli, in the extra dev"
)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("dagster", "dev", "--workspace", "workspace.yaml"), id="dagster"),
        pytest.param(("dg", "dev", "--workspace", "workspace.yaml"), id="dg", marks=needs_dg),
    ],
)
def test_it_comes_up_with_the_project_and_goes_with_all_that_it_started(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    write_catalog(tmp_path / "catalog")
    settings = {"ENGAGEMENT_CATALOG": str(tmp_path / "catalog"), "ENGAGEMENT_LAKE": str(tmp_path / "lake")}
    with dev(words, tmp_path, settings) as api:
        (entry,) = _entries(api)
        assert (entry["name"], entry["loadStatus"]) == ("engagement_pipeline", "LOADED")
        location = entry["locationOrLoadError"]
        assert location["__typename"] == "RepositoryLocation", location
        (repository,) = location["repositories"]
        assets = {"/".join(node["assetKey"]["path"]) for node in repository["assetNodes"]}
        assert {"landed/web", "scores/shopping", "deliveries/thanks"} <= assets
        assert "landed_files" in {sensor["name"] for sensor in repository["sensors"]}
        assert "daily" in {schedule["name"] for schedule in repository["schedules"]}
    assert not (tmp_path / "lake").exists()


@contextmanager
def dev(words: tuple[str, ...], folder: Path, settings: Mapping[str, str]) -> Iterator[GraphQL]:
    """One of the two commands on loopback, stopped as Ctrl-C stops it, which must leave nothing running."""
    port, log = free_port(), folder / "dev.log"
    command = [program(words[0]), *words[1:], "--host", "127.0.0.1", "--port", str(port)]
    with _interruptible():
        process = started(command, folder, settings, log)
    try:
        yield _up(process, f"http://127.0.0.1:{port}", log)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
        assert _left(process.pid) == [], log.read_text()
    finally:
        end(process)


@contextmanager
def _interruptible() -> Iterator[None]:
    """A program started in here hears Ctrl-C, also where the tests, in the background, were told not to."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _up(process: subprocess.Popen[bytes], url: str, log: Path) -> GraphQL:
    """The API, once no code location is loading any more."""
    api, deadline = GraphQL(url), time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if all(entry["loadStatus"] == "LOADED" for entry in _entries(api)):
                return api
        except httpx.HTTPError:
            pass  # not listening yet
        time.sleep(0.2)
    raise AssertionError(f"it did not come up:\n{log.read_text()}")


def _entries(api: GraphQL) -> list[dict[str, Any]]:
    workspace = api(LOADED)["workspaceOrError"]
    assert workspace["__typename"] == "Workspace", workspace
    entries: list[dict[str, Any]] = workspace["locationEntries"]
    return entries


def _left(session: int, patience: float = 30) -> list[str]:
    """What still runs of a session after a while; nothing is found where there is no /proc."""
    deadline = time.monotonic() + patience
    while (left := _running(session)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def _running(session: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, led_by = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            words = (folder / "cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(led_by) == session and state not in "ZX":  # the dead wait for init to see them
            found.append(" ".join(words))
    return found
