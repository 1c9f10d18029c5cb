"""Why scores change between two dates, on stored tables: each cause alone lands in its own part."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.contracts.rules import ContractBroken
from engagement_pipeline.core.frames import CAUSES, POINT
from engagement_pipeline.orchestration.changing import (
    LATE_IN_DEFINITION,
    MERGED,
    DefinitionGone,
    changed,
)
from engagement_pipeline.orchestration.erasure import erase_requested
from engagement_pipeline.orchestration.pending import due_as_of_dates
from engagement_pipeline.orchestration.publishing import publish
from engagement_pipeline.orchestration.recomputing import NothingToCompare
from engagement_pipeline.storage.erasures import ask
from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, Scenario, key, mail
from engagement_pipeline_tests.orchestration.test_people import CHANGED as CATALOG
from engagement_pipeline_tests.orchestration.test_people import CRM, WEB, csv, seen

pytestmark = pytest.mark.slow
SINCE = DAYS[-2]
READER, BUYER, PHONE, QUIET = "kunde-ada-71", "kunde-ben-72", "browser-71", "kunde-cem-73"
OPENING = """\
score: opening
goal: Does this person read?
owner: team:web
window: 5d
decay: {linear: 5d}
rules: [{event: email_opened, weight: 5}]
"""
FIT = """\
score: fit
goal: Does this person fit?
owner: team:web
window: 3d
rules:
  - {event: email_opened, weight: 1}
  - {when: "profile.plan = 'gold'", weight: 7}
"""
ONLY_GOLD = """\
score: only_gold
goal: Do those who pay read?
owner: team:web
window: 3d
rules: [{event: email_opened, weight: 1}]
applies_to: "profile.plan = 'gold'"
"""
RANKED = """\
score: ranked
goal: Who reads more than others?
owner: team:web
window: 3d
rules: [{event: email_opened, weight: 1}]
scale: {method: percentile, range: [1, 10], reference: live}
bands: {low: [1, 5], high: [5, 10]}
"""
SUM = """\
score: both
goal: A composite
owner: team:web
rules: [{score: opening, weight: 2}, {score: fit, weight: 1}]
"""
MISSED = """\
score: missed
goal: Who went quiet, and of whom do we know nothing?
owner: team:web
window: 5d
rules:
  - {event: page_viewed, weight: 1}
  - {event: email_opened, weight: 5}
  - {event: email_opened, weight: -4, inactive_for: 3d, label: quiet}
  - {when: "profile.plan is null", weight: 2}
