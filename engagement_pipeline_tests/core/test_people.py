import random
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.frames import ALIASES, UTC_MICROS, person_schema
from engagement_pipeline.core.identity import identities, known_on
from engagement_pipeline.core.people import FIRST_EVENT, Fact, as_of, persons, plan_facts
from engagement_pipeline_tests.core.build import START, catalog, instants

ZONE = "Europe/Berlin"


def snapshots(*rows, fact="plan", kind=pl.String):
    """Snapshots from (person, observed_at, fact)."""
    return pl.LazyFrame(
        {
            "person_id": pl.Series([row[0] for row in rows], dtype=pl.String),
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


def first_events(**days):
    return pl.LazyFrame({"person_id": list(days), "first_event": list(days.values())}, schema=FIRST_EVENT)


def made(sources, events=None, facts=None, aliases=()):
    """Persons from snapshots by source and (alias, person, from, to)."""
    if facts is None:
        declared = {name: source for source, frame in sources.items() for name in frame.collect_schema()}
        facts = {
            name: Fact((declared[name],)) for name in declared if name not in ("person_id", "observed_at")
        }
    said = pl.DataFrame(aliases, schema=ALIASES, orient="row")
    return persons(sources, first_events() if events is None else events, facts, START, ZONE, said)


def crm(*rows):
    return made({"crm": snapshots(*rows)})


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
    found = made(
        {
            "crm": snapshots(("a", "2026-02-01T12:00:00", "free"), ("a", "2026-02-09T12:00:00", "pro")),
            "shop": snapshots(
                ("a", "2026-02-05T12:00:00", 41), ("b", "2026-02-05T12:00:00", 7), fact="age", kind=pl.Int64
            ),
        }
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


def test_people_without_a_profile_are_known_from_their_first_event():
    found = made({"crm": snapshots(("b", "2026-02-03T12:00:00", "x"))}, first_events(a=date(2026, 2, 1)))
    assert periods(found) == [("a", START, None, None), ("b", START, None, "x")]
    assert found.select("first_seen").collect().to_series().to_list() == [date(2026, 2, 1), date(2026, 2, 3)]


def test_first_seen_is_the_earlier_of_event_and_profile():
    profile = snapshots(("a", "2026-02-03T12:00:00", "x"), ("b", "2026-02-03T12:00:00", "x"))
    found = made({"crm": profile}, first_events(a=date(2026, 2, 1), b=date(2026, 2, 9)))
    assert found.select("first_seen").collect().to_series().to_list() == [date(2026, 2, 1), date(2026, 2, 3)]


def test_the_table_has_the_declared_columns():
    given = snapshots(("a", "2026-02-01T12:00:00", "x")).with_columns(age=pl.lit(3, dtype=pl.Int64))
    project = catalog()
    found = persons({"crm": given}, first_events(), plan_facts(project), START, ZONE).collect()
    assert found.select(person_schema(project).names()).schema == person_schema(project)


def test_without_profile_sources_people_are_their_events():
    assert made({}, first_events(a=date(2026, 2, 1))).collect().rows() == [
        ("a", date(2026, 2, 1), START, None)
    ]


def test_as_of_a_date_everyone_seen_by_then_has_one_period():
    profile = snapshots(
        ("a", "2026-02-03T12:00:00", "old"),
        ("a", "2026-02-09T12:00:00", "new"),
        ("b", "2026-02-05T12:00:00", "x"),
    )
    found = made({"crm": profile}, first_events(a=date(2026, 2, 1)))

    def known(day):
        rows = as_of(found, date(2026, 2, day)).select("person_id", "plan").sort("person_id")
        return rows.collect().rows()

    assert as_of(found, date(2026, 1, 31)).collect().is_empty()
    assert known(1) == [("a", "old")]  # the first known profile counts from the start
    assert known(8) == [("a", "old"), ("b", "x")]
    assert known(9) == [("a", "new"), ("b", "x")]


# --- several sources ------------------------------------------------------------------------------------

BOTH = {
    "crm": snapshots(("a", "2026-02-01T12:00:00", "crm1"), ("a", "2026-02-20T12:00:00", None)),
    "billing": snapshots(("a", "2026-02-10T12:00:00", "bill1"), ("b", "2026-02-10T12:00:00", "bill2")),
}


def test_a_fact_is_the_first_sources_that_has_one():
    ranked = made(BOTH, facts={"plan": Fact(("crm", "billing"))})
    assert periods(ranked) == [
        ("a", START, date(2026, 2, 20), "crm1"),
        ("a", date(2026, 2, 20), None, "bill1"),  # the crm took it back
        ("b", START, None, "bill2"),
    ]
    other = made(BOTH, facts={"plan": Fact(("billing", "crm"))})
    assert periods(other) == [("a", START, None, "bill1"), ("b", START, None, "bill2")]


def test_a_fact_that_is_no_longer_fresh_gives_way_to_the_next_source():
    found = made(BOTH, facts={"plan": Fact(("crm", "billing"), fresh_for=12)})
    assert periods(found) == [
        ("a", START, date(2026, 2, 13), "crm1"),
        ("a", date(2026, 2, 13), date(2026, 2, 22), "bill1"),
        ("a", date(2026, 2, 22), None, None),
        ("b", START, date(2026, 2, 22), "bill2"),
        ("b", date(2026, 2, 22), None, None),
    ]


def test_saying_it_again_keeps_a_fact_fresh():
    again = [("a", f"2026-02-{number:02}T12:00:00", "x") for number in (1, 8, 15)]
    found = made({"crm": snapshots(*again)}, facts={"plan": Fact(("crm",), fresh_for=10)})
    assert periods(found) == [("a", START, date(2026, 2, 25), "x"), ("a", date(2026, 2, 25), None, None)]


def test_sources_are_ranked_by_the_project_then_by_their_files():
    given = catalog()
    other = given.sources["crm"].model_copy(update={"source": "billing"})
    project = given.project.model_validate(
        {
            **given.project.model_dump(exclude_defaults=True),
            "people": {"facts": {"plan": ["crm"], "age": {"fresh_for": "2w"}}},
        }
    )
    both = given.model_copy(
        update={"sources": {"billing": other, "crm": given.sources["crm"]}, "project": project}
    )
    assert plan_facts(both) == {"age": Fact(("billing", "crm"), 14), "plan": Fact(("crm", "billing"))}


# --- ids that are one person ----------------------------------------------------------------------------

MERGED = date(2026, 2, 10)


def test_two_who_become_one_have_rows_of_their_own_before_and_one_after():
    profiles = snapshots(
        ("old", "2026-02-01T12:00:00", "free"),
        ("new", "2026-02-05T12:00:00", "pro"),
        ("old", "2026-02-20T12:00:00", "gone"),
    )
    found = made(
        {"crm": profiles}, first_events(old=date(2026, 1, 9)), aliases=[("old", "new", MERGED, None)]
    )
    assert found.collect().rows() == [
        ("new", date(2026, 2, 5), START, MERGED, "pro"),
        ("new", date(2026, 1, 9), MERGED, date(2026, 2, 20), "pro"),
        ("new", date(2026, 1, 9), date(2026, 2, 20), None, "gone"),
        ("old", date(2026, 1, 9), START, MERGED, "free"),
    ]


def test_facts_of_both_ids_count_the_newest_of_each_source_first():
    crm_rows = snapshots(("old", "2026-02-08T12:00:00", "of old"), ("new", "2026-02-01T12:00:00", None))
    ages = snapshots(
        ("old", "2026-02-01T12:00:00", 41), ("new", "2026-02-02T12:00:00", 42), fact="age", kind=pl.Int64
    )
    found = made({"crm": crm_rows, "shop": ages}, aliases=[("old", "new", MERGED, None)])
    last = found.filter(pl.col("valid_to").is_null()).collect()
    assert last.select("person_id", "plan", "age").rows() == [("new", "of old", 42)]


def test_somebody_known_only_under_an_alias_is_known():
    found = made({}, first_events(browser=date(2026, 2, 1)), aliases=[("browser", "ada", MERGED, None)])
    assert found.collect().rows() == [
        ("ada", date(2026, 2, 1), MERGED, None),
        ("browser", date(2026, 2, 1), START, MERGED),
    ]


def test_who_is_only_spoken_of_is_not_known():
    assert made({}, aliases=[("browser", "ada", MERGED, None)]).collect().is_empty()


DAYS = [date(2026, 2, 1) + timedelta(days=number) for number in range(8)]
ID = st.sampled_from("abcd")


@settings(max_examples=60, deadline=None)  # up to 0.1 s each
@given(
    said=st.lists(st.tuples(ID, st.integers(0, 7), st.sampled_from(["x", "y", None]), st.sampled_from("st"))),
    acted=st.dictionaries(ID, st.integers(0, 7)),
    who=st.lists(st.tuples(ID, ID, st.booleans(), st.integers(0, 7)), max_size=6),
    fresh=st.sampled_from([None, 1, 3]),
)
def test_every_day_shows_what_its_ids_last_said(said, acted, who, fresh):
    sources = {
        name: snapshots(*[(each, f"{DAYS[at]}T12:00:00", fact) for each, at, fact, of in said if of == name])
        for name in "st"
    }
    statements = pl.LazyFrame(
        [(a, p, m, instant) for a, p, m, at in who for instant in instants(f"{DAYS[at]}T10:00:00")],
        schema={"alias": pl.String, "person_id": pl.String, "merges": pl.Boolean, "observed_at": UTC_MICROS},
        orient="row",
    )
    aliases = identities(statements, ZONE).aliases
    events = first_events(**{each: DAYS[at] for each, at in acted.items()})
    found = persons(sources, events, {"plan": Fact(("s", "t"), fresh)}, START, ZONE, aliases).collect()
    assert found.equals(found.sort("person_id", "valid_from"))
    for number, day in enumerate(DAYS):
        means = dict(known_on(aliases.lazy(), day).collect().rows())
        rows = as_of(found.lazy(), day).select("person_id", "plan").collect().rows()
        assert rows == sorted(_people(number, means, said, acted, fresh).items())


def _people(today, means, said, acted, fresh):
    """Who is known on a day and their plan, the slow and obvious way."""
    groups = {}
    for each in "abcd":
        groups.setdefault(means.get(each, each), []).append(each)
    found = {}
    for person, ids in groups.items():
        seen = [acted[each] for each in ids if each in acted] + [at for each, at, _, _ in said if each in ids]
        if not seen or min(seen) > today:
            continue
        found[person] = None
        for source in "st":
            latest = []
            for each in ids:
                mine = [(at, fact) for one, at, fact, of in said if (one, of) == (each, source)]
                if not mine:
                    continue
                backdated = [at for at, _ in mine if at <= today] or [min(at for at, _ in mine)]
                at = max(backdated)
                fact = max(
                    (fact for when, fact in mine if when == at), key=lambda one: (one is not None, one)
                )
                if fact is not None and (fresh is None or today - at < fresh):
                    latest.append((-at, each, fact))
            if latest:
                found[person] = min(latest)[2]
                break
    return found
