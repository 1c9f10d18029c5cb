"""Scores of facts and of other scores, made by Dagster: what they come to, what they stand on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.core.points import LOSSES
from engagement_pipeline.orchestration.drafts import Trial
from engagement_pipeline.orchestration.judging import Past
from engagement_pipeline.orchestration.known import PartOutdated, known_rows
from engagement_pipeline.orchestration.old_versions import version_scores
from engagement_pipeline.orchestration.pending import due_as_of_dates
from engagement_pipeline.orchestration.scoring import reference_rows
from engagement_pipeline.orchestration.standing import bands_before
from engagement_pipeline_tests.orchestration.scenario import (
    FIRST,
    LAST,
    PEOPLE,
    Scenario,
    failures,
    key,
    mail,
)
from engagement_pipeline_tests.orchestration.scenario import files as landing_files
from engagement_pipeline_tests.orchestration.test_staleness import after, unsynced

FIT = """\
score: fit
goal: Does this person fit what we sell?
owner: team:lifecycle
window: 3d
rules:
  - {event: email_opened, weight: 2, applies_to: "profile.plan = 'gold'", label: opens of gold}
  - {when: "profile.plan = 'gold'", weight: 7, group: who, label: gold}
  - {when: "profile.plan is not null", weight: 5, group: who, label: has a plan}
  - {event: email_clicked, weight: -3, inactive_for: 3d, label: quiet}
groups: {who: 8}
"""
OVERALL = """\
score: overall
goal: How close are we to this person?
owner: team:lifecycle
rules:
  - {score: fit, weight: 0.5}
  - {score: buying, weight: 2}
missing_parts: reweight
"""
ABOVE = """\
score: above
goal: A composite of a composite
owner: team:lifecycle
rules:
  - {score: overall, weight: 1}
  - {score: reading, weight: 1}
scale: {method: percentile, range: [1, 10]}
bands: {low: [1, 5], high: [5, 10]}
"""
ADDED = {"scores/fit.yaml": FIT, "scores/overall.yaml": OVERALL, "scores/above.yaml": ABOVE}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Everything made once, all of it as of the last day."""
    sent = mail([("sent", PEOPLE[5], "sent", f"{FIRST}T08:00:00Z")])  # who never did anything
    landing = {**landing_files(), "mail/sent.csv": sent}
    scenario = Scenario.new(tmp_path_factory.mktemp("composites"), ADDED, landing)
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    scenario.run("refit", LAST)
    scenario.run("campaigns", LAST)
    yield scenario
    scenario.close()


def rows(scenario: Scenario, table: str) -> dict[str, dict[str, object]]:
    """Person -> the row of the last day."""
    found = scenario.table(table, LAST)
    return {row["person_id"]: row for row in found.iter_rows(named=True)}


def test_facts_give_points_and_a_group_cap_is_shared(made: Scenario) -> None:
    points = rows(made, "points/fit")
    gold = {c["rule"]: c for c in points[PEOPLE[1]]["contributions"]}
    # 7 and 5 points in a group of at most 8: of the 4 too much 7/12 and 5/12.
    assert [gold[rule]["group_loss"] for rule in ("gold", "has a plan")] == [23_333, 16_667]
    assert gold["gold"]["points"] + gold["has a plan"]["points"] == 80_000
    silver = {c["rule"]: c for c in points[PEOPLE[0]]["contributions"]}
    assert silver["has a plan"]["points"] == 50_000
    assert "gold" not in silver
    assert "opens of gold" not in silver, "an open of somebody else's rule"
    gross = [sum(c[name] for name in (*LOSSES, "decay_loss", "points")) for c in gold.values()]
    assert gross[:1] == [gold["opens of gold"]["quantity"] * 20_000]


def test_who_only_fits_is_inactive_and_has_points(made: Scenario) -> None:
    score = rows(made, "scores/fit")
    never = score[PEOPLE[5]]
    assert never["state"] == "inactive"
    # Gold, has a plan, and quiet for three days.
    assert never["score"] == 8 - 3
    assert {row["state"] for row in score.values()} == {"inactive", "scored"}


def test_composites_add_up_their_parts(made: Scenario) -> None:
    fit, buying, overall, reading, above = (
        rows(made, f"scores/{name}") for name in ("fit", "buying", "overall", "reading", "above")
    )
    points = rows(made, "points/above")
    for person in PEOPLE:
        both = 0.5 * float(str(fit[person]["score"])) + 2 * float(str(buying[person]["score"]))
        assert overall[person]["score"] == pytest.approx(both, abs=1e-4)
        lacking = reading[person]["state"] == "unscored"
        assert (above[person]["state"] == "unscored") == lacking == (person not in points)
        if not lacking:
            whole = float(str(overall[person]["score"])) + float(str(reading[person]["score"]))
            assert points[person]["points"] == pytest.approx(whole * 10_000, abs=1)
    assert {row["reference"] for row in above.values()} - {"live"}, "fitted on its own points"


