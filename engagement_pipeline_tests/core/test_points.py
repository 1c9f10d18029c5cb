import polars as pl
import pytest

from engagement_pipeline.core.frames import POINTS
from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import (
    PointsDisagree,
    PointsOverflow,
    check_points,
    contributions,
    points,
)
from engagement_pipeline.core.words import as_text
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, daily, events, score


def computed(definition, frame):
    """POINTS of one score from events."""
    definitions = catalog(definition)
    plans = plan_scores(definitions)
    measured = daily_measures(frame, measures_of(definitions).values())
    plan = plans[definition.score]
    found = points(contributions(measured, list(plans.values()), AS_OF)[plan.name], plan, AS_OF).collect()
    check_points(found)
    return found


def of_rule(frame, rule=0, person="a"):
    return frame.filter(pl.col("person_id") == person)["contributions"][0][rule]


def from_quantities(definition, *rows):
    """POINTS of one score whose first rule's measure has these (days ago, person, quantity)."""
    plans = plan_scores(catalog(definition))
    plan = plans[definition.score]
    measure = plan.rules[0].measure
    frame = daily(*((age, person, measure, quantity) for age, person, quantity in rows))
    return points(contributions(frame, list(plans.values()), AS_OF)[plan.name], plan, AS_OF).collect()


def test_weight_times_count_in_ten_thousandths():
    found = computed(score(rules=[{"event": "opened", "weight": 2.5}]), events({}, {}, {"person_id": "b"}))
    assert as_text(found).schema == POINTS
    assert found.select("as_of", "person_id", "points").rows() == [(AS_OF, "a", 50_000), (AS_OF, "b", 25_000)]


def test_the_window_ends_on_the_as_of_date_and_has_its_length():
    frame = events(*({"event_date": ago(age)} for age in (-1, 0, 29, 30)))
    assert of_rule(computed(score(window=30), frame))["quantity"] == 2
    assert of_rule(computed(score(window=31), frame))["quantity"] == 3


def test_decay_counts_days_and_shows_its_loss():
    found = computed(score(decay={"half_life": 10}), events({}, {"event_date": ago(10)}))
    assert of_rule(found) == {
        "rule": "opened",
        "quantity": 2,
        "capped_off": 0,
        "decay_loss": 5_000,
        "cap_loss": 0,
        "group_loss": 0,
        "points": 15_000,
    }


def test_the_cap_is_per_day_and_shows_what_it_took():
    rule = {"event": "opened", "weight": 3, "cap": {"per_day": 2}}
    found = computed(score(rules=[rule]), events({}, {}, {}, {"event_date": ago(1)}))
    assert of_rule(found) == {
        "rule": "opened",
        "quantity": 4,
        "capped_off": 1,
        "decay_loss": 0,
        "cap_loss": 0,
        "group_loss": 0,
        "points": 90_000,
    }


def test_rules_on_one_measure_keep_their_own_caps_and_weights():
    rules = [
        {"event": "opened", "weight": 1, "cap": {"per_day": 1}},
        {"event": "opened", "weight": 10, "cap": {"per_day": 2}},
        {"event": "opened", "weight": 100},
    ]
    found = computed(score(rules=rules), events({}, {}, {}))["contributions"][0]
    assert [c["points"] for c in found] == [10_000, 200_000, 3_000_000]
    assert [c["capped_off"] for c in found] == [2, 1, 0]


def test_points_in_proportion_to_value():
    rule = {"event": "ordered", "weight": 2, "per": 25, "cap": {"per_day": 100}}
    frame = events(
        {"event": "ordered", "value": 49.99}, {"event": "ordered", "value": 150.0, "event_date": ago(1)}
    )
    found = of_rule(computed(score(rules=[rule]), frame))
    assert (found["quantity"], found["capped_off"]) == (19_999, 5_000)
    assert found["points"] == round((49.99 + 100) / 25 * 2 * 10_000)


def test_each_contribution_is_rounded_once_halves_upwards():
    rules = [{"event": "opened", "weight": 0.00005}, {"event": "opened", "weight": -0.00005}]
    found = computed(score(rules=rules), events({}))
    assert [c["points"] for c in found["contributions"][0]] == [1, 0]
    found = computed(score(rules=rules), events({}, {}, {}))
    assert [c["points"] for c in found["contributions"][0]] == [2, -1]


def test_contributions_keep_the_order_of_the_rules_and_skip_those_without_events():
    rules = [{"event": event, "weight": 1} for event in ("viewed", "clicked", "sent", "opened")]
    frame = events({"event": "opened"}, {"event": "viewed"}, {"event": "clicked"})
    found = computed(score(rules=rules), frame)
    assert [c["rule"] for c in found["contributions"][0]] == ["viewed", "clicked", "opened"]


def test_people_without_any_contribution_have_no_row():
    assert computed(score(), events({"event": "viewed"})).is_empty()
    assert as_text(computed(score(), events({}).clear())).schema == POINTS


def test_scores_in_one_pass_are_the_scores_one_by_one():
    definitions = catalog(
        score("a", window=10),
        score("b", window=20, decay={"half_life": 5}),
        score("c", [{"event": "opened", "weight": 2, "cap": {"per_day": 1}}], decay={"linear": 20}),
    )
    frame = events(*({"event_date": ago(age % 25), "person_id": f"p{age % 7}"} for age in range(100)))
    measured = daily_measures(frame, measures_of(definitions).values())
    plans = list(plan_scores(definitions).values())
    together = contributions(measured, plans, AS_OF)
    for plan in plans:
        alone = contributions(measured, [plan], AS_OF)[plan.name]
        beside = points(together[plan.name], plan, AS_OF).collect()
        assert beside.equals(points(alone, plan, AS_OF).collect())


def test_a_person_named_like_a_column_is_a_person():
    assert computed(score(), events({"person_id": "quantity"}))["person_id"].to_list() == ["quantity"]


def test_sums_beyond_64_bits_are_exact_while_points_fit():
    rule = {"event": "opened", "weight": 10}
    found = from_quantities(score(rules=[rule]), (0, "a", 2**40), (1, "a", 2**40))
    check_points(found)
    assert found["points"].to_list() == [10 * 2**41 * 10_000]


def test_points_that_do_not_fit_name_person_and_rule():
    found = from_quantities(score(rules=[{"event": "opened", "weight": 10}]), (0, "a", 1), (0, "b", 2**60))
    assert found["points"].to_list() == [100_000, None]
    with pytest.raises(PointsOverflow, match="person 'b' by rule 'opened'"):
        check_points(found)


def test_contributions_that_fit_alone_but_not_together_are_caught():
    rules = [{"event": "opened", "weight": 9.9, "label": name} for name in ("one", "two")]
    found = from_quantities(score(rules=rules), (0, "a", 2**63 // 100_000))
    assert found["contributions"][0].struct.field("points").null_count() == 0
    with pytest.raises(PointsOverflow, match="rule 'all together'"):
        check_points(found)


def test_contributions_that_do_not_add_up_are_caught():
    found = computed(score(), events({})).with_columns(points=pl.col("points") + 1)
    with pytest.raises(PointsDisagree, match="person 'a'"):
        check_points(found)
