"""The places that sources read from: lineage, what a landing reports, upstream assets, two projects."""

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.definitions.freshness_evaluator import TimeWindowFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContextForTest

from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.run_requests import TRIES
from engagement_pipeline_tests.orchestration.scenario import (
    FIRST,
    LAST,
    MAIL,
    PEOPLE,
    PROJECT,
    Scenario,
    key,
    mail,
)
from engagement_pipeline_tests.orchestration.ticking import MORNING, going_on, tick

FRESH = {"sources/mail.yaml": f"{MAIL}fresh_within: 36h\n"}
DBT = {"sources/mail.yaml": f"{MAIL}upstream: dbt/mail\n"}
OPENS = [("n1", PEOPLE[0], "open", "2026-04-02T08:00:00Z")]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING)


def land(scenario: Scenario, source: str = "mail", *, ok: bool = True) -> list[dg.DagsterEvent]:
    """Lands a source; what its run said of the place."""
    prefix = scenario.catalog.project.asset_prefix
    tables = ["/".join([*prefix, f"{kind}/{source}"]) for kind in ("landed", "rejected")]
    result = scenario.run("landing", only=tables, ok=ok)
    place = dg.AssetKey([*prefix, "sources", source])
    return [each for each in result.all_events if each.asset_key == place]


def freshness(scenario: Scenario, table: str) -> FreshnessState:
    node = scenario.definitions.resolve_asset_graph().get(key(table))
    context = LoadingContextForTest(scenario.instance)
    evaluator = TimeWindowFreshnessPolicyEvaluator()
    return asyncio.run(evaluator.evaluate_freshness(context=context, node=node))


# --- lineage ----------------------------------------------------------------------------------------


def test_every_source_shows_where_it_is_delivered(open_project: Callable[..., Scenario]) -> None:
    scenario = open_project(changed=FRESH)
    graph = scenario.definitions.resolve_asset_graph()
    for name, form in (("mail", "csv"), ("shop", "jsonl"), ("crm", "csv")):
        place = graph.get(key(f"sources/{name}"))
        assert place.is_external
        assert place.child_keys == {key(f"landed/{name}")}
        assert place.group_name == "ingestion"
        assert place.kinds == {"file", form}
        assert place.owners == graph.get(key(f"landed/{name}")).owners
        assert place.metadata["dagster/uri"] == f"{scenario.folder}/landing/{name}"
    assert graph.get(key("sources/mail")).freshness_policy == dg.FreshnessPolicy.time_window(
        timedelta(hours=36)
    )
    assert graph.get(key("sources/shop")).freshness_policy is None


def test_an_upstream_asset_takes_the_place(open_project: Callable[..., Scenario]) -> None:
    scenario = open_project(changed=DBT)
    graph = scenario.definitions.resolve_asset_graph()
    assert graph.get(key("landed/mail")).parent_keys == {key("dbt/mail")}
    assert not graph.has(key("sources/mail"))

    @dg.asset(key=["dbt", "mail"])
    def model() -> None: ...

    together = dg.Definitions.merge(scenario.definitions, dg.Definitions(assets=[model]))
    dg.Definitions.validate_loadable(together)
    assert together.resolve_asset_graph().get(key("dbt/mail")).child_keys == {key("landed/mail")}


def test_a_database_is_a_place_without_its_address(open_project: Callable[..., Scenario]) -> None:
    """The variable that holds its URL is read when rows are pulled, and never shown."""
    rows = "database: {url_env: SHOP_URL, schema: sales, table: orders, watermark: changed_at}"
    text = MAIL.replace("path: mail/*.csv\nformat: csv", rows)
    graph = open_project(changed={"sources/mail.yaml": text}).definitions.resolve_asset_graph()
    place = graph.get(key("sources/mail"))
    assert (place.kinds, place.metadata) == ({"sql"}, {"reads": "sales.orders"})


# --- what a landing reports -------------------------------------------------------------------------


