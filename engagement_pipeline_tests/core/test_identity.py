"""Who is who: stated cases, and a plain-Python reading of the same rules for every mix of statements."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.frames import ALIASES, UTC_MICROS
from engagement_pipeline.core.identity import (
    BEGINNING,
    identities,
    known_on,
    memberships,
    reigns,
    resolve,
    stitched,
)
from engagement_pipeline_tests.core.build import AS_OF, daily

SCHEMA = {"alias": pl.String, "person_id": pl.String, "merges": pl.Boolean, "observed_at": UTC_MICROS}
DAY = date(2026, 3, 1)


def day(number):
    return DAY + timedelta(days=number)


def statements(*rows):
    """From (alias, person, merges, day or hours since day 0)."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    data = [
        (alias, person, merges, start + (at if isinstance(at, timedelta) else timedelta(days=at)))
        for alias, person, merges, at in rows
    ]
    return pl.LazyFrame(data, schema=SCHEMA, orient="row")


def aliases(*rows, zone="UTC"):
    return identities(statements(*rows), zone).aliases


def meaning(found, number):
    return dict(known_on(found.lazy(), day(number)).collect().rows())


def claim(alias, person, at):
    return (alias, person, False, at)


def merge(alias, person, at):
    return (alias, person, True, at)


def test_an_anonymous_id_is_its_person_from_the_day_of_the_statement_on():
    found = aliases(claim("browser", "ada", 3))
    assert found.schema == ALIASES
    assert found.rows() == [("browser", "ada", day(3), None)]
    assert meaning(found, 2) == {}
    assert meaning(found, 3) == {"browser": "ada"}


def test_days_are_the_projects():
    late = timedelta(days=3, hours=23, minutes=30)
    assert aliases(claim("browser", "ada", late), zone="Europe/Berlin").row(0)[2] == day(4)


def test_a_shared_device_stays_with_the_first_and_unites_nobody():
    found = identities(statements(claim("tablet", "ada", 3), claim("tablet", "ben", 4)), "UTC")
    assert meaning(found.aliases, 9) == {"tablet": "ada"}
    assert (found.statements, found.merges, found.shared) == (2, 0, 1)


def test_of_two_claims_at_one_instant_the_smaller_person_has_it():
    assert meaning(aliases(claim("tablet", "ben", 3), claim("tablet", "ada", 3)), 3) == {"tablet": "ada"}


def test_a_device_shared_by_two_who_merge_is_no_longer_shared():
    found = identities(
        statements(claim("tablet", "ada", 3), claim("tablet", "ben", 4), merge("ben", "ada", 5)), "UTC"
    )
    assert meaning(found.aliases, 5) == {"tablet": "ada", "ben": "ada"}
    assert found.shared == 0


def test_a_merge_of_a_shared_device_unites_nobody_either():
    found = identities(statements(claim("tablet", "ada", 3), merge("tablet", "ben", 4)), "UTC")
    assert meaning(found.aliases, 9) == {"tablet": "ada"}
    assert found.shared == 1
    assert meaning(aliases(claim("tablet", "ada", 3), merge("ben", "tablet", 4)), 9) == {"tablet": "ada"}
    assert meaning(
        aliases(claim("phone", "tab", 3), merge("phone", "ben", 4), merge("tab", "ben", 5)), 9
    ) == {
        "phone": "ben",
        "tab": "ben",
    }


def test_chains_of_anonymous_ids_resolve_when_one_of_them_is_known():
    found = aliases(claim("tab", "browser", 1), claim("browser", "ada", 3))
    assert meaning(found, 1) == {"tab": "browser"}
    assert meaning(found, 3) == {"tab": "ada", "browser": "ada"}


def test_merges_unite_all_that_belonged_to_either():
    found = aliases(
        claim("phone", "ada1", 0),
        claim("laptop", "ada2", 0),
        merge("ada1", "ada2", 2),
        merge("ada2", "ada3", 4),
    )
    assert meaning(found, 2) == {"phone": "ada2", "laptop": "ada2", "ada1": "ada2"}
    assert meaning(found, 4) == {"phone": "ada3", "laptop": "ada3", "ada1": "ada3", "ada2": "ada3"}


def test_circles_are_safe_and_end_with_the_smallest():
    assert meaning(aliases(merge("b", "a", 1), merge("a", "b", 2)), 2) == {"b": "a"}
    assert meaning(aliases(claim("x", "y", 1), claim("y", "z", 1), claim("z", "x", 1)), 1) == {
        "y": "x",
        "z": "x",
    }


def test_who_survives_several_merges_is_whom_we_heard_of_first():
    assert meaning(aliases(merge("c", "z", 1), merge("c", "a", 2)), 2) == {"c": "z", "a": "z"}


def test_an_id_that_means_itself_again_has_a_period_that_ends():
    found = aliases(merge("a", "b", 1), merge("b", "a", 2))
    assert found.rows() == [("a", "b", day(1), day(2)), ("b", "a", day(2), None)]
    assert memberships(found.lazy()).sort("id", "since").collect().rows() == [
        ("a", "a", BEGINNING, day(1)),
        ("a", "b", day(1), day(2)),
        ("a", "a", day(2), None),
        ("b", "b", BEGINNING, day(2)),
        ("b", "a", day(2), None),
    ]
    assert reigns(memberships(found.lazy())).sort("person_id", "since").collect().rows() == [
        ("a", BEGINNING, day(1)),
        ("a", day(2), None),
        ("b", BEGINNING, day(2)),
    ]


