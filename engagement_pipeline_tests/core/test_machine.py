"""Verdicts by timing, against a plain reading of what they say, and whatever the order of the events."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.machine import LINK, PREFETCH, SECURITY_GATEWAY, Timings, judge_timing

DAY = date(2026, 4, 10)
NOON = datetime(2026, 4, 10, 12, tzinfo=UTC)
SCHEMA = {
    "event_date": pl.Date,
    "person_id": pl.String,
    "message_id": pl.String,
    "event": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "is_machine": pl.Boolean,
    "machine_reason": pl.String,
    LINK: pl.String,
}
TIMINGS = Timings(
    delivered=["delivered"],
    opened=["opened"],
    clicked=["clicked"],
    opened_within=timedelta(seconds=5),
    clicked_within=timedelta(seconds=2),
    links=3,
    links_within=timedelta(seconds=10),
)


def one(event, second, *, person="p", message="m", link=None, reason=None, day=DAY):
    at = NOON + timedelta(seconds=second, days=(day - DAY).days)
    return (day, person, message, event, at, reason is not None, reason, link)


def frame(*rows):
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def reasons(*rows, timings=TIMINGS):
    return judge_timing(frame(*rows), timings)["machine_reason"].to_list()


def test_an_open_right_after_its_delivery_is_prefetched():
    rows = [
        one("delivered", 0),
        one("opened", 5),
        one("opened", 5.000001),
        one("opened", -5),
        one("opened", -6),
    ]
    assert reasons(*rows) == [None, PREFETCH, None, PREFETCH, None]


@pytest.mark.parametrize("other", [{"person": "q"}, {"message": "n"}, {"message": None}])
def test_only_the_delivery_of_the_same_message_counts(other):
    assert reasons(one("delivered", 0), one("opened", 1, **other)) == [None, None]
    assert reasons(one("delivered", 0, message=None), one("opened", 1, message=None)) == [None, None]


def test_any_of_several_deliveries_counts():
    assert reasons(one("delivered", 0), one("opened", 62), one("delivered", 60))[1] == PREFETCH


def test_a_day_is_judged_by_itself():
    """The documented loss around midnight."""
    midnight = datetime(2026, 4, 11, tzinfo=UTC)
    before = (DAY, "p", "m", "delivered", midnight - timedelta(seconds=1), False, None, None)
    after = (DAY + timedelta(days=1), "p", "m", "opened", midnight, False, None, None)
    assert reasons(before, after) == [None, None]


def test_a_click_within_moments_of_delivery_is_a_gateway_s():
    rows = [one("delivered", 0), one("clicked", 2, link="a"), one("clicked", 3, link="b")]
    assert reasons(*rows) == [None, SECURITY_GATEWAY, None]


def test_many_distinct_links_within_moments_are_a_gateway_s():
    burst = [one("clicked", 100 + 5 * n, link=link) for n, link in enumerate("abc")]
    assert reasons(*burst) == [SECURITY_GATEWAY] * 3
    slower = [one("clicked", 100 + 5.1 * n, link=link) for n, link in enumerate("abc")]
    assert reasons(*slower) == [None] * 3
    one_link_often = [one("clicked", 100 + n, link="a") for n in range(9)]
    assert reasons(*one_link_often) == [None] * 9
    unsaid = [one("clicked", 100 + n, link=None) for n in range(9)]
    assert reasons(*unsaid) == [None] * 9
    assert reasons(*burst, one("clicked", 109, link="a"), one("clicked", 200, link="a"))[3:] == [
        SECURITY_GATEWAY,
        None,
    ]


def test_an_earlier_verdict_stays_and_agrees_with_the_flag():
    found = judge_timing(
        frame(one("delivered", 0), one("opened", 1, reason="known_bot"), one("opened", 2)), TIMINGS
    )
    assert found["machine_reason"].to_list() == [None, "known_bot", PREFETCH]
    assert found["is_machine"].to_list() == [False, True, True]
    assert LINK not in found.columns


def test_what_is_not_declared_is_not_looked_at():
    plain = Timings(delivered=["delivered"], opened=["opened"], clicked=["clicked"])
    rows = [one("delivered", 0), one("opened", 1), *(one("clicked", 1, link=each) for each in "abcd")]
    assert reasons(*rows, timings=plain) == [None] * 6
    assert reasons(timings=TIMINGS) == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["delivered", "opened", "clicked", "other"]),
        st.integers(0, 40),
        st.sampled_from("pq"),
        st.sampled_from(["m", "n", None]),
        st.sampled_from(["a", "b", "c", "d", None]),
        st.sampled_from([DAY, DAY + timedelta(days=1)]),
        st.sampled_from([None, None, "known_bot"]),
    ),
    max_size=30,
)


def plainly(rows):
    """The verdicts by comparing every event with every other."""

    def near(row, event, within):
        return any(
            other[3] == event and other[:3] == row[:3] and abs((other[4] - row[4]).total_seconds()) <= within
            for other in rows
        )

    def burst(row):
        mine = [each for each in rows if each[3] == "clicked" and each[:3] == row[:3] and each[7] is not None]
        for first in mine:
            span = [each for each in mine if 0 <= (each[4] - first[4]).total_seconds() <= 10]
            if row in span and len({each[7] for each in span}) >= 3:
                return True
        return False

    found = []
    for row in rows:
        reason = row[6]
        if reason is None and row[2] is not None:
            if row[3] == "opened" and near(row, "delivered", 5):
                reason = PREFETCH
            elif row[3] == "clicked" and (near(row, "delivered", 2) or (row[7] is not None and burst(row))):
                reason = SECURITY_GATEWAY
        found.append(reason)
    return found


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, seed=st.integers(0, 9))
def test_verdicts_are_what_they_say_in_any_order(events, seed):
    rows = [
        one(event, second, person=person, message=message, link=link, day=day, reason=reason)
        for event, second, person, message, link, day, reason in events
    ]
    found = judge_timing(frame(*rows), TIMINGS)
    assert found["machine_reason"].to_list() == plainly(rows)
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert_frame_equal(
        judge_timing(frame(*shuffled), TIMINGS).sort(pl.all()), found.sort(pl.all()), check_row_order=True
    )
