"""What Dagster is told of a project: every asset's spec, its days, its lookback, its metadata before a run.

The snapshot beside this file shows a change of any spec of the packaged example as a diff in review.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.demo import DATASETS
from engagement_pipeline.orchestration.partitions import as_of_days, event_days
from engagement_pipeline.orchestration.preview import accepted_warnings, lookback
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, Scenario, key

SNAPSHOT = Path(__file__).with_name("example_assets.json")
REFRESH = "UPDATE_SNAPSHOTS=1 pytest engagement_pipeline_tests/orchestration/test_definitions.py"


def packaged(dataset: str) -> dg.Definitions:
    """Stores that do not exist: building definitions opens none."""
    nowhere = Path("/nowhere")
    settings = Settings(str(nowhere / "lake"), "sqlite:////nowhere/db", nowhere, nowhere)
    return build_definitions(load_catalog(DATASETS[dataset].catalog), settings)


@pytest.fixture(scope="module")
def example() -> dg.Definitions:
    return packaged("example")


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_packaged_catalogs_load(dataset: str) -> None:
    dg.Definitions.validate_loadable(packaged(dataset))


def test_the_small_project_loads(project: Scenario) -> None:
    dg.Definitions.validate_loadable(project.definitions)
    assert not (project.folder / "lake").exists()
    assert not (project.folder / "engagement.db").exists()


def test_every_asset_is_as_the_snapshot_says(example: dg.Definitions) -> None:
    """One line per asset; refresh it with REFRESH and look at the diff."""
    found = dict(described(example))
    text = (
        "{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
        + "\n}\n"
    )
    if os.environ.get("UPDATE_SNAPSHOTS", "0") not in ("", "0"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    expected = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    changed = sorted(name for name in expected.keys() | found if expected.get(name) != found.get(name))
    assert not changed, (
        f"specs differ from {SNAPSHOT.name}: {', '.join(changed)}. "
        f"If that is meant, run `{REFRESH}` and commit the file."
    )


def described(definitions: dg.Definitions) -> Iterator[tuple[str, dict[str, Any]]]:
    checks: dict[dg.AssetKey, list[str]] = {}
    for each in definitions.resolve_asset_graph().asset_check_keys:
        checks.setdefault(each.asset_key, []).append(each.name)
    for assets in definitions.resolve_all_asset_specs():
        graph = definitions.resolve_assets_def(assets.key)
        days, backfill = graph.partitions_def, graph.backfill_policy
        spec = graph.specs_by_key[assets.key]
        yield (
            spec.key.to_user_string(),
            {
                "deps": {
                    dep.asset_key.to_user_string(): mapped(graph.get_partition_mapping(dep.asset_key))
                    for dep in sorted(spec.deps, key=lambda dep: dep.asset_key.to_user_string())
                },
                "group": spec.group_name,
                "owners": list(spec.owners),
                "kinds": sorted(spec.kinds),
                "code_version": spec.code_version,
                "checks": sorted(checks.get(spec.key, [])),
                "partitions": None if days is None else str(days),
                "days_per_run": None if backfill is None else backfill.max_partitions_per_run,
            },
        )


def test_every_asset_says_what_it_is(example: dg.Definitions) -> None:
    """A table without an asset that others depend upon would stand in the UI with nothing said of it."""
    graph = example.resolve_asset_graph()
    for each in map(graph.get, graph.get_all_asset_keys()):
        assert each.description, each.key
        assert each.kinds, each.key
        assert each.group_name != "default", each.key


def mapped(mapping: dg.PartitionMapping | None) -> str | None:
    if isinstance(mapping, dg.TimeWindowPartitionMapping):
        return f"days {mapping.start_offset} to {mapping.end_offset}"
    return None if mapping is None else type(mapping).__name__


# --- days -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "as_of", "first"),
    [
        (3, LAST, date(2026, 4, 3)),
        (1, LAST, LAST),
        (5, DAYS[1], FIRST),
        (90, LAST, FIRST),
        (3, DAYS[3], DAYS[1]),
    ],
)
def test_an_as_of_date_reads_the_days_of_its_window(window: int, as_of: date, first: date) -> None:
    """[D-N+1, D], cut off at the project's start; 29 March, with its 23 hours, is a day like any other."""
    project = Project(project="p", timezone="Europe/Berlin", start_date=FIRST, end_date=LAST)
    days = as_of_days(project)
    with accepted_warnings():
        mapping = lookback(window)
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        days.subset_with_partition_keys([as_of.isoformat()]), days, event_days(project)
    )
    span = [first + timedelta(days=age) for age in range((as_of - first).days + 1)]
    assert sorted(found.partitions_subset.get_partition_keys()) == [day.isoformat() for day in span]
    assert not found.required_but_nonexistent_subset.get_partition_keys()


