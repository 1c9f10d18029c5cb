"""`engagement erase` and `engagement maintain` as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engagement_pipeline.cli import app
from engagement_pipeline_tests.orchestration.scenario import PEOPLE, Scenario

ADA, BEN = PEOPLE[:2]


@pytest.fixture
def typed(project: Scenario, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """A project with landed files, as the environment of the command names it."""
    project.run("landing", only=["landed/mail", "rejected/mail"])
    settings = project.settings
    for name, value in {
        "ENGAGEMENT_CATALOG": project.folder / "catalog",
        "ENGAGEMENT_LAKE": settings.lake,
        "ENGAGEMENT_DATABASE_URL": settings.database_url,
        "ENGAGEMENT_LANDING": settings.landing,
        "ENGAGEMENT_EXPORTS": settings.exports,
        "DAGSTER_HOME": project.folder / "dagster",
    }.items():
        monkeypatch.setenv(name, str(value))
    (project.folder / "dagster").mkdir()
    return project


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.slow
def test_a_person_is_erased_at_once_later_and_checked(typed: Scenario, tmp_path: Path) -> None:
    assert "trace: lake: landed/mail/" in run("erase", ADA, "--check", code=1)
    later = run("erase", BEN, "--later")
    assert "on the list: " in later
    assert BEN not in later
    several = tmp_path / "people.txt"
    several.write_text(f"{ADA}\n\n{ADA}\n")
    words = run("erase", "--from", several)
    assert "landed/mail: " in words
    assert "1 file(s) in the place of source mail still name them" in words
    assert words.rstrip().endswith("no trace")
    assert not any(person in words for person in (ADA, BEN))
    assert run("erase", ADA, BEN, "--check").strip() == "no trace"
    receipt = json.loads(run("erase", "never-seen-1", "--json"))
    assert receipt["traces"] == []
    assert "joined" not in run("maintain")


def test_nobody_is_asked_back(typed: Scenario, tmp_path: Path) -> None:
    assert "name at least one person" in run("erase", code=1)
    assert "cannot be read" in run("erase", "--from", tmp_path / "none.txt", code=1)
