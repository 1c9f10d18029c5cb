"""Who is judged on a date, by what they did up to it and after it: nothing else may matter."""

import itertools
from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Outcome
from engagement_pipeline.core.frames import ALIASES
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.outcomes import JUDGED, LeftOut, judged, judged_dates, plan_outcome, together
from engagement_pipeline_tests.core.build import AS_OF, MEMBERS, START, ago, catalog, daily, people, score

WITHIN = 10
NOBODY = ALIASES.to_frame()


def outcome(**given: object) -> Outcome:
    made = {
        "outcome": "o",
        "goal": "test",
        "owner": MEMBERS,
        "event": "ordered",
        "within": WITHIN,
        "scores": ["s"],
    }
    return Outcome.model_validate({**made, **given})


def judge(
    rows: Iterable[tuple[int, str, str, int]],
    scores: dict[str, float | None],
    spec: Outcome | None = None,
    aliases: pl.DataFrame = NOBODY,
    known: pl.LazyFrame | None = None,
) -> tuple[pl.DataFrame, LeftOut]:
    """rows: (days ago, person, `looked_for`, `chosen` or `money`, quantity); negative days lie ahead."""
    spec = spec or outcome()
    plan = plan_outcome(spec, catalog(score()).model_copy(update={"outcomes": {"o": spec}}))
    ids = {"looked_for": plan.looked_for.id, "chosen": plan.chosen.id, "money": plan.money and plan.money.id}
    frame = daily(*((age, person, ids[what], quantity) for age, person, what, quantity in rows))
    everyone = people(*scores) if known is None else known
    scored = pl.LazyFrame(
        {"person_id": list(scores), "score": list(scores.values())},
        schema={"person_id": pl.String, "score": pl.Float64},
    )
    return judged(scored, everyone, frame, plan, aliases.lazy(), AS_OF, 30)


def had(found: pl.DataFrame) -> dict[str, bool]:
    return dict(found.select("person_id", "outcome").iter_rows())


def test_only_the_days_after_the_date_decide() -> None:
    rows = [
        (0, "same_day", "looked_for", 1),
        (-1, "next_day", "looked_for", 1),
        (-WITHIN, "last_day", "looked_for", 2),
        (-WITHIN - 1, "too_late", "looked_for", 1),
        (5, "before", "looked_for", 1),
    ]
    names = ("same_day", "next_day", "last_day", "too_late", "before")
    found, _ = judge(rows, dict.fromkeys(names, 1.0))
    assert had(found) == {
        "same_day": False, "next_day": True, "last_day": True, "too_late": False, "before": False
    }  # fmt: skip
    churned, _ = judge(rows, dict.fromkeys(names, 1.0), outcome(absent=True))
    assert had(churned) == {name: not value for name, value in had(found).items()}


EVENTS = st.lists(
    st.tuples(
        st.integers(-WITHIN - 5, 40),
        st.sampled_from("abcd"),
        st.sampled_from(["looked_for", "chosen", "money"]),
        st.integers(1, 5),
    ),
    max_size=12,
    unique_by=lambda row: row[:3],
)


@given(EVENTS, EVENTS)
@settings(max_examples=40, deadline=None)
def test_nothing_after_the_date_enters_the_prediction(
    past: list[tuple[int, str, str, int]], planted: list[tuple[int, str, str, int]]
) -> None:
    """The leakage guard: whatever happens later, what is known on the date stays the same."""
    scores = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    before = [row for row in past if row[0] >= 0]
    future = [row for row in planted if row[0] < 0]
    plain, _ = judge(before, scores)
    more, _ = judge([*before, *future], scores)
    assert plain.drop("outcome").equals(more.drop("outcome"))


def test_baselines_count_what_people_chose_in_the_window() -> None:
    rows = [
        (3, "a", "chosen", 2),
        (29, "a", "chosen", 1),
        (30, "a", "chosen", 50),
        (2, "a", "money", 999),
        (30, "a", "money", 10_000),
        (35, "b", "chosen", 1),
    ]
    found, _ = judge(rows, {"a": 1.0, "b": 1.0, "never": 1.0})
    assert found.sort("person_id")["days_since_last_event"].to_list() == [-3, -35, -36]
    assert found.sort("person_id")["event_count"].to_list() == [3, 0, 0]
    # Ranks of recency, count and money, from 1 up, ties sharing: b and never differ in the first alone.
    assert found.sort("person_id")["rfm"].to_list() == [9.0, 2 + 1.5 + 1.5, 1 + 1.5 + 1.5]


