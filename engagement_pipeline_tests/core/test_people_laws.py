"""Laws of rules on people, parts and caps for any definition and anybody, and an oracle in plain Python."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import check_points, contributions, points
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core import oracle_people
from engagement_pipeline_tests.core.build import AS_OF, START, ago, catalog, events, score

quick = settings(max_examples=40, deadline=None)
LOSSES = ("group_loss", "cap_loss", "decay_loss", "points")
PEOPLE = ("a", "b", "ä", "c d", "known only")
PARTS = ("one", "two", "three")

weights = st.one_of(st.integers(-10, 10), st.floats(-10, 10).map(lambda x: round(x, 4)))
caps = st.one_of(st.integers(1, 30), st.floats(0.001, 30).map(lambda x: round(x, 4) or 0.001))
groups = st.sampled_from([None, None, "calls", "visits"])
conditions = st.sampled_from(["profile.plan = 'gold'", "profile.plan is null"])


@st.composite
def event_rules(draw):
    rule = {"event": draw(st.sampled_from(["opened", "clicked"])), "weight": draw(weights)}
    rule["group"] = draw(groups)
    if draw(st.booleans()):
        rule["applies_to"] = draw(conditions)
    if draw(st.integers(0, 3)) == 0:
        return {**rule, "inactive_for": draw(st.integers(1, 40))}
    if draw(st.booleans()):
        rule["cap"] = {"points": draw(caps)}
    return rule


attribute_rules = st.fixed_dictionaries({"when": conditions, "weight": weights, "group": groups})
part_rules = st.fixed_dictionaries({"score": st.sampled_from(PARTS), "weight": weights, "group": groups})


any_rules = st.one_of(event_rules(), attribute_rules, part_rules)


@st.composite
def definitions(draw, rules=any_rules):
    given = draw(st.lists(rules, min_size=1, max_size=5))
    return score(
        rules=given,
        window=draw(st.integers(1, 20)),
        groups=dict.fromkeys(["calls", "visits"], None) and {"calls": draw(caps), "visits": draw(caps)},
        cap=draw(st.one_of(st.none(), caps)),
        missing_parts=draw(st.sampled_from(["unscored", "zero", "reweight"])),
    )


histories = st.lists(
    st.fixed_dictionaries(
        {
            "event_date": st.integers(-1, 41).map(ago),
            "person_id": st.sampled_from(PEOPLE[:-1]),
            "event": st.sampled_from(["opened", "clicked"]),
        }
    ),
    max_size=25,
)
numbers = st.one_of(st.integers(-20, 200), st.floats(-20, 200).map(lambda x: round(x, 4)), st.floats(0, 10))
peoples = st.lists(
    st.fixed_dictionaries(
        {
            "person_id": st.sampled_from(PEOPLE),
            "first_seen": st.integers(0, 70).map(ago),
            "plan": st.sampled_from(["gold", "plain", None]),
            "parts": st.dictionaries(st.sampled_from(PARTS), numbers.map(lambda x: round(x, 6))),
        }
    ),
    max_size=5,
    unique_by=lambda each: each["person_id"],
)


def known_of(people):
    """What the core is told of people."""
    rows = [
        {
            "person_id": each["person_id"],
            "first_seen": each["first_seen"],
            "profile.plan": each["plan"],
            **{f"score.{part}": each["parts"].get(part) for part in PARTS},
            **{f"state.{part}": "scored" if part in each["parts"] else None for part in PARTS},
        }
        for each in people
    ]
    schema = {"person_id": pl.String, "first_seen": pl.Date, "profile.plan": pl.String}
    schema |= {f"score.{part}": pl.Float64 for part in PARTS} | {f"state.{part}": pl.String for part in PARTS}
    return pl.DataFrame(rows, schema=schema)


def plans_of(definition):
    given = catalog(definition, *(score(part) for part in PARTS))
    return given, plan_scores(given)[definition.score]


def points_of(definition, people, rows):
    given, plan = plans_of(definition)
    daily = daily_measures(events(*rows), measures_of(given).values())
    found = contributions(daily, [plan], AS_OF, known=known_of(people).lazy())[plan.name]
    return points(found, plan, AS_OF).collect()


@quick
@given(definitions(), peoples, histories)
def test_points_are_what_plain_python_finds(definition, people, rows):
    found = points_of(definition, people, rows)
    check_points(found)
    _, plan = plans_of(definition)
    expected = oracle_people.points(definition, people, rows, AS_OF, START)
    plain = {
        person: [(plan.keys.index(c.pop("rule")), c) for c in cs]
        for person, cs in found.select("person_id", "contributions").iter_rows()
    }
    assert plain == expected


@quick
@given(definitions(), peoples, histories, st.randoms(), st.integers(1, 4))
def test_order_and_buckets_change_nothing(definition, people, rows, rng, buckets):
    given, plan = plans_of(definition)
    expected = points_of(definition, people, rows)
    daily = daily_measures(events(*rng.sample(rows, len(rows))), measures_of(given).values())
    engine, known = LocalEngine(buckets), known_of(rng.sample(people, len(people)))
    found = list(engine.points(daily, [plan], AS_OF, known=known))
    assert_frame_equal(pl.concat(part[plan.name] for part in found), expected)


@quick
@given(definitions(), peoples, histories)
def test_caps_never_make_a_score_larger_and_account_for_all_they_take(definition, people, rows):
    free = definition.model_copy(
        update={
            "groups": {},
            "cap": None,
            "rules": [
                rule.model_copy(update={"group": None, **({"cap": None} if hasattr(rule, "cap") else {})})
                for rule in definition.rules
            ],
        }
    )
    capped, without = points_of(definition, people, rows), points_of(free, people, rows)
    assert capped["person_id"].to_list() == without["person_id"].to_list()
    for less, more in zip(capped["contributions"], without["contributions"], strict=True):
        for mine, gross in zip(less.to_list(), more.to_list(), strict=True):
            assert sum(mine[name] for name in LOSSES) == gross["points"] + gross["decay_loss"]
            assert abs(mine["points"]) <= abs(gross["points"])
    # Rules' own caps apart, which may take from one side only, a cap brings the sum towards zero.
    own = free.model_copy(update={"rules": [r.model_copy(update={"group": None}) for r in definition.rules]})
    for less, more in zip(capped["points"], points_of(own, people, rows)["points"], strict=True):
        assert 0 <= less <= more or more <= less <= 0 or definition.groups


@quick
@given(definitions(), peoples, histories)
def test_a_group_cap_takes_exactly_what_is_too_much(definition, people, rows):
    _, plan = plans_of(definition)
    total = None if definition.cap is None else round(definition.cap * 10_000)
    for cs, total_points in points_of(definition, people, rows).select("contributions", "points").iter_rows():
        by_rule = {c["rule"]: c for c in cs}
        if total is None:
            for group in plan.caps.groups:
                members = [by_rule[rule] for rule in group.rules if rule in by_rule]
                kept = sum(c["points"] for c in members)
                before = kept + sum(c["group_loss"] for c in members)
                assert kept == max(-group.most, min(group.most, before))
        else:
            assert abs(total_points) <= plan.caps.groups[-1].most


@quick
@given(definitions(st.one_of(part_rules)), peoples)
def test_reweighted_parts_stay_within_the_range_of_what_they_are(definition, people):
    rules = [rule.model_copy(update={"weight": abs(rule.weight) + 0.001}) for rule in definition.rules]
    free = {"rules": rules, "missing_parts": "reweight", "cap": None, "groups": {}}
    definition = definition.model_copy(
        update={**free, "rules": [rule.model_copy(update={"group": None}) for rule in rules]}
    )
    every = sum(rule.weight for rule in rules)
    named = {rule.score for rule in rules}
    for person, found in points_of(definition, people, []).select("person_id", "points").iter_rows():
        parts = next(each["parts"] for each in people if each["person_id"] == person)
        there = [value for part, value in parts.items() if part in named]
        slack = every + len(rules)  # ten-thousandths: each score and each product is rounded
        assert min(there) * every * 10_000 - slack <= found <= max(there) * every * 10_000 + slack


@quick
@given(peoples, histories, st.integers(1, 70))
def test_silence_punishes_nobody_who_is_known_for_less(people, rows, days):
    definition = score(rules=[{"event": "opened", "weight": -1, "inactive_for": days}])
    punished = set(points_of(definition, people, rows)["person_id"])
    first = AS_OF - timedelta(days=days - 1)
    for each in people:
        opened = any(
            row["person_id"] == each["person_id"] and row["event"] == "opened" and first <= row["event_date"]
            for row in rows
            if row["event_date"] <= AS_OF
        )
        silent = each["first_seen"] <= first and first >= START and not opened
        assert (each["person_id"] in punished) == silent
