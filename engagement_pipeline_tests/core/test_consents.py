from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.consents import (
    STATEMENTS,
    consents,
    held,
    said_in_events,
    said_in_profiles,
    with_consents,
)
from engagement_pipeline.core.frames import ALIASES, CONSENTS, UTC_MICROS
from engagement_pipeline.core.identity import identities, known_on
from engagement_pipeline_tests.core.build import instants

ZONE = "Europe/Berlin"
DAY = date(2026, 2, 1)


def day(number):
    return DAY + timedelta(days=number)


def at(number, hour=12):
    return f"{day(number)}T{hour:02}:00:00"


def statements(*rows):
    """From (person, state, instant), on the email channel, because of an event."""
    return pl.LazyFrame(
        {
            "person_id": [row[0] for row in rows],
            "channel": ["email"] * len(rows),
            "state": [row[1] for row in rows],
            "reason": [f"said_{row[1]}" for row in rows],
            "source": ["mail"] * len(rows),
            "event_id": [f"e{number}" for number in range(len(rows))],
            "observed_at": instants(*(row[2] for row in rows)),
        },
        schema=STATEMENTS,
    )


def made(*rows, aliases=()):
    return consents(statements(*rows), pl.DataFrame(aliases, schema=ALIASES, orient="row"), ZONE).collect()


def periods(found):
    return found.select("person_id", "state", "valid_from", "valid_to").rows()


def test_each_state_holds_from_its_statement_until_the_next():
    found = made(("a", "in", at(0)), ("a", "out", at(5)), ("a", "in", at(9)))
    assert found.schema == CONSENTS
    assert periods(found) == [
        ("a", "in", day(0), day(5)),
        ("a", "out", day(5), day(9)),
        ("a", "in", day(9), None),
    ]
    assert found["event_id"].to_list() == ["e0", "e1", "e2"]


def test_saying_it_again_keeps_the_statement_that_brought_it_about():
    found = made(("a", "out", at(3)), ("a", "out", at(5)))
    assert found.select("event_id", "valid_from", "valid_to").rows() == [("e0", day(3), None)]


def test_of_statements_at_one_instant_out_counts():
    rows = [("a", "in", at(3)), ("a", "out", at(3))]
    assert periods(made(*rows)) == periods(made(*reversed(rows))) == [("a", "out", day(3), None)]


def test_a_day_ends_with_its_last_statement_and_is_the_projects():
    found = made(("a", "out", at(3, 8)), ("a", "in", at(3, 9)), ("a", "out", at(3, 23)))
    assert periods(found) == [("a", "in", day(3), day(4)), ("a", "out", day(4), None)]


def test_who_become_one_have_the_newest_statement_of_all():
    rows = [("old", "out", at(4)), ("new", "in", at(2))]
    assert periods(made(*rows, aliases=[("old", "new", day(6), None)])) == [
        ("new", "in", day(2), day(6)),
        ("new", "out", day(6), None),
        ("old", "out", day(4), day(6)),
    ]
    later = made(*rows, ("old", "in", at(8)), aliases=[("old", "new", day(6), None)])
    assert periods(later.filter(pl.col("person_id") == "new"))[-1] == ("new", "in", day(8), None)


def events(*rows):
    return pl.LazyFrame(
        {
            "person_id": ["a"] * len(rows),
            "event": [row[0] for row in rows],
            "channel": ["email"] * len(rows),
            "event_id": [f"e{number}" for number in range(len(rows))],
            "occurred_at": instants(*[at(1)] * len(rows)),
            "is_machine": [row[1] for row in rows],
        },
        schema_overrides={"is_machine": pl.Boolean},
    )


def test_events_say_what_the_plan_declares_of_them():
    found = said_in_events(
        events(("unsubscribed", None), ("opened", False), ("confirmed", False)),
        {"unsubscribed": "out", "confirmed": "in"},
        "mail",
    ).collect()
    assert found.schema == STATEMENTS
    assert found.select("state", "reason", "event_id").rows() == [
        ("out", "unsubscribed", "e0"),
        ("in", "confirmed", "e2"),
    ]