"""
LANDING = {
    # The phone is known to be the reader's from the last day on.
    "web/all.csv": seen(*((PHONE, READER if day == LAST else "", day) for day in DAYS[4:])),
    "mail/all.csv": mail(
        [
            *((f"o{day}", READER, "open", f"{day}T09:00:00Z") for day in DAYS),
            *((f"p{day}", BUYER, "open", f"{day}T09:00:00Z") for day in DAYS[-3:-1]),
            *((f"q{n}", BUYER, "open", f"{LAST}T09:00:00Z") for n in range(4)),
            ("r", QUIET, "open", f"{DAYS[0]}T09:00:00Z"),
        ]
    ),
    "crm/people.csv": csv(
        "person,at,email_ok,plan",
        (READER, f"{DAYS[0]}T00:00:00Z", "true", "silver"),
        (READER, f"{LAST}T00:00:00Z", "true", "gold"),
        (BUYER, f"{DAYS[0]}T00:00:00Z", "true", "gold"),
        (QUIET, f"{DAYS[0]}T00:00:00Z", "true", "gold"),
    ),
}
KINDS = ("points", "scores")
SCORES = ("browsing", "opening", "fit", "only_gold", "ranked", "both", "missed")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    added = {
        "opening": OPENING,
        "fit": FIT,
        "only_gold": ONLY_GOLD,
        "ranked": RANKED,
        "both": SUM,
        "missed": MISSED,
    }
    catalog = {
        **CATALOG,
        "sources/web.yaml": WEB,
        "sources/doubles.yaml": None,
        "sources/crm.yaml": CRM,
        **{f"scores/{name}.yaml": text for name, text in added.items()},
        **dict.fromkeys(
            (
                "segments/readers.yaml",
                "segments/textable.yaml",
                "segments/premium.yaml",
                "campaigns/perks.yaml",
            )
        ),
    }
    scenario = Scenario.new(tmp_path_factory.mktemp("changes"), catalog, LANDING)
    scenario.run("landing")
    scenario.run("event_days", FIRST, LAST)
    scenario.run("as_of_dates", SINCE, LAST, only=[f"{kind}/{name}" for name in SCORES for kind in KINDS])
    yield scenario
    scenario.close()


@pytest.fixture
def made(made_once: Scenario, tmp_path: Path) -> Iterator[Scenario]:
    """To change at will."""
    scenario = made_once.copy(tmp_path / "copy")
    yield scenario
    scenario.close()


def parts(scenario: Scenario, score: str, person: str, since: date = SINCE) -> dict[str, float]:
    """The parts of the person's points that are not 0; everybody's add up, and one alone is told the same."""
    everybody = changed(scenario.bench, score, since, LAST).rows
    adds_up(everybody)
    mine = everybody.filter(pl.col("person_id") == person)
    alone = changed(scenario.bench, score, since, LAST, person).rows
    assert alone.equals(mine)
    row = mine.row(0, named=True)
    return {cause: row[f"points_{cause}"] / POINT for cause in CAUSES if row.get(f"points_{cause}")}


def adds_up(rows: pl.DataFrame) -> None:
    for what, causes in (("points", [each for each in CAUSES if each != "reference"]), ("score", CAUSES)):
        given = rows.filter(pl.col(f"{what}_change").is_not_null())
        total = pl.sum_horizontal(f"{what}_{cause}" for cause in causes)
        assert given.filter(total != pl.col(f"{what}_change")).is_empty()


def remake(scenario: Scenario, score: str, *days: date) -> None:
    for day in days:
        scenario.run("as_of_dates", day, only=[f"{kind}/{score}" for kind in KINDS])


def late(scenario: Scenario, day: date) -> None:
    """One more open of the reader's, of which nobody had heard."""
    scenario.arrive("mail/late.csv", mail([("late", READER, "open", f"{day}T11:00:00Z")]), day)


def test_a_usual_day_costs_one_computation(made_once: Scenario) -> None:
    found = changed(made_once.bench, "opening", SINCE, LAST)
    assert found.computed == ("identity", "decay_and_expiry"), "on that day an id became somebody else's"
    assert parts(made_once, "opening", READER) == {"new_behaviour": 5, "decay_and_expiry": -5}
    assert parts(made_once, "opening", BUYER) == {"new_behaviour": 20, "decay_and_expiry": -2}
    assert parts(made_once, "opening", QUIET) == {}


def test_ids_that_became_somebody_else(made_once: Scenario) -> None:
    viewed = 5.0  # the phone's page views of the five days up to the earlier date
    assert parts(made_once, "browsing", PHONE) == {"identity": -viewed}
    mine = parts(made_once, "browsing", READER)
    assert mine == {"identity": viewed, "decay_and_expiry": -6, "new_behaviour": 6}


def test_who_became_somebody_else_is_missed_no_more(made_once: Scenario) -> None:
    assert parts(made_once, "missed", PHONE) == {"identity": -(5.0 - 4 + 2)}, "silence and facts go along"
    mine = parts(made_once, "missed", READER)
    assert mine == {"identity": 5.0, "decay_and_expiry": -6, "new_behaviour": 6}


def test_late_events_of_who_became_somebody_else(made: Scenario) -> None:
    opened = [("one", PHONE, "open"), ("other", READER, "open")]
    made.arrive("mail/late.csv", mail([(*each, f"{DAYS[-3]}T11:00:00Z") for each in opened]), DAYS[-3])
    moved = {"decay_and_expiry": -6, "new_behaviour": 6}
    for score, quiet, without_plan in (("browsing", 0, 0), ("missed", 4, 2)):
        remake(made, score, LAST)
        # The phone's own open came late as well, so that it was not quiet; then all of it is the reader's.
        gone = -(5 + 5 + without_plan)
        assert parts(made, score, PHONE) == {"late_data": 5.0 + quiet, "identity": gone}
        assert parts(made, score, READER) == {"late_data": 5.0, "identity": 10, **moved}
        remake(made, score, SINCE)
        assert parts(made, score, PHONE) == {"identity": gone}
        assert parts(made, score, READER) == {"identity": 10, **moved}


