"""What rules count of a person's days, on examples that one can count by hand."""

import polars as pl
import pytest

from engagement_pipeline.core.measures import daily_measures, daily_messages, measure_of, measures_of
from engagement_pipeline.core.plan import plan_score
from engagement_pipeline.core.points import contributions
from engagement_pipeline_tests.core.build import AS_OF, START, ago, catalog, events, score


def counted(rule, *rows, window=30):
    """Of person `a`: (quantity, points) of one rule."""
    definition = score(rules=[{"event": "opened", "weight": 1, **rule}], window=window)
    given = catalog(definition)
    measures = measures_of(given).values()
    frame = events(*rows)
    plan = plan_score(definition, given)
    found = contributions(daily_measures(frame, measures), [plan], AS_OF, daily_messages(frame, measures))[
        plan.name
    ].collect()
    assert found["person_id"].unique().to_list() in ([], ["a"])
    return (found["quantity"].sum(), found["points"].sum() / 10_000)


def opened(age, message=None, **more):
    return {"event_date": ago(age), "message_id": message, **more}


def test_a_message_counts_on_the_first_day_of_the_window_on_which_it_matched():
    rule = {"count": "messages", "decay": {"linear": 10}}
    assert counted(rule, opened(5, "m"), opened(2, "m"), opened(2, "m")) == (1, 0.5)
    assert counted(rule, opened(5, "m"), opened(5, "n"), opened(0)) == (2, 1.0)
    # Before the window it is as if it had not been.
    assert counted({**rule, "window": 3}, opened(5, "m"), opened(2, "m")) == (1, 0.8)


def test_a_click_and_its_open_are_one_message():
    rule = {"count": "messages", "implied_by": "clicked"}
    clicked = {"event": "clicked"}
    assert counted(rule, opened(1, "m"), opened(1, "m", **clicked)) == (1, 1)
    assert counted(rule, opened(1, "n", **clicked)) == (1, 1)
    assert counted({"count": "messages"}, opened(1, "n", **clicked)) == (0, 0)


def test_an_implying_event_implies_one():
    with pytest.raises(ValueError, match="implied_by needs event"):
        score(rules=[{"channel": "email", "count": "messages", "implied_by": "clicked", "weight": 1}])


def test_days_count_once():
    assert counted({"count": "days"}, opened(1), opened(1), opened(3)) == (2, 2)


def test_the_first_time_is_known_from_the_start():
    assert counted({"count": "first"}, opened(3), opened(1)) == (1, 1)
    assert counted({"count": "first"}, opened(40), opened(1)) == (0, 0)
    assert counted({"count": "first", "window": 3}, opened(3), opened(1)) == (0, 0)


@pytest.mark.parametrize(
    ("days", "streaks"),
    [
        ([0, 1, 2], 1),
        ([0, 1, 3], 0),
        ([0, 1, 2, 3, 4], 1),
        ([0, 1, 2, 3, 4, 5], 2),
        ([0, 1, 2, 4, 5, 6], 2),
        ([28, 29, 30], 0),  # the window begins 29 days ago
    ],
)
def test_a_streak_is_so_many_days_in_a_row_within_the_window(days, streaks):
    rows = [opened(day) for day in days]
    assert counted({"streak": 3}, *rows, opened(days[0]))[0] == streaks


def test_a_streak_counts_on_the_day_that_ends_it():
    rule = {"streak": 3, "decay": {"linear": 10}}
    assert counted(rule, *(opened(age) for age in (8, 7, 6, 5))) == (1, 0.4)


def test_a_rate_needs_exposures():
    sent = [opened(age, event="sent") for age in range(4)]
    rule = {"weight": 10, "rate": {"per": "sent", "at_least": 4}}
    assert counted(rule, opened(1), *sent) == (1, 2.5)
    assert counted(rule, opened(1), *sent[:3]) == (1, 0)
    assert counted({**rule, "rate": {"per": "sent"}}, opened(1)) == (1, 0)
    assert counted(rule, *sent) == (0, 0)


def test_a_rate_decays_above_and_below():
    rule = {"weight": 8, "rate": {"per": "sent"}, "decay": {"half_life": 2}}
    rows = [opened(2), opened(0, event="sent"), opened(2, event="sent")]
    assert counted(rule, *rows) == (1, round(8 * 0.5 / 1.5, 4))


def test_exposures_that_decayed_away_give_nothing():
    rule = {"weight": 8, "rate": {"per": "sent"}, "decay": {"linear": 2}}
    assert counted(rule, opened(0), opened(3, event="sent")) == (1, 0)


def test_values_are_bounded_one_by_one_and_counted_in_one_unit():
    rule = {"event": "ordered", "per": 1, "floor": 2, "ceiling": 40, "unit": "EUR"}
    rows = [
        opened(1, event="ordered", value=value, unit=unit)
        for value, unit in [(1, "EUR"), (30, "EUR"), (100, "EUR"), (None, "EUR"), (9, "USD"), (9, None)]
    ]
    assert counted(rule, *rows) == (7_200, 72)


def test_a_channel_is_what_people_choose_to_do_there():
    rule = {"event": None, "channel": "email"}
    rows = [opened(1), opened(1, event="clicked"), opened(1, event="sent"), opened(1, event="viewed")]
    rows[3]["channel"] = "web"
    assert counted(rule, *rows) == (2, 2)


def test_every_rule_has_its_own_window_and_decay():
    definition = score(
        rules=[
            {"event": "opened", "weight": 1, "window": 3},
            {"event": "opened", "weight": 1, "decay": {"s_curve": 5}, "label": "slow"},
            {"event": "opened", "weight": 1, "window": 50, "decay": "none", "label": "long"},
        ],
        decay={"linear": 10},
    )
    given = catalog(definition)
    plan = plan_score(definition, given)
    frame = daily_measures(events(opened(2), opened(5), opened(45)), measures_of(given).values())
    found = contributions(frame, [plan], AS_OF)["s"].sort("rule").collect()
    assert found["quantity"].to_list() == [1, 2, 3]
    assert found["points"].to_list() == [8_000, 14_045, 30_000]
    assert (plan.window, plan.lookback) == (50, 50)
    assert plan.reads_from(START, AS_OF) == {measure_of(definition.rules[0], given).id: ago(49)}


def test_a_first_time_reads_from_the_projects_start():
    definition = score(rules=[{"event": "opened", "weight": 1, "count": "first"}])
    plan = plan_score(definition, catalog(definition))
    assert plan.lookback is None
    assert set(plan.reads_from(START, AS_OF).values()) == {START}
    assert plan.rests_on(START, AS_OF)
    assert not plan.rests_on(AS_OF, ago(1))


def test_ways_of_counting_events_share_a_measure():
    rules = [{"event": "opened", "weight": 1, **way} for way in ({}, {"count": "days"}, {"streak": 2})]
    assert len(measures_of(catalog(score(rules=rules)))) == 2


def test_what_a_definition_reads_when_it_uses_no_new_words_stays_as_it_was():
    """Else everything would be computed anew."""
    definition = score(rules=[{"event": ["opened", "clicked"], "where": "category = 'a'", "weight": 1}])
    given = catalog(definition)
    assert measure_of(definition.rules[0], given).id == "clicked+opened.count.07a1324f"
    assert plan_score(definition, given).points_digest == "c685aa0697ed"


def test_only_rules_that_count_messages_read_them():
    frame = daily_messages(events(opened(1, "m")), measures_of(catalog(score())).values())
    assert frame.collect().is_empty()
    assert isinstance(frame, pl.LazyFrame)
