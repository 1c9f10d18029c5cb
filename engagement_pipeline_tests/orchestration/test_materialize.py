"""Jobs through Dagster into real tables: rows, data versions, repetition, current SQL tables, deliveries."""

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.storage.current import current, read_current
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    PEOPLE,
    PROJECT,
    Scenario,
    failures,
    key,
    mail,
)


def latest(scenario: Scenario, table: str, day: date | None = None) -> dg.AssetMaterialization:
    """The newest materialization of an asset, or of one of its partitions."""
    records = scenario.instance.fetch_materializations(
        dg.AssetRecordsFilter(key(table), asset_partitions=[day.isoformat()] if day else None), limit=1
    ).records
    assert records, f"{table} on {day} was never materialized"
    found = records[0].asset_materialization
    assert found is not None
    return found


def version(scenario: Scenario, table: str, day: date | None = None) -> str:
    tags = latest(scenario, table, day).tags
    assert tags is not None
    return tags["dagster/data_version"]


def test_a_range_run_counts_the_rows_of_every_partition(made: Scenario) -> None:
    stored = made.table("events/mail")
    for day in DAYS:
        shown = latest(made, "events/mail", day).metadata
        assert shown["dagster/partition_row_count"].value == stored.filter(event_date=day).height
        assert shown["dagster/row_count"].value == stored.height
        assert shown["delta version"].value == made.bench.lake.version("events/mail")
    assert stored.height == 38
    assert {info.delta_version for info in made.bench.lake.partitions("events/mail").values()} == {
        made.bench.lake.version("events/mail")
    }, "a range is one commit"


def test_a_day_is_the_day_in_the_projects_zone(made: Scenario) -> None:
    # 22:30 UTC on 30 March is half past midnight of the 31st in Berlin: summer time began on the 29th.
    days = made.table("events/mail").filter(event_id="late")["event_date"].to_list()
    assert days == [date(2026, 3, 31)]


def test_scores_explain_themselves_by_their_points(made: Scenario) -> None:
    rows = made.table("points/reading", LAST).filter(person_id=PEOPLE[0]).to_dicts()
    # Opened on each of the three days (2 each), clicked on two of them (5 each).
    assert rows[0]["points"] == 160_000
    assert {each["rule"]: each["points"] for each in rows[0]["contributions"]} == {
        "email_opened": 60_000,
        "email_clicked": 100_000,
    }
    score = made.table("scores/reading", LAST).filter(person_id=PEOPLE[0]).to_dicts()[0]
    assert (score["score"], score["band"], score["state"]) == (16.0, "warm", "scored")


def test_a_person_whom_the_score_does_not_apply_to_is_unscored(made: Scenario) -> None:
    states = dict(made.table("scores/reading", LAST).select("person_id", "state").iter_rows())
    plans = dict(made.bench.lake.scan("persons").select("person_id", "plan").collect().iter_rows())
    assert {p for p, state in states.items() if state == "unscored"} == {
        p for p in states if plans[p] is None
    }


def test_what_runs_twice_is_the_same_row_for_row_and_commits_nothing(copied: Scenario) -> None:
    before, versions = copied.content(), copied.bench.versions(copied.content())
    copied.run("landing")
    copied.run("event_days", FIRST, LAST)
    copied.run("as_of_dates", LAST)
    copied.run("campaigns", LAST)
    after = copied.content()
    assert after.keys() == before.keys()
    for table, rows in after.items():
        assert_frame_equal(rows, before[table])
    assert copied.bench.versions(after) == versions
    assert latest(copied, "scores/buying", LAST).metadata["changed"].value is False


def test_days_made_in_other_steps_hold_the_same(made: Scenario, project: Scenario) -> None:
    """In pieces and another order, instead of one range."""
    project.run("landing")
    for first, last in ((DAYS[4], LAST), (FIRST, FIRST), (DAYS[1], DAYS[3])):
        project.run("event_days", first, last)
    expected, found = made.content(), project.content()
    assert {"events/mail", "events/shop", "daily_measures", "measure_coverage", "persons"} <= found.keys()
    for table, rows in found.items():
        assert_frame_equal(rows, expected[table])


