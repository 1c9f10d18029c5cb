"""Parts of a change add up, whatever the chain between two dates is."""

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Scale
from engagement_pipeline.core.changes import Step, by_cause, decomposed, moved, movers
from engagement_pipeline.core.frames import CAUSES, CHANGES, POINT, SCORES
from engagement_pipeline.core.scales import scaled

THEN, NOW = date(2026, 3, 1), date(2026, 3, 2)
PLAIN = Scale()
RANKS = Scale(method="percentile", range=(1, 10))
HUNDRED = Scale(method="linear", range=(0, 100), domain=(0, 50))
IN_POINTS = [cause for cause in CAUSES if cause != "reference"]


def scores(points: dict[str, int | None], scale: Scale = PLAIN, **said: Any) -> pl.LazyFrame:
    """Scores of these points, by the scale alone or against these very people."""
    frame = points_of(points)
    histogram = frame.drop_nulls().group_by("points").agg(persons=pl.len().cast(pl.Int64)).sort("points")
    found = scaled(frame, scale, histogram if scale.needs_reference else None)
    given = {"as_of": NOW, "band": None, "state": "scored", "reference": None, "definition": "d", **said}
    return found.with_columns(pl.lit(value).alias(name) for name, value in given.items()).select(
        pl.col(name).cast(kind) for name, kind in SCORES.items()
    )


def points_of(points: dict[str, int | None]) -> pl.LazyFrame:
    schema = {"person_id": pl.String, "points": pl.Int64}
    return pl.LazyFrame({"person_id": list(points), "points": list(points.values())}, schema=schema)


def one(changes: pl.LazyFrame, person: str = "a") -> dict[str, Any]:
    return changes.filter(pl.col("person_id") == person).collect().row(0, named=True)


some_points = st.dictionaries(
    st.sampled_from("abcdef"), st.none() | st.integers(-(2**62), 2**62) | st.integers(-90, 90), max_size=6
)
chains = st.lists(st.tuples(st.sampled_from(IN_POINTS), some_points), max_size=6)


@settings(max_examples=60, deadline=None)
@given(some_points, some_points, chains, st.sampled_from([PLAIN, RANKS, HUNDRED]))
def test_parts_add_up_to_the_change(
    before: dict[str, int | None],
    after: dict[str, int | None],
    chain: list[tuple[str, dict[str, int | None]]],
    scale: Scale,
) -> None:
    histogram = pl.LazyFrame({"points": [-5, 0, 7], "persons": [2, 1, 3]})
    steps = [Step(cause, points_of(points), scale, histogram) for cause, points in chain]
    found = decomposed(scores(before, scale), scores(after, scale), steps, THEN, NOW).collect()
    assert found.schema == CHANGES
    assert set(found["person_id"]) == before.keys() | after.keys()
    for row in found.iter_rows(named=True):
        change = (after.get(row["person_id"]) or 0) - (before.get(row["person_id"]) or 0)
        assert row["points_change"] == (change if abs(change) < 2**63 else None), "null is what does not fit"
        parts = [row[f"points_{cause}"] for cause in IN_POINTS]
        if None not in parts:
            assert sum(parts) == change
        if row["score_before"] is None or row["score_after"] is None:
            assert row["score_change"] is None
            assert all(row[f"score_{cause}"] is None for cause in CAUSES)
        else:
            assert row["score_change"] == row["score_after"] - row["score_before"]
            assert sum(row[f"score_{cause}"] for cause in CAUSES) == row["score_change"]


