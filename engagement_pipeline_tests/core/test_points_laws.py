"""Laws that points obey for any definition and any events, and an oracle in plain Python."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import check_points, contributions, points
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core import oracle
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, events, score

quick = settings(max_examples=40, deadline=None)

weights = st.one_of(st.integers(-10, 10), st.floats(-10, 10).map(lambda x: round(x, 4)))
decays = st.one_of(
    st.just("none"),
    st.integers(1, 40).map(lambda n: {"half_life": n}),
    st.integers(1, 40).map(lambda n: {"linear": n}),
)


@st.composite
def rules(draw):
    per = draw(st.sampled_from([None, None, 1, 0.5, 7, 12.5]))
    rule = {
        "event": draw(st.sampled_from(["ordered"] if per else ["opened", "clicked", ["opened", "clicked"]])),
        "weight": draw(weights),
        "machine": draw(st.sampled_from(["include", "exclude"])),
    }
    if per is not None:
        rule["per"] = per
    if draw(st.booleans()):
        rule["cap"] = {"per_day": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        rule["where"] = "category = 'a'"
    return rule


definitions = st.builds(
    lambda given, window, decay: score(rules=given, window=window, decay=decay),
    st.lists(rules(), min_size=1, max_size=4),
    st.integers(1, 20),
    decays,
)
histories = st.lists(
    st.fixed_dictionaries(
        {
            "event_date": st.integers(-1, 21).map(ago),
            "person_id": st.sampled_from(["a", "b", "ä", "c d"]),
            "event": st.sampled_from(["opened", "clicked", "ordered"]),
            "value": st.one_of(st.none(), st.floats(-50, 500, allow_nan=False)),
            "is_machine": st.sampled_from([True, False, None]),
            "category": st.sampled_from(["a", "b", None]),
        }
    ),
    min_size=1,
    max_size=30,
)


def measured(definition, rows):
    given = catalog(definition)
    return daily_measures(events(*rows), measures_of(given).values()), list(plan_scores(given).values())


def points_of(definition, rows):
    frame, plans = measured(definition, rows)
    plan = next(plan for plan in plans if plan.name == definition.score)
    return points(contributions(frame, plans, AS_OF)[plan.name], plan, AS_OF).collect()


@quick
@given(definitions, histories)
def test_points_are_what_plain_python_finds(definition, rows):
    found = points_of(definition, rows)
    plain = [
        {key: value for key, value in c.items() if key not in ("rule", "cap_loss", "group_loss")}
        for cs in found["contributions"].to_list()
        for c in cs
    ]
    expected = oracle.points(definition, rows, AS_OF)
    assert found["person_id"].to_list() == list(expected)
    assert plain == [c for cs in expected.values() for c in cs]


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
    frame, plans = measured(definition, rng.sample(rows, len(rows)))
    parts = [part[definition.score] for part in LocalEngine(buckets).points(frame, plans, AS_OF)]
    assert_frame_equal(pl.concat(parts), expected)


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
    inside = [row for row in rows if 0 <= (AS_OF - row["event_date"]).days < definition.window]
    expected = points_of(definition, rows)
    if inside:
        assert_frame_equal(points_of(definition, inside), expected)
    else:
        assert expected.is_empty()