def test_a_machine_signs_nobody_up():
    says = {"unsubscribed": "out", "confirmed": "in"}
    found = said_in_events(events(("unsubscribed", True), ("confirmed", True)), says, "mail").collect()
    assert found["state"].to_list() == ["out"]


def profiles(*rows):
    return pl.LazyFrame(
        {
            "person_id": ["a"] * len(rows),
            "observed_at": instants(*(row[0] for row in rows)),
            "consent.email": pl.Series([row[1] for row in rows], dtype=pl.Boolean),
        }
    )


def test_a_profile_says_something_only_when_it_says_something_else():
    found = said_in_profiles(
        profiles((at(0), True), (at(3), True), (at(5), None), (at(6), True), (at(8), False)), ["email"], "crm"
    ).collect()
    assert found.schema == STATEMENTS
    assert [(state, when.day) for state, when in found.select("state", "observed_at").rows()] == [
        ("in", 1),
        ("out", 9),
    ]
    assert found["reason"].to_list() == ["profile of crm"] * 2


def test_a_monthly_export_does_not_take_an_unsubscribe_back():
    said = [
        said_in_profiles(profiles((at(0), True), (at(9), True)), ["email"], "crm"),
        statements(("a", "out", at(4))),
    ]
    found = consents(pl.concat(said), ALIASES.to_frame(), ZONE).collect()
    assert periods(found) == [("a", "in", day(0), day(4)), ("a", "out", day(4), None)]


def test_conditions_read_consent_and_reach_as_of_a_date():
    found = made(("a", "in", at(0)), ("b", "out", at(0)), ("a", "out", at(5))).lazy()
    people = pl.LazyFrame({"person_id": ["a", "b", "c"]})
    wanted = {"reachable.email", "consent.email", "profile.plan"}

    def on(number, opt_in_needed=()):
        frame = with_consents(people, held(found, day(number)), wanted, opt_in_needed)
        return frame.sort("person_id").select("consent.email", "reachable.email").collect().rows()

    assert on(4) == [("in", True), ("out", False), (None, True)]
    assert on(4, ["email"]) == [("in", True), ("out", False), (None, False)]
    assert on(5) == [("out", False), ("out", False), (None, True)]
    assert with_consents(people, held(found, day(4)), {"profile.plan"}, []) is people


ID = st.sampled_from("abcd")


@settings(max_examples=60, deadline=None)
@given(
    said=st.lists(
        st.tuples(ID, st.sampled_from(["in", "out"]), st.integers(0, 7), st.integers(1, 3)), max_size=10
    ),
    who=st.lists(st.tuples(ID, ID, st.booleans(), st.integers(0, 7)), max_size=6),
)
def test_on_every_day_the_newest_statement_of_a_person_counts(said, who):
    told = pl.LazyFrame(
        [(a, p, m, instant) for a, p, m, number in who for instant in instants(at(number))],
        schema={"alias": pl.String, "person_id": pl.String, "merges": pl.Boolean, "observed_at": UTC_MICROS},
        orient="row",
    )
    aliases = identities(told, ZONE).aliases
    rows = [(person, state, at(number, hour)) for person, state, number, hour in said]
    found = consents(statements(*rows), aliases, ZONE).collect()
    for number in range(8):
        means = dict(known_on(aliases.lazy(), day(number)).collect().rows())
        newest = {}
        for person, state, when, hour in said:
            if when <= number:
                one = means.get(person, person)
                newest[one] = max(newest.get(one, (-1, 0, "")), (when, hour, state))
        then = held(found.lazy(), day(number)).select("person_id", "state").collect()
        assert dict(then.rows()) == {person: state for person, (_, _, state) in newest.items()}
        assert then.height == len(newest)
    mixed = consents(
        statements(*rows).collect().sample(fraction=1, shuffle=True, seed=1).lazy(), aliases, ZONE
    )
    compared = ["person_id", "channel", "state", "valid_from", "valid_to", "observed_at"]
    assert_frame_equal(mixed.select(compared).collect(), found.select(compared))
