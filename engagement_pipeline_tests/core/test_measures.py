from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.specs import Event, EventRule, Source
from engagement_pipeline.core.frames import DAILY_MEASURES
from engagement_pipeline.core.measures import ACTIVITY, daily_measures, measure_of, measures_of
from engagement_pipeline_tests.core.build import AS_OF, MEMBERS, ago, catalog, events, score


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


WHOLE = score(rules=[{"channel": "email", "weight": 1}])
"""A score that counts whatever people choose on a channel."""
ROWS_SAY = {"event_id": "id", "person_id": "who", "event": "type", "occurred_at": "at", "channel": "via"}


def with_more(channel: str, *, chosen: bool = False, rows_say: bool = False):
    """The catalog with one more event, and maybe a source whose rows say on which channel they happened."""
    found = catalog(WHOLE)
    sources = dict(found.sources)
    if rows_say:
        said = {"source": "app", "owner": MEMBERS, "path": "app/*.csv", "format": "csv", "events": ROWS_SAY}
        sources["app"] = Source.model_validate(said)
    added = {**found.events, "added": Event(channel=channel, chosen=chosen)}
    return found.model_copy(update={"events": added, "sources": sources})


def test_what_nobody_chooses_changes_a_channels_measure_on_that_channel_alone():
    before = measures_of(catalog(WHOLE))
    assert measures_of(with_more("push")).keys() == before.keys()
    assert measures_of(with_more("email")).keys() != before.keys()
    assert measures_of(with_more("email", chosen=True)).keys() == before.keys(), (
        "it counts, as all that is chosen"
    )
    named = measure_of(EventRule(event="opened", channel="email", weight=1), with_more("email"))
    assert named == measure(event="opened", channel="email")


def test_where_rows_say_on_which_channel_they_happened_every_send_is_left_out():
    given = with_more("push", rows_say=True)
    (whole,) = (each for each in measures_of(given).values() if each.id != ACTIVITY.id)
    assert whole.without == ("added", "sent")
    assert quantities(events({"event": "added"}, {"event": "viewed"}, {"event": "sent"}), whole) == {
        ("a", AS_OF): 1
    }
    (planned,) = (each for each in measures_of(with_more("push")).values() if each.id != ACTIVITY.id)
    assert planned.id != whole.id


def test_a_send_that_the_plan_moves_elsewhere_is_left_out_on_the_days_before_too():
    (moved,) = (each for each in measures_of(with_more("push")).values() if each.id != ACTIVITY.id)
    given = events({"event": "added", "channel": "email"}, {"event": "viewed", "channel": "email"})
    assert quantities(given, moved) == {("a", AS_OF): 1}
