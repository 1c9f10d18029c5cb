import math
import random
from collections import Counter

import polars as pl
import pytest

from engagement_pipeline.core.drift import drift, psi
from engagement_pipeline.core.plan import plan_score
from engagement_pipeline.core.references import HISTOGRAM
from engagement_pipeline_tests.core.build import catalog, score

BANDS = {"low": [1, 4], "medium": [4, 7], "high": [7, 10]}


def histogram(population):
    counted = sorted(Counter(population).items())
    return pl.LazyFrame(counted, schema=HISTOGRAM, orient="row")


def drifted(before, now, inactive=0, states=None, **more):
    """`before` and `now` are points of the active, in ten-thousandths."""
    spec = score(**{"scale": {"method": "percentile", "range": [1, 10]}, "bands": BANDS, **more})
    rows = pl.LazyFrame(
        {
            "points": [*now, *[0] * inactive],
            "state": states or ["scored"] * len(now) + ["inactive"] * inactive,
        },
        schema={"points": pl.Int64(), "state": pl.String()},
    )
    return drift(histogram(before), rows, plan_score(spec, catalog(spec)))


def test_psi_is_the_sum_of_differences_times_log_ratios():
    expected = (0.5 - 0.25) * math.log(0.5 / 0.25) + (0.5 - 0.75) * math.log(0.5 / 0.75)
    assert psi([25, 75], [50, 50]) == pytest.approx(expected)
    assert psi([30, 70], [3, 7]) == pytest.approx(0, abs=1e-12)


def test_psi_is_symmetric_and_never_negative():
    rng = random.Random(1)
    for _ in range(50):
        one, other = ([rng.randrange(1, 90) for _ in range(10)] for _ in range(2))
        assert psi(one, other) == pytest.approx(psi(other, one))
        assert psi(one, other) >= 0


def test_an_empty_bin_counts_as_half_a_person():
    expected = (1 - 0.5) * math.log(1 / 0.5) + (0.005 - 0.5) * math.log(0.005 / 0.5)
    assert psi([50, 50], [100, 0]) == pytest.approx(expected)
    assert psi([50, 50, 0], [50, 40, 10]) > psi([50, 50], [50, 50])


def test_the_same_people_have_not_drifted():
    population = list(range(1000))
    found = drifted(population, population)
    assert (found.psi, found.moved, found.verdict) == (0.0, 0.0, "stable")
    assert (found.people, found.reference_people) == (1000, 1000)
    assert found.words == (
        "stable: the people of today are those of the reference (PSI 0.00); a refit would change the band of "
        "0.0% of people"
    )


@pytest.mark.parametrize(("shift", "verdict"), [(0.05, "stable"), (0.4, "watch"), (1.0, "refit")])
def test_the_further_they_move_the_worse(shift, verdict):
    rng = random.Random(7)
    before = [round(rng.gauss(50, 10) * 10_000) for _ in range(5000)]
    now = [round(rng.gauss(50 + 10 * shift, 10) * 10_000) for _ in range(5000)]
    found = drifted(before, now)
    # For normal distributions it is the square of the shift, in standard deviations; deciles lose some.
    assert found.psi == pytest.approx(shift**2, rel=0.25, abs=0.01)
    assert found.verdict == verdict


def test_few_people_drift_by_chance_and_that_is_no_reason_to_refit():
    rng = random.Random(3)
    found = [
        drifted(*([round(rng.gauss(50, 10) * 10_000) for _ in range(30)] for _ in range(2)))
        for _ in range(60)
    ]
    mean = sum(each.psi for each in found) / len(found)
    assert mean == pytest.approx(found[0].chance, rel=0.4)
    assert sum(each.psi > 0.25 for each in found) > 40, "by the usual limits most would be refitted"
    assert sum(each.verdict == "refit" for each in found) < 10


def test_who_did_nothing_is_a_bin_of_their_own():
    before = [0] * 900 + list(range(1, 101))
    now = [0] * 500 + list(range(1, 101)) * 5
    found = drifted(before, now[500:], inactive=500)
    assert found.psi == pytest.approx(psi([900, 100], [500, 500]))
    active = {"scale": {"method": "percentile", "range": [1, 10], "population": "active"}}
    assert drifted(before[900:], now[500:], inactive=500, **active).psi == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("now", [[4] * 100, [6] * 100, [4] * 50 + [6] * 50])
def test_a_reference_in_which_all_were_equal_notices_who_is_not(now):
    assert drifted([5] * 100, now).verdict == "refit"
    assert drifted([5] * 100, [5] * 90).verdict == "stable"


def test_one_person_is_too_few_to_say_anything():
    assert drifted([5], [7]).verdict == "stable"


def test_the_share_moved_is_what_a_refit_does_to_the_bands():
    # Read against 0..99 everyone of 50..149 is in the upper half, or beyond; against themselves they fill it.
    found = drifted(list(range(100)), list(range(50, 150)))
    low, medium, high = range(50, 83), range(83, 117), range(117, 150)  # where a refit puts them
    was = {points: "medium" if points < 67 else "high" for points in range(50, 150)}
    moved = len(low) + sum(was[points] != "medium" for points in medium) + sum(was[p] != "high" for p in high)
    assert found.moved == moved / 100
    assert found.by_band


def test_without_bands_a_tenth_of_the_range_counts():
    linear = {"scale": {"method": "linear", "range": [0, 10]}, "bands": {}}
    reference = [0, *[50] * 98, 100]
    # A refit to 0..110 moves who has 55 by half a point of ten, who has 110 by none.
    found = drifted(reference, [0, *[55] * 98, 110], **linear)
    assert (found.moved, found.by_band) == (0.0, False)
    found = drifted(reference, [0, *[100] * 49, *[112] * 49, 113], **linear)
    assert found.moved == 0.49, "of 100 points 10 becomes 8.85; 112 stays close to the top"
    assert "move the score by a tenth of its range or more of 49.0% of people" in found.words


@pytest.mark.parametrize("method", ["linear", "sqrt", "log", "saturating", "percentile"])
def test_every_relative_scale_can_be_judged(method):
    found = drifted(
        list(range(0, 90_000, 30)), list(range(0, 180_000, 60)), scale={"method": method, "range": [1, 10]}
    )
    assert found.psi > 0.25
    assert 0 < found.moved <= 1


@pytest.mark.parametrize("state", ["stale", "provisional", "unscored"])
def test_a_date_that_cannot_be_trusted_is_not_judged(state):
    points = [None] * 3 if state == "unscored" else [1, 2, 3]
    assert drifted([1, 2, 3], points, states=[state] * 3) is None


def test_nobody_is_left():
    assert drifted([1, 2, 3], []) is None
    active = {"scale": {"method": "percentile", "range": [1, 10], "population": "active"}}
    assert drifted([1, 2, 3], [], inactive=5, **active) is None
