"""What must not be stored is not: broken contracts, lost updates, missing measures, old points, outages."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.core.points import check_points
from engagement_pipeline.orchestration import scoring
from engagement_pipeline.orchestration.assets import measures, people, scores
from engagement_pipeline_tests.orchestration.scenario import (
    BUYING,
    DAYS,
    LAST,
    PEOPLE,
    PROJECT,
    Scenario,
    event_log,
    failures,
    key,
    mail,
    orders,
)
from engagement_pipeline_tests.orchestration.test_preview import history

pytestmark = pytest.mark.slow


def one_point_more(rows: pl.DataFrame) -> None:
    """The invariant as it would see rows whose points are off by one."""
    check_points(rows.with_columns(pl.col("points") + 1))


@pytest.mark.parametrize("days", [(DAYS[-4],), (DAYS[-4], DAYS[-3])], ids=["one day", "a range"])
def test_rows_that_break_an_invariant_are_not_stored(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch, days: tuple
) -> None:
    before, version = copied.table("points/reading"), copied.bench.lake.version("points/reading")
    monkeypatch.setattr(scores, "check_points", one_point_more)
    copied.reload()
    result = copied.run("as_of_dates", *days, only=["points/reading", "scores/reading"], ok=False)
    assert "do not add up to their points" in failures(result)["points__reading"]
    assert copied.bench.lake.version("points/reading") == version
    assert_frame_equal(copied.table("points/reading"), before)
    assert "scores__reading" not in failures(result), "what depends on it is skipped"
    rows = history(copied.instance, key("points/reading"), "contributions_sum_to_points")
    assert [row for row in rows if row[0]] == [(day.isoformat(), "FAILED") for day in days]
    assert not list((copied.folder / "lake/.staging").iterdir()), "staged rows are gone"
    assert not [person for person in PEOPLE if person in event_log(copied)]


def test_a_broken_contract_is_said_with_its_sample_or_without(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scoring.attach

    def no_band(*args: object) -> pl.LazyFrame:
        return whole(*args).with_columns(band=pl.lit("nowhere"))

    monkeypatch.setattr(scoring, "attach", no_band)
    said = []
    for samples in ("true", "false"):
        copied.write("project.yaml", PROJECT + f"samples_in_metadata: {samples}\n")
        result = copied.run("as_of_dates", LAST, only=["scores/reading"], ok=False)
        said.append(failures(result)["scores__reading"])
    assert "band" in said[0]
    assert "table 'scores/reading' was not written" in said[1]
    assert ", such as" in said[0]
    assert ", such as" not in said[1]
    assert not [person for person in PEOPLE if person in event_log(copied)]
    assert set(copied.table("scores/reading")["band"].drop_nulls()) == {"cold", "warm"}


def test_an_overflow_names_rule_and_masked_person(copied: Scenario) -> None:
    copied.write("scores/buying.yaml", BUYING.replace("weight: 1, per: 10", "weight: 10, per: 0.000001"))
    copied.drop("shop/huge.jsonl", orders([("huge", PEOPLE[0], f"{LAST}T08:00:00Z", 1e9)]))
    copied.run("landing", only=["landed/shop", "rejected/shop"])
    copied.run("event_days", LAST)
    result = copied.run("as_of_dates", LAST, only=["points/buying"], ok=False)
    assert "points of person 'kun…' by rule 'order_completed value'" in failures(result)["points__buying"]
    assert PEOPLE[0] not in event_log(copied)
    assert "do not fit in 64 bits; lower the weight" in event_log(copied), "the log was read"


def test_a_slow_step_is_refused_by_the_version_that_it_loaded(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run: while points are computed from what was loaded, another run commits newer ones."""
    whole, day = scoring.check_coverage, DAYS[-1]
    copied.drop("mail/more.csv", mail([("x1", PEOPLE[3], "click", f"{day}T08:00:00Z")]))
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    quick: list[bool] = []

    def meanwhile(*args: object) -> None:
        whole(*args)
        if not quick:
            quick.append(True)
            other = Scenario(copied.folder)  # another process: other definitions, another instance
            other.run("event_days", day, only=["events/mail", "daily_measures"])
            other.run("as_of_dates", day, only=["points/reading"])
            other.close()

    monkeypatch.setattr(scoring, "check_coverage", meanwhile)
    result = copied.run("as_of_dates", day, only=["points/reading"], ok=False)
    assert "would have replaced newer data by older" in failures(result)["points__reading"]
    assert copied.table("points/reading", day).filter(person_id=PEOPLE[3])["points"][0] == 70_000 + 50_000


