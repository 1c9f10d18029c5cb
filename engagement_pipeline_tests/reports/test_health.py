"""The health of sources, from what is stored: figures, words, and the command over a project's stores."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.cli import app
from engagement_pipeline.core.lateness import in_words, merged, within
from engagement_pipeline.reports.health import Health, health
from engagement_pipeline.reports.health_text import cells, named, remarks, shown
from engagement_pipeline.reports.plots import DAY_KINDS, coverage_png
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.event_days import EventDay, days_between, record_days
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.layout import table_spec
from engagement_pipeline.storage.ledger import LandedFile, Ledger
from engagement_pipeline_tests.catalog.folders import PROJECT, catalog

TODAY = datetime(2026, 3, 21, 6, tzinfo=UTC)
OVER = date(2026, 3, 20)
MAIL = """\
source: mail
owner: team:data
path: mail/*.csv
format: csv
fresh_within: 36h
events:
  person_id: user
  event: {path: name, names: {open: email_opened}}
  occurred_at: at
expects: {at_least: 5}
"""


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Catalog, Lake, Ledger]:
    (tmp_path / "catalog").mkdir()
    folder = catalog(tmp_path / "catalog")
    (folder / "sources/mail.yaml").write_text(MAIL)
    database = Database(f"sqlite:///{tmp_path / 'engagement.db'}")
    return load_catalog(folder), Lake(str(tmp_path / "lake"), database), Ledger(database)


def events(stores: tuple[Catalog, Lake, Ledger], source: str, by_day: dict[date, int]) -> None:
    """Stores that many events on these days."""
    spec = table_spec(f"events/{source}", stores[0])
    rows = [
        {"event_date": day, "event_id": f"{day}-{n}", "person_id": "p", "event": "email_opened"}
        for day, count in by_day.items()
        for n in range(count)
    ]
    frame = spec.schema.to_frame()
    if rows:
        frame = pl.concat([frame, pl.DataFrame(rows)], how="diagonal_relaxed").select(spec.schema.names())
    stores[1].replace(spec, frame.cast(dict(spec.schema)), [day.isoformat() for day in by_day])


def ago(days: int) -> date:
    return OVER - timedelta(days=days)


def row(found: Health, source: str):
    return next(each for each in found.sources if each.source == source)


def test_a_source_that_never_delivered(stores) -> None:
    found = row(health(*stores, OVER, TODAY), "mail")
    assert (found.state, found.last_file, found.overdue) == ("missing", None, True)
    assert (found.events_7d, found.usual, found.rejected_share) == (0, None, None)
    crm = row(health(*stores, OVER, TODAY), "crm")
    assert (crm.state, crm.events_28d, crm.missing) == ("ok", None, ())


def test_the_figures_of_a_source(stores) -> None:
    usual = {ago(age): 10 for age in range(40)}
    events(stores, "mail", {**usual, ago(2): 0, ago(9): 3, ago(10): 0, ago(11): 0})
    stores[2].record(LandedFile("mail", "a" * 64, "mail/a.csv", 9, 400, TODAY - timedelta(hours=50), 0))
    stores[2].record(LandedFile("mail", "b" * 64, "mail/b.csv", 9, 0, TODAY, None, "failed", "unreadable"))
    record_days(
        stores[2].database,
        "mail",
        [
            EventDay(ago(0), 3, 5, 1, {0: 8, 40: 2}),
            EventDay(ago(1), 1, 0, 0, {48: 10}),
            EventDay(ago(90), 99),
        ],
    )
    found = row(health(*stores, OVER, TODAY), "mail")
    assert (found.events_7d, found.events_28d, found.usual) == (60, 243, 10)
    assert found.missing == (ago(11), ago(10), ago(2))
    assert found.thin == (ago(9),)
    assert (found.state, found.failed_files, found.overdue) == ("failing", 1, True)
    assert (found.duplicates, found.machine_share) == (4, 5 / 243)
    assert found.within_seconds == 2**12
    said = list(remarks(health(*stores, OVER, TODAY)))
    assert said == [
        "crm: nothing was ever landed; look at its `path`, and whether files lie there",
        "mail: 1 file is refused at every landing; the run's page says why",
        f"mail: missing on {ago(11)} to {ago(10)}, {ago(2)}",
        f"mail: thin on {ago(9)}",
        "mail: no new file for longer than `fresh_within`",
        "web: nothing was ever landed; look at its `path`, and whether files lie there",
    ]


def test_the_rejected_rows_of_the_last_weeks(stores) -> None:
    spec = table_spec("rejected/mail", stores[0])
    rules = [(1, "missing_person_id"), (1, "unreadable_time"), (2, "missing_person_id")]
    rows = [("a" * 64, "mail/a.csv", n, rule, "why", "{}") for n, rule in rules]
    stores[1].replace(spec, pl.DataFrame(rows, schema=spec.schema, orient="row"), ["a" * 64])
    stores[2].record(LandedFile("mail", "a" * 64, "mail/a.csv", 9, 20, TODAY, 0))
    found = row(health(*stores, OVER, TODAY), "mail")
    assert (found.rejected_share, found.top_rule) == (0.1, "missing_person_id")
    old = row(health(*stores, OVER, TODAY + timedelta(days=40)), "mail")
    assert (old.rejected_share, old.top_rule) == (None, None)


def test_a_closed_project_ends_with_its_last_day(stores) -> None:
    assert "end_date: 2026-03-31" in PROJECT
    assert health(*stores, date(2027, 1, 1), TODAY).as_of == date(2026, 3, 31)


def test_what_is_noted_of_days_is_replaced(stores) -> None:
    database = stores[2].database
    record_days(database, "mail", [EventDay(OVER, 1), EventDay(ago(1), 2)])
    record_days(database, "mail", [EventDay(OVER, 5, 4, 3, {2: 1})])
    found = days_between(database, "mail", ago(1), OVER)
    assert found == {OVER: EventDay(OVER, 5, 4, 3, {2: 1}), ago(1): EventDay(ago(1), 2)}


def test_at_a_terminal_and_as_json(stores) -> None:
    events(stores, "mail", {ago(age): 10 for age in range(28)} | {ago(1): 0})
    found = health(*stores, OVER, TODAY)
    console = Console(width=120, record=True, file=StringIO())
    console.print(shown(found))
    text = console.export_text()
    assert f"mail: missing on {ago(1)}" in text
    assert "█\N{MULTIPLICATION SIGN}█" in text
    assert "twice" not in cells(found)
    said = json.loads(found.as_json())
    assert said["as_of"] == "2026-03-20"
    (mail,) = [each for each in said["sources"] if each["source"] == "mail"]
    assert (mail["missing"], mail["state"]) == ([str(ago(1))], "missing")
    assert set(found.strips()["mail"]) == {"ok", "missing"}
    assert set(found.strips()["web"]) == {"free"}


def test_ten_wide_sources_fit_into_eighty_columns(stores) -> None:
    found = health(*stores, OVER, TODAY)
    full = replace(
        found.sources[0],
        source="messaging_abroad",
        last_file=TODAY - timedelta(minutes=15),
        events_7d=12_656,
        events_28d=110_542,
        usual=15_370,
        rejected_share=0.171,
        duplicates=223,
        conflicts=4,
        machine_share=0.105,
        within_seconds=194.2 * 86_400,
    )
    console = Console(width=80, record=True, file=StringIO())
    console.print(shown(replace(found, sources=(full,))))
    text = console.export_text()
    cells = ["messaging_abroad", "12,656", "110,542", "15,370", "17.1%", "10.5%", "194.2 d", "15 min"]
    assert [cell for cell in cells if cell not in text] == []
    assert "event ids delivered twice: messaging_abroad 223" in text


def test_the_command_needs_no_run_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LAKE", "DATABASE_URL", "LANDING", "EXPORTS", "CATALOG"):
        monkeypatch.delenv(f"ENGAGEMENT_{name}", raising=False)
    (tmp_path / "catalog").mkdir()
    folder = catalog(tmp_path / "catalog")
    result = CliRunner().invoke(app, ["health", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    assert {each["source"] for each in json.loads(result.output)["sources"]} == {"web", "crm"}
    said = CliRunner().invoke(app, ["health", str(folder)]).output
    assert "never" in said
    assert "web: nothing was ever landed" in said


def test_the_picture_is_small_and_the_same_again() -> None:
    dates = [ago(age) for age in reversed(range(28))]
    strips = {f"source_{n}": [list(DAY_KINDS)[(n + d) % 5] for d in range(28)] for n in range(12)}
    png = coverage_png(dates, strips)
    assert png.startswith(b"\x89PNG")
    assert len(png) < 10_000
    assert coverage_png(dates, strips) == png
    assert coverage_png([], {}).startswith(b"\x89PNG")


def test_words() -> None:
    assert [in_words(seconds) for seconds in (None, 0, 40, 600, 18_000, 90_000, 300_000)] == [
        "", "0 s", "40 s", "10 min", "5.0 h", "25 h", "3.5 d",
    ]  # fmt: skip
    assert named(tuple(ago(age) for age in (30, 28, 26, 24, 22, 20, 19))).endswith("and 1 times before")
    assert within({}, 0.5) is None
    assert merged([{1: 2}, {1: 3, 4: 1}]) == {1: 5, 4: 1}
