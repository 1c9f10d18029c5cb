"""Laws that points of events obey for any definition and any events, and an oracle in plain Python."""

from datetime import date
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.frames import ALIASES
from engagement_pipeline.core.identity import stitched, stitched_messages
from engagement_pipeline.core.measures import daily_measures, daily_messages, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import check_points, contributions, points
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core import oracle
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, events, score

quick = settings(max_examples=25, deadline=None)

CHANNELS = {"opened": "email", "clicked": "email", "sent": "email", "viewed": "web", "ordered": "commerce"}
weights = st.one_of(st.integers(-10, 10), st.floats(-10, 10).map(lambda x: round(x, 4)))
decays = st.one_of(
    st.just("none"),
    st.integers(1, 40).map(lambda n: {"half_life": n}),
    st.integers(1, 40).map(lambda n: {"linear": n}),
    st.integers(1, 20).map(lambda n: {"s_curve": n}),
)
whom = st.sampled_from(
    [
        {"event": "opened"},
        {"event": ["opened", "clicked"]},
        {"channel": "email"},
        {"channel": ["email", "web"]},
        {"event": ["clicked", "viewed"], "channel": "web"},
    ]
)
ways = st.sampled_from(
    [
        {},
        {"per": 1},
        {"per": 12.5, "ceiling": 40, "unit": "EUR"},
        {"per": 0.5, "floor": 2},
        {"count": "days"},
        {"count": "messages"},
        {"count": "messages", "event": "opened", "implied_by": "clicked"},
        {"count": "first"},
        {"streak": 1},
        {"streak": 2},
        {"streak": 3},
        {"rate": {"per": "sent"}},
        {"rate": {"per": ["sent", "viewed"], "at_least": 3}, "count": "days"},
        {"rate": {"per": "sent", "at_least": 2}, "count": "messages"},
    ]
)


@st.composite
def rules(draw):
    way = draw(ways)
    rule = draw(whom) if "per" not in way else {"event": "ordered"}
    rule = {**({} if "event" in way else rule), **way}
    rule |= {"weight": draw(weights), "machine": draw(st.sampled_from(["include", "include", "exclude"]))}
    if draw(st.booleans()):
        rule["cap"] = {"per_day": draw(st.integers(1, 3))}
    if draw(st.booleans()) and rule.get("event") != ["clicked", "viewed"]:
        rule["where"] = "category = 'a'"
    if draw(st.booleans()):
        rule["window"] = draw(st.integers(1, 25))
    if draw(st.booleans()):
        rule["decay"] = draw(decays)
    return rule


definitions = st.builds(
    lambda given, window, decay: score(rules=given, window=window, decay=decay),
    st.lists(rules(), min_size=1, max_size=4),
    st.integers(1, 20),
    decays,
)
PEOPLE = ["a", "b", "ä"]
happened = st.fixed_dictionaries(
    {
        "event_date": st.integers(-1, 22).map(ago),
        "person_id": st.sampled_from(PEOPLE),
        "event": st.sampled_from(sorted(CHANNELS)),
        "value": st.one_of(st.none(), st.floats(-50, 500, allow_nan=False)),
        "unit": st.sampled_from(["EUR", "USD", None]),
        "is_machine": st.sampled_from([True, False, None]),
        "category": st.sampled_from(["a", "b", None]),
        "message_id": st.sampled_from(["m1", "m2", None]),
    }
).map(lambda row: {**row, "channel": CHANNELS[row["event"]]})
histories = st.lists(happened, min_size=4, max_size=40)
merges = st.sampled_from([{}, {"b": "a"}, {"b": "a", "ä": "a"}, {"ä": "b"}])


def measured(definition, rows):
    given = catalog(definition)
    plans = list(plan_scores(given).values())
    measures = measures_of(given).values()
    frame = events(*rows)
    return daily_measures(frame, measures), plans, daily_messages(frame, measures)


def points_of(definition, rows, aliases=None):
    frame, plans, messages = measured(definition, rows)
    plan = next(plan for plan in plans if plan.name == definition.score)
    if aliases:
        known = known_as(aliases)
        needed = sorted(plan.measures)
        frame = stitched(frame, known, AS_OF, needed)
        messages = stitched_messages(messages, known, AS_OF, needed)
    return points(contributions(frame, plans, AS_OF, messages)[plan.name], plan, AS_OF).collect()


def known_as(aliases, since=AS_OF):
    rows = [(alias, person, since, None) for alias, person in aliases.items()]
    return pl.LazyFrame(rows, schema=ALIASES, orient="row")


def plain(found):
    """The oracle's part of contributions."""
    left_out = {"rule", "cap_loss", "group_loss"}
    return [
        {key: value for key, value in c.items() if key not in left_out}
        for cs in found["contributions"].to_list()
        for c in cs
    ]


@settings(max_examples=150, deadline=None)
@given(definitions, histories, merges)
def test_points_are_what_plain_python_finds(definition, rows, aliases):
    found = points_of(definition, rows, aliases)
    expected = oracle.points(definition, rows, AS_OF, aliases)
    assert found["person_id"].sort().to_list() == list(expected)
    assert plain(found.sort("person_id")) == [c for cs in expected.values() for c in cs]


@quick
@given(definitions, histories)
def test_contributions_sum_to_the_points(definition, rows):
    found = points_of(definition, rows)
    check_points(found)
    assert found["points"].to_list() == [
        sum(c["points"] for c in cs) for cs in found["contributions"].to_list()
    ]


