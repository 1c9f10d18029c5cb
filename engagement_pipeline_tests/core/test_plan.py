import pytest

from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.core.plan import plan_score, plan_scores
from engagement_pipeline_tests.core.build import catalog, score


def rules(*given, **more):
    definition = score(rules=given, **more)
    return plan_score(definition, catalog(definition)).rules


def test_contributions_have_readable_names_of_their_own():
    found = rules(
        {"event": "opened", "weight": 1},
        {"event": "opened", "weight": 2},
        {"event": "opened", "weight": 3, "channel": "email", "where": "category = 'a'"},
        {"event": ["viewed", "clicked"], "weight": 1},
        {"event": "ordered", "weight": 1, "per": 10},
        {"event": "ordered", "weight": 1, "label": "Orders"},
        {"event": "ordered", "weight": 1, "label": "opened #2"},
    )
    assert [rule.key for rule in found] == [
        "opened",
        "opened #2",
        "opened on email where category = 'a'",
        "clicked or viewed",
        "ordered value",
        "Orders",
        "opened #2 #2",
    ]


def test_rules_read_measures_that_the_catalog_computes():
    definitions = catalog(
        score("one", [{"event": "ordered", "weight": 2, "per": 5, "cap": {"per_day": 3}}]),
        score("two", [{"event": "opened", "weight": 1, "where": "category = 'a'"}]),
    )
    computed = measures_of(definitions)
    for plan in plan_scores(definitions).values():
        assert plan.measures <= computed.keys()


def test_caps_are_in_events_or_in_units_of_value():
    count, value = rules(
        {"event": "ordered", "weight": 1, "cap": {"per_day": 3}},
        {"event": "ordered", "weight": 1, "cap": {"per_day": 3}, "per": 10},
    )
    assert (count.cap, value.cap) == (3, 300)


@pytest.mark.parametrize("per", [1, 10, 0.5, 2.5, 1e6, 0.000001, 999_999.999999])
def test_per_divides_exactly(per):
    (rule,) = rules({"event": "ordered", "weight": 1, "per": per})
    hundredths = round(per * 100_000_000)  # of a millionth: `per` units, a million times over
    assert hundredths * rule.undecayed == rule.divisor * 10_000 * 1_000_000


def test_only_a_bounded_count_has_a_provable_sum():
    capped, uncapped, value = rules(
        {"event": "opened", "weight": -2, "cap": {"per_day": 3}},
        {"event": "opened", "weight": 1},
        {"event": "ordered", "weight": 1, "per": 1, "cap": {"per_day": 3}},
    )
    assert capped.largest_sum == 3 * 2 * 10**9 * 30
    assert (uncapped.largest_sum, value.largest_sum) == (None, None)


def test_a_weight_beyond_64_bits_names_score_and_rule():
    with pytest.raises(ValueError, match="score s, rule opened: weight 1e\\+19"):
        rules({"event": "opened", "weight": 1e19})


@pytest.mark.parametrize("weight", [1e6, -1e6])
@pytest.mark.parametrize("decay", ["none", {"half_life": "30d"}, {"linear": "30d"}])
def test_the_largest_weights_fit(weight, decay):
    given = {"event": "opened", "weight": weight}, {"event": "ordered", "weight": weight, "per": 1.001}
    assert all(
        abs(rule.undecayed) == 10**15 * scale
        for rule, scale in zip(rules(*given, decay=decay), (1, 1000), strict=True)
    )


def test_a_per_below_a_millionth_is_refused():
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        rules({"event": "ordered", "weight": 1, "per": 1e-8})
