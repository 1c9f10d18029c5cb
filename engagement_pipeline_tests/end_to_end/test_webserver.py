"""Dagster's own web API over the project: what the UI shows, and what its buttons do."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from engagement_pipeline_tests.end_to_end.conftest import opener
from engagement_pipeline_tests.end_to_end.corner_shop import CornerShop, web_rows
from engagement_pipeline_tests.end_to_end.servers import GraphQL, webserver

pytestmark = pytest.mark.slow
DAY = "2025-03-04"
ASSETS = """
{ assetNodes {
    assetKey { path } groupName description kinds isPartitioned
    owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
    partitionKeyConnection(limit: 100, ascending: true) { results }
    dependencyKeys { path }
    metadataEntries { label }
} }
"""
AUTOMATION = """
{ repositoriesOrError { __typename ... on RepositoryConnection { nodes {
    sensors { name sensorState { status } } schedules { name scheduleState { status } } jobs { name }
} } } }
"""
LAUNCH = """
mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message stack }
    ... on RunConfigValidationInvalid { errors { message } }
} }
"""
RUN = """
query($id: ID!) { runOrError(runId: $id) { ... on Run {
    status
    stepStats { stepKey status }
    assetMaterializations {
        assetKey { path } partition metadataEntries { label ... on IntMetadataEntry { intValue } }
    }
    eventConnection { events {
        __typename ... on ErrorEvent { error { message errorChain { error { message } } } }
    } }
} } }
"""
CHECKS = """
query($key: AssetKeyInput!) { assetNodes(assetKeys: [$key]) {
    assetChecksOrError { ... on AssetChecks { checks {
        name executionForLatestMaterialization { status evaluation { success } }
    } } }
    assetMaterializations(limit: 5) { partition tags { key value } }
} }
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CornerShop]:
    for open_shop in opener(tmp_path_factory):
        shop = open_shop()
        shop.stock()
        yield shop


@pytest.fixture(scope="module")
def api(shop: CornerShop) -> Iterator[GraphQL]:
    with webserver(shop.folder, shop.environment) as graphql:
        yield graphql


def test_the_ui_sees_every_definition_with_what_explains_it(api: GraphQL) -> None:
    nodes = {"/".join(node["assetKey"]["path"]): node for node in api(ASSETS)["assetNodes"]}
    assert {"landed/crm", "events/web", "persons", "scores/reading", "deliveries/thanks"} <= nodes.keys()
    score = nodes["scores/shopping"]
    assert score["groupName"] == "scores"
    assert score["owners"] == [{"team": "growth"}]
    assert "polars" in score["kinds"]
    assert "Who buys" in score["description"]
    assert score["partitionKeyConnection"]["results"][-1] == "2025-03-10"
    assert {"/".join(key["path"]) for key in score["dependencyKeys"]} == {"points/shopping", "persons"}
    assert {"rules", "dagster/column_schema"} <= {entry["label"] for entry in score["metadataEntries"]}
    assert nodes["points/shopping"]["dependencyKeys"] == [{"path": ["daily_measures"]}]


def test_sensors_schedules_and_jobs_are_there_and_off_unless_the_project_says_on(api: GraphQL) -> None:
    (repository,) = api(AUTOMATION)["repositoriesOrError"]["nodes"]
    sensors = {sensor["name"]: sensor["sensorState"]["status"] for sensor in repository["sensors"]}
    assert sensors == dict.fromkeys(("landed_files", "event_days", "as_of_dates"), "STOPPED")
    schedules = {each["name"]: each["scheduleState"]["status"] for each in repository["schedules"]}
    assert schedules == dict.fromkeys(("daily", "erasure", "maintenance"), "STOPPED")
    assert {"landing", "daily", "event_days", "as_of_dates", "campaigns"} <= {
        job["name"] for job in repository["jobs"]
    }


def test_a_partition_is_materialized_by_the_api(api: GraphQL, shop: CornerShop) -> None:
    run = _launch(api, ["landed/web", "rejected/web", "events/web"], DAY)
    assert run["status"] == "SUCCESS", run
    stored = {"/".join(each["assetKey"]["path"]): each for each in run["assetMaterializations"]}
    assert stored.keys() == {"sources/web", "landed/web", "rejected/web", "events/web"}
    expected = sum(str(row["at"]).startswith(DAY) for row in web_rows())
    entries = stored["events/web"]["metadataEntries"]
    assert {"label": "dagster/row_count", "intValue": expected} in entries

    rows = shop.table("events/web")
    assert rows.height == expected > 0
    assert set(rows["event_date"].cast(str)) == {DAY}
    assert shop.versions("events/web").keys() == {DAY}

    (node,) = api(CHECKS, key={"path": ["events", "web"]})["assetNodes"]
    tags = {tag["key"]: tag["value"] for tag in node["assetMaterializations"][0]["tags"]}
    assert node["assetMaterializations"][0]["partition"] == DAY
    assert tags["dagster/data_version"] == shop.versions("events/web")[DAY]
    (check,) = node["assetChecksOrError"]["checks"]
    assert check["name"] == "day_is_sound"
    assert check["executionForLatestMaterialization"]["status"] == "SUCCEEDED"


def _launch(api: GraphQL, assets: list[str], day: str) -> dict[str, Any]:
    """A run of these assets for a day, as the UI's button launches it; given back once it is done."""
    selector = {
        "repositoryLocationName": "engagement_pipeline",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": asset.split("/")} for asset in assets],
        "assetCheckSelection": None,
    }
    params = {
        "selector": selector,
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }
    launched = api(LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        run: dict[str, Any] = api(RUN, id=launched["run"]["runId"])["runOrError"]
        if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
            return run
        time.sleep(0.2)
    raise AssertionError(f"the run did not end: {run}")