@quick
@given(definitions, histories, st.randoms(), st.integers(1, 6))
def test_the_order_of_rows_and_the_number_of_buckets_change_nothing(definition, rows, rng, buckets):
    expected = points_of(definition, rows)
    frame, plans, messages = measured(definition, rng.sample(rows, len(rows)))
    parts = [part[definition.score] for part in LocalEngine(buckets).points(frame, plans, AS_OF, messages)]
    assert_frame_equal(pl.concat(parts), expected)


@quick
@given(definitions, histories, st.integers(2, 5))
def test_days_may_be_measured_apart(definition, rows, buckets):
    given = catalog(definition)
    measures, plans = measures_of(given).values(), list(plan_scores(given).values())
    engine = LocalEngine(buckets)
    frame = pl.concat(engine.measures(events(*rows), measures)).lazy()
    messages = pl.concat(engine.messages(events(*rows), measures)).lazy()
    found = points(contributions(frame, plans, AS_OF, messages)["s"], plans[0], AS_OF)
    assert_frame_equal(found.collect(), points_of(definition, rows))


@quick
@given(definitions, histories)
def test_a_cap_never_moves_points_away_from_zero(definition, rows):
    # A cap bounds what counts, so it takes points from a reward and gives back points of a penalty. Refunds
    # are left out: bounding a sum from above can leave more of its negative days.
    rows = [{**row, "value": abs(row["value"] or 0.0)} for row in rows]
    capped = definition.model_dump(mode="json")
    free = definition.model_dump(mode="json")
    for with_cap, without in zip(capped["rules"], free["rules"], strict=True):
        with_cap["cap"], without["cap"] = with_cap["cap"] or {"per_day": 1}, None
        with_cap["label"] = without["label"] = None

    def by_rule(definition):
        found = points_of(type(score()).model_validate(definition), rows).explode("contributions")
        return found.select("person_id", pl.col("contributions").struct.unnest()).rows(named=True)

    for less, more in zip(by_rule(capped), by_rule(free), strict=True):
        assert abs(less["points"]) <= abs(more["points"])
        assert less["quantity"] == more["quantity"]
        assert less["capped_off"] >= 0


@quick
@given(definitions, histories)
def test_what_is_outside_the_window_never_counts(definition, rows):
    # First times apart: what was done before the window was not done for the first time in it.
    said = definition.model_dump(mode="json", exclude_defaults=True)
    for rule in said["rules"]:
        if rule.get("count") == "first":
            del rule["count"]
    definition = score(rules=said["rules"], window=definition.window, decay=definition.decay)
    longest = max(rule.window or definition.window for rule in definition.event_rules)
    inside = [row for row in rows if 0 <= (AS_OF - row["event_date"]).days < longest]
    expected = points_of(definition, rows)
    if inside:
        assert_frame_equal(points_of(definition, inside), expected)
    else:
        assert expected.is_empty()


@quick
@given(definitions, histories)
def test_it_is_the_person_who_counts_and_not_the_ids_they_had(definition, rows):
    """Who did everything under several ids has what they would have under one."""
    one = [{**row, "person_id": "a"} for row in rows]
    aliases = dict.fromkeys(PEOPLE[1:], "a")
    assert_frame_equal(points_of(definition, rows, aliases), points_of(definition, one))


counts = st.sampled_from(
    [
        {"cap": {"per_day": 1}},
        {"count": "days"},
        {"count": "first"},
        {"count": "messages"},
        {"streak": 1},
        {"streak": 2},
    ]
)


@quick
@given(counts, st.lists(happened, max_size=15), happened)
def test_doing_more_on_an_active_day_or_of_a_known_message_adds_nothing(way, rows, row):
    """What is counted once stays once, also under another id of the person."""
    definition = score(rules=[{"event": ["opened", "clicked"], "weight": 1, **way}], window=20)
    row = {**row, "event": "opened", "channel": "email", "message_id": "m1", "person_id": "a"}
    before = points_of(definition, [*rows, row], {"b": "a"})
    again = {**row, "event": "clicked", "person_id": "b", "category": "b"}
    after = points_of(definition, [*rows, row, again], {"b": "a"})
    assert before["points"].to_list() == after["points"].to_list()


@quick
@given(definitions, histories)
def test_ids_that_are_merged_later_are_apart_until_then(definition, rows):
    later = known_as({"b": "a"}, since=date(AS_OF.year + 1, 1, 1))
    frame, plans, messages = measured(definition, rows)
    needed = sorted(plans[0].measures)
    apart = contributions(
        stitched(frame, later, AS_OF, needed), plans, AS_OF, stitched_messages(messages, later, AS_OF, needed)
    )
    assert_frame_equal(points(apart["s"], plans[0], AS_OF).collect(), points_of(definition, rows))


@quick
@given(st.integers(1, 5), st.sets(st.integers(0, 25), min_size=1))
def test_rows_of_days_give_one_streak_for_every_so_many(run, ages):
    rows = [{"event_date": ago(age)} for age in ages]
    definition = score(rules=[{"event": "opened", "weight": 1, "streak": run}], window=26)
    found = points_of(definition, rows)
    lengths, length = [], 1
    for one, other in pairwise(sorted(ages)):
        if other == one + 1:
            length += 1
        else:
            lengths.append(length)
            length = 1
    expected = sum(each // run for each in [*lengths, length])
    assert found["points"].sum() == expected * 10_000