def test_an_id_of_which_it_is_told_late_whose_it_was(made: Scenario) -> None:
    """Also between dates that nobody restates any more, and where no event of the window came with it."""
    one, other = DAYS[3], DAYS[4]
    opened = [(f"l{day}", "laptop", "open", f"{day}T09:00:00Z") for day in DAYS[1:5]]
    made.drop("mail/laptop.csv", mail(opened))
    made.run("landing")
    made.run("event_days", FIRST, LAST)
    remake(made, "fit", one, other)
    made.drop("web/told.csv", seen(("laptop", BUYER, DAYS[0])))
    made.run("landing")
    made.run("event_days", FIRST, LAST)
    remake(made, "fit", other)
    everybody = changed(made.bench, "fit", one, other).rows
    adds_up(everybody)
    rows = {row["person_id"]: row for row in everybody.iter_rows(named=True)}
    causes = ("late_data", "identity", "people", "decay_and_expiry", "new_behaviour")
    told = {
        person: [rows[person][f"points_{cause}"] / POINT for cause in causes] for person in ("laptop", BUYER)
    }
    assert told == {"laptop": [-3, 0, 0, 0, 0], BUYER: [3, 0, 0, -1, 1]}


def test_facts_of_people(made_once: Scenario) -> None:
    assert parts(made_once, "fit", READER) == {"people": 7, "decay_and_expiry": -1, "new_behaviour": 1}
    # The score did not apply to who was silver.
    assert parts(made_once, "only_gold", READER) == {"people": 3, "decay_and_expiry": -1, "new_behaviour": 1}
    assert parts(made_once, "only_gold", QUIET) == {}


def test_the_scores_that_a_composite_adds_up(made_once: Scenario) -> None:
    found = changed(made_once.bench, "both", SINCE, LAST)
    assert found.computed == ()
    assert parts(made_once, "both", READER) == {"people": 7.0}
    assert parts(made_once, "both", BUYER) == {"people": 2 * 18 + 4}


def test_others_moved(made_once: Scenario) -> None:
    rows = changed(made_once.bench, "ranked", SINCE, LAST).rows
    adds_up(rows)
    mine = rows.filter(pl.col("person_id") == READER).row(0, named=True)
    assert mine["points_change"] == 0
    assert mine["score_change"] == mine["score_reference"] < 0
    buyer = rows.filter(pl.col("person_id") == BUYER).row(0, named=True)
    assert buyer["score_new_behaviour"] > 0


def test_data_that_came_late(made: Scenario) -> None:
    late(made, DAYS[-4])
    # Neither date was made anew: it lacks on both, so nothing of the change is its.
    assert parts(made, "opening", READER).get("late_data", 0) == 3 - 2
    remake(made, "opening", LAST)
    found = changed(made.bench, "opening", SINCE, LAST)
    assert "late_data" in found.computed
    assert parts(made, "opening", READER) == {"late_data": 3, "decay_and_expiry": -6, "new_behaviour": 5}
    remake(made, "opening", SINCE)
    assert parts(made, "opening", READER) == {"decay_and_expiry": -6, "new_behaviour": 5}


def test_an_edit(made: Scenario) -> None:
    made.write("scores/opening.yaml", OPENING.replace("weight: 5", "weight: 10"))
    remake(made, "opening", LAST)
    assert parts(made, "opening", READER) == {
        "definition": 15,
        "decay_and_expiry": -10,
        "new_behaviour": 10,
    }
    row = changed(made.bench, "opening", SINCE, LAST).rows.row(0, named=True)
    assert row["definition_before"] != row["definition_after"]
    assert row["says"] is None


def test_an_edit_of_the_scale_alone_moves_only_the_score(made: Scenario) -> None:
    made.write("scores/opening.yaml", OPENING + "scale: {method: linear, range: [0, 10], domain: [0, 100]}\n")
    remake(made, "opening", LAST)
    assert parts(made, "opening", BUYER) == {"new_behaviour": 20, "decay_and_expiry": -2}
    rows = changed(made.bench, "opening", SINCE, LAST).rows
    mine = rows.filter(pl.col("person_id") == BUYER).row(0, named=True)
    assert mine["score_definition"] / POINT == pytest.approx(0.9 - 9)
    assert mine["score_new_behaviour"] / POINT == pytest.approx(2)


