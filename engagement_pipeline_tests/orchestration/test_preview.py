"""Checks per partition, and what Dagster would do without `preview.check_result`.

Characterizes Dagster as much as our code: when a release changes what is measured here, `preview` may shrink.
"""

from collections.abc import Iterator

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engagement_pipeline.orchestration.preview import accepted_warnings, check_result, check_spec, in_ranges
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, Scenario, key

CheckRow = tuple[str | None, str]
PARTITIONED = {
    "events/mail": "day_is_sound",
    "points/reading": "contributions_sum_to_points",
    "scores/reading": "contract",
    "segments/readers": "contract",
    "audiences/perks": "waterfall_reconciles",
}


def history(instance: dg.DagsterInstance, asset: dg.AssetKey, check: str) -> list[CheckRow]:
    """(partition, status) of every row that Dagster keeps of a check, oldest first."""
    table = AssetCheckExecutionsTable
    statement = (
        sa.select(table.c.partition, table.c.execution_status)
        .where(table.c.asset_key == asset.to_string(), table.c.check_name == check)
        .order_by(table.c.id)
    )
    with instance.event_log_storage.index_connection() as connection:
        return [(row[0], row[1]) for row in connection.execute(statement)]


@pytest.mark.parametrize(("table", "check"), PARTITIONED.items())
def test_every_partition_has_its_result_and_nothing_stays_planned(
    made: Scenario, table: str, check: str
) -> None:
    found = history(made.instance, key(table), check)
    days = {"events": DAYS, "audiences": [LAST]}.get(table.partition("/")[0], [DAYS[-2], LAST])
    assert [row for row in found if row[0]] == [(day.isoformat(), "SUCCEEDED") for day in days]
    # The result of a run over a range, as a whole, has no partition.
    assert [row for row in found if not row[0]] == [(None, "SUCCEEDED")] * (table == "events/mail")


@pytest.mark.parametrize(
    ("table", "check"),
    {"persons": "contract", "landed/mail": "files_accepted", "references/buying": "contract"}.items(),
)
def test_assets_without_partitions_keep_one_history(made: Scenario, table: str, check: str) -> None:
    found = history(made.instance, key(table), check)
    assert found[-1] == (None, "SUCCEEDED")
    assert {status for _, status in found} == {"SUCCEEDED"}


@pytest.mark.slow
def test_single_and_range_runs_of_scores_add_to_one_history(copied: Scenario) -> None:
    copied.run("as_of_dates", DAYS[-3], DAYS[-2])
    copied.run("as_of_dates", DAYS[-2])
    found = history(copied.instance, key("scores/reading"), "contract")
    assert [row for row in found if row[1] != "SUCCEEDED"] == []
    assert sorted(day for day, _ in found if day) == [
        day.isoformat() for day in (DAYS[-3], DAYS[-2], DAYS[-2])
    ]
    assert len([row for row in found if row[0] is None]) <= 1


def test_the_dashboards_own_view_of_a_partition_is_its_result(made: Scenario) -> None:
    check = dg.AssetCheckKey(key("events/mail"), "day_is_sound")
    records = made.instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
    assert {record.status.value for record in records} == {"SUCCEEDED"}


def test_a_check_says_how_many_rows_its_partition_has(made: Scenario) -> None:
    check = dg.AssetCheckKey(key("points/reading"), "contributions_sum_to_points")
    records = made.instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
    told = [each.event.dagster_event.asset_check_evaluation_data for each in records if each.event]
    held = {day: info.rows for day, info in made.bench.lake.partitions("points/reading").items()}
    found = {each.partition: each.metadata["rows"].value for each in told if each.partition}
    assert found == {day: held[day] for day in found}
    assert len(found) > 1


@pytest.fixture
def failing() -> Iterator[tuple[dg.Definitions, dg.DagsterInstance]]:
    """An asset whose check fails and whose step then fails, as ours do."""
    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05")
    asset = dg.AssetKey("thing")
    with accepted_warnings():

        @dg.asset(
            key=asset,
            partitions_def=days,
            backfill_policy=in_ranges(),
            check_specs=[check_spec("sound", asset, "", days)],
        )
        def thing(context: dg.AssetExecutionContext):
            keys = list(context.partition_keys)
            yield check_result(context, asset, "sound", False, {}, keys)
            raise dg.Failure("unsound")

        @dg.asset(
            partitions_def=days,
            backfill_policy=in_ranges(),
            check_specs=[check_spec("sound", dg.AssetKey("plain"), "", days)],
        )
        def plain(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

        made = dg.Definitions(
            [thing, plain], jobs=[dg.define_asset_job("all"), dg.define_asset_job("plain_job", "plain")]
        )
    with dg.DagsterInstance.ephemeral() as instance:
        yield made, instance


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, job: str) -> None:
    definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        tags={ASSET_PARTITION_RANGE_START_TAG: "2026-01-01", ASSET_PARTITION_RANGE_END_TAG: "2026-01-03"},
        raise_on_error=False,
    )


def test_a_failed_range_says_so_for_every_partition(
    failing: tuple[dg.Definitions, dg.DagsterInstance],
) -> None:
    run(*failing, "all")
    rows = history(failing[1], dg.AssetKey("thing"), "sound")
    assert [row for row in rows if row[0]] == [(f"2026-01-0{day}", "FAILED") for day in (1, 2, 3)]
    assert not [row for row in rows if row[1] == "PLANNED"]


def test_dagster_alone_still_leaves_planned_rows_behind(
    failing: tuple[dg.Definitions, dg.DagsterInstance],
) -> None:
    """Why `check_result` exists: once this fails, Dagster does it by itself and the helper can go."""
    run(*failing, "plain_job")
    rows = history(failing[1], dg.AssetKey("plain"), "sound")
    assert {status for day, status in rows if day} == {"PLANNED"}