def test_a_landing_reports_its_place_once(open_project: Callable[..., Scenario]) -> None:
    scenario = open_project(changed=FRESH)
    assert freshness(scenario, "sources/mail") == FreshnessState.UNKNOWN
    path = scenario.drop("mail/new.csv", mail(OPENS))
    (event,) = land(scenario)
    assert event.is_step_materialization
    said = event.step_materialization_data.materialization.metadata
    assert said["files"].value == 2
    assert said["bytes"].value == sum(each.stat().st_size for each in path.parent.iterdir())
    newest = max(each.stat().st_mtime for each in path.parent.iterdir())
    assert said["dagster/last_updated_timestamp"].value == pytest.approx(newest, abs=1)
    assert freshness(scenario, "sources/mail") == FreshnessState.PASS
    (event,) = land(scenario)
    assert event.is_asset_observation, "nothing new came"


def test_files_that_are_old_when_they_come_do_not_make_a_place_fresh(
    open_project: Callable[..., Scenario],
) -> None:
    scenario = open_project(changed=FRESH)
    old = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(scenario.settings.landing / "mail/all.csv", (old, old))
    (event,) = land(scenario)
    assert event.is_asset_observation
    assert freshness(scenario, "sources/mail") == FreshnessState.UNKNOWN
    scenario.drop("mail/new.csv", mail(OPENS))
    (event,) = land(scenario)
    assert event.is_step_materialization


def test_a_place_out_of_reach_fails_its_source_and_reports_nothing(
    open_project: Callable[..., Scenario],
) -> None:
    away = {"sources/mail.yaml": MAIL.replace("path: mail/*.csv", "path: mail\nfresh_within: 1d")}
    scenario = open_project(
        changed={"sources/mail.yaml": away["sources/mail.yaml"].replace("csv\n", "delta\n")}
    )
    scenario.drop("mail/_delta_log/00000000000000000000.json", b"no log")
    assert land(scenario, ok=False) == []
    assert land(scenario, "shop") != []


# --- upstream assets --------------------------------------------------------------------------------


@pytest.fixture
def dbt(open_project: Callable[..., Scenario]) -> Iterator[Scenario]:
    yield open_project(changed=DBT)


def materialized(scenario: Scenario, partition: str | None = None) -> None:
    scenario.instance.report_runless_asset_event(
        dg.AssetMaterialization(["dbt", "mail"], partition=partition)
    )


