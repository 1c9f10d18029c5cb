"""Sources that read databases, in Dagster: what shows, what goes on without them, and no credential."""

import logging
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from engagement_pipeline_tests.database_servers import postgres as postgres  # a fixture
from engagement_pipeline_tests.orchestration.scenario import Scenario, event_log, failures, key

SECRET = "open-Sesame%21-77"
PLAIN = "open-Sesame!-77"
TILL = """\
source: till
owner: team:shop
description: The till's own table.
database:
  url_env: TILL_DATABASE_URL
  table: sales
  watermark: sold_at
  batch_rows: 2
events:
  event_id: id
  person_id: person
  event: {constant: order_completed}
  occurred_at: sold_at
  value: total
"""
SALES = [
    "create table sales (id int, person text, total int, sold_at text)",
    """insert into sales values (1, 'kunde-ada-71', 5, '2026-03-28T10:00:00Z'),
    (2, 'kunde-ben-72', 6, '2026-03-29T10:00:00Z'), (3, 'kunde-ada-71', 7, '2026-03-30T10:00:00Z')""",
]
Open = Callable[..., Scenario]


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    url = f"sqlite:///{tmp_path / 'till.db'}"
    monkeypatch.setenv("TILL_DATABASE_URL", url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in SALES:
            connection.exec_driver_sql(statement)
    return engine


def test_a_table_lands_and_becomes_events(till: sa.Engine, open_project: Open) -> None:
    project = open_project(changed={"sources/till.yaml": TILL})
    specs = {spec.key: spec for spec in project.definitions.resolve_all_asset_specs()}
    landed = specs[key("landed/till")]
    assert "sqlite" in landed.kinds
    assert landed.metadata["database"] == "$TILL_DATABASE_URL"
    assert landed.metadata["rows"] == "table sales"
    result = project.run("landing")
    (shown,) = [
        each for each in result.get_asset_materialization_events() if each.asset_key == key("landed/till")
    ]
    metadata = shown.materialization.metadata
    assert metadata["rows landed"].value == 3
    assert "| sales, sold_at '2026-03-28T10:00:00Z' to '2026-03-29T10:00:00Z' | 2 |" in str(
        metadata["by batch"].value
    )
    days = [each.isoformat() for each in project.bench.ledger.touched("till")]
    assert days == ["2026-03-28", "2026-03-29", "2026-03-30"]


def test_a_tick_of_the_sensor_opens_no_database(open_project: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_DATABASE_URL", "postgresql+psycopg://x@127.0.0.1:1/x")
    project = open_project(changed={"sources/till.yaml": TILL})

    def opened(*given: object, **more: object) -> None:
        raise AssertionError("a database was opened")

    sensor = project.definitions.resolve_sensor_def("landed_files")
    context = dg.build_sensor_context(instance=project.instance, definitions=project.definitions)
    monkeypatch.setattr("engagement_pipeline.ingestion.databases.pull.opened", opened)
    tick = sensor.evaluate_tick(context)
    assert {request.asset_selection[0].path[-1] for request in tick.run_requests} == {"mail", "shop", "crm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://{}@127.0.0.1:1/till", "127.0.0.1/till does not answer"),
        ("mysql+pymysql://{}@127.0.0.1:1/till", "127.0.0.1/till does not answer"),
        ("nosuch+thing://{}@127.0.0.1:1/till", "no driver for the URL in TILL_DATABASE_URL"),
        ("//{}@127.0.0.1:1/till", "does not hold a database URL"),
    ],
)
def test_a_database_that_is_down_stops_no_other_source_and_shows_no_password(
    open_project: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    url: str,
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TILL_DATABASE_URL", url.format(f"team:{SECRET}"))
    project = open_project(changed={"sources/till.yaml": TILL})
    why = failures(project.run("landing", ok=False))
    assert list(why) == ["land_till"]
    assert words in why["land_till"]
    assert project.table("landed/mail").height
    everything = [
        event_log(project),
        caplog.text,
        *capfd.readouterr(),
        repr(project.bench.settings),
        str(why),
    ]
    everything += [repr(spec) for spec in project.definitions.resolve_all_asset_specs()]
    everything += [
        path.read_bytes().decode("latin-1") for path in project.folder.rglob("*") if path.is_file()
    ]
    for text in everything:
        assert PLAIN not in text
        assert SECRET not in text


@pytest.mark.slow
def test_a_password_that_works_shows_nowhere_either(
    postgres: str,
    open_project: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    url = postgres.replace("engagement@", f"engagement:{SECRET}@")
    monkeypatch.setenv("TILL_DATABASE_URL", url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in ["drop table if exists sales", *SALES]:
            connection.exec_driver_sql(statement)
    project = open_project(changed={"sources/till.yaml": TILL})
    project.run("landing")
    assert project.table("landed/till").height == 3
    project.edit("sources/till.yaml", "watermark: sold_at", "watermark: soldat")
    why = failures(project.run("landing", ok=False, only=["landed/till", "rejected/till"]))
    assert "did you mean 'sold_at'" in why["land_till"]
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table sales")
    project.edit("sources/till.yaml", "watermark: soldat", "watermark: sold_at")
    why = failures(project.run("landing", ok=False, only=["landed/till", "rejected/till"]))
    assert "there is no table 'sales'" in why["land_till"]
    everything = [event_log(project), caplog.text, *capfd.readouterr()]
    everything += [
        path.read_bytes().decode("latin-1") for path in project.folder.rglob("*") if path.is_file()
    ]
    for text in everything:
        assert PLAIN not in text
        assert SECRET not in text