def test_low_scores_mean_an_absence_unless_said_otherwise() -> None:
    rows = [(3, "a", "chosen", 2), (5, "b", "chosen", 1)]
    for spec, sign in (
        (outcome(), 1), (outcome(absent=True), -1), (outcome(expects="low"), -1),
        (outcome(absent=True, expects="high"), 1),
    ):  # fmt: skip
        found, _ = judge(rows, {"a": 7.0, "b": 2.0}, spec)
        assert found["score"].to_list() == [7.0 * sign, 2.0 * sign]
        assert found["days_since_last_event"].to_list() == [-3.0 * sign, -5.0 * sign]


def test_who_is_left_out_is_counted_by_the_first_reason() -> None:
    rows = [
        (3, "buyer", "looked_for", 1),
        (3, "buyer", "chosen", 1),
        (1, "new", "chosen", 1),
        (8, "gone", "chosen", 1),
        (7, "edge", "chosen", 1),
        (1, "no_score", "chosen", 1),
        (1, "other_plan", "chosen", 1),
    ]
    names = ["buyer", "new", "gone", "edge", "no_score", "other_plan"]
    scores: dict[str, float | None] = {**dict.fromkeys(names, 1.0), "no_score": None}
    known = people(*names, plan=["x"] * 5 + ["y"]).rename({"plan": "profile.plan"})
    spec = outcome(not_yet=True, active_within=8, applies_to="profile.plan = 'x'")
    found, out = judge(rows, scores, spec, known=known)
    assert found["person_id"].to_list() == ["edge", "new"]
    assert out == LeftOut(does_not_apply=1, did_it_before=1, was_gone=1, unscored=1)


def test_who_never_did_it_cannot_stop() -> None:
    rows = [(3, "a", "looked_for", 1), (3, "b", "chosen", 4)]
    found, out = judge(rows, {"a": 1.0, "b": 1.0}, outcome(absent=True, active_within=30))
    assert found["person_id"].to_list() == ["a"]
    assert out.was_gone == 1


def test_ids_that_turn_out_to_be_one_person_count_as_one() -> None:
    """A browser becomes known after the date and buys then: its person did."""
    aliases = pl.DataFrame([("browser", "ada", ago(-3), None)], schema=ALIASES, orient="row")
    rows = [(2, "browser", "chosen", 1), (4, "ada", "chosen", 1), (-5, "browser", "looked_for", 1)]
    found, _ = judge(rows, {"ada": 1.0, "browser": 2.0, "ben": 3.0}, aliases=aliases)
    assert had(found) == {"ada": True, "browser": True, "ben": False}
    # On the date nobody knew that yet.
    assert found.filter(person_id="ada")["days_since_last_event"].item() == -4


@given(st.integers(1, 120), st.integers(1, 120), st.integers(1, 24), st.integers(0, 400))
def test_outcomes_of_different_dates_share_no_day(within: int, window: int, most: int, days: int) -> None:
    last = START + timedelta(days=days)
    found = judged_dates(START, last, within, window, most)
    assert len(found) <= most
    assert found == sorted(found)
    for day in found:
        assert day + timedelta(days=within) <= last
        assert (day - START).days + 1 >= min(window, within)
    for one, other in itertools.pairwise(found):
        assert one + timedelta(days=within) == other
    if not found:
        assert days + 1 < within + min(window, within)


def test_the_latest_date_that_is_over_is_judged() -> None:
    assert judged_dates(date(2026, 1, 1), date(2026, 1, 31), 10, 30, 6) == [
        date(2026, 1, 11),
        date(2026, 1, 21),
    ]


def test_what_judging_needs_is_measured_only_where_anything_is_judged() -> None:
    plain = catalog(score())
    spec = outcome()
    plan = plan_outcome(spec, plain)
    assert not set(plan.measures) & set(measures_of(plain))
    assert set(plan.measures) <= set(measures_of(plain.model_copy(update={"outcomes": {"o": spec}})))
    assert "sent" not in plan.chosen.events


def test_money_is_what_one_currency_says() -> None:
    plain = catalog(score())
    assert plan_outcome(outcome(), plain).money is not None
    dollars = plain.events["ordered"].model_copy(update={"unit": "USD"})
    two = plain.model_copy(update={"events": {**plain.events, "paid": dollars}})
    assert plan_outcome(outcome(), two).money is None
    said = plan_outcome(outcome(monetary="paid"), two).money
    assert said is not None
    assert said.events == ("paid",)


def test_no_date_is_an_empty_frame() -> None:
    assert together([]).schema == JUDGED


@pytest.mark.parametrize("names", [(), ("a",)])
def test_few_people_are_no_trouble(names: tuple[str, ...]) -> None:
    found, _ = judge([], dict.fromkeys(names, 1.0))
    assert found.height == len(names)