def test_nothing_said_is_nothing_known():
    assert aliases().is_empty()
    assert aliases(claim("a", "a", 1)).is_empty()
    assert memberships(aliases().lazy()).collect().is_empty()


def test_ids_are_read_as_of_a_date():
    found = aliases(claim("browser", "ada", 3)).lazy()
    frame = pl.LazyFrame({"person_id": ["browser", "ada", "ben"], "n": [1, 2, 3]})
    assert resolve(frame, found, day(2)).sort("n").collect()["person_id"].to_list() == [
        "browser",
        "ada",
        "ben",
    ]
    assert resolve(frame, found, day(3)).sort("n").collect()["person_id"].to_list() == ["ada", "ada", "ben"]


def test_measures_of_one_person_are_one_row_a_day_again():
    rows = daily((0, "browser", "m", 2), (0, "ada", "m", 3), (1, "browser", "m", 4), (0, "ben", "m", 1))
    said = pl.LazyFrame(
        {"alias": ["browser"], "person_id": ["ada"], "valid_from": [AS_OF], "valid_to": [None]}
    )
    said = said.match_to_schema(ALIASES, missing_columns="insert", extra_columns="ignore").cast(dict(ALIASES))
    found = stitched(rows, said, AS_OF, ["m"]).sort("event_date", "person_id").collect()
    assert found.drop("measure").rows() == [
        (AS_OF - timedelta(days=1), "ada", 4),
        (AS_OF, "ada", 5),
        (AS_OF, "ben", 1),
    ]
    assert (
        stitched(rows, said, AS_OF - timedelta(days=1), ["m"]) is rows
    )  # nobody had one then: no cost at all


# --- every mix ------------------------------------------------------------------------------------------

IDS = [*"abcdef"]
quick = settings(max_examples=60, deadline=None)


@st.composite
def mixes(draw):
    count = draw(st.integers(0, 14))
    return [
        (draw(st.sampled_from(IDS)), draw(st.sampled_from(IDS)), draw(st.booleans()), draw(st.integers(0, 5)))
        for _ in range(count)
    ]


def oracle(rows, number):
    """Id -> person on a day, the slow and obvious way."""
    first = {}
    for alias, person, merges, at in rows:
        if alias != person and at <= number:
            first[alias, person, merges] = min(at, first.get((alias, person, merges), at))
    said = sorted((at, *each) for each, at in first.items())
    groups, heard, anonymous, merged = [], {}, set(), set()

    def of(each):
        return next(group for group in groups if each in group)

    for at, alias, person, merges in said:
        for each in (alias, person):
            if each not in heard:
                heard[each] = at
                groups.append({each})
        of_persons = merges and not {alias, person} & anonymous
        if of_persons or not merges:
            (merged if merges else anonymous).add(alias)
        mine, theirs = of(alias), of(person)
        if mine is not theirs and (of_persons or not (mine - anonymous) or not (theirs - anonymous)):
            groups = [group for group in groups if group is not mine and group is not theirs]
            groups.append(mine | theirs)
    found = {}
    for group in groups:
        best = min(group, key=lambda each: (each in anonymous, each in merged, heard[each], each))
        found.update({each: best for each in group if each != best})
    return found


@quick
@given(mixes())
def test_any_statements_mean_what_the_rules_say(rows):
    found = aliases(*rows)
    for number in range(-1, 7):
        assert meaning(found, number) == oracle(rows, number)


@quick
@given(mixes(), st.randoms())
def test_order_and_repetition_change_nothing(rows, rng):
    later = [(a, p, m, at + rng.randrange(3)) for a, p, m, at in rows]
    mixed = rng.sample(rows, len(rows)) + [each for each in later if rng.random() < 0.5]
    assert_frame_equal(aliases(*mixed), aliases(*rows))


@quick
@given(mixes())
def test_claims_alone_never_unite_two_persons(rows):
    anonymous, people = {"a", "b", "c"}, {"d", "e", "f"}
    found = meaning(aliases(*((a, p, False, at) for a, p, _, at in rows if a in anonymous)), 9)
    assert not people & found.keys()


@quick
@given(mixes())
def test_every_id_means_exactly_one_person_on_every_day(rows):
    members = memberships(aliases(*rows).lazy())
    for number in range(-1, 7):
        then = members.filter(
            pl.col("since") <= day(number), pl.col("until").is_null() | (pl.col("until") > day(number))
        ).collect()
        assert then["id"].is_unique().all()
        assert dict(then.filter(pl.col("id") != pl.col("person_id")).select("id", "person_id").rows()) == (
            oracle(rows, number)
        )


@pytest.mark.parametrize("shape", ["chain", "star"])
def test_long_chains_and_wide_stars_take_no_longer_than_their_result(shape):
    rng, count = random.Random(4), 30_000
    names = [f"id{number:05}" for number in range(count + 1)]
    rows = [
        (names[number], names[number + 1] if shape == "chain" else names[count], True, number % 5)
        for number in range(count)
    ]
    rng.shuffle(rows)
    assert set(meaning(aliases(*rows), 5).values()) == {names[count]}