def test_the_days_read_are_those_that_the_asset_declares(made: Scenario) -> None:
    graph = made.definitions.resolve_asset_graph()
    for table, first in (("points/reading", DAYS[-3]), ("points/buying", DAYS[-5])):
        child, parent = graph.get(key(table)), graph.get(key("daily_measures"))
        mapping = graph.get_partition_mapping(child.key, parent.key)
        assert isinstance(mapping, dg.TimeWindowPartitionMapping)
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            child.partitions_def.subset_with_partition_keys([LAST.isoformat()]),
            child.partitions_def,
            parent.partitions_def,
        )
        keys = sorted(found.partitions_subset.get_partition_keys())
        assert (keys[0], keys[-1]) == (first.isoformat(), LAST.isoformat())


def test_event_days_of_a_living_project_end_today_and_as_of_dates_yesterday() -> None:
    project = Project(project="p", timezone="Europe/Berlin", start_date=FIRST)
    # 22:30 UTC is half past midnight of 2 May in Berlin.
    with dg.partition_loading_context(effective_dt=datetime(2026, 5, 1, 22, 30, tzinfo=UTC)):
        assert event_days(project).get_last_partition_key() == "2026-05-02"
        assert as_of_days(project).get_last_partition_key() == "2026-05-01"
        assert event_days(project).get_first_partition_key() == FIRST.isoformat()


def test_days_of_a_closed_data_set_end_with_it() -> None:
    project = Project(project="p", timezone="Europe/Berlin", start_date=FIRST, end_date=LAST)
    for days in (event_days(project), as_of_days(project)):
        assert days.get_partition_keys() == [day.isoformat() for day in DAYS]


# --- metadata before the first run ------------------------------------------------------------------


def test_a_scores_page_explains_it_before_the_first_run(project: Scenario) -> None:
    for table in ("points/reading", "scores/reading"):
        shown = project.definitions.resolve_asset_graph().get(key(table)).metadata
        rules = shown["rules"].value
        assert "| weight | event | quantity | daily cap |" in rules
        assert "| +2 | email_opened | count | 1 |" in rules
        assert shown["goal"] == "Is this person reading our emails?"
        assert shown["window"] == "3 days"
        assert "| warm | 3 | no bound |" in shown["bands"].value
        assert shown["applies to"] == "profile.plan is not null"
    buying = project.definitions.resolve_asset_graph().get(key("scores/buying")).metadata
    assert buying["scale"] == "percentile from 1 to 10, frozen reference"
    assert buying["decay"] == "half after 4 days"


def test_tables_show_where_they_lie_and_their_columns(project: Scenario) -> None:
    graph = project.definitions.resolve_asset_graph()
    for each in graph.get_all_asset_keys():
        shown = graph.get(each).metadata
        if each.path[0] in ("deliveries", "sources", "source_health"):
            continue
        table = "/".join(each.path)
        assert shown["dagster/table_name"] == table
        assert shown["dagster/uri"] == f"{project.folder}/lake/{table}"
        columns = [column.name for column in shown["dagster/column_schema"].columns]
        assert columns == project.bench.table(table).schema.names()


def test_conditions_and_campaigns_are_shown(project: Scenario) -> None:
    graph = project.definitions.resolve_asset_graph()
    assert "segment.readers and segment.buyers" in graph.get(key("segments/fans")).metadata["where"].value
    perks = graph.get(key("audiences/perks")).metadata
    assert "| big_perk | score.reading >= 5 | big_perk |" in perks["variants"].value
    assert perks["holdout"] == "20.0%"
