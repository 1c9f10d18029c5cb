import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

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


BETWEEN = ["linear", "sqrt", "log", "saturating"]


@pytest.mark.parametrize("method", BETWEEN)
@pytest.mark.parametrize("population", [[4], [4, 4, 4], [0, 0], [-7]], ids=str)
def test_where_all_have_equal_points_they_are_the_middle_less_is_the_bottom_and_more_the_top(
    method, population
):
    how = scale(method=method, range=[1, 5])
    (same,) = set(population)
    assert scores(how, [same - 1, same, same + 0.0001, None], population) == [1.0, 3.0, 5.0, None]


@pytest.mark.parametrize("method", ["percentile", *BETWEEN])
def test_over_nobody_everyone_is_at_the_bottom(method):
    assert scores(scale(method=method, range=[1, 5]), [-3, 0, 4, None], []) == [1.0, 1.0, 1.0, None]


def test_where_nine_in_ten_have_the_lowest_points_these_are_the_middle_and_more_is_the_top():
    idle = [0] * 19
    how = scale(method="saturating", range=[1, 9])
    assert scores(how, [-1, 0, 0.0001, 7, None], [*idle, 7]) == [1.0, 5.0, 9.0, 9.0, None]
    assert scores(how, [0, 7], [7]) == [1.0, 5.0], "as a population of the active has it"
    # With somebody below there is a way again, and the top is what nine in ten do not exceed.
    assert scores(how, [-3, 0, 7], [-3, *idle, 7]) == [1.0, 9.0, 9.0]


@pytest.mark.parametrize("method", BETWEEN)
def test_a_domain_whose_ends_meet_or_cross_leaves_the_middle_to_the_points_that_it_names(method):
    from_nothing = scale(method=method, range=[0, 10], domain=[0, None])
    assert scores(from_nothing, [-2, 0, 1], [-5, -3]) == [0.0, 5.0, 10.0]
    to_hundred = scale(method=method, range=[0, 10], domain=[None, 100])
    assert scores(to_hundred, [99, 100, 120], [150, 200]) == [0.0, 5.0, 10.0]


def test_the_square_root_draws_the_highest_closer():
    how = scale(method="sqrt", range=[0, 100], domain=[0, 400])
    assert scores(how, [-9, 0, 1, 4, 100, 400, 500, None]) == [0, 0, 5.0, 10.0, 50.0, 100, 100, None]
    assert scores(scale(method="sqrt", range=[0, 100]), [0, 25, 100], [0, 100]) == [0.0, 50.0, 100.0]


def test_the_logarithm_draws_the_highest_closer_still():
    how = scale(method="log", range=[0, 100], domain=[0, 999])
    expected = [0, 0, 100 * math.log(10) / math.log(1000), 100, 100, None]
    assert scores(how, [-9, 0, 9, 999, 5000, None]) == pytest.approx(expected)


def test_without_a_range_roots_and_logarithms_are_unbounded_and_need_no_population():
    assert scores(scale(method="sqrt"), [-4, 0, 0.25, 144, None]) == [-2.0, 0.0, 0.5, 12.0, None]
    found = scores(scale(method="log"), [1 - math.e, 0, math.e - 1, None])
    assert found == [pytest.approx(-1, abs=1e-4), 0.0, pytest.approx(1, abs=1e-4), None]


@pytest.mark.parametrize("method", ["sqrt", "log"])
def test_negative_points_bend_as_the_mirror_image(method):
    how = scale(method=method, range=[-1, 1], domain=[-100, 100])
    found = scores(how, [-100, -30, -0.5, 0, 0.5, 30, 100])
    assert found == pytest.approx([-score for score in reversed(found)], abs=1e-15)
    assert found[3] == 0.0


def test_saturating_pins_a_percentile_to_the_top():
    how = scale(method="saturating", range=[1, 100], domain=[0, None])
    population = range(101)  # the 90th percentile is 90
    found = scores(how, [0, 45, 90, 91, 100, -5, None], population)
    half = (1 - math.exp(-1.5)) / (1 - math.exp(-3))
    assert found == [1.0, pytest.approx(1 + 99 * half), 100.0, 100.0, 100.0, 1.0, None]
    gentle = scale(method="saturating", range=[0, 1], domain=[0, 90], steepness=0.001)
    assert scores(gentle, [45]) == pytest.approx([0.5], abs=1e-3), "the less steep, the straighter"


