"""Runs from the command line: where their history lies, and what is said of a step that failed."""

from errno import EACCES
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import polars as pl
import pytest
from rich.progress import Progress

from engagement_pipeline.delivery.files import write_folder
from engagement_pipeline.orchestration.runner import _run, name_dagster_home
from engagement_pipeline.storage.deliveries import AudienceDelivered
from engagement_pipeline.storage.settings import Settings, SettingsError


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


def test_what_an_error_of_ours_was_raised_from_is_not_told_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    @dg.op
    def hand_over() -> None:
        write_folder(tmp_path / "file" / "perks", pl.DataFrame({"person_id": ["p"]}), "csv", {}, "perks")

    @dg.job
    def everything() -> None:
        hand_over()

    definitions = dg.Definitions(jobs=[everything])
    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        given = (definitions, instance, Progress(disable=True), "", "everything", None, None, None, config)
        (problem,) = _run(*given)
    assert problem.startswith("hand_over: perks cannot write to ")
    assert "set ENGAGEMENT_EXPORTS to a folder that is" in problem


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What DAGSTER_HOME names; it is not there."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "project" / "dagster"))
    return tmp_path / "project" / "dagster"


SETTINGS = Settings.from_env({"ENGAGEMENT_DATABASE_URL": "sqlite://"})


def test_a_dagster_home_that_is_not_there_is_made(home: Path) -> None:
    """As `make demo` names it on a fresh checkout. Dagster's own settings would collect usage statistics."""
    name_dagster_home(SETTINGS)
    with dg.DagsterInstance.get() as instance:
        assert not instance.telemetry_enabled
        assert Path(instance.root_directory) == home


@pytest.mark.parametrize("there", ["dagster.yaml", "history"])
def test_a_dagster_home_in_use_stays_as_it_is(home: Path, there: str) -> None:
    """A webserver of others, where this package is not installed, could not read our settings."""
    home.mkdir(parents=True)
    (home / there).write_text("telemetry: {enabled: true}")
    name_dagster_home(SETTINGS)
    assert [path.name for path in home.iterdir()] == [there]
    assert (home / there).read_text() == "telemetry: {enabled: true}"


@pytest.mark.parametrize("said", ["dagster", "{file}/dagster"])
def test_a_dagster_home_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", said.format(file=tmp_path / "file"))
    with pytest.raises(SettingsError, match="DAGSTER_HOME"):
        name_dagster_home(SETTINGS)


def test_a_dagster_home_that_must_not_be_written_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = Mock(side_effect=PermissionError(EACCES, "Permission denied"))
    monkeypatch.setattr(Path, "write_bytes", denied)
    with pytest.raises(SettingsError, match=f"DAGSTER_HOME {home} .*Permission denied"):
        name_dagster_home(SETTINGS)


def test_a_lake_beside_which_nothing_can_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", "")
    settings = Settings.from_env({"ENGAGEMENT_LAKE": str(tmp_path / "file" / "lake")})
    with pytest.raises(SettingsError, match=r"beside the lake .*file/lake.*set ENGAGEMENT_LAKE"):
        name_dagster_home(settings)
