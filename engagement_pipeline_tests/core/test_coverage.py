"""Days held against what is expected of them, and what that means for a score."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Expects
from engagement_pipeline.core.coverage import (
    COVERAGE,
    NEEDED_DAYS,
    Delivered,
    coverage,
    coverage_guard,
    usual_of,
)

MONDAY = date(2026, 3, 2)
START = date(2026, 1, 1)
DAYS = [MONDAY + timedelta(days=age) for age in range(7)]
EVERY_DAY = dict.fromkeys((MONDAY - timedelta(days=age) for age in range(-6, 60)), 10)


def judged(rows, of=DAYS, as_of=DAYS[-1], **expects):
    found = coverage(Delivered("mail", rows, Expects.model_validate(expects)), of, START, as_of)
    assert found.schema == COVERAGE
    return dict(found.select("day", "state").iter_rows())


def test_without_expectations_every_day_is_fine():
    found = coverage(Delivered("mail", {DAYS[0]: 5}), DAYS, START, DAYS[-1])
    assert found["state"].unique().to_list() == ["ok"]
    assert found["expected"].null_count() == 7
    assert found["rows"].to_list() == [5, 0, 0, 0, 0, 0, 0]


def test_a_day_is_missing_thin_or_ok():
    rows = {**EVERY_DAY, DAYS[2]: 0, DAYS[3]: 4}
    assert judged(rows, at_least=5) == {
        **dict.fromkeys(DAYS, "ok"), DAYS[2]: "missing", DAYS[3]: "thin"
    }  # fmt: skip


def test_only_the_days_of_the_week_that_are_named_count():
    assert judged({MONDAY: 1}, days=["mon", "wed"]) == {
        **dict.fromkeys(DAYS, "ok"), DAYS[2]: "missing"
    }  # fmt: skip


def test_what_comes_late_is_not_judged_before_it_could_be_there():
    rows = dict.fromkeys(DAYS[:4], 10)
    assert [day for day, state in judged(rows).items() if state == "missing"] == DAYS[4:]
    assert [day for day, state in judged(rows, after="2d").items() if state == "missing"] == DAYS[4:5]
    assert set(judged(rows, after=3).values()) == {"ok"}


def test_it_begins_with_the_first_events_or_as_declared_never_before_the_start():
    assert judged({DAYS[3]: 1})[DAYS[2]] == "ok"
    assert judged({DAYS[3]: 1})[DAYS[4]] == "missing"
    assert judged({DAYS[3]: 1}, since=DAYS[2])[DAYS[2]] == "missing"
    assert judged({}, of=[START - timedelta(days=1), START]) == {
        START - timedelta(days=1): "ok",
        START: "missing",
    }


def test_the_usual_is_of_the_same_day_of_the_week():
    rows = {MONDAY - timedelta(days=age): 1000 if age % 7 == 0 else 10 for age in range(1, 30)}
    assert usual_of(rows, MONDAY) == 1000
    assert usual_of(rows, MONDAY + timedelta(days=1)) == 10
    assert judged({**rows, MONDAY: 299}, of=[MONDAY], share_of_usual="30%") == {MONDAY: "thin"}
    assert judged({**rows, MONDAY: 300}, of=[MONDAY], share_of_usual="30%") == {MONDAY: "ok"}


def test_nothing_is_usual_before_three_weeks_and_an_outage_does_not_become_it():
    weeks = [MONDAY - timedelta(weeks=age) for age in (1, 2, 3, 4)]
    assert usual_of(dict.fromkeys(weeks[:2], 50), MONDAY) is None
    assert usual_of({**dict.fromkeys(weeks, 50), weeks[0]: 0}, MONDAY) == 50


@given(
    rows=st.dictionaries(st.dates(START, DAYS[-1]), st.integers(0, 500), max_size=60),
    share=st.floats(0.01, 1),
    least=st.integers(1, 300),
    late=st.integers(0, 5),
    more=st.integers(0, 400),
)
def test_laws(rows, share, least, late, more):
    expects = {"share_of_usual": share, "at_least": least, "after": late}
    days = sorted({*DAYS, *rows})
    found = judged(rows, of=days, **expects)
    for day, state in found.items():
        if rows.get(day, 0) == 0:
            assert state in ("ok", "missing")
        if state != "ok":
            assert day <= DAYS[-1] - timedelta(days=late)
        if late == 0 and any(rows.values()) and state == "ok" and rows.get(day, 0) == 0:
            assert day < min(each for each, count in rows.items() if count)
        # More events of a day never make that day worse.
        worse = {"ok": 0, "thin": 1, "missing": 2}
        if state != "ok":
            better = judged({**rows, day: rows.get(day, 0) + more}, of=[day], **expects)[day]
            assert worse[better] <= worse[state]
    # Whatever happens later changes nothing.
    later = {**rows, DAYS[-1] + timedelta(days=1): 9}
    if any(rows.values()):
        assert judged(later, of=days, **expects) == found


# --- what it means for a score -----------------------------------------------------------------------


def source(name="mail", rows=EVERY_DAY, **expects):
    return Delivered(name, rows, Expects.model_validate(expects))


def test_a_missing_day_among_the_last_makes_the_date_stale_and_says_why():
    bad = source(rows={**EVERY_DAY, DAYS[2]: 0, DAYS[3]: 4}, at_least=5)
    fine = source("shop")
    guard = coverage_guard([bad, fine], 28, START, DAYS[-1])
    assert guard.stale == ("mail: missing 2026-03-04; thin 2026-03-05 (4 of 5)",)
    assert coverage_guard([fine], 28, START, DAYS[-1]).stale == ()
    assert coverage_guard([Delivered("mail", bad.rows)], 28, START, DAYS[-1]).stale == ()


@pytest.mark.parametrize(
    ("window", "as_of", "stale"), [(28, 6, True), (28, 7, False), (3, 2, True), (3, 3, False)]
)
def test_only_the_last_days_of_the_window_count(window, as_of, stale):
    day = DAYS[0]
    rows = {**{day + timedelta(days=age): 10 for age in range(-60, 20)}, day: 0}
    guard = coverage_guard([source(rows=rows)], window, START, day + timedelta(days=as_of))
    assert bool(guard.stale) == stale
    assert NEEDED_DAYS == 7


def test_it_is_provisional_until_the_window_is_covered():
    rows = dict.fromkeys(DAYS, 1)
    guards = {day: coverage_guard([source(rows=rows)], 5, START, day).provisional for day in DAYS}
    assert [day for day, why in guards.items() if not why] == DAYS[4:]
    assert guards[DAYS[3]] == "the window begins on 2026-03-01, the first events of mail are of 2026-03-02"
    assert coverage_guard([source(rows=rows)], 5, START, DAYS[3]).covered_from == DAYS[4]
    without = [Delivered("mail", rows)]
    assert coverage_guard(without, 5, START, DAYS[0]).provisional == ""
    assert "the first events are of 2026-03-02" in coverage_guard(without, 5, MONDAY, DAYS[0]).provisional


def test_the_frames_are_of_one_row_a_day():
    found = coverage(source(), DAYS, START, DAYS[-1])
    assert found["day"].to_list() == DAYS
    assert found["usual"].unique().to_list() == [10]
    assert isinstance(found, pl.DataFrame)