def test_a_new_rule_needs_its_measures_and_costs_only_them(copied: Scenario) -> None:
    kept = copied.table("daily_measures").sort("event_date", "person_id", "measure")
    copied.edit(
        "scores/reading.yaml",
        "rules:\n",
        'rules:\n  - {event: order_completed, where: "items = 1", weight: 1, label: bought}\n',
    )
    result = copied.run("as_of_dates", LAST, ok=False)
    why = failures(result)["points__reading"]
    assert "score reading on 2026-04-05 needs 1 measure(s) on 3 day(s)" in why
    assert "Materialize daily_measures from 2026-04-03 to 2026-04-05" in why
    assert "scores__buying" not in failures(result), "other scores go on"

    made = copied.run("event_days", DAYS[-3], LAST, only=["daily_measures"])
    (shown,) = {
        event.step_materialization_data.materialization.metadata["newly computed"].value
        for event in made.all_events
        if event.is_step_materialization
    }
    assert "| 3 | 2026-04-03 | 2026-04-05 | 1 |" in shown
    after = copied.table("daily_measures").sort("event_date", "person_id", "measure")
    assert_frame_equal(after.join(kept, on=kept.columns, how="semi"), kept)
    assert after.height > kept.height
    copied.run("as_of_dates", LAST)
    rules = copied.table("points/reading", LAST)["contributions"].explode().struct.field("rule")
    assert "bought" in set(rules)


def test_a_day_that_was_never_measured_is_named_with_its_remedy(project: Scenario) -> None:
    project.run("landing")
    project.run("event_days", DAYS[-2], LAST)
    result = project.run("as_of_dates", LAST, only=["points/reading"], ok=False)
    why = failures(result)["points__reading"]
    assert "score reading on 2026-04-05 needs 2 measure(s) on 1 day(s)" in why
    assert "Materialize daily_measures for 2026-04-03 (only what is missing is computed)" in why


def test_points_of_an_older_definition_are_not_scored(copied: Scenario) -> None:
    copied.edit("scores/reading.yaml", "weight: 5", "weight: 7")
    before = copied.table("scores/reading", LAST)
    result = copied.run("as_of_dates", LAST, only=["scores/reading"], ok=False)
    why = failures(result)["scores__reading"]
    assert "points/reading on 2026-04-05 were computed by version" in why
    assert "Materialize points/reading for 2026-04-05, then this again" in why
    assert_frame_equal(copied.table("scores/reading", LAST), before)
    copied.run("as_of_dates", LAST)
    assert not copied.table("scores/reading", LAST)["score"].equals(before["score"])


def test_a_reference_is_not_fitted_on_points_of_an_older_definition(copied: Scenario) -> None:
    copied.edit("scores/buying.yaml", "half_life: 4d", "half_life: 2d")
    result = copied.run("refit", LAST, only=["references/buying"], ok=False)
    assert "points/buying on 2026-04-05 were computed by version" in failures(result)["references__buying"]