def test_late_data_is_told_from_an_edit_where_the_definition_before_was_published(made: Scenario) -> None:
    late(made, DAYS[-4])
    made.write("scores/opening.yaml", OPENING.replace("weight: 5", "weight: 10"))
    remake(made, "opening", LAST)
    assert changed(made.bench, "opening", SINCE, LAST).rows["says"].unique().to_list() == [LATE_IN_DEFINITION]
    assert parts(made, "opening", READER)["definition"] == 15 + 6

    made.write("scores/opening.yaml", OPENING)
    publish(made.folder / "catalog", made.settings, datetime(2026, 4, 6, tzinfo=UTC), None, None, LAST)
    made.write("scores/opening.yaml", OPENING.replace("weight: 5", "weight: 10"))
    found = parts(made, "opening", READER)
    assert (found["late_data"], found["definition"]) == (3, 15 + 3)
    assert changed(made.bench, "opening", SINCE, LAST).rows["says"].null_count()


def test_what_the_new_definition_reads_is_not_stored_for_the_earlier_days(made: Scenario) -> None:
    viewed = "{event: page_viewed, where: \"channel = 'web'\", weight: 1}"
    wider = OPENING.replace("window: 5d", "window: 3d").replace("rules: [", f"rules: [{viewed}, ")
    made.write("scores/opening.yaml", wider)
    made.run("event_days", DAYS[-3], LAST, only=["daily_measures"])
    remake(made, "opening", LAST)
    rows = changed(made.bench, "opening", SINCE, LAST).rows
    adds_up(rows)
    assert rows["says"].str.contains(MERGED).all()


def test_what_cannot_be_compared(made: Scenario) -> None:
    with pytest.raises(NothingToCompare, match="holds nothing for 2026-03-30"):
        changed(made.bench, "opening", DAYS[3], LAST)
    made.write("scores/opening.yaml", OPENING.replace("weight: 5", "weight: 10"))
    with pytest.raises(DefinitionGone, match="neither the catalog's nor published"):
        changed(made.bench, "opening", SINCE, LAST)


def test_the_asset_keeps_what_changed(made: Scenario) -> None:
    tables = [f"score_changes/{name}" for name in SCORES]
    assert {*tables} <= due_as_of_dates(made.bench, LAST)[LAST].keys()
    made.run("as_of_dates", SINCE, LAST, only=tables)
    for name in SCORES:
        stored = made.table(f"score_changes/{name}")
        adds_up(stored)
        assert set(stored["as_of"]) == {LAST}, "the day before the first one was never scored"
        everybody = changed(made.bench, name, SINCE, LAST).rows
        assert stored.equals(everybody.filter(pl.col("person_id").is_in(stored["person_id"].to_list())))
        rest = everybody.filter(~pl.col("person_id").is_in(stored["person_id"].to_list()))
        assert (rest["points_change"] == 0).all()
    assert not [table for table in due_as_of_dates(made.bench, LAST).get(LAST, {}) if table in tables]
    shown = made.instance.get_latest_materialization_event(key("score_changes/opening")).asset_materialization  # type: ignore[union-attr]
    assert shown is not None
    assert "| new behaviour | 2 |" in str(shown.metadata["by cause"].value)
    assert READER not in str(shown.metadata["moved most"].value)


def test_changes_follow_their_dates_and_lose_the_erased(made: Scenario) -> None:
    made.run("as_of_dates", LAST, only=["score_changes/opening"])
    # Points of the earlier date that are made anew make its changes due, and erasing takes people out.
    late(made, DAYS[-4])
    remake(made, "opening", SINCE, LAST)
    assert "score_changes/opening" in due_as_of_dates(made.bench, LAST)[LAST]
    ask(made.bench.database, [BUYER], datetime(2026, 4, 6, tzinfo=UTC))
    receipt = erase_requested(made.bench, datetime(2026, 4, 6, tzinfo=UTC))
    assert receipt is not None
    assert receipt.proven
    assert BUYER not in made.table("score_changes/opening")["person_id"]


@pytest.mark.parametrize(
    ("column", "by"),
    [("points_people", 1), ("points_change", 1), ("score_identity", 1), ("score_change", 1)],
)
def test_a_row_that_does_not_add_up_is_refused(made_once: Scenario, column: str, by: int) -> None:
    rows = changed(made_once.bench, "opening", SINCE, LAST).rows
    with pytest.raises(ContractBroken, match=r"sum of its parts|difference"):
        made_once.bench.stage(
            "score_changes/opening", rows.with_columns(pl.col(column) + by), [LAST.isoformat()]
        )
