"""Two versions side by side: laws that hold whatever people have."""

import statistics

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engagement_pipeline.core import comparison
from engagement_pipeline.core.frames import AUDIENCES, CONTRIBUTION, SCORES, SEGMENTS

PEOPLE = [f"p{number}" for number in range(12)]
BANDS = ["low", "medium", "high"]
Side = dict[str, int | None]


def scores(side: Side) -> pl.LazyFrame:
    """Points in ten-thousandths by person; None is unscored."""
    rows = [
        {
            "person_id": person,
            "points": points,
            "score": None if points is None else points / 10_000,
            "band": None if points is None else BANDS[min(2, points // 40_000)],
            "state": "unscored" if points is None else "scored",
        }
        for person, points in side.items()
    ]
    return pl.LazyFrame(
        rows, schema={name: SCORES[name] for name in ("person_id", "points", "score", "band", "state")}
    )


def given_points(side: dict[str, dict[str, int]]) -> pl.LazyFrame:
    """Person -> rule -> points in ten-thousandths."""
    schema = {
        "person_id": pl.String(),
        "points": pl.Int64(),
        "contributions": pl.List(pl.Struct(CONTRIBUTION)),
    }
    empty = dict.fromkeys(CONTRIBUTION.names(), 0)
    rows = [
        {
            "person_id": person,
            "points": sum(rules.values()),
            "contributions": [{**empty, "rule": rule, "points": points} for rule, points in rules.items()],
        }
        for person, rules in side.items()
    ]
    return pl.LazyFrame(rows, schema=schema)


sides = st.dictionaries(st.sampled_from(PEOPLE), st.none() | st.integers(0, 120_000), max_size=12)
groups = st.sets(st.sampled_from(PEOPLE))
decided = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["send", "hold_out", "suppress"]))


@settings(max_examples=60, deadline=None)
@given(sides, sides)
def test_a_matrix_holds_everyone_of_either_side_once(before: Side, after: Side) -> None:
    both = comparison.sides(scores(before), scores(after))
    matrix = comparison.migration(both).collect()
    assert matrix["people"].sum() == len(before.keys() | after.keys())
    for side, given_side in (("before", before), ("after", after)):
        there = matrix.filter(pl.col(side) != comparison.ABSENT)
        assert there["people"].sum() == len(given_side)
    facts = comparison.moved(both).collect().row(0, named=True)
    off_diagonal = matrix.filter(pl.col("before") != pl.col("after"))
    nowhere = {"unscored", comparison.ABSENT}
    moved = sum(n for b, a, n in off_diagonal.iter_rows() if not {b, a} <= nowhere)
    assert facts["moved"] == moved
    assert facts["share"] == (moved / facts["people"] if facts["people"] else 0)


@settings(max_examples=40, deadline=None)
@given(sides)
def test_the_same_on_both_sides_moves_nobody(side: Side) -> None:
    both = comparison.sides(scores(side), scores(side))
    assert comparison.moved(both).collect()["moved"][0] == 0
    assert comparison.rank_correlation(both).collect()["correlation"][0] == 1.0
    assert comparison.movers(both, 5).collect().is_empty()
    matrix = comparison.migration(both).collect()
    assert (matrix["before"] == matrix["after"]).all()
    shape = comparison.distribution(both, (0, 12)).collect()
    assert_frame_equal(shape.select(x="before"), shape.select(x="after"))


@settings(max_examples=40, deadline=None)
@given(sides, st.integers(2, 50))
def test_stretching_a_score_keeps_its_order(side: Side, factor: int) -> None:
    stretched = {person: None if points is None else points * factor for person, points in side.items()}
    both = comparison.sides(scores(side), scores(stretched))
    assert comparison.rank_correlation(both).collect()["correlation"][0] == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_the_correlation_is_spearmans_with_middle_ranks(pairs: list[tuple[int, int]]) -> None:
    sides = [dict(zip(PEOPLE, values, strict=False)) for values in zip(*pairs, strict=True)]
    both = comparison.sides(*map(scores, sides))
    ranks = [
        [sum(v < own for v in values) + (sum(v == own for v in values) + 1) / 2 for own in values]
        for values in ([*side.values()] for side in sides)
    ]
    if ranks[0] == ranks[1]:
        expected = 1.0
    elif len(set(ranks[0])) == 1 or len(set(ranks[1])) == 1:
        expected = 0.0
    else:
        expected = statistics.correlation(*ranks)
    assert comparison.rank_correlation(both).collect()["correlation"][0] == pytest.approx(expected)


