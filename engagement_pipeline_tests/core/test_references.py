import random

import numpy as np
import polars as pl
import pytest

from engagement_pipeline.core import scores
from engagement_pipeline.core.references import HISTOGRAM, fit, percentile, ranks, version


def histogram(**persons):
    return pl.LazyFrame(
        {
            "points": [int(p.strip("p_").replace("m", "-")) for p in persons],
            "persons": list(persons.values()),
        },
        schema=HISTOGRAM,
    )


def standing(*rows):
    return pl.LazyFrame(
        rows, schema={"person_id": pl.String, "points": pl.Int64, "state": pl.String}, orient="row"
    )


def rank_of(reference, *points):
    frame = pl.LazyFrame({"points": list(points)}, schema={"points": pl.Int64})
    found = ranks(reference, frame).collect()
    assert found.schema == {"points": pl.Int64, "rank": pl.Float64}
    return dict(found.iter_rows())


def test_the_population_is_the_known_or_the_active_and_never_the_unscored():
    people = standing(("a", 5, "scored"), ("b", 5, "scored"), ("c", 0, "inactive"), ("d", None, "unscored"))
    assert fit(people, "known").collect().rows() == [(0, 1), (5, 2)]
    assert fit(people, "active").collect().rows() == [(5, 2)]
    assert fit(people, "active").collect().schema == HISTOGRAM


def test_a_population_may_come_in_several_chunks():
    people = pl.DataFrame({"person_id": list("abcde")}).sort("person_id").lazy()
    points = pl.DataFrame({"person_id": ["b", "e"], "points": [-12_750, 15_250]}).sort("person_id").lazy()
    joined = scores.standing(points, people, None, needs_parts=True).collect()
    assert joined.n_chunks() > 1, "as a join of what is sorted leaves it"
    assert fit(joined.lazy(), "known").collect().rows() == [(-12_750, 1), (15_250, 1)]


def test_equal_histograms_have_equal_versions_whatever_their_order():
    one = histogram(p1=2, p3=1).collect()
    assert version(one) == version(one.reverse())
    assert version(one) != version(histogram(p1=1, p3=2).collect())
    assert version(one) != version(histogram(p1=2).collect())


def test_a_rank_is_the_share_below_plus_half_of_the_equals():
    assert rank_of(histogram(p1=1, p2=2, p3=1), 1, 2, 3) == {1: 0.125, 2: 0.5, 3: 0.875}


def test_points_nobody_has_take_the_share_below_them():
    assert rank_of(histogram(p1=1, p3=3), 0, 2, 4) == {0: 0.0, 2: 0.25, 4: 1.0}


def test_one_person_or_all_equal_is_the_middle_and_nobody_the_bottom():
    assert rank_of(histogram(p7=1), 7) == {7: 0.5}
    assert rank_of(histogram(p7=1000), 7) == {7: 0.5}
    assert rank_of(histogram(), -1, 0, 1) == {-1: 0.0, 0: 0.0, 1: 0.0}


def test_null_points_have_no_rank():
    assert rank_of(histogram(p1=1), None, 1) == {None: None, 1: 0.5}


def test_people_stay_in_their_order():
    people = pl.LazyFrame({"person_id": ["b", "a", "c"], "points": [2, 9, 2]})
    assert ranks(histogram(p2=2, p9=1), people).collect().rows() == [
        ("b", 2, 1 / 3),
        ("a", 9, 5 / 6),
        ("c", 2, 1 / 3),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_ranks_are_exact_and_never_fall_with_points(seed):
    rng = random.Random(seed)
    population = [rng.randrange(-20, 50) for _ in range(rng.randrange(1, 300))]
    counts = {p: population.count(p) for p in sorted(set(population))}
    reference = pl.LazyFrame({"points": list(counts), "persons": list(counts.values())}, schema=HISTOGRAM)
    found = rank_of(reference, *range(-25, 55))
    for points, rank in found.items():
        below, equal = sum(p < points for p in population), population.count(points)
        assert rank == (2 * below + equal) / (2 * len(population))
    assert [found[p] for p in sorted(found)] == sorted(found.values())


def percentile_of(population, percent):
    reference = pl.LazyFrame({"points": sorted(population)}, schema={"points": pl.Int64})
    counted = reference.group_by("points").agg(persons=pl.len().cast(pl.Int64)).sort("points")
    return counted.select(percentile(percent)).collect().item()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("percent", [0.5, 10, 33.3, 50, 90, 99, 100])
def test_a_percentile_is_that_of_spreadsheets(seed, percent):
    rng = random.Random(seed)
    population = [rng.randrange(-20, 50) * 10_000 for _ in range(rng.randrange(1, 40))]
    expected = float(np.percentile(population, percent))
    assert percentile_of(population, percent) == pytest.approx(expected, abs=0.5)


def test_a_percentile_of_one_of_nobody_and_of_extremes():
    assert percentile_of([7], 90) == 7
    assert percentile_of([], 90) is None
    assert percentile_of([-(2**63), 2**63 - 1], 50) == 0, "the distance leaves 64 bits"
    assert percentile_of([3, 9, 2**62], 100) == 2**62
