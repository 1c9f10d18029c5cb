"""Points of several dates from one reading are those of each date alone, whoever was who meanwhile."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.changing import changing
from engagement_pipeline.core.frames import ALIASES, UTC_MICROS
from engagement_pipeline.core.identity import identities, known_on, stitched, stitched_messages
from engagement_pipeline.core.measures import daily_measures, daily_messages, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, events, instants, score

KINDS = ["opened", "clicked", "sent", "ordered"]
PROJECT = catalog(
    score(
        "many",
        window=6,
        decay={"half_life": 2},
        rules=[
            {"event": "opened", "weight": 3, "cap": {"per_day": 2}},
            {"event": ["opened", "clicked"], "weight": 2, "count": "days", "label": "days", "window": 9},
            {"event": "ordered", "weight": 1, "per": 3, "decay": "none"},
            {"event": "clicked", "weight": 4, "count": "messages"},
            {"event": "clicked", "weight": 5, "count": "first"},
            {"event": "opened", "weight": 7, "streak": 2},
            {"event": "clicked", "weight": 9, "rate": {"per": "sent"}, "label": "rate"},
        ],
    ),
    score("plain", window=3, rules=[{"event": "clicked", "weight": -1.5}]),
)
PLANS = list(plan_scores(PROJECT).values())
MEASURES = measures_of(PROJECT)
ID = st.sampled_from("abcdef")
histories = st.lists(
    st.tuples(st.integers(0, 12), ID, st.sampled_from(KINDS), st.sampled_from(["m1", "m2", None])),
    min_size=1,
    max_size=40,
)
# (alias, person, whether it is a merge, days ago)
statements = st.lists(st.tuples(ID, ID, st.booleans(), st.integers(0, 8)), max_size=7)


def measured(rows):
    given = events(
        *(
            {
                "event_date": ago(age),
                "person_id": who,
                "event": event,
                "message_id": message,
                "value": (4.0 - age) if event == "ordered" else None,
            }
            for age, who, event, message in rows
        )
    )
    made = [make(given, MEASURES.values()).collect().lazy() for make in (daily_measures, daily_messages)]
    return made[0], made[1]


def aliases_of(said):
    data = [(a, p, m, instants(f"{ago(age)}T12:00:00")[0]) for a, p, m, age in said]
    schema = {"alias": pl.String, "person_id": pl.String, "merges": pl.Boolean, "observed_at": UTC_MICROS}
    return identities(pl.LazyFrame(data, schema=schema, orient="row"), "UTC").aliases


def alone(daily, messages, aliases, plan, as_of):
    needed = sorted(plan.measures)
    rows = stitched(daily, aliases.lazy(), as_of, needed)
    said = stitched_messages(messages, aliases.lazy(), as_of, needed)
    (found,) = LocalEngine().points(rows, [plan], as_of, said)
    return found[plan.name]


@settings(max_examples=20, deadline=None)
@given(
    histories,
    statements,
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from([PLANS, [PLANS[0]], [PLANS[1]]]),
)
def test_every_date_has_the_points_that_it_has_alone(rows, said, buckets, dates, plans):
    daily, messages = measured(rows)
    aliases = aliases_of(said)
    days = [ago(age) for age in range(dates - 1, -1, -1)]
    found = LocalEngine(buckets).dates(daily, plans, days, messages, aliases.lazy())
    made = {
        as_of: {plan.name: [window.points(plan) for window in kept] for plan in plans}
        for as_of, windows in found
        for kept in [list(windows)]
    }
    assert list(made) == days
    for as_of, parts in made.items():
        for plan in plans:
            assert_frame_equal(pl.concat(parts[plan.name]), alone(daily, messages, aliases, plan, as_of))


@settings(max_examples=25, deadline=None)
@given(statements, st.integers(0, 4), st.integers(0, 5))
def test_ids_that_are_said_to_be_steady_are(said, newest, length):
    aliases = aliases_of(said)
    days = [ago(newest + length - n) for n in range(length + 1)]
    found = changing(aliases.lazy(), days)
    means = [dict(known_on(aliases.lazy(), day).collect().rows()) for day in days]
    steady = dict(known_on(found.steady.lazy(), days[0]).collect().rows())
    for each in set("abcdef") - set(found.ids):
        people = {now.get(each, each) for now in means}
        assert people == {steady.get(each, each)}
        assert not people & set(found.ids), "rows of steady people are added up without any of the others'"
    for run in found.runs(days):
        assert len({tuple(sorted(means[days.index(day)].items())) for day in run}) == 1
    assert [day for run in found.runs(days) for day in run] == days


@pytest.mark.parametrize("buckets", [1, 3])
def test_dates_without_any_event_have_no_points(buckets):
    daily, messages = measured([(1, "a", "opened", None)])
    days = [AS_OF - timedelta(days=60), AS_OF]
    found = LocalEngine(buckets).dates(daily, PLANS, days, messages, ALIASES.to_frame().lazy())
    people = [
        [who for window in windows for who in window.points(PLANS[0])["person_id"]] for _, windows in found
    ]
    assert people == [[], ["a"]]
