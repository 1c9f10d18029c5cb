"""Drafts beside the active catalog: what a preview says is what an edit then does, and nothing is stored."""

import shutil
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.drafted import load_drafted
from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.orchestration.comparing import preview
from engagement_pipeline.orchestration.drafts import NothingToPreview, Trial, measure_missing, stored_lake
from engagement_pipeline.orchestration.edits import Edit, OtherProject, compute_both
from engagement_pipeline.orchestration.windows import MeasuresMissing, check_coverage
from engagement_pipeline_tests.orchestration.drafting import DRAFT, drafted, previewed
from engagement_pipeline_tests.orchestration.scenario import (
    BUYING,
    DAYS,
    LAST,
    PROJECT,
    READERS,
    READING,
    Scenario,
)


def stored_files(scenario: Scenario) -> dict[str, bytes]:
    """Everything of the lake and every row of the database."""
    lake = scenario.folder / "lake"
    found = {str(path): path.read_bytes() for path in sorted(lake.rglob("*")) if path.is_file()}
    with scenario.bench.database.read() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    return {**found, "database": dump.encode()}


def test_a_preview_shows_what_the_edit_then_does_and_stores_nothing(copied: Scenario, tmp_path: Path) -> None:
    before = stored_files(copied)
    path, folder = drafted(tmp_path, DRAFT), copied.folder / "catalog"
    lake = stored_lake(load_catalog(folder), copied.settings)
    sides = [
        Trial(catalog, copied.settings, lake, LAST, tmp_path / side)
        for side, catalog in (("one", load_catalog(folder)), ("two", load_drafted(path, folder)))
    ]
    edit = Edit(*sides)
    measured = compute_both(edit, lambda *_: None)
    assert len(measured.measures) == 1
    assert len(measured.days) == 4, "the new measure, over the window only"
    tables = ("points/reading", "scores/reading", "segments/readers", "segments/fans", "audiences/perks")
    tried = {table: edit.after.rows(table).collect() for table in tables}
    active = {table: edit.before.rows(table).collect() for table in tables}
    lake.database.close()
    assert stored_files(copied) == before

    for table in tables:
        assert_frame_equal(active[table], copied.table(table, LAST), check_row_order=False)
    copied.write("scores/reading.yaml", DRAFT)
    copied.write(
        "campaigns/perks.yaml",
        (folder / "campaigns/perks.yaml")
        .read_text()
        .replace("destinations: [{kind: files, path: perks}]\n", ""),
    )
    copied.run("event_days", DAYS[-5], LAST, only=["daily_measures"])
    copied.run("as_of_dates", LAST)
    for table in tables[:-1]:
        assert_frame_equal(tried[table], copied.table(table, LAST), check_row_order=False)
    assert tried["audiences/perks"].height == copied.table("segments/readers", LAST).height


def test_a_changed_relative_scale_is_read_against_the_reference_a_refit_makes(
    copied: Scenario, tmp_path: Path
) -> None:
    text = BUYING.replace("half_life: 4d", "half_life: 2d").replace("per: 10", "per: 5")
    path, folder = drafted(tmp_path, text), copied.folder / "catalog"
    found = previewed(copied, path, LAST)
    assert [score.refitted for score in found.scores] == [5]
    lake = stored_lake(load_catalog(folder), copied.settings)
    draft = Trial(load_drafted(path, folder), copied.settings, lake, LAST, tmp_path / "one")
    draft.score("buying", ["buying"], refit=True)
    tried = draft.rows("scores/buying").collect()
    lake.database.close()
    copied.write("scores/buying.yaml", text)
    copied.run("refit", LAST)
    assert_frame_equal(tried, copied.table("scores/buying", LAST), check_row_order=False)
    assert set(tried["state"]) <= {"scored", "inactive"}


