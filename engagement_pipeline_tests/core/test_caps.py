"""Caps in points by example; laws stand in `test_people_laws`."""

import polars as pl
import pytest

from engagement_pipeline.core.caps import Group, shared, ten_thousandths
from engagement_pipeline.core.points import PointsDisagree, PointsOverflow, check_points
from engagement_pipeline_tests.core.build import events, score
from engagement_pipeline_tests.core.test_points import computed, from_quantities

RULES = pl.Enum(["one", "two", "three"])


def rows(*given: tuple[str, str, int]) -> pl.LazyFrame:
    schema = {"person_id": pl.String, "rule": RULES, "points": pl.Int64}
    return pl.LazyFrame(given, schema=schema, orient="row")


def after(frame: pl.LazyFrame, *groups: Group) -> list[tuple[str, str, int, int]]:
    found = shared(frame, groups).sort("person_id", "rule").collect()
    return found.select("person_id", "rule", "points", "group_loss").rows()


def test_what_is_too_much_is_shared_in_proportion_by_largest_remainder() -> None:
    everything = Group(tuple(RULES.categories), 10)
    # 20 points, 10 too many: 10 × 9/20 = 4.5, 10 × 8/20 = 4, 10 × 3/20 = 1.5; of the halves the first rule's.
    frame = rows(("a", "one", 9), ("a", "two", 8), ("a", "three", 3))
    assert after(frame, everything) == [("a", "one", 4, 5), ("a", "two", 4, 4), ("a", "three", 2, 1)]


def test_only_the_side_that_is_over_loses() -> None:
    everything = Group(tuple(RULES.categories), 10)
    assert after(rows(("a", "one", 30), ("a", "two", -15)), everything) == [
        ("a", "one", 25, 5),
        ("a", "two", -15, 0),
    ]
    assert after(rows(("a", "one", -30), ("a", "two", 15)), everything) == [
        ("a", "one", -25, -5),
        ("a", "two", 15, 0),
    ]


def test_people_within_the_cap_and_rules_outside_of_the_group_keep_all() -> None:
    group = Group(("one", "two"), 10)
    frame = rows(("a", "one", 10), ("b", "one", 5), ("b", "two", 15), ("b", "three", 99))
    assert after(frame, group) == [
        ("a", "one", 10, 0),
        ("b", "one", 2, 3),
        ("b", "two", 8, 7),
        ("b", "three", 99, 0),
    ]


def test_a_total_cap_takes_after_the_groups() -> None:
    found = computed(
        score(
            rules=[
                {"event": "opened", "weight": 10, "group": "mail"},
                {"event": "clicked", "weight": 10, "group": "mail"},
                {"event": "viewed", "weight": 10},
            ],
            groups={"mail": 10},
            cap=15,
        ),
        events({}, {"event": "clicked"}, {"event": "viewed"}),
    )
    assert found["points"].to_list() == [150_000]
    # 10 and 10 become 5 and 5, and of 5, 5 and 10 goes another quarter.
    assert [c["points"] for c in found["contributions"][0]] == [37_500, 37_500, 75_000]
    assert [c["group_loss"] for c in found["contributions"][0]] == [62_500, 62_500, 25_000]


def test_a_rule_cap_bounds_both_directions() -> None:
    weights = {"opened": 2, "clicked": -2, "viewed": 1}
    rules = [{"event": name, "weight": each, "cap": {"points": 2.5}} for name, each in weights.items()]
    frame = events(*({"event": name} for name in ("opened", "clicked", "viewed") for _ in range(3)))
    found = computed(score(rules=rules), frame)["contributions"][0]
    assert [c["points"] for c in found] == [25_000, -25_000, 25_000]
    assert [c["cap_loss"] for c in found] == [35_000, -35_000, 5_000]


def test_a_cap_makes_points_fit_that_would_not() -> None:
    rule = {"event": "opened", "weight": 10, "cap": {"points": 5}}
    found = from_quantities(score(rules=[rule]), (0, "a", 2**58))
    with pytest.raises(PointsOverflow):  # what was taken is said too, and that does not fit
        check_points(found)
    assert found["contributions"][0][0]["points"] == 50_000


def test_points_that_caps_cannot_have_left_are_refused() -> None:
    found = computed(score(rules=[{"event": "opened", "weight": 3, "cap": {"points": 2}}]), events({}))
    wrong = found.with_columns(
        pl.col("contributions").list.eval(
            pl.element().struct.with_fields(group_loss=pl.lit(-5, dtype=pl.Int64))
        )
    )
    with pytest.raises(PointsDisagree):
        check_points(wrong)


def test_caps_are_whole_ten_thousandths() -> None:
    assert ten_thousandths(0.29) == 2_900
    assert ten_thousandths(1e9) == 10**13