def test_turning_an_order_round_correlates_minus_one_and_losing_it_not_at_all() -> None:
    up = {person: place * 10_000 for place, person in enumerate(PEOPLE)}
    down = {person: -points for person, points in up.items()}
    flat = dict.fromkeys(PEOPLE, 5)

    def found(before: Side, after: Side) -> float:
        return (
            comparison.rank_correlation(comparison.sides(scores(before), scores(after))).collect().item(0, 1)
        )

    assert found(up, down) == pytest.approx(-1.0)
    assert found(up, flat) == found(flat, up) == 0.0
    assert found({}, {}) == found({"p1": 3}, {"p1": 9}) == 1.0
    # By hand: ranks 1 2 3 4 against 2 1 4 3 differ by one each: 1 - 6 * 4 / (4 * 15).
    four = {person: place for place, person in enumerate(PEOPLE[:4])}
    swapped = dict(zip(PEOPLE[:4], [1, 0, 3, 2], strict=True))
    assert found(four, swapped) == pytest.approx(0.6)


@settings(max_examples=60, deadline=None)
@given(groups, groups)
def test_gained_less_lost_is_the_difference_in_size(before: set[str], after: set[str]) -> None:
    one, other = (
        pl.LazyFrame({"person_id": sorted(side)}, schema={"person_id": SEGMENTS["person_id"]})
        for side in (before, after)
    )
    facts = comparison.membership(one, other).collect().row(0, named=True)
    assert facts["gained"] - facts["lost"] == len(after) - len(before)
    assert (facts["before"], facts["after"]) == (len(before), len(after))
    assert facts["stayed"] + facts["lost"] == len(before)
    assert (facts["share"] == 0) == (before == after)


@settings(max_examples=60, deadline=None)
@given(decided, decided)
def test_decisions_hold_every_candidate_once(before: dict[str, str], after: dict[str, str]) -> None:
    one, other = (
        pl.LazyFrame(
            [
                {"person_id": person, "decision": what, "reason": None, "variant": what}
                for person, what in side.items()
            ],
            schema={name: AUDIENCES[name] for name in ("person_id", "decision", "reason", "variant")},
        )
        for side in (before, after)
    )
    matrix = comparison.decisions(one, other).collect()
    assert matrix["people"].sum() == len(before.keys() | after.keys())
    facts = comparison.sent(matrix.lazy()).collect().row(0, named=True)
    sent = [{person for person, what in side.items() if what == "send"} for side in (before, after)]
    assert (facts["before"], facts["after"]) == (len(sent[0]), len(sent[1]))
    assert facts["gained"] == len(sent[1] - sent[0])
    assert facts["lost"] == len(sent[0] - sent[1])
    steps = comparison.steps(one, other).collect()
    assert (steps["before"].sum(), steps["after"].sum()) == (len(before), len(after))


@settings(max_examples=40, deadline=None)
@given(sides, sides, st.none() | st.just((0.0, 12.0)))
def test_distributions_hold_everyone_with_a_score(
    before: Side, after: Side, span: tuple[float, float] | None
) -> None:
    both = comparison.sides(scores(before), scores(after))
    shape = comparison.distribution(both, span).collect()
    assert shape.height == comparison.BINS
    for name, side in (("before", before), ("after", after)):
        assert shape[name].sum() == sum(points is not None for points in side.values())
    if span:
        assert shape["from"].null_count() in (0, comparison.BINS), "no edges only where nobody has a score"


def test_movers_come_with_the_rules_that_moved_them() -> None:
    before = {
        "ada": {"opened": 30_000, "clicked": 50_000},
        "ben": {"opened": 10_000},
        "cem": {"opened": 10_000},
    }
    after = {
        "ada": {"opened": 30_000, "clicked": 10_000},
        "ben": {"opened": 10_000, "new": 25_000},
        "cem": {"opened": 10_000},
    }
    totals = [
        scores({person: sum(rules.values()) for person, rules in side.items()}) for side in (before, after)
    ]
    found = comparison.movers(comparison.sides(*totals), 5).collect()
    assert found.select("person_id", "change").rows() == [("ben", 2.5), ("ada", -4.0)]
    rows = comparison.reasons(
        given_points(before), given_points(after), found["person_id"].to_list()
    ).collect()
    assert rows.rows() == [("ada", "clicked", 5.0, 1.0, -4.0), ("ben", "new", 0.0, 2.5, 2.5)]
    effects = comparison.rule_effects(given_points(before), given_points(after)).collect()
    assert effects.rows() == [
        ("clicked", 1, 1, 5.0, 1.0),
        ("new", 0, 1, 0.0, 2.5),
        ("opened", 3, 3, 5.0, 5.0),
    ]


def test_of_equal_moves_the_same_people_are_shown_every_time() -> None:
    before, after = dict.fromkeys(PEOPLE, 10_000), dict.fromkeys(PEOPLE, 20_000)
    both = comparison.sides(scores(before), scores(after)).collect()
    for seed in range(3):
        shuffled = both.sample(fraction=1, shuffle=True, seed=seed).lazy()
        assert comparison.movers(shuffled, 2).collect()["person_id"].to_list() == ["p0", "p1"]