def test_measures_that_were_looked_for_before_they_were_computed_are_found(
    made: Scenario, tmp_path: Path
) -> None:
    """What is stored for which day is read once for all scores, but not over what comes to lie above it."""
    catalog = load_drafted(drafted(tmp_path, DRAFT), made.folder / "catalog")
    trial = Trial(catalog, made.settings, made.bench.lake, LAST, tmp_path)
    plan = trial.plans["reading"]
    first = rf"reading on {DAYS[-2]} needs 1 measure\(s\) on 4 day\(s\).*email_opened"
    with pytest.raises(MeasuresMissing, match=first):
        check_coverage(trial, plan, [LAST, DAYS[-2]])
    with pytest.raises(MeasuresMissing, match=f"reading on {LAST} needs"):
        check_coverage(trial, plan, [LAST])
    measure_missing([trial], {trial: [plan.name]}, lambda _: None)
    check_coverage(trial, plan, [LAST])


def test_the_figures_of_a_preview_add_up(made: Scenario, tmp_path: Path) -> None:
    text = DRAFT.replace(
        "bands: {cold: [null, 3], warm: [3, null]}", "bands: {cold: [null, 7], warm: [7, null]}"
    )
    found = previewed(made, drafted(tmp_path, text))
    assert found.as_of == LAST
    (score,) = found.scores
    assert score.changes == (
        "window 3d → 4d",
        "rule added: news, weight 1",
        "weight of email_clicked 5 → 1",
        "band warm starts at 7, was 3",
    )
    assert score.migration["people"].sum() == found.people
    assert {each.name: each.how for each in found.segments} == {"readers": "affected", "fans": "affected"}
    for each in (*found.segments, *found.campaigns):
        assert each.gained - each.lost == each.after - each.before
        assert each.because == ("score reading",)
    due = ["points/reading", "scores/reading", "segments/readers", "segments/fans", "audiences/perks"]
    assert [each.table for each in found.recomputed] == ["daily_measures", *due]
    assert found.measured == (1, 4)
    assert score.idle == ()
    for mover in score.movers:
        assert sum(each.after - each.before for each in mover.reasons) == pytest.approx(
            mover.after - mover.before
        )


def test_a_rule_that_never_matches_is_told(made: Scenario, tmp_path: Path) -> None:
    found = previewed(made, drafted(tmp_path, DRAFT.replace("'news'", "'nwes'")))
    assert found.scores[0].idle == ("news",)


def test_the_same_definition_changes_nothing(made: Scenario, tmp_path: Path) -> None:
    found = previewed(made, drafted(tmp_path, READING.replace("goal: Is", "goal: Still, is")))
    assert found.is_empty
    assert not found.exceeded
    assert found.recomputed == ()


def test_a_catalogs_folder_may_add_and_take_away(made: Scenario, tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    for file in (made.folder / "catalog").rglob("*.yaml"):
        path = folder / file.relative_to(made.folder / "catalog")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.read_text())
    (folder / "segments/fans.yaml").unlink()
    (folder / "segments/cold.yaml").write_text(READERS.replace("readers", "cold").replace("'warm'", "'cold'"))
    events = (folder / "events.yaml").read_text()
    (folder / "events.yaml").write_text(events.replace("channel: email, chosen: false", "channel: email"))
    (folder / "scores/opening.yaml").write_text(READING.replace("score: reading", "score: opening"))
    found = previewed(made, folder)
    assert {each.name: (each.how, each.before, each.after) for each in found.segments} == {
        "cold": ("new", 0, 0),
        "fans": ("removed", 1, 0),
    }
    (opening,) = found.scores
    assert (opening.how, opening.people, opening.correlation) == ("new", 4, None)
    assert not found.exceeded, "what is new or gone is not judged"
    assert found.aside == ("event email_sent: chosen no → yes",)


