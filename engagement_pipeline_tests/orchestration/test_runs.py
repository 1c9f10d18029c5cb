"""`engagement run`: the whole graph for one date, past what fails, without moving what is frozen."""

import io
import json
import os
import shutil
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console

from engagement_pipeline.orchestration.runner import dagster_home, name_dagster_home
from engagement_pipeline.orchestration.runs import (
    DateOutside,
    NothingToScore,
    _tell_delivered,
    run_all,
    scored_tables,
)
from engagement_pipeline.reports.summary import summary
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, PEOPLE, Scenario

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path


def run(project: Scenario, **options: object) -> tuple[list[str], str]:
    """The problems, and what was printed."""
    printed = io.StringIO()
    console = Console(file=printed, width=120)
    problems = run_all(project.catalog, project.settings, console, LAST, **options)  # type: ignore[arg-type]
    project.reload()
    return problems, printed.getvalue()


def versions(project: Scenario) -> list[str]:
    return project.table("references/buying").sort("effective_from")["version"].unique().to_list()


def test_a_run_makes_everything_and_fits_a_reference_only_once(project: Scenario, home: Path) -> None:
    problems, printed = run(project)
    assert problems == []
    assert all(word in printed for word in ("reading", "buying", "readers", "perks", "candidates"))
    assert f"below {project.settings.exports}: perks/{LAST}\n" in printed
    fitted = versions(project)
    assert set(project.table("scores/buying", LAST)["reference"]) == set(fitted)

    said = {"id": "late", "customer": {"id": PEOPLE[0]}, "type": "order_completed", "total": 900}
    project.drop("shop/late.jsonl", json.dumps({**said, "at": f"{LAST}T09:00:00Z"}).encode())
    project.drop("shop/late.csv", b"id\n")
    problems, printed = run(project)
    assert problems == []
    assert "1 file below" in printed
    assert "is no source's: shop/late.csv." in " ".join(printed.split())
    assert versions(project) == fitted, "somebody's order moves nobody else's scale"
    assert "references/buying" not in scored_tables(project.bench, LAST, refit=False)
    assert "references/buying" in scored_tables(project.bench, LAST, refit=True)


def test_an_older_date_is_scored_and_hands_nothing_over(copied: Scenario, home: Path) -> None:
    project = copied
    decided = set(project.bench.lake.partitions("audiences/perks"))
    assert decided == {LAST.isoformat()}
    printed = io.StringIO()
    console, before = Console(file=printed, width=200), LAST - timedelta(days=2)
    assert before.isoformat() not in project.bench.lake.partitions("scores/reading")
    assert run_all(project.catalog, project.settings, console, before) == []
    assert before.isoformat() in project.bench.lake.partitions("scores/reading")
    assert set(project.bench.lake.partitions("audiences/perks")) == decided
    assert f"{LAST} is scored already, so as of {before} no audience is decided" in printed.getvalue()


def test_sources_may_be_tried_before_there_is_any_score(project: Scenario, home: Path) -> None:
    for room in ("campaigns", "segments", "scores"):
        shutil.rmtree(project.folder / "catalog" / room)
    project.reload()
    problems, printed = run(project)
    assert problems == []
    assert "Events and measures" in printed
    assert project.table("events/mail").height > 0


def test_what_fails_does_not_stop_what_does_not_need_it(project: Scenario, home: Path) -> None:
    project.drop("mail/broken.csv.gz", b"\x1f\x8b\x08not really")
    project.edit("sources/mail.yaml", "path: mail/*.csv", 'path: "mail/*.csv*"')
    problems, printed = run(project)
    assert len(problems) == 1
    assert "land_mail" in problems[0]
    assert "broken.csv.gz" in problems[0]
    assert "candidates" in printed, "the other files and sources went on"


def test_dates_that_cannot_be_scored_are_named(project: Scenario, home: Path) -> None:
    with pytest.raises(DateOutside, match="cannot be scored: the project's days run from"):
        run_all(project.catalog, project.settings, Console(file=io.StringIO()), DAYS[0] - timedelta(days=1))


@pytest.mark.parametrize("closed", [False, True])
def test_without_files_the_remedy_is_said(project: Scenario, home: Path, closed: bool) -> None:
    end = project.catalog.project.end_date if closed else None
    empty = project.catalog.model_copy(
        update={"project": project.catalog.project.model_copy(update={"end_date": end})}
    )
    for file in (project.folder / "landing").rglob("*.*"):
        file.unlink()
    with pytest.raises(NothingToScore, match="put files below"):
        run_all(empty, project.settings, Console(file=io.StringIO()))


def test_why_the_only_file_was_refused_is_said(project: Scenario, home: Path) -> None:
    files = sorted((project.folder / "landing").rglob("*.*"))
    for file in files:
        file.write_bytes(b"\x1f\x8b cut off")
    with pytest.raises(NothingToScore) as error:
        run_all(project.catalog, project.settings, Console(file=io.StringIO()))
    assert all(file.name in str(error.value) for file in files)
    assert "put files" not in str(error.value), "they are there"


def test_every_project_has_its_own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    homes = [
        dagster_home(Settings.from_env({"ENGAGEMENT_LAKE": lake, "ENGAGEMENT_DATABASE_URL": "sqlite://"}))
        for lake in ("", "mine/lake", "s3://bucket/lake")
    ]
    assert homes == [tmp_path / folder / "dagster" for folder in (".engagement", "mine", ".engagement")]
    assert all((home / "dagster.yaml").exists() for home in homes)


@pytest.mark.parametrize(("said", "expected"), [(None, "beside/dagster"), ("", "beside/dagster"), ("a", "a")])
def test_an_empty_home_is_none(
    said: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / said) if said else "")
    if said is None:
        monkeypatch.delenv("DAGSTER_HOME")
    lake = tmp_path / "beside" / "lake"
    name_dagster_home(
        Settings.from_env({"ENGAGEMENT_LAKE": str(lake), "ENGAGEMENT_DATABASE_URL": "sqlite://"})
    )
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / expected)


def test_a_destination_that_leads_outside_does_not_end_the_run(project: Scenario, tmp_path: Path) -> None:
    """Its delivery has failed with the reason by then."""
    exports = project.settings.exports
    exports.mkdir(parents=True, exist_ok=True)
    (exports / "perks").symlink_to(tmp_path.parent)
    printed = io.StringIO()
    _tell_delivered(project.bench, Console(file=printed), LAST)
    assert printed.getvalue() == ""


def test_a_source_of_which_nothing_landed_is_named(project: Scenario) -> None:
    sources, bench = project.catalog.sources, project.bench
    blocks = summary(project.catalog, bench.lake, bench.ledger, LAST)
    _title, _events, *notes = [str(block) for block in islice(blocks, 2 + len(sources))]
    assert notes == [f"{name}: no file of {source.path} has landed" for name, source in sources.items()]