def test_each_link_has_what_it_adds() -> None:
    steps = [
        Step("late_data", points_of({"a": 12 * POINT}), PLAIN),
        Step("definition", points_of({"a": 24 * POINT}), HUNDRED),
        Step("identity", points_of({"a": 20 * POINT}), HUNDRED),
        Step("decay_and_expiry", points_of({"a": 15 * POINT}), HUNDRED),
        Step("new_behaviour", points_of({"a": 30 * POINT}), HUNDRED),
        Step("late_data", points_of({"a": 31 * POINT}), HUNDRED),
    ]
    found = one(decomposed(scores({"a": 10 * POINT}), scores({"a": 31 * POINT}, HUNDRED), steps, THEN, NOW))
    parts = {cause: found[f"points_{cause}"] / POINT for cause in IN_POINTS}
    assert parts == {
        "late_data": 3,  # 2 before and 1 after
        "definition": 12,
        "identity": -4,
        "people": 0,
        "decay_and_expiry": -5,
        "new_behaviour": 15,
    }
    shifted = {cause: found[f"score_{cause}"] / POINT for cause in CAUSES}
    assert shifted == {
        "late_data": 4,  # 12 of the old scale, and 2 of the new one
        "definition": 36,
        "identity": -8,
        "people": 0,
        "decay_and_expiry": -10,
        "new_behaviour": 30,
        "reference": 0,
    }


def test_what_is_left_of_the_score_is_the_reference() -> None:
    """Nobody's points change, the others' do: the rank moves by itself."""
    then = {"a": 5, "b": 1, "c": 2}
    now = {"a": 5, "b": 8, "c": 9}
    histogram = points_of(then).group_by("points").agg(persons=pl.len().cast(pl.Int64)).sort("points")
    steps = [Step("late_data", points_of(now), RANKS, histogram)]
    found = one(decomposed(scores(then, RANKS), scores(now, RANKS), steps, THEN, NOW))
    assert found["points_change"] == 0
    assert found["score_change"] == found["score_reference"] == -60_000


def test_without_its_population_nobody_knows_the_parts_of_the_score() -> None:
    steps = [Step("new_behaviour", points_of({"a": 2}), RANKS, None)]
    found = one(decomposed(scores({"a": 1}, RANKS), scores({"a": 2}, RANKS), steps, THEN, NOW))
    assert found["score_change"] is not None
    assert [found[f"score_{cause}"] for cause in CAUSES] == [None] * len(CAUSES)
    assert found["points_new_behaviour"] == 1


def test_who_comes_or_goes_has_points_that_change_and_no_score_that_does() -> None:
    steps = [Step("identity", points_of({"b": 3}), PLAIN)]
    found = decomposed(scores({"a": 3}), scores({"b": 3}), steps, THEN, NOW)
    assert [one(found, each)["points_identity"] for each in "ab"] == [-3, 3]
    assert [one(found, each)["score_change"] for each in "ab"] == [None, None]
    assert moved(found).collect().height == 2


def test_only_what_moved_is_kept_and_movers_name_the_largest_cause() -> None:
    then, now = {"a": 4, "b": 9, "c": 5, "d": 1}, {"a": 9, "b": 2, "c": 5, "d": 2}
    aged = {"a": 3, "b": 2, "c": 5, "d": 1}
    steps = [Step("decay_and_expiry", points_of(aged), PLAIN), Step("new_behaviour", points_of(now), PLAIN)]
    found = moved(decomposed(scores(then), scores(now), steps, THEN, NOW))
    assert sorted(found.collect()["person_id"]) == ["a", "b", "d"]
    rows = movers(found, 1).select("person_id", "cause").collect().rows()
    assert rows == [("a", "new_behaviour"), ("b", "decay_and_expiry")]
    sums = {row["cause"]: row for row in by_cause(found).collect().iter_rows(named=True)}
    assert (sums["new_behaviour"]["points_up"], sums["new_behaviour"]["people"]) == (7, 2)
    assert (sums["decay_and_expiry"]["points_down"], sums["decay_and_expiry"]["people"]) == (-8, 2)
    assert sums["reference"]["people"] == 0


def test_a_change_of_state_alone_is_one() -> None:
    one_day = scores({"a": 3}), scores({"a": 3}, state="stale")
    assert moved(decomposed(*one_day, [], THEN, NOW)).collect()["state_after"].to_list() == ["stale"]