def test_a_composite_is_inactive_where_all_its_parts_are(made: Scenario) -> None:
    fit, buying, overall = (rows(made, f"scores/{name}") for name in ("fit", "buying", "overall"))
    for person in PEOPLE:
        parts = {fit[person]["state"], buying[person]["state"]}
        assert (overall[person]["state"] == "inactive") == (parts == {"inactive"}), person


@pytest.mark.parametrize("held_back", ["stale", "provisional"])
def test_who_is_inactive_in_parts_that_are_held_back_is_so_in_what_adds_them_up(
    made: Scenario, tmp_path: Path, held_back: str
) -> None:
    """Their states say then that they are held back, and no longer who did anything. All the way up."""
    trial = Trial(made.catalog, made.settings, made.bench.lake, LAST, tmp_path)
    for part in ("fit", "buying", "reading"):
        state = pl.when(pl.col("state") != "unscored").then(pl.lit(held_back)).otherwise("state")
        rows = made.table(f"scores/{part}", LAST).with_columns(state=state)
        trial.layer.put(trial.table(f"scores/{part}"), [rows], LAST)
    for name in ("overall", "above"):
        trial.score(name, [name], refit=False)
        given, before = trial.rows(f"points/{name}").collect(), made.table(f"points/{name}", LAST)
        assert_frame_equal(given, before, check_row_order=False)
        assert set(given["active"]) == {True, False}
        states = trial.rows(f"scores/{name}").collect()["state"]
        assert set(states) - {"unscored"} == {held_back}
        plan, points = trial.plans[name], given.lazy()
        active = replace(plan, scale=plan.scale.model_copy(update={"population": "active"}))
        population = reference_rows(trial, active, points, LAST)
        assert population["persons"].sum() == given["active"].sum()


def test_lineage_and_versions_know_the_parts(made: Scenario) -> None:
    graph = made.definitions.resolve_asset_graph()
    parents = {name: graph.get(key(f"points/{name}")).parent_keys for name in ("fit", "overall", "reading")}
    assert parents["fit"] == {key("daily_measures"), key("persons")}
    assert parents["overall"] == {key("persons"), key("scores/fit"), key("scores/buying")}
    assert parents["reading"] == {key("daily_measures")}, "a score of events alone reads nobody"
    inputs = made.bench.lake.partitions("points/overall")[LAST.isoformat()].inputs
    assert inputs.keys() == {"persons", "scores/fit", "scores/buying"}


def of(*scores: str) -> set[str]:
    """The dated tables of scores."""
    return {f"{kind}/{name}" for kind in ("points", "scores", "score_changes") for name in scores}


def test_everything_is_synced_at_first(made: Scenario) -> None:
    assert unsynced(made) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "marked"),
    [
        (
            "scores/overall.yaml",
            "weight: 0.5",
            "weight: 0.6",
            {"references/above", *of("overall", "above")},
        ),
        (
            "scores/above.yaml",
            "score: reading, weight: 1",
            "score: reading, weight: 2",
            {"references/above", *of("above")},
        ),
        (
            "scores/above.yaml",
            "low: [1, 5], high: [5, 10]",
            "low: [1, 6], high: [6, 10]",
            of("above") - {"points/above"},
        ),
        (
            "scores/fit.yaml",
            "who: 8",
            "who: 9",
            {"references/above", *of("fit", "overall", "above")},
        ),
    ],
)
def test_an_edit_of_a_part_marks_the_composites_and_nothing_else(
    made: Scenario, file: str, old: str, new: str, marked: set[str]
) -> None:
    assert after(made, file, old, new) == marked


def test_other_bands_of_a_part_leave_the_reference_of_its_composite_valid(made: Scenario) -> None:
    plans = made.bench.plans
    made.edit("scores/overall.yaml", "missing_parts", "bands: {all: [null, null]}\nmissing_parts")
    try:
        assert made.bench.plans["above"].points_digest == plans["above"].points_digest
        assert made.bench.plans["overall"].definition != plans["overall"].definition
    finally:
        made.write("scores/overall.yaml", OVERALL)


def test_nothing_is_due_and_then_what_stands_on_a_changed_part(made: Scenario, tmp_path: Path) -> None:
    copied = made.copy(tmp_path)
    assert due_as_of_dates(copied.bench, LAST) == {}
    before = LAST - timedelta(days=1)
    copied.arrive("mail/late.csv", mail([("late-1", PEOPLE[0], "click", f"{LAST}T10:00:00Z")]), LAST)
    due = due_as_of_dates(copied.bench, LAST)
    assert before not in due, "that date was never scored"
    assert {"points/fit", "scores/fit", "points/overall", "points/above", "scores/above"} <= set(due[LAST])
    copied.run("as_of_dates", LAST)
    assert due_as_of_dates(copied.bench, LAST) == {}
    copied.close()