def test_the_same_content_has_the_same_data_version_and_late_data_another(copied: Scenario) -> None:
    day, other = DAYS[5], DAYS[6]
    for each in (day, other):
        copied.run("event_days", each, only=["events/mail", "daily_measures"])
    before = {table: version(copied, table, day) for table in ("events/mail", "daily_measures")}
    untouched = version(copied, "events/mail", other)
    copied.run("event_days", day, only=["events/mail", "daily_measures"])
    assert {table: version(copied, table, day) for table in before} == before
    copied.drop("mail/more.csv", mail([("x1", PEOPLE[5], "open", f"{day}T08:00:00Z")]))
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    for each in (day, other):
        copied.run("event_days", each, only=["events/mail", "daily_measures"])
    for table, old in before.items():
        assert version(copied, table, day) != old, table
    assert version(copied, "events/mail", other) == untouched


def test_landed_files_change_the_version_of_their_source_alone(copied: Scenario) -> None:
    copied.run("landing")
    before = {name: version(copied, f"landed/{name}") for name in ("mail", "shop", "crm")}
    copied.drop("mail/more.csv", mail([("x1", PEOPLE[5], "open", "2026-04-01T08:00:00Z")]))
    copied.run("landing")
    changed = {name for name, old in before.items() if version(copied, f"landed/{name}") != old}
    assert changed == {"mail"}


def test_current_tables_show_the_newest_date_and_move_forward_only(copied: Scenario) -> None:
    shown = {
        kind: (name, read_current(copied.bench.database, kind, name))
        for kind, name in (("scores", "buying"), ("memberships", "readers"), ("audiences", "perks"))
    }
    for kind, (name, rows) in shown.items():
        table = {"scores": "scores", "memberships": "segments", "audiences": "audiences"}[kind]
        assert current(copied.bench.database, kind)[name].as_of == LAST
        assert rows["person_id"].to_list() == sorted(copied.table(f"{table}/{name}", LAST)["person_id"])
    copied.run("as_of_dates", DAYS[-3])
    assert copied.table("scores/buying", DAYS[-3]).height > 0
    for kind, (name, rows) in shown.items():
        assert current(copied.bench.database, kind)[name].as_of == LAST
        assert_frame_equal(read_current(copied.bench.database, kind, name), rows)


def test_a_delivered_audience_never_changes(copied: Scenario) -> None:
    people = copied.folder / "exports/perks" / LAST.isoformat() / "people.csv"
    sent, audience = people.read_bytes(), copied.table("audiences/perks", LAST)
    assert pl.read_csv(sent)["person_id"].to_list() == (
        audience.filter(decision="send")["person_id"].sort().to_list()
    )
    copied.run("campaigns", LAST)  # the same again is no change
    copied.edit("campaigns/perks.yaml", "holdout: 20%", "holdout: 0%")
    result = copied.run("campaigns", LAST, ok=False)
    (why,) = failures(result).values()
    assert "was delivered to 'perks' and can no longer change" in why
    assert_frame_equal(copied.table("audiences/perks", LAST), audience)
    assert people.read_bytes() == sent
    copied.run("campaigns", DAYS[-2])  # another date is free
    assert copied.table("audiences/perks", DAYS[-2]).filter(decision="hold_out").is_empty()


@pytest.mark.slow
def test_a_prefix_stands_before_every_key_and_in_no_path(tmp_path: Path) -> None:
    scenario = Scenario.new(tmp_path, {"project.yaml": PROJECT + "asset_prefix: [acme, crm]\n"})
    try:
        keys = scenario.definitions.resolve_asset_graph().get_all_asset_keys()
        assert {tuple(each.path[:2]) for each in keys} == {("acme", "crm")}
        scenario.run("landing")
        scenario.run("event_days", DAYS[-5], LAST)
        scenario.run("as_of_dates", LAST)
        scenario.run("campaigns", LAST)
        assert scenario.table("scores/buying", LAST).height == len(PEOPLE[:5])
        assert (scenario.folder / "lake/scores/buying/_delta_log").is_dir()
    finally:
        scenario.close()


@pytest.mark.parametrize("job", ["landing", "event_days", "as_of_dates", "refit", "campaigns", "daily"])
def test_every_job_resolves(made: Scenario, job: str) -> None:
    assert made.definitions.resolve_job_def(job).nodes