def test_what_adds_scores_up_moves_with_its_parts(made: Scenario, tmp_path: Path) -> None:
    folders = []
    for name in ("before", "after"):
        folders.append(tmp_path / name)
        shutil.copytree(made.folder / "catalog", folders[-1])
        overall = READING[: READING.index("window")].replace("score: reading", "score: overall")
        parts = "window: 3d\nrules:\n  - {score: reading, weight: 2}\n  - {score: buying, weight: 1}\n"
        (folders[-1] / "scores/overall.yaml").write_text(overall + parts)
        (folders[-1] / "segments/top.yaml").write_text(
            READERS.replace("readers", "top").replace("band.reading = 'warm'", "score.overall >= 20")
        )
    (folders[1] / "scores/reading.yaml").write_text(READING.replace("weight: 5}", "weight: 4}"))
    found = preview(*map(load_catalog, folders), made.settings)
    assert {each.name: (each.how, each.because) for each in (*found.scores, *found.segments)} == {
        "reading": ("edited", ()),
        "overall": ("affected", ("score reading",)),
        "readers": ("affected", ("score reading",)),
        "fans": ("affected", ("score reading",)),
        "top": ("affected", ("score reading",)),
    }
    reading, overall_score = found.scores
    assert reading.movers
    for mover in overall_score.movers:
        (reason,) = mover.reasons
        assert "reading" in reason.rule
        (part,) = [each for each in reading.movers if each.person == mover.person]
        assert mover.after - mover.before == pytest.approx(2 * (part.after - part.before))


def test_limits_name_the_figures(copied: Scenario, tmp_path: Path) -> None:
    copied.write("project.yaml", PROJECT + "publish: {rank_correlation: 0.99, segment_change: null}\n")
    text = READING.replace("cold: [null, 3], warm: [3, null]", "cold: [null, 100], warm: [100, null]")
    found = previewed(copied, drafted(tmp_path, text.replace("weight: 5}", "weight: -5}")))
    order, limit = found.scores[0].correlation, "the limit is"
    assert found.exceeded == [
        "score reading: 100.0% of 4 people change band, the limit is 20.0% (moved_bands)",
        f"score reading: rank correlation with before is {order:.3f}, the limit is 0.99 (rank_correlation)",
        f"campaign perks: 0 gained and 3 lost of 3 people sent it, 100.0%; {limit} 30.0% (audience_change)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("score: reading\ngoal: hm", "draft.yaml:1: "),
        ("", "draft.yaml:1: is empty"),
        ("what: ever\n", "does not say what it defines"),
        (READERS.replace("band.reading", "band.raeding"), "did you mean 'band.reading'"),
    ],
)
def test_a_broken_draft_is_told_under_its_own_name(
    made: Scenario, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(CatalogError) as error:
        previewed(made, drafted(tmp_path, text))
    assert said in str(error.value)
    assert "draft.yaml:" in str(error.value)


def test_another_calendar_or_an_empty_lake_is_refused(
    made: Scenario, project: Scenario, tmp_path: Path
) -> None:
    path = drafted(tmp_path, PROJECT.replace("Europe/Berlin", "UTC"))
    with pytest.raises(OtherProject, match="timezone is UTC in the draft and Europe/Berlin"):
        previewed(made, path)
    with pytest.raises(NothingToPreview, match="take events in first"):
        previewed(project, drafted(tmp_path, DRAFT))
    assert not (project.folder / "lake").exists()
    assert not (project.folder / "engagement.db").exists(), "not even looking begins a database"


def test_a_rule_for_whatever_people_choose_is_touched_by_what_the_plan_says_of_choice(
    copied: Scenario, tmp_path: Path
) -> None:
    anything = "score: anything\ngoal: Are they there?\nowner: team:x\nwindow: 3d\nrules:\n"
    copied.write("scores/anything.yaml", anything + "  - {channel: email, weight: 2}\n")
    copied.edit(
        "scores/reading.yaml", "{event: email_clicked, weight: 5}", "{event: email_clicked, weight: -5}"
    )
    plan = (copied.folder / "catalog/events.yaml").read_text()
    draft = plan.replace("email_clicked: {", "email_clicked: {chosen: false, ")
    found = previewed(copied, drafted(tmp_path, draft))
    assert [(each.name, each.how) for each in found.scores] == [("anything", "affected")]
    assert "points/anything" in [each.table for each in found.recomputed]