def ended(scenario: Scenario, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    run = dg.DagsterRun(job_name="landing", run_id=os.urandom(8).hex(), tags=request.tags, status=status)
    scenario.instance.add_run(run)


def test_a_source_is_landed_when_its_upstream_was_materialized(dbt: Scenario) -> None:
    requests, why, _ = tick(dbt, "upstream_assets")
    assert (requests, why) == ([], "no upstream asset was materialized since its source was landed")
    materialized(dbt)
    (request,) = tick(dbt, "upstream_assets")[0]
    assert set(request.asset_selection or []) == {key("landed/mail"), key("rejected/mail")}
    assert [each.run_key for each in tick(dbt, "upstream_assets")[0]] == [request.run_key]
    ended(dbt, request, dg.DagsterRunStatus.STARTED)
    assert tick(dbt, "upstream_assets")[0] == []

    materialized(dbt, "2026-04-01")
    materialized(dbt, "2026-04-02")
    (later,) = tick(dbt, "upstream_assets")[0]
    assert later.run_key != request.run_key


def test_a_table_of_the_teams_own_asset_comes_in(open_project: Callable[..., Scenario]) -> None:
    """From its materialization to the events, through the request that the sensor makes."""
    table = DBT["sources/mail.yaml"].replace(
        "path: mail/*.csv\nformat: csv", "path: marts/mail\nformat: delta"
    )
    scenario = open_project(changed={"sources/mail.yaml": table})

    @dg.asset(key=["dbt", "mail"])
    def model() -> None:
        columns = ("id", "person", "type", "at")
        rows = pl.DataFrame([OPENS[0], ("n2", *OPENS[0][1:])], schema=columns, orient="row")
        rows.write_delta(str(scenario.settings.landing / "marts/mail"), mode="append")

    for opens in (2, 4):
        assert dg.materialize([model], instance=scenario.instance).success
        (request,) = tick(scenario, "upstream_assets")[0]
        landed = ["/".join(each.path) for each in request.asset_selection or []]
        result = scenario.run("landing", only=landed)
        assert scenario.table("landed/mail").height == opens
        assert not [each for each in result.all_events if each.asset_key == key("dbt/mail")]
        ended(scenario, request, dg.DagsterRunStatus.SUCCESS)
        assert tick(scenario, "upstream_assets")[0] == []
    scenario.run("event_days", date(2026, 4, 2), date(2026, 4, 2), only=["events/mail"])
    assert scenario.table("events/mail")["event_id"].sort().to_list() == ["n1", "n2"]


def test_a_landing_that_fails_is_tried_three_times(dbt: Scenario) -> None:
    materialized(dbt)
    keys = set()
    for _ in range(TRIES):
        (request,) = tick(dbt, "upstream_assets")[0]
        keys.add(request.run_key)
        ended(dbt, request, dg.DagsterRunStatus.FAILURE)
    assert len(keys) == TRIES
    assert tick(dbt, "upstream_assets")[0] == []


def test_files_of_an_upstream_wait_for_it(dbt: Scenario) -> None:
    """Its first file may be there long before its last."""
    asked = {
        each.path[-1] for request in tick(dbt, "landed_files")[0] for each in request.asset_selection or []
    }
    assert asked == {"shop", "crm"}


def test_only_projects_with_upstreams_have_the_sensor(project: Scenario, dbt: Scenario) -> None:
    def named(scenario: Scenario) -> dict[str, dg.DefaultSensorStatus]:
        found = scenario.definitions.get_repository_def().sensor_defs
        return {each.name: each.default_status for each in found}

    assert "upstream_assets" not in named(project)
    assert named(dbt)["upstream_assets"] == dg.DefaultSensorStatus.STOPPED
    dbt.write("project.yaml", f"{PROJECT}automation: {{sensors: true}}\n")
    assert named(dbt)["upstream_assets"] == dg.DefaultSensorStatus.RUNNING


# --- two projects in one Dagster --------------------------------------------------------------------


def test_a_prefix_stands_before_every_key(open_project: Callable[..., Scenario]) -> None:
    scenario = open_project(changed={**DBT, "project.yaml": f"{PROJECT}asset_prefix: [team, scoring]\n"})
    graph = scenario.definitions.resolve_asset_graph()
    keys = {each.to_user_string() for each in graph.get_all_asset_keys()}
    assert {each for each in keys if not each.startswith("team/scoring/")} == {"dbt/mail"}
    assert {"team/scoring/sources/shop", "team/scoring/landed/mail"} <= keys
    scenario.run("landing")
    for event in (each for each in scenario.run("event_days", FIRST, LAST).all_events if each.asset_key):
        assert event.asset_key is not None
        assert event.asset_key.path[:2] == ["team", "scoring"]


def test_two_projects_share_a_dagster(open_project: Callable[..., Scenario]) -> None:
    north = open_project(changed={"project.yaml": f"{PROJECT}asset_prefix: [north]\n"})
    other = PROJECT.replace("corner", "market")
    south = open_project(changed={"project.yaml": f"{other}asset_prefix: [south]\n"})
    south.instance.dispose()
    south.instance = north.instance
    keys = [set(each.definitions.resolve_asset_graph().get_all_asset_keys()) for each in (north, south)]
    assert keys[0].isdisjoint(keys[1])
    both = [tick(each, "landed_files")[0] for each in (north, south)]
    names = [{request.run_key for request in requests} for requests in both]
    assert names[0].isdisjoint(names[1])
    assert len(land(north)) == len(land(south)) == 1

    going_on(north, "event_days")
    assert tick(north, "event_days")[1] == "a run that makes event days is still going on"
    assert tick(south, "event_days")[0] != [], "what another project runs is nothing to it"
