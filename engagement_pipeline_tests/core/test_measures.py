from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.specs import EventRule
from engagement_pipeline.core.frames import DAILY_MEASURES
from engagement_pipeline.core.measures import ACTIVITY, daily_measures, measure_of, measures_of
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, events, score


def measure(**rule):
    return measure_of(EventRule.model_validate({"weight": 1, **rule}), catalog())


def quantities(frame, *measures):
    found = daily_measures(frame, measures).collect()
    assert found.schema == DAILY_MEASURES
    return {(row["person_id"], row["event_date"]): row["quantity"] for row in found.to_dicts()}


def test_rules_that_differ_only_in_points_share_a_measure():
    same = [
        measure(event="clicked", where="category = 'a' and  value >1"),
        measure(
            event=["clicked"], where="CATEGORY='a' AND value > 1", weight=9, cap={"per_day": 2}, label="x"
        ),
    ]
    assert same[0] == same[1]
    assert measure(event=["clicked", "opened"]).id == measure(event=["opened", "clicked", "opened"]).id


@pytest.mark.parametrize(
    "other",
    [
        {"event": "opened"},
        {"event": "clicked", "channel": "email"},
        {"event": "clicked", "where": "category = 'a'"},
        {"event": "clicked", "machine": "exclude"},
        {"event": "clicked", "per": 1},
    ],
)
def test_whatever_changes_the_quantity_is_another_measure(other):
    assert measure(**other).id != measure(event="clicked").id


def test_a_catalog_has_each_measure_once_and_always_activity():
    one = score("one", [{"event": "opened", "weight": 1}, {"event": "clicked", "weight": 5}])
    two = score("two", [{"event": "opened", "weight": 3, "cap": {"per_day": 1}}])
    found = measures_of(catalog(one, two))
    assert next(iter(found)) == ACTIVITY.id
    assert [m.events for m in found.values()] == [(), ("clicked",), ("opened",)]
    assert list(measures_of(catalog())) == [ACTIVITY.id]


def test_events_are_counted_per_person_and_day():
    given = events({}, {}, {"person_id": "b"}, {"event_date": ago(1)}, {"event": "clicked"})
    assert quantities(given, measure(event="opened")) == {("a", AS_OF): 2, ("b", AS_OF): 1, ("a", ago(1)): 1}
    assert quantities(given, measure(event=["opened", "clicked"]))["a", AS_OF] == 3
    assert quantities(given, ACTIVITY)["a", AS_OF] == 3


def test_conditions_and_channels_narrow_and_null_is_no_match():
    given = events(
        {"category": "a"}, {"category": "b"}, {"category": None}, {"category": "a", "channel": "web"}
    )
    assert quantities(given, measure(event="opened", where="category = 'a'")) == {("a", AS_OF): 2}
    assert quantities(given, measure(event="opened", where="category <> 'a'")) == {("a", AS_OF): 1}
    assert quantities(given, measure(event="opened", channel="web")) == {("a", AS_OF): 1}
    assert quantities(given, measure(event="opened", channel=["web", "email"])) == {("a", AS_OF): 4}


def test_machine_events_are_left_out_on_request_only():
    given = events({"is_machine": True}, {"is_machine": False}, {"is_machine": None})
    assert quantities(given, measure(event="opened", machine="exclude")) == {("a", AS_OF): 2}
    assert quantities(given, measure(event="opened")) == {("a", AS_OF): 3}


def test_values_are_summed_in_hundredths_event_by_event():
    given = events(*({"event": "ordered", "value": value} for value in (12.34, 0.006, 0.006, -2.0, None)))
    assert quantities(given, measure(event="ordered", per=10)) == {("a", AS_OF): 1234 + 1 + 1 - 200}


def test_there_are_no_zero_rows():
    given = events({"event": "ordered", "value": 5.0}, {"event": "ordered", "value": -5.0})
    assert quantities(given, measure(event="ordered", per=1), measure(event="viewed")) == {}


def test_no_measures_and_no_events():
    assert daily_measures(events({}), []).collect().schema == DAILY_MEASURES
    assert quantities(events({}).clear(), ACTIVITY, measure(event="ordered", per=1)) == {}


def test_days_computed_apart_are_the_days_computed_together():
    given = events(*({"event_date": date(2026, 2, 1 + n % 9), "person_id": f"p{n % 4}"} for n in range(100)))
    every = [ACTIVITY, measure(event="opened")]
    split = [
        daily_measures(given.filter(pl.col("event_date") == date(2026, 2, d)), every) for d in range(1, 10)
    ]
    assert_frame_equal(
        pl.concat(split).sort(pl.all()).collect(), daily_measures(given, every).sort(pl.all()).collect()
    )
