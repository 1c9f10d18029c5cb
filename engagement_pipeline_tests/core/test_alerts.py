"""Who fell, who is told of: checked against plain Python, and the laws of the waterfall and the cooldown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Band
from engagement_pipeline.core.alerts import (
    AT_MOST,
    COOLDOWN,
    DEFINITION,
    REFERENCE,
    TELL,
    AlertPlan,
    Counted,
    DecisionsDisagree,
    ascending_bands,
    compared,
    decide,
    fallen,
    silent,
    waterfall,
    why,
)
from engagement_pipeline.core.frames import ALERTS, POINTS, SCORES

START = date(2026, 4, 1)
BANDS = ("low", "mid", "high")
OTHERS = ("quantity", "capped_off", "decay_loss", "cap_loss", "group_loss")
PLAN = AlertPlan(
    "cooling", "reading", drop=3.0, bands=None, within=4, cooldown=5, at_most=2, where=None, order=BANDS
)
NOBODY = ALERTS.to_frame().lazy().select("person_id")
Row = tuple[int, str, float | None, str]
"""Day, person, score, state."""


def day(age: int) -> date:
    return START + timedelta(days=age)


def band(score: float | None) -> str | None:
    return None if score is None else BANDS[min(2, max(0, int(score // 3)))]


def scores(rows: Sequence[Row]) -> pl.LazyFrame:
    return pl.DataFrame(
        [(day(age), person, 0, score, band(score), state, None, "d") for age, person, score, state in rows],
        schema=SCORES,
        orient="row",
    ).lazy()


def made(rows: Sequence[Row], plan: AlertPlan = PLAN, on: int = 4, **given: Any) -> dict[str, dict[str, Any]]:
    found = fallen(scores(rows), plan, day(on), given.get("apart"))
    told, concerned = given.get("told", NOBODY), given.get("concerned")
    decided = decide(found, plan, day(on), told, concerned).collect()
    return {row["person_id"]: row for row in decided.iter_rows(named=True)}


def test_the_best_of_the_days_before_counts_and_the_newest_of_equals() -> None:
    rows = [
        (0, "a", 8.0, "scored"),
        (1, "a", 9.0, "scored"),
        (2, "a", 9.0, "scored"),
        (3, "a", 7.0, "scored"),
    ]
    found = made([*rows, (4, "a", 5.5, "scored")])["a"]
    assert (found["compared_with"], found["score_before"], found["drop"]) == (day(2), 9.0, 3.5)
    assert (found["band_before"], found["band_after"], found["bands"]) == ("high", "mid", 1)


def test_days_beyond_the_window_do_not_count() -> None:
    assert made([(0, "a", 9.0, "scored"), (5, "a", 1.0, "scored")], on=5) == {}
    assert made([(1, "a", 9.0, "scored"), (5, "a", 1.0, "scored")], on=5)["a"]["decision"] == TELL


def test_a_fall_by_bands_does_not_need_points() -> None:
    plan = replace(PLAN, drop=None, bands=1)
    rows = [
        (3, "a", 6.0, "scored"),
        (4, "a", 5.9, "scored"),
        (3, "b", 5.9, "scored"),
        (4, "b", 3.0, "scored"),
    ]
    assert set(made(rows, plan)) == {"a"}


def test_a_hair_of_rounding_is_no_reason_to_miss_a_fall() -> None:
    assert 0.3 - 0.1 < 0.2
    assert set(made([(3, "a", 0.3, "scored"), (4, "a", 0.1, "scored")], replace(PLAN, drop=0.2))) == {"a"}


@pytest.mark.parametrize("state", ["stale", "provisional"])
@pytest.mark.parametrize("side", [3, 4])
def test_an_unreliable_side_holds_back(state: str, side: int) -> None:
    rows = [(age, "a", score, state if age == side else "scored") for age, score in ((3, 9.0), (4, 1.0))]
    assert made(rows)["a"]["because"] == state


def test_a_pair_that_counts_is_preferred_to_a_deeper_one_that_does_not() -> None:
    rows = [(2, "a", 9.0, "stale"), (3, "a", 6.0, "scored"), (4, "a", 1.0, "scored")]
    found = made(rows)["a"]
    assert (found["decision"], found["compared_with"], found["drop"]) == (TELL, day(3), 5.0)


@pytest.mark.parametrize("reason", [DEFINITION, REFERENCE])
def test_dates_made_otherwise_hold_back(reason: str) -> None:
    rows = [(3, "a", 9.0, "scored"), (4, "a", 1.0, "scored")]
    assert made(rows, apart={day(3): reason})["a"]["because"] == reason
    rows.append((2, "a", 9.0, "scored"))
    assert made(rows, apart={day(3): reason})["a"]["compared_with"] == day(2)


def test_the_deepest_are_told_of_and_ties_go_by_id() -> None:
    rows = [(3, person, 9.0, "scored") for person in "abcd"]
    rows += [
        (4, "a", 4.0, "scored"),
        (4, "b", 1.0, "scored"),
        (4, "c", 4.0, "scored"),
        (4, "d", 5.0, "scored"),
    ]
    found = {person: row["because"] for person, row in made(rows).items()}
    assert found == {"a": None, "b": None, "c": AT_MOST, "d": AT_MOST}


def test_who_is_silent_leaves_room_for_others() -> None:
    rows = [(age, person, 9.0 - 2 * age, "scored") for person in "abc" for age in (0, 4)]
    told = pl.LazyFrame({"person_id": ["a"]})
    found = {person: row["because"] for person, row in made(rows, told=told).items()}
    assert found == {"a": COOLDOWN, "b": None, "c": None}


def test_whoever_does_not_match_is_passed_over() -> None:
    rows = [(age, person, 9.0 - 2 * age, "scored") for person in "ab" for age in (0, 4)]
    assert set(made(rows, concerned=pl.LazyFrame({"person_id": ["b"]}))) == {"b"}


def test_bands_are_ordered_by_their_edges() -> None:
    bands = {"high": Band.model_validate([7, None]), "low": Band.model_validate([None, 0])}
    bands["mid"] = Band.model_validate([0, 7])
    assert ascending_bands(bands) == ("low", "mid", "high")


def test_the_reason_is_the_rule_that_lost_most() -> None:
    def points(age: int, parts: Mapping[str, float]) -> pl.LazyFrame:
        given = [
            {"rule": rule, "points": int(value * 10_000), **dict.fromkeys(OTHERS, 0)}
            for rule, value in parts.items()
        ]
        row = (day(age), "a", sum(part["points"] for part in given), given, True, "d")
        return pl.DataFrame([row], schema=POINTS, orient="row").lazy()

    found = why(
        points(3, {"opened": 5, "clicked": 12.25, "unsubscribed": 0}),
        points(4, {"opened": 3, "clicked": 3.5, "bought": 9}),
        ["a"],
    ).collect()
    assert found.rows() == [("a", "clicked", "clicked: 12.3 to 3.5 points")]


def test_decisions_that_do_not_add_up_are_refused() -> None:
    rows = pl.DataFrame([made([(3, "a", 9.0, "scored"), (4, "a", 1.0, "scored")])["a"]], schema=ALERTS).lazy()
    assert waterfall(rows, Counted(1, 1))["people"].sum() == 2
    with pytest.raises(DecisionsDisagree):
        waterfall(rows, Counted(1, 0))


# --- laws -------------------------------------------------------------------------------------------

PEOPLE = "abcdef"
states = st.sampled_from(["scored", "scored", "inactive", "unscored", "stale", "provisional"])
grid = st.dictionaries(
    st.tuples(st.integers(0, 9), st.sampled_from(PEOPLE)),
    st.tuples(st.integers(0, 9), states),
    max_size=50,
)
plans = st.builds(
    lambda drop, bands, within, cooldown, at_most: replace(
        PLAN,
        drop=None if bands else float(drop),
        bands=bands or None,
        within=within,
        cooldown=cooldown,
        at_most=at_most,
    ),
    st.integers(1, 6),
    st.integers(0, 2),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 3),
)


def as_rows(cells: Mapping[tuple[int, str], tuple[int, str]]) -> list[Row]:
    return [
        (age, person, None if state == "unscored" else float(score), state)
        for (age, person), (score, state) in cells.items()
    ]


def oracle(
    cells: Mapping[tuple[int, str], tuple[int, str]],
    plan: AlertPlan,
    on: int,
    apart: set[int],
    told: set[str],
) -> dict[str, int]:
    """The waterfall, person by person."""
    steps = {"compared": 0, "below": 0}
    fell = []
    for person in PEOPLE:
        now = cells.get((on, person))
        before = [
            (age, cells[age, person])
            for age in range(on - plan.within, on)
            if (age, person) in cells and cells[age, person][1] != "unscored"
        ]
        if now is None or now[1] == "unscored" or not before:
            continue
        steps["compared"] += 1
        far = []
        for age, (score, state) in before:
            bands = BANDS.index(band(float(score)) or "") - BANDS.index(band(float(now[0])) or "")
            drop = score - now[0]
            if (bands >= plan.bands) if plan.bands else (drop >= (plan.drop or 0)):
                doubt = [now[1], "definition" if age in apart else "", state]
                reasons = [each for each in doubt if each in ("stale", "provisional", "definition")]
                depth = (bands, drop) if plan.bands else (drop,)
                far.append((bool(reasons), tuple(-each for each in depth), -age, reasons[:1]))
        if not far:
            steps["below"] += 1
            continue
        _, depth, _, reasons = min(far)
        reason = reasons[0] if reasons else COOLDOWN if person in told else ""
        fell.append((reason, depth, person))
    sayable = sorted((depth, person) for reason, depth, person in fell if not reason)
    steps[TELL], steps[AT_MOST] = len(sayable[: plan.at_most]), len(sayable[plan.at_most :])
    for reason, *_ in fell:
        if reason:
            steps[reason] = steps.get(reason, 0) + 1
    return {step: count for step, count in steps.items() if count}


@settings(max_examples=60, deadline=None)
@given(grid, plans, st.sets(st.integers(0, 8)), st.sets(st.sampled_from(PEOPLE)))
def test_the_waterfall_is_that_of_plain_python_and_adds_up(
    cells: dict[tuple[int, str], tuple[int, str]], plan: AlertPlan, apart: set[int], told: set[str]
) -> None:
    rows, on = scores(as_rows(cells)), 9
    fell = fallen(rows, plan, day(on), {day(age): DEFINITION for age in apart})
    silenced = pl.LazyFrame({"person_id": sorted(told)}, schema={"person_id": pl.String})
    decided = decide(fell, plan, day(on), silenced, None)
    total = compared(rows, plan, day(on)).select(pl.len()).collect().item()
    steps = dict(waterfall(decided, Counted(total, total)).iter_rows())
    found = {
        {
            "with the score on both dates": "compared",
            "below the threshold": "below",
            "told of": TELL,
        }.get(step, step.removeprefix("held back: ")): count
        for step, count in steps.items()
        if count
    }
    assert found == oracle(cells, plan, on, apart, told)
    assert 2 * steps["with the score on both dates"] == sum(steps.values())
    assert decided.collect()["person_id"].is_unique().all()


@settings(max_examples=40, deadline=None)
@given(grid, plans, st.permutations(range(10)))
def test_nobody_is_told_of_twice_within_the_cooldown_in_whatever_order_dates_are_made(
    cells: dict[tuple[int, str], tuple[int, str]], plan: AlertPlan, order: list[int]
) -> None:
    rows = scores(as_rows({key: (score, "scored") for key, (score, _) in cells.items()}))
    told: dict[date, pl.LazyFrame] = {}
    for on in order:
        near = silent(plan, day(on), list(told))
        silenced = pl.concat([NOBODY, *(told[each] for each in near)])
        decided = decide(fallen(rows, plan, day(on)), plan, day(on), silenced, None)
        found = decided.filter(pl.col("decision") == TELL).select("person_id").collect()
        assert found.height <= plan.at_most
        told[day(on)] = found.lazy()
    for person in PEOPLE:
        days = sorted(at for at, rows in told.items() if person in rows.collect()["person_id"].to_list())
        gaps = [(later - earlier).days for earlier, later in pairwise(days)]
        assert all(gap >= plan.cooldown for gap in gaps)
