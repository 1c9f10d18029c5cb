"""Points of ids that are one person: as if every event had carried the person's id from the beginning."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.frames import ALIASES, UTC_MICROS
from engagement_pipeline.core.identity import identities, known_on, stitched
from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, events, instants, score

PROJECT = catalog(
    score(
        "capped",
        window=6,
        rules=[
            {"event": "opened", "weight": 3, "cap": {"per_day": 2}},
            {"event": ["opened", "clicked"], "weight": 2, "cap": {"per_day": 1}, "label": "any"},
            {"event": "ordered", "weight": 1, "per": 3, "cap": {"per_day": 10}},
        ],
    ),
    score("plain", window=4, decay={"half_life": 2}, rules=[{"event": "clicked", "weight": -1.5}]),
)
PLANS = list(plan_scores(PROJECT).values())
MEASURES = measures_of(PROJECT)
ID = st.sampled_from("abcde")


def points(rows, aliases, day, buckets=1):
    """By score, the points as of a day of events (days ago, person, event)."""
    given = events(
        *(
            {
                "event_date": ago(age),
                "person_id": who,
                "event": event,
                "value": 4.0 if event == "ordered" else None,
            }
            for age, who, event in rows
        )
    )
    daily = daily_measures(given, MEASURES.values()).collect().lazy()
    by_person = stitched(daily, aliases.lazy(), day, list(MEASURES))
    parts = list(LocalEngine(buckets).points(by_person, PLANS, day))
    return {plan.name: pl.concat([part[plan.name] for part in parts]) for plan in PLANS}


def aliases_of(statements):
    """From (alias, person, merges, days ago)."""
    data = [(a, p, m, instants(f"{ago(age)}T12:00:00")[0]) for a, p, m, age in statements]
    schema = {"alias": pl.String, "person_id": pl.String, "merges": pl.Boolean, "observed_at": UTC_MICROS}
    return identities(pl.LazyFrame(data, schema=schema, orient="row"), "UTC").aliases


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 7), ID, st.sampled_from(["opened", "clicked", "ordered"])),
        min_size=1,
        max_size=25,
    ),
    statements=st.lists(st.tuples(ID, ID, st.booleans(), st.integers(0, 5)), max_size=6),
    buckets=st.integers(1, 3),
)
def test_points_are_those_of_ids_renamed_by_hand(rows, statements, buckets):
    aliases = aliases_of(statements)
    for day in (AS_OF, ago(2), ago(6)):
        means = dict(known_on(aliases.lazy(), day).collect().rows())
        renamed = [(age, means.get(who, who), event) for age, who, event in rows]
        by_hand, nobody = points(renamed, ALIASES.to_frame(), day), ALIASES.to_frame()
        found = points(rows, aliases, day, buckets)
        for name, frame in by_hand.items():
            assert_frame_equal(found[name], frame)
        if not means:
            assert found["capped"].equals(points(rows, nobody, day)["capped"])


def capped(rows, aliases, day=AS_OF):
    found = points(rows, aliases, day)["capped"]
    return dict(found.select("person_id", pl.col("points") // 10_000).rows())


def test_a_cap_holds_per_person_also_after_a_late_merge():
    rows = [(1, who, "opened") for who in "aabbcc"]
    apart = capped(rows, aliases_of([]))
    assert apart == {"a": 8, "b": 8, "c": 8}
    late = aliases_of([("a", "b", True, 0), ("c", "b", False, 0)])
    assert capped(rows, late) == {"b": 8}
    assert capped(rows, late, ago(1)) == apart  # nobody knew then


def test_an_anonymous_past_counts_once_its_person_is_known():
    rows = [(5, "a", "opened"), (4, "a", "clicked"), (0, "b", "clicked")]
    known = aliases_of([("a", "b", False, 2)])
    assert capped(rows, known, AS_OF) == {"b": 3 + 2 + 2 + 2}
    assert capped(rows, known, ago(3)) == {"a": 3 + 2 + 2}


def test_quantities_that_cancel_out_leave_nothing():
    daily = pl.LazyFrame(
        [(AS_OF, "a", "m", 5), (AS_OF, "b", "m", -5), (AS_OF - timedelta(days=1), "a", "m", 1)],
        schema={"event_date": pl.Date, "person_id": pl.String, "measure": pl.String, "quantity": pl.Int64},
        orient="row",
    )
    found = stitched(daily, aliases_of([("a", "b", False, 3)]).lazy(), AS_OF, ["m"]).collect()
    assert found.rows() == [(AS_OF - timedelta(days=1), "b", "m", 1)]
