"""Contributions that are no longer kept: what maintenance takes, what stays, and how they are explained."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_pipeline.contracts.rules import validate
from engagement_pipeline.contracts.tables import schema_for
from engagement_pipeline.core.points import PointsDisagree, check_points
from engagement_pipeline.orchestration.explaining import explain
from engagement_pipeline.orchestration.pending import due_as_of_dates
from engagement_pipeline.orchestration.retention import let_go
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, PEOPLE, PROJECT, Scenario

BEFORE = DAYS[-2]
KEPT = PROJECT.replace("reference_people: 1", "reference_people: 1, contributions_kept: 1")


def test_only_the_last_dates_keep_their_contributions(copied: Scenario) -> None:
    told = explain(copied.catalog, copied.settings, PEOPLE[0], as_of=BEFORE)
    assert told.scores["source"].unique().to_list() == ["stored"]
    assert let_go(copied.bench) == {}, "90 dates are kept where nothing is said"
    copied.write("project.yaml", KEPT)
    lake, tables = copied.bench.lake, ["points/buying", "points/reading"]
    due = due_as_of_dates(copied.bench, LAST)
    stored = {table: lake.partitions(table) for table in tables}
    rows, version = copied.table("points/buying", BEFORE), lake.version("points/buying")

    assert let_go(copied.bench) == dict.fromkeys(tables, 1)
    assert {table: lake.partitions(table) for table in tables} == stored, "versions and inputs as they were"
    assert due_as_of_dates(copied.bench, LAST) == due
    emptied = copied.table("points/buying", BEFORE)
    assert emptied["contributions"].list.len().sum() == 0
    assert emptied.drop("contributions").equals(rows.drop("contributions"))
    validate(emptied, schema_for("points/buying", copied.catalog))
    assert copied.table("points/buying", LAST)["contributions"].list.len().min() == 1
    before = lake.scan("points/buying", [BEFORE.isoformat()], version).collect()
    assert before.equals(rows), "the version before stays readable for a while"
    assert let_go(copied.bench) == {}, "what is gone is not taken twice"

    again = explain(copied.catalog, copied.settings, PEOPLE[0], as_of=BEFORE)
    assert again.scores["source"].unique().to_list() == ["recomputed"]
    assert again.rules.equals(told.rules)
    assert again.scores["changed_since"].to_list() == [0, 0]

    # Made again, the date is found to hold what it should: nothing is written, nothing is due.
    copied.run("as_of_dates", BEFORE, only=["points/buying"])
    assert (
        lake.partitions("points/buying")[BEFORE.isoformat()].delta_version
        == stored["points/buying"][BEFORE.isoformat()].delta_version
    )


def test_maintenance_says_what_went(copied: Scenario) -> None:
    copied.write("project.yaml", KEPT)
    result = copied.definitions.resolve_job_def("maintenance").execute_in_process(instance=copied.instance)
    shown = result.get_step_success_events()[0]
    assert shown is not None
    assert copied.table("points/reading", BEFORE)["contributions"].list.len().sum() == 0


@given(st.integers(0, 3))
def test_no_points_are_stored_without_any(points: int) -> None:
    rows = pl.DataFrame(
        {"person_id": ["a"], "points": [points], "contributions": [[]]},
        schema_overrides={"contributions": _contributions()},
    )
    with pytest.raises(PointsDisagree):
        check_points(rows)


def _contributions() -> pl.DataType:
    from engagement_pipeline.core.frames import POINTS

    return POINTS["contributions"]
