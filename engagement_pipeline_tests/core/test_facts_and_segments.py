import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Segment
from engagement_pipeline.core.facts import facts
from engagement_pipeline.core.frames import SCORES, SEGMENTS
from engagement_pipeline.core.segments import members, plan_segment
from engagement_pipeline_tests.core.build import AS_OF, MEMBERS, catalog, people, score


def scored(*rows):
    """SCORES from (person, points, score, band, state)."""
    data = [(AS_OF, *row, None, "d") for row in rows]
    return pl.LazyFrame(data, schema=SCORES, orient="row")


def in_segment(*ids):
    return pl.LazyFrame({"as_of": [AS_OF] * len(ids), "person_id": list(ids)}, schema=SEGMENTS)


KNOWN = people("a", "b", "c", plan=["pro", None, "free"], age=[30, 40, None])
S = scored(("a", 410_000, 8.5, "high", "scored"), ("b", None, None, None, "unscored"))


def test_only_the_columns_asked_for_are_there():
    found = facts(
        KNOWN, {"profile.age", "points.s", "state.s", "segment.x"}, {"s": S}, {"x": in_segment("a")}
    )
    assert found.sort("person_id").collect().to_dict(as_series=False) == {
        "person_id": ["a", "b", "c"],
        "profile.age": [30, 40, None],
        "points.s": [41.0, None, None],
        "state.s": ["scored", "unscored", None],
        "segment.x": [True, False, False],
    }


def test_a_score_that_was_not_given_is_an_error_and_not_null():
    with pytest.raises(KeyError, match="other"):
        facts(KNOWN, {"score.other"}, {"s": S}, {})


def evaluated(where, segments=("x",)):
    others = [Segment(segment=name, owner=MEMBERS, where="profile.age > 0") for name in segments]
    spec = Segment(segment="tested", owner=MEMBERS, where=where)
    plan = plan_segment(spec, catalog(score(), segments=[*others, spec]))
    found = members(
        facts(KNOWN, plan.where.columns, {"s": S}, {"x": in_segment("a", "c")}), plan, AS_OF
    ).collect()
    assert found.schema == SEGMENTS
    return sorted(found["person_id"])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("score.s >= 8.5 and band.s = 'high'", ["a"]),
        ("points.s >= 41", ["a"]),
        ("score.s < 100", ["a"]),  # null is no match
        ("not (score.s >= 8.5)", []),  # nor is its opposite
        ("state.s = 'unscored' or profile.plan = 'free'", ["b", "c"]),
        ("profile.plan is null", ["b"]),
        ("segment.x and profile.age is not null", ["a"]),
        ("not segment.x", ["b"]),
    ],
)
def test_members_are_those_whose_condition_holds(where, expected):
    assert evaluated(where) == expected
