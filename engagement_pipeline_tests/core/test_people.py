import random
from datetime import date

import polars as pl
from polars.testing import assert_frame_equal

from engagement_pipeline.core.frames import person_schema
from engagement_pipeline.core.people import FIRST_EVENT, as_of, history, with_activity
from engagement_pipeline_tests.core.build import START, catalog, instants

ZONE = "Europe/Berlin"


def snapshots(*rows, fact="plan", kind=pl.String):
    """Snapshots from (person, observed_at, fact)."""
    return pl.LazyFrame(
        {
            "person_id": [row[0] for row in rows],
            "observed_at": instants(*(row[1] for row in rows)),
            fact: pl.Series([row[2] for row in rows], dtype=kind),
        }
    )


def periods(frame, fact="plan"):
    return (
        frame.sort("person_id", "valid_from")
        .select("person_id", "valid_from", "valid_to", fact)
        .collect()
        .rows()
    )


def crm(*rows):
    return history({"crm": snapshots(*rows)}, START, ZONE)


def test_the_first_snapshot_counts_from_the_start_and_each_until_the_next():
    found = crm(("a", "2026-02-01T12:00:00", "free"), ("a", "2026-02-09T12:00:00", "pro"))
    assert periods(found) == [("a", START, date(2026, 2, 9), "free"), ("a", date(2026, 2, 9), None, "pro")]
    assert found.select("first_seen").collect().to_series().unique().to_list() == [date(2026, 2, 1)]


def test_a_snapshot_that_repeats_what_is_known_adds_no_period():
    found = crm(
        ("a", "2026-02-01T12:00:00", "free"),
        ("a", "2026-02-05T12:00:00", "free"),
        ("a", "2026-02-09T12:00:00", None),
        ("a", "2026-02-10T12:00:00", None),
        ("b", "2026-02-10T12:00:00", None),
    )
    assert periods(found) == [
        ("a", START, date(2026, 2, 9), "free"),
        ("a", date(2026, 2, 9), None, None),
        ("b", START, None, None),
    ]


def test_the_last_snapshot_of_a_day_counts_and_days_are_the_projects():
    found = crm(
        ("a", "2026-02-01T12:00:00", "one"),
        ("a", "2026-02-05T23:30:00", "three"),  # the 6th in Berlin
        ("a", "2026-02-05T08:00:00", "two"),
        ("a", "2026-02-06T08:00:00", "four"),
    )
    assert periods(found)[1:] == [
        ("a", date(2026, 2, 5), date(2026, 2, 6), "two"),
        ("a", date(2026, 2, 6), None, "four"),
    ]


def test_of_snapshots_at_one_instant_the_greatest_counts_in_any_order():
    rows = [("a", "2026-02-01T12:00:00", fact) for fact in ("m", "z", None, "a")]
    assert periods(crm(*rows)) == periods(crm(*reversed(rows))) == [("a", START, None, "z")]


def test_what_was_observed_before_the_start_counts_from_then():
    found = crm(("a", "2025-12-01T12:00:00", "free"), ("a", "2025-12-20T12:00:00", "pro"))
    assert periods(found) == [
        ("a", date(2025, 12, 1), date(2025, 12, 20), "free"),
        ("a", date(2025, 12, 20), None, "pro"),
    ]


def test_facts_of_several_sources_stand_side_by_side():
    found = history(
        {
            "crm": snapshots(("a", "2026-02-01T12:00:00", "free"), ("a", "2026-02-09T12:00:00", "pro")),
            "shop": snapshots(
                ("a", "2026-02-05T12:00:00", 41), ("b", "2026-02-05T12:00:00", 7), fact="age", kind=pl.Int64
            ),
        },
        START,
        ZONE,
    )
    assert found.sort("person_id", "valid_from").select(
        "person_id", "valid_from", "plan", "age"
    ).collect().rows() == [
        ("a", START, "free", 41),
        ("a", date(2026, 2, 9), "pro", 41),
        ("b", START, None, 7),
    ]


def test_the_order_and_duplication_of_snapshots_change_nothing():
    rng = random.Random(3)
    rows = [
        (f"p{n % 5}", f"2026-02-{1 + n % 20:02}T0{n % 3}:00:00", rng.choice(["x", "y", None]))
        for n in range(60)
    ]
    expected = crm(*rows).sort("person_id", "valid_from").collect()
    mixed = crm(*rng.sample(rows, len(rows)), *rows[:20]).sort("person_id", "valid_from").collect()
    assert_frame_equal(mixed, expected)


def first_events(**days):
    return pl.LazyFrame({"person_id": list(days), "first_event": list(days.values())}, schema=FIRST_EVENT)


def test_people_without_a_profile_are_known_from_their_first_event():
    persons = with_activity(crm(("b", "2026-02-03T12:00:00", "x")), first_events(a=date(2026, 2, 1)), START)
    assert periods(persons) == [("a", START, None, None), ("b", START, None, "x")]
    assert persons.select("first_seen").collect().to_series().to_list() == [
        date(2026, 2, 1),
        date(2026, 2, 3),
    ]


def test_first_seen_is_the_earlier_of_event_and_profile():
    profile = crm(("a", "2026-02-03T12:00:00", "x"), ("b", "2026-02-03T12:00:00", "x"))
    persons = with_activity(profile, first_events(a=date(2026, 2, 1), b=date(2026, 2, 9)), START)
    assert persons.select("first_seen").collect().to_series().to_list() == [
        date(2026, 2, 1),
        date(2026, 2, 3),
    ]


def test_the_table_has_the_declared_columns():
    given = history(
        {"crm": snapshots(("a", "2026-02-01T12:00:00", "x")).with_columns(age=pl.lit(3, dtype=pl.Int64))},
        START,
        ZONE,
    )
    wanted = person_schema(catalog())
    assert with_activity(given, first_events(), START).select(wanted.names()).collect().schema == wanted


def test_without_profile_sources_people_are_their_events():
    persons = with_activity(history({}, START, ZONE), first_events(a=date(2026, 2, 1)), START)
    assert persons.collect().rows() == [("a", date(2026, 2, 1), START, None)]


def test_as_of_a_date_everyone_seen_by_then_has_one_period():
    profile = crm(
        ("a", "2026-02-03T12:00:00", "old"),
        ("a", "2026-02-09T12:00:00", "new"),
        ("b", "2026-02-05T12:00:00", "x"),
    )
    persons = with_activity(profile, first_events(a=date(2026, 2, 1)), START)

    def known(day):
        return (
            as_of(persons, date(2026, 2, day)).select("person_id", "plan").sort("person_id").collect().rows()
        )

    assert as_of(persons, date(2026, 1, 31)).collect().is_empty()
    assert known(1) == [("a", "old")]  # the first known profile counts from the start
    assert known(8) == [("a", "old"), ("b", "x")]
    assert known(9) == [("a", "new"), ("b", "x")]
