"""A score's movement from what is stored: at the terminal, as JSON, on the score's page."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from engagement_pipeline.cli import app
from engagement_pipeline.orchestration.moving import NoSuchScore, moved
from engagement_pipeline.reports.summary import summary
from engagement_pipeline.reports.trend_text import shown
from engagement_pipeline.storage.tables import MissingPartitions
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, PEOPLE, Scenario
from engagement_pipeline_tests.orchestration.test_alerts import COOLING

pytestmark = pytest.mark.slow
READING = ["points/reading", "scores/reading"]


@pytest.fixture(scope="module")
def weeks(made: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """The made project with a week of one score. Do not change it."""
    scenario = made.copy(tmp_path_factory.mktemp("weeks") / "copy")
    scenario.run("as_of_dates", DAYS[2], DAYS[-2], only=READING)
    scenario.run("as_of_dates", LAST, only=READING)
    yield scenario
    scenario.close()


@pytest.fixture
def environment(weeks: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGEMENT_CATALOG", str(weeks.folder / "catalog"))
    monkeypatch.setenv("ENGAGEMENT_LAKE", weeks.settings.lake)
    monkeypatch.setenv("ENGAGEMENT_DATABASE_URL", weeks.settings.database_url)


def test_two_dates_side_by_side(weeks: Scenario) -> None:
    found = moved(weeks.catalog, weeks.settings, "reading")
    assert (found.since, found.as_of) == (DAYS[2], LAST)
    assert found.days["as_of"].to_list() == DAYS[2:]
    assert found.matrix["people"].sum() == 5
    assert [(each.person, each.before, each.after) for each in found.movers] == [
        (PEOPLE[0], 11.0, 16.0),
        (PEOPLE[1], 9.0, 7.0),
    ]
    assert (found.up, found.down, found.note) == (1, 1, "")
    assert [reason.rule for reason in found.movers[0].reasons] == ["email_clicked"]


def test_any_two_stored_dates(weeks: Scenario) -> None:
    found = moved(weeks.catalog, weeks.settings, "reading", DAYS[5], DAYS[3])
    assert found.days["as_of"].to_list() == DAYS[3:6]
    assert found.matrix.filter(pl.col("after") == "cold")["people"].sum() == 2


def test_the_first_date_has_nothing_to_compare_with(weeks: Scenario) -> None:
    found = moved(weeks.catalog, weeks.settings, "reading", DAYS[2])
    assert (found.since, found.movers, found.matrix.height) == (None, (), 0)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(shown(found))
    assert "nothing to compare with" in console.export_text()


def test_five_bands_fit_into_eighty_columns(weeks: Scenario) -> None:
    found = moved(weeks.catalog, weeks.settings, "reading", DAYS[2])
    bands = ("about_to_leave", "hardly", "somewhat", "highly", "power", "absent")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(shown(replace(found, order=bands)))
    head, line, *_ = (each.split() for each in console.export_text().splitlines()[3::2])
    assert head[-5:] == ["leave", "hardly", "somewhat", "highly", "power"]
    assert line[-5:] == ["0%"] * 5


def test_what_is_not_there_is_named(weeks: Scenario) -> None:
    with pytest.raises(NoSuchScore, match="there is no score 'readin'; did you mean 'reading'"):
        moved(weeks.catalog, weeks.settings, "readin")
    with pytest.raises(MissingPartitions, match=f"not stored for {DAYS[0]}; the dates that are run from"):
        moved(weeks.catalog, weeks.settings, "reading", since=DAYS[0])


@pytest.mark.usefixtures("environment")
def test_the_command_shows_it_within_a_hundred_columns() -> None:
    result = CliRunner().invoke(app, ["trend", "reading"], env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    assert "1 rose, 1 fell, 5 stayed in their place" in result.output
    assert max(map(len, result.output.splitlines())) <= 100
    found = json.loads(CliRunner().invoke(app, ["trend", "reading", "--json"]).output)
    assert [each["as_of"] for each in found["dates"]] == [str(day) for day in DAYS[2:]]
    assert sum(row["people"] for row in found["matrix"]) == 5
    assert found["dates"][-1]["places"] == {"unscored": 1, "warm": 4}


@pytest.mark.usefixtures("environment")
def test_the_command_starts_without_dagster() -> None:
    code = (
        "import sys\n"
        "from engagement_pipeline.cli import app\n"
        "app(['trend', 'reading', '--json'], standalone_mode=False)\n"
        "assert 'dagster' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_of_a_score_shows_few_dates_and_the_matrix_of_a_week(weeks: Scenario) -> None:
    event = weeks.instance.get_latest_materialization_event(dg.AssetKey(["scores", "reading"]))
    assert event is not None
    assert event.asset_materialization is not None
    shown = {name: str(value.value) for name, value in event.asset_materialization.metadata.items()}
    days = [line.split(" | ")[0].strip("| ") for line in shown["trend"].splitlines()[2:]]
    assert days == [str(day) for day in (DAYS[2], DAYS[-2], LAST)]
    assert "| warm | 4 | 0 |" in shown[f"since {DAYS[2]}"]


def test_the_summary_of_a_run_names_every_alert(weeks: Scenario, tmp_path: Path) -> None:
    scenario = weeks.copy(tmp_path / "copy")
    scenario.write("alerts/cooling.yaml", COOLING.replace("score: 4,", "score: 2,"))
    scenario.run("alerts", LAST)
    console = Console(width=120, record=True, file=io.StringIO())
    for block in summary(scenario.catalog, scenario.bench.lake, scenario.bench.ledger, LAST):
        console.print(block)
    line = next(each for each in console.export_text().splitlines() if "cooling" in each)
    assert line.split() == ["cooling", "1", "email_opened", "(1)"]
    scenario.close()