def test_too_many_rejected_rows_fail_the_landing_and_store_nothing_of_the_file(copied: Scenario) -> None:
    copied.drop("mail/bad.csv", mail([(f"y{n}", PEOPLE[0], "open", "never") for n in range(5)]))
    copied.drop("shop/good.jsonl", orders([("n1", PEOPLE[0], "2026-04-02T10:00:00Z", 5.0)]))
    before = copied.table("landed/mail")
    result = copied.run("landing", ok=False)
    assert failures(result).keys() == {"land_mail"}, "other sources go on"
    assert "mail/bad.csv" in failures(result)["land_mail"]
    assert history(copied.instance, key("landed/mail"), "files_accepted")[-1] == (None, "FAILED")
    assert history(copied.instance, key("landed/shop"), "files_accepted")[-1] == (None, "SUCCEEDED")
    assert_frame_equal(copied.table("landed/mail"), before)
    assert copied.table("landed/shop").filter(file="shop/good.jsonl").height == 1
    assert not [person for person in PEOPLE if person in event_log(copied)]


def test_a_database_that_is_down_fails_the_step_in_words(made: Scenario, tmp_path: Path) -> None:
    down = made.copy(tmp_path / "down")
    (down.folder / "engagement.db").unlink()
    for rest in down.folder.glob("engagement.db-*"):
        rest.unlink()
    (down.folder / "engagement.db").mkdir()  # what cannot be opened as a database, even by root
    versions = {log.parent: len(list(log.glob("*.json"))) for log in down.folder.rglob("_delta_log")}
    for job, table, day in (
        ("landing", "landed/mail", None),
        ("event_days", "events/mail", LAST),
        ("as_of_dates", "points/reading", LAST),
    ):
        result = down.run(job, day, only=[table, *(["rejected/mail"] if job == "landing" else [])], ok=False)
        (why,) = failures(result).values()
        assert "does not answer" in why
        assert "ENGAGEMENT_DATABASE_URL" in why
    assert {log.parent: len(list(log.glob("*.json"))) for log in down.folder.rglob("_delta_log")} == versions
    down.close()


def test_a_lake_that_cannot_be_written_fails_the_step_in_words(
    open_project: Callable[..., Scenario],
) -> None:
    project = open_project()
    (project.folder / "lake").write_text("a file where the lake should be")
    result = project.run("landing", only=["landed/mail", "rejected/mail"], ok=False)
    (why,) = failures(result).values()
    assert "cannot be written" in why
    assert "ENGAGEMENT_LAKE" in why
    assert not project.bench.ledger.landed("mail"), "the ledger claims nothing that is not in the lake"
    (project.folder / "lake").unlink()
    project.run("landing")
    assert project.table("landed/mail").height == 39


def test_measures_without_their_coverage_are_never_read_as_zero(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule goes, the run dies between the two commits, the rule comes back: its rows are gone by then."""
    kept = "  - {event: email_opened, weight: 2, cap: {per_day: 1}}\n"
    rule = "  - {event: email_clicked, weight: 5}\n"
    copied.edit("scores/reading.yaml", kept + rule, kept)

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(measures, "coverage_of", killed)
        copied.run("event_days", LAST, only=["daily_measures"], ok=False)
    copied.edit("scores/reading.yaml", kept, kept + rule)
    why = failures(copied.run("as_of_dates", LAST, ok=False))["points__reading"]
    assert "on 1 day(s) for which they were not computed" in why
    copied.run("event_days", LAST, only=["daily_measures"])
    copied.run("as_of_dates", LAST)


def test_a_slow_table_without_days_is_refused_too(copied: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, day = people.persons_rows, DAYS[-1]
    copied.drop("mail/more.csv", mail([("x1", "newcomer", "click", f"{day}T08:00:00Z")]))
    copied.run("landing", only=["landed/mail", "rejected/mail"])
    quick: list[bool] = []

    def meanwhile(*args: object) -> pl.DataFrame | pl.LazyFrame:
        rows = whole(*args)
        if not quick:
            quick.append(True)
            other = Scenario(copied.folder)
            other.run("event_days", day)
            other.close()
        return rows

    monkeypatch.setattr(people, "persons_rows", meanwhile)
    result = copied.run("event_days", day, only=["persons"], ok=False)
    assert "would have replaced newer data by older" in failures(result)["persons"]
    assert "newcomer" in set(copied.table("persons")["person_id"])
