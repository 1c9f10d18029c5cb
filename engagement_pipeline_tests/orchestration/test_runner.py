"""Runs from the command line: where their history lies, and what is said of a step that failed."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from rich.progress import Progress

from engagement_pipeline.orchestration.runner import _run, name_dagster_home
from engagement_pipeline.storage.deliveries import AudienceDelivered
from engagement_pipeline.storage.settings import Settings


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AudienceDelivered("it can no longer change: decide on another date"), "it can no longer change: "),
        (ValueError("no number: 5"), "ValueError: no number: 5"),
    ],
)
def test_an_error_of_ours_is_told_without_the_name_of_its_class(error: Exception, said: str) -> None:
    @dg.op
    def broken() -> None:
        raise error

    @dg.job
    def everything() -> None:
        broken()

    definitions = dg.Definitions(jobs=[everything])
    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        given = (definitions, instance, Progress(disable=True), "", "everything", None, None, None, config)
        (problem,) = _run(*given)
    assert problem.startswith(f"broken: {said}")


@pytest.mark.parametrize(("before", "telemetry"), [(None, False), ("telemetry: {enabled: true}\n", True)])
def test_a_dagster_home_without_settings_gets_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, telemetry: bool
) -> None:
    """Dagster's own would collect usage statistics; a team's stay as they are."""
    config = tmp_path / "dagster.yaml"
    if before:
        config.write_text(before)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    name_dagster_home(Settings.from_env({"ENGAGEMENT_DATABASE_URL": "sqlite://"}))
    assert yaml.safe_load(config.read_text())["telemetry"]["enabled"] is telemetry


def test_a_dagster_home_in_use_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webserver of others, where this package is not installed, could not read our settings."""
    (tmp_path / "history").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    name_dagster_home(Settings.from_env({"ENGAGEMENT_DATABASE_URL": "sqlite://"}))
    assert [path.name for path in tmp_path.iterdir()] == ["history"]
