import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Band, Scale
from engagement_pipeline.core.references import HISTOGRAM
from engagement_pipeline.core.scales import banded, scaled


def scale(**given):
    return Scale.model_validate(given)


def scores(how, points, population=None):
    """Scores of points given in points."""
    whole = [None if p is None else round(p * 10_000) for p in points]
    frame = pl.LazyFrame({"n": range(len(points)), "points": whole}, schema_overrides={"points": pl.Int64})
    histogram = None
    if population is not None:
        counted = pl.LazyFrame(
            {"points": [round(p * 10_000) for p in population]}, schema={"points": pl.Int64}
        )
        histogram = counted.group_by("points").agg(persons=pl.len().cast(pl.Int64)).cast(dict(HISTOGRAM))
    found = scaled(frame, how, histogram).sort("n").collect()
    assert found.schema["score"] == pl.Float64
    return found["score"].to_list()


def test_the_points_scale_is_unbounded():
    assert scores(scale(), [-12.5, 0, 0.0003, 141, None]) == [-12.5, 0.0, 0.0003, 141.0, None]


def test_percentiles_fill_the_range():
    how = scale(method="percentile", range=[1, 10])
    assert scores(how, [-1, 5, 8, 9, None], [5, 5, 8, 8]) == [1.0, 3.25, 7.75, 10.0, None]


def test_linear_runs_between_the_domain_and_stops_at_its_ends():
    how = scale(method="linear", range=[0, 100], domain=[-10, 30])
    assert scores(how, [-11, -10, 0, 10, 30, 31, None]) == [0.0, 0.0, 25.0, 50.0, 100.0, 100.0, None]


def test_linear_without_a_domain_runs_between_the_extremes_of_the_population():
    how = scale(method="linear", range=[1, 5])
    assert scores(how, [2, 4, 6, 7, None], [2, 3, 6]) == [1.0, 3.0, 5.0, 5.0, None]


def test_linear_over_equal_points_is_the_middle_and_over_nobody_the_bottom():
    how = scale(method="linear", range=[1, 5])
    assert scores(how, [4, 9], [4, 4]) == [3.0, 3.0]
    assert scores(how, [4, None], []) == [1.0, None]


def test_the_top_of_a_range_is_met_exactly():
    low, high = -2.2, 8.1  # -2.2 + (8.1 + 2.2) is 8.1 and a bit
    for how in (
        scale(method="linear", range=[low, high], domain=[0, 3]),
        scale(method="percentile", range=[low, high]),
    ):
        assert scores(how, [-1, 9], [0, 3]) == [low, high]


def test_thresholds_step_at_their_points():
    how = scale(method="thresholds", range=[0, 3], steps=[(0.3, 1), (41, 2), (71, 3)])
    assert scores(how, [-5, 0.2999, 0.3, 40.9999, 41, 1000, None]) == [0.0, 0.0, 1.0, 1.0, 2.0, 3.0, None]


def test_a_relative_scale_without_a_population_says_so():
    with pytest.raises(ValueError, match="percentile scale needs a reference"):
        scores(scale(method="percentile", range=[1, 10]), [1])


def band(value, bands):
    named = {name: Band.model_validate(b) for name, b in bands.items()}
    return pl.DataFrame({"score": [value]}, schema={"score": pl.Float64}).select(banded(named)).item()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (-0.5, "negative"),
        (0, "low"),
        (40.9999, "low"),
        (41, "mid"),
        (71, "high"),
        (100, "high"),
        (100.0001, "top"),
    ],
)
def test_bands_include_their_lower_edge_unless_they_say_otherwise(value, name):
    bands = {
        "negative": [None, 0],
        "low": [0, 41],
        "mid": [41, 71],
        "high": {"from": 71, "to": 100, "include_to": True},
        "top": {"from": 100, "include_from": False},
    }
    assert band(value, bands) == name
    assert band(value, dict(reversed(bands.items()))) == name, "the order of the bands does not matter"


def test_no_score_has_no_band():
    assert band(None, {"all": [None, None]}) is None
    assert band(5, {}) is None
    assert band(5, {"above": [6, None]}) is None


points_lists = st.lists(st.integers(-1000, 1000).map(lambda n: n / 8), min_size=1, max_size=30)
every_scale = st.sampled_from(
    [
        scale(),
        scale(method="percentile", range=[1, 10]),
        scale(method="linear", range=[-2.2, 8.1]),
        scale(method="linear", range=[-1, 1], domain=[-3, 7]),
        scale(method="thresholds", range=[0, 2], steps=[(-1, 1), (1, 2)]),
    ]
)


@settings(max_examples=40, deadline=None)
@given(every_scale, points_lists, points_lists)
def test_more_points_never_score_less_and_scores_stay_in_the_range(how, points, population):
    points = sorted(points)
    found = scores(how, points, population)
    assert found == sorted(found)
    if how.range is not None:
        assert how.range[0] <= min(found)
        assert max(found) <= how.range[1]