@pytest.mark.parametrize("method", BETWEEN)
def test_a_pinned_percentile_keeps_one_person_from_stretching_the_scale(method):
    how = scale(method=method, range=[0, 10], pin=50)
    assert scores(how, [1, 3, 1_000_000], [1, 2, 3, 4, 1_000_000]) == [0.0, 10.0, 10.0]


def test_the_top_of_a_range_is_met_exactly():
    low, high = -2.2, 8.1  # -2.2 + (8.1 + 2.2) is 8.1 and a bit
    for how in (
        scale(method="linear", range=[low, high], domain=[0, 3]),
        scale(method="percentile", range=[low, high]),
    ):
        assert scores(how, [-1, 9], [0, 3]) == [low, high]
    far = 900_000_000_000  # a ten-thousandth less is a hair from 1
    how = scale(method="linear", range=[low, high], domain=[0, far])
    assert max(scores(how, [far - 0.0001, far])) == high


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
    ("said", "message"),
    [
        ({"method": "points", "range": [1, 10]}, "points scale has no range"),
        ({"method": "saturating"}, "saturating needs a range"),
        ({"method": "linear"}, "linear needs a range"),
        ({"method": "sqrt", "domain": [0, 9]}, "needs a range"),
        ({"method": "log", "pin": 90}, "needs a range"),
        ({"method": "percentile", "range": [1, 10], "pin": 90}, "pin belongs to linear, sqrt, log, sat"),
        ({"method": "percentile", "range": [1, 10], "domain": [0, 9]}, "not to percentile"),
        ({"method": "linear", "range": [1, 10], "domain": [0, 9], "pin": 90}, "9 points are the top"),
        ({"method": "linear", "range": [1, 10], "domain": [9, 0]}, "must ascend"),
        ({"method": "linear", "range": [1, 10], "steepness": 2}, "steepness belongs to saturating"),
        ({"method": "saturating", "range": [1, 10], "steepness": 0}, "greater than 0"),
        ({"method": "saturating", "range": [1, 10], "pin": 101}, "less than or equal to 100"),
    ],
)
def test_what_a_scale_cannot_mean_is_refused(said, message):
    with pytest.raises(ValidationError, match=message):
        scale(**said)


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        ({"method": "points"}, False),
        ({"method": "percentile", "range": [1, 10]}, True),
        ({"method": "thresholds", "range": [0, 1], "steps": [(1, 1)]}, False),
        *(({"method": method, "range": [1, 10]}, True) for method in BETWEEN),
        *(({"method": method, "range": [1, 10], "domain": [0, None]}, True) for method in BETWEEN),
        *(({"method": method, "range": [1, 10], "domain": [0, 9]}, False) for method in BETWEEN),
        ({"method": "sqrt"}, False),
        ({"method": "log"}, False),
    ],
)
def test_a_scale_is_relative_unless_it_says_which_points_are_low_and_high(said, needs):
    assert scale(**said).needs_reference == needs


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


eighths = st.integers(-1000, 1000).map(lambda n: n / 8)
neighbours = st.sampled_from([0, 0.0001, -0.0001, 2.9999, 3, 3.0001, 7e9, 7e9 + 0.0001, -9e14, 9e14])
points_lists = st.lists(eighths | neighbours, min_size=1, max_size=30)
every_scale = st.sampled_from(
    [
        scale(),
        scale(method="percentile", range=[1, 10]),
        scale(method="linear", range=[-2.2, 8.1]),
        scale(method="linear", range=[-1, 1], domain=[-3, 7]),
        scale(method="linear", range=[-2.2, 8.1], pin=70),
        scale(method="sqrt"),
        scale(method="sqrt", range=[-2.2, 8.1]),
        scale(method="sqrt", range=[1, 100], domain=[0, None], pin=95),
        scale(method="log"),
        scale(method="log", range=[-2.2, 8.1]),
        scale(method="log", range=[1, 100], domain=[None, 9.5]),
        scale(method="saturating", range=[-2.2, 8.1]),
        scale(method="saturating", range=[0, 1], domain=[-3, 7], steepness=20),
        scale(method="saturating", range=[1, 10], domain=[0, None], pin=60, steepness=0.5),
        scale(method="thresholds", range=[0, 2], steps=[(-1, 1), (1, 2)]),
    ]
)


@settings(max_examples=120, deadline=None)
@given(every_scale, points_lists, points_lists)
def test_more_points_never_score_less_and_scores_stay_in_the_range(how, points, population):
    points = sorted(points)
    found = scores(how, points, population)
    assert found == sorted(found)
    if how.range is not None:
        assert how.range[0] <= min(found)
        assert max(found) <= how.range[1]