def test_a_draft_is_fitted_on_whom_a_composite_scores(made: Scenario, tmp_path: Path) -> None:
    copied = made.copy(tmp_path)
    copied.edit("scores/above.yaml", "reading, weight: 1", "reading, weight: 2")
    tried = version_scores(copied.folder / "catalog", copied.settings, "above", None, LAST).scores
    assert None in tried["points"], "somebody lacks a part"
    copied.run("refit", LAST, only=["points/above", "references/above", "scores/above"])
    stored = copied.table("scores/above", LAST)
    assert_frame_equal(tried, stored.sort("person_id"), check_column_order=False)
    copied.close()


def test_a_composite_refuses_parts_of_another_version(made: Scenario, tmp_path: Path) -> None:
    copied = made.copy(tmp_path)
    copied.edit("scores/fit.yaml", "who: 8", "who: 9")
    result = copied.run("as_of_dates", LAST, only=["points/overall"], ok=False)
    why = failures(result)["points__overall"]
    assert "score overall adds up scores/fit" in why
    assert f"Materialize points/fit and scores/fit for {LAST}" in why
    copied.close()


def edited_part(made: Scenario, folder: Path) -> Scenario:
    """A copy in which a rule of a part is other than it was; the texts of the composites stay."""
    copied, before = made.copy(folder), made.bench.plans
    copied.edit("scores/fit.yaml", "who: 8", "who: 9")
    for name in ("overall", "above"):
        assert copied.bench.plans[name].definition == before[name].definition
    return copied


AFTER = LAST + timedelta(days=1)


def test_what_old_versions_of_parts_gave_is_not_taken_for_the_present(made: Scenario, tmp_path: Path) -> None:
    copied = edited_part(made, tmp_path)
    for name in ("overall", "above"):
        assert bands_before(made.bench, made.bench.plans[name], AFTER) is not None
        assert bands_before(copied.bench, copied.bench.plans[name], AFTER) is None
    then, stored = Past(made.bench, "overall").scores(LAST)
    assert stored
    now, stored = Past(copied.bench, "overall").scores(LAST)
    assert not stored
    moved = now.join(then, on="person_id").filter(pl.col("score") != pl.col("score_right"))
    assert PEOPLE[1] in moved["person_id"], "gold: one point more, of which half counts"
    copied.close()


def test_a_composite_whose_points_alone_are_made_anew_is_still_the_old_one(
    made: Scenario, tmp_path: Path
) -> None:
    copied = edited_part(made, tmp_path)
    bench = copied.bench
    now = Past(bench, "overall").scores(LAST)[0]
    copied.run("as_of_dates", LAST, only=["points/fit", "scores/fit"])
    known_rows(bench, bench.plans["overall"], LAST)
    with pytest.raises(PartOutdated, match="adds up scores/overall; points/overall on"):
        known_rows(bench, bench.plans["above"], LAST)
    copied.run("as_of_dates", LAST, only=["points/overall"])
    assert bands_before(bench, bench.plans["overall"], AFTER) is None
    assert not Past(bench, "overall").scores(LAST)[1]
    copied.run("as_of_dates", LAST, only=["scores/overall"])
    assert bands_before(bench, bench.plans["overall"], AFTER) is not None
    again, stored = Past(bench, "overall").scores(LAST)
    assert stored
    assert_frame_equal(again, now, check_row_order=False)
    copied.close()


def test_buckets_change_nothing(made: Scenario, tmp_path: Path) -> None:
    copied = made.copy(tmp_path)
    copied.edit("project.yaml", "end_date: 2026-04-05\n", "end_date: 2026-04-05\nengine: {buckets: 3}\n")
    before = {name: copied.table(f"points/{name}", LAST) for name in ("fit", "overall", "above")}
    copied.run("as_of_dates", LAST, only=[f"points/{name}" for name in before])
    for name, rows_before in before.items():
        now = copied.table(f"points/{name}", LAST)
        assert now.sort("person_id").equals(rows_before.sort("person_id"))
    assert isinstance(now, pl.DataFrame)
    copied.close()


def test_a_range_of_dates_is_what_its_dates_are_alone(made: Scenario, tmp_path: Path) -> None:
    copied = made.copy(tmp_path)
    one = copied.table("points/above", LAST)
    names = ("fit", "buying", "reading", "overall", "above")
    tables = [f"{kind}/{name}" for kind in ("points", "scores") for name in names]
    copied.run("as_of_dates", LAST - timedelta(days=2), LAST, only=tables)
    assert copied.table("points/above", LAST).equals(one)
    assert copied.table("points/above", LAST - timedelta(days=2)).height > 0
    copied.close()
