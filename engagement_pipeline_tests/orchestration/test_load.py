"""`engagement load`: years of history, in ranges, whatever stops it."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from engagement_pipeline.orchestration.load import LOAD, load, ranges
from engagement_pipeline.orchestration.replay import NoSuchSource
from engagement_pipeline.orchestration.runner import INSTANCE
from engagement_pipeline.storage import locks
from engagement_pipeline_tests.orchestration.scenario import PROJECT, Scenario
from engagement_pipeline_tests.processes import engagement, kill_when

pytestmark = pytest.mark.slow

BEGIN = date(2026, 3, 24)
HISTORY = {
    "project.yaml": PROJECT.replace("2026-03-27", "2026-03-23"),
    "sources/till.yaml": """\
source: till
owner: team:shop
database:
  url_env: TILL_DATABASE_URL
  table: sales
  watermark: id
  batch_rows: 2
events:
  event_id: id
  person_id: person
  event: {constant: order_completed}
  occurred_at: sold_at
  value: total
""",
}

SHORT = {**HISTORY, "project.yaml": PROJECT.replace("2026-03-27", "2026-04-02")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_bytes(INSTANCE.read_bytes())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("TILL_DATABASE_URL", f"sqlite:///{tmp_path / 'till.db'}")
    with sqlite3.connect(tmp_path / "till.db") as connection:
        connection.execute("create table sales (id integer, person text, total int, sold_at text)")
        days = [BEGIN + timedelta(days=age) for age in range(7)]
        rows = [(at, f"p{at % 4}", at, f"{day}T10:00:00Z") for at, day in enumerate(days)]
        connection.executemany("insert into sales values (?, ?, ?, ?)", rows)
    connection.close()
    return tmp_path


def history() -> dict[str, bytes]:
    """A file of orders for every three days or so."""
    found: dict[str, list[str]] = {}
    for age in range(12):
        day = BEGIN + timedelta(days=age)
        said = {"id": f"h{age}", "customer": {"id": f"p{age % 9}"}, "type": "order_completed", "total": 5}
        found.setdefault(f"shop/{age // 3}.jsonl", []).append(json.dumps({**said, "at": f"{day}T09:00:00Z"}))
    return {file: "\n".join(lines).encode() for file, lines in found.items()}


def run(project: Scenario, *sources: str, **options: int) -> tuple[list[str], str]:
    printed = io.StringIO()
    console = Console(file=printed, width=140)
    problems = load(project.catalog, project.settings, console, sources, **options)
    project.reload()
    return problems, printed.getvalue()


def test_days_become_spans() -> None:
    day = [date(2026, 1, 1) + timedelta(days=age) for age in range(40)]
    assert ranges([], 30) == []
    assert ranges(reversed(day), 30) == [(day[0], day[29]), (day[30], day[39])]
    assert ranges([day[0], day[29], day[30]], 30) == [(day[0], day[29]), (day[30], day[30])]
    assert ranges([day[3], day[9]], 1) == [(day[3], day[3]), (day[9], day[9])]


def test_history_comes_in_in_few_runs_and_once(home: Path, open_project: object) -> None:
    project = open_project(changed=HISTORY, landing=history())  # type: ignore[operator]
    problems, printed = run(project, days_per_run=5)
    assert problems == []
    assert re.search(r"till +│ +4 │ +7 │ +0 │ +7 │ 2026-03-24 │ 2026-03-30", printed)
    assert re.search(r"shop +│ +4 │ +12 │ +0 │ +12 │ 2026-03-24 │ 2026-04-04", printed), printed
    assert "Next: engagement run" in printed
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={LOAD: "corner"}))
        assert {each.status for each in runs} == {dg.DagsterRunStatus.SUCCESS}
        jobs = [each.job_name for each in runs]
        assert jobs.count("landing") == 4
        assert jobs.count("event_days") == 4, "three spans, and persons"
        made = instance.get_materialized_partitions(dg.AssetKey(["events", "shop"]))
        assert {"2026-03-24", "2026-04-04"} <= made
    assert project.table("daily_measures")["quantity"].sum() > 0
    problems, printed = run(project)
    assert problems == []
    assert "No event day was due" in printed


def test_only_some_sources_and_only_known_ones(home: Path, open_project: object) -> None:
    project = open_project(changed=SHORT)  # type: ignore[operator]
    with pytest.raises(NoSuchSource, match="no source 'shops'; did you mean 'shop'"):
        run(project, "shops")
    assert run(project, "shop")[0] == []
    assert project.bench.ledger.tally("shop").files == 1
    assert project.bench.ledger.tally("mail").files == 0


def test_what_fails_is_named_and_the_rest_goes_on(
    home: Path, open_project: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILL_DATABASE_URL", "sqlite:////nowhere/till.db")
    project = open_project(changed=SHORT)  # type: ignore[operator]
    problems, printed = run(project)
    assert len(problems) == 1
    assert "names no file that is there" in problems[0]
    assert project.table("events/shop").height
    assert "Once it is mended, engagement load goes on" in printed


def test_a_load_that_is_killed_goes_on_where_it_was(
    home: Path, open_project: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_project(changed=HISTORY, landing=history())  # type: ignore[operator]
    run(whole)
    project = open_project(changed=HISTORY, landing=history())  # type: ignore[operator]
    (home / "dagster2").mkdir()
    (home / "dagster2" / "dagster.yaml").write_bytes(INSTANCE.read_bytes())
    settings = {
        "DAGSTER_HOME": str(home / "dagster2"),
        "ENGAGEMENT_CATALOG": str(project.folder / "catalog"),
        "ENGAGEMENT_LAKE": project.settings.lake,
        "ENGAGEMENT_DATABASE_URL": project.settings.database_url,
        "ENGAGEMENT_LANDING": str(project.settings.landing),
        "ENGAGEMENT_EXPORTS": str(project.settings.exports),
    }
    for moment in (lambda: project.bench.ledger.tally("till").files >= 1, lambda: made(project) >= 2):
        kill_when(moment, engagement, "load", "--days-per-run", "5", env=settings)
        clock = time.time
        # The lock of a process that was killed ends with its lease.
        monkeypatch.setattr(locks.time, "time", lambda clock=clock: clock() + locks.LEASE_SECONDS + 1)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    done = made(project)
    assert 2 <= done < len(whole.bench.lake.partitions("daily_measures"))
    problems, printed = run(project)
    assert problems == []
    assert "Next: engagement run" in printed
    assert project.bench.ledger.tally("till").files == whole.bench.ledger.tally("till").files == 4
    for name in ("events/till", "events/shop", "daily_measures", "persons"):
        assert whole.content()[name].equals(project.content()[name]), name
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={LOAD: "corner"}))
        assert dg.DagsterRunStatus.CANCELED in {each.status for each in runs}
        assert dg.DagsterRunStatus.STARTED not in {each.status for each in runs}


def made(project: Scenario) -> int:
    """Days whose measures are stored."""
    return len(project.bench.lake.partitions("daily_measures"))


def test_ctrl_c_says_how_to_go_on(home: Path, open_project: object) -> None:
    project = open_project(changed=HISTORY, landing=history())  # type: ignore[operator]
    env = {
        **os.environ,
        "ENGAGEMENT_CATALOG": str(project.folder / "catalog"),
        "ENGAGEMENT_LAKE": project.settings.lake,
        "ENGAGEMENT_DATABASE_URL": project.settings.database_url,
        "ENGAGEMENT_LANDING": str(project.settings.landing),
        "ENGAGEMENT_EXPORTS": str(project.settings.exports),
    }
    program = [sys.executable, "-m", "engagement_pipeline.cli", "load", "--days-per-run", "5"]
    process = subprocess.Popen(program, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while made(project) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, b"engagement load goes on from here" in said) == (130, True), said.decode()
