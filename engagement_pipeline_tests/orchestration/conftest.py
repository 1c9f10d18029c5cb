"""Projects for the tests: one made once for those that only look, copies of it for those that change it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engagement_pipeline_tests.object_stores import s3 as s3
from engagement_pipeline_tests.object_stores import s3_server as s3_server
from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, Scenario


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Everything materialized, the last two days scored, the last one delivered. Do not change it."""
    scenario = Scenario.new(tmp_path_factory.mktemp("corner"))
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    scenario.run("refit", DAYS[-2])
    scenario.run("as_of_dates", LAST)
    scenario.run("campaigns", LAST)
    yield scenario
    scenario.close()


@pytest.fixture
def project(open_project: Callable[..., Scenario]) -> Scenario:
    """Catalog and landing files; nothing has run."""
    return open_project()


@pytest.fixture
def open_project(tmp_path: Path) -> Iterator[Callable[..., Scenario]]:
    """Makes projects, with other catalog or landing files if asked."""
    opened: list[Scenario] = []

    def open_one(**given: object) -> Scenario:
        opened.append(Scenario.new(tmp_path / f"project{len(opened)}", **given))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def copied(made: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    """The made project to change at will, with an instance that has seen no run."""
    scenario = made.copy(tmp_path / "copy")
    yield scenario
    scenario.close()
