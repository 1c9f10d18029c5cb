import polars as pl
import pytest

from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.frames import SCORES
from engagement_pipeline.core.plan import plan_score
from engagement_pipeline.core.references import HISTOGRAM
from engagement_pipeline.core.scores import TRUSTED, attach, standing
from engagement_pipeline.core.words import as_text
from engagement_pipeline_tests.core.build import AS_OF, catalog, people, points_of, score

PERCENTILE = {"method": "percentile", "range": [0, 10]}
REFERENCE = pl.LazyFrame({"points": [0, 10_000], "persons": [5, 5]}, schema=HISTOGRAM)


def attached(points, known, histogram=None, version=None, guard=TRUSTED, previous=None, **definition):
    spec = score(**definition)
    plan = plan_score(spec, catalog(spec))
    found = attach(points, known, plan, AS_OF, histogram, version, guard, previous)
    found = found.sort("person_id").collect()
    assert as_text(found).schema == SCORES
    assert found["definition"].unique().to_list() == [plan.definition]
    return found


def column(frame, name):
    return dict(frame.select("person_id", name).iter_rows())


def test_everyone_known_has_a_row_and_a_state():
    known = people("a", "b", "c", "d", plan=["pro", "pro", "free", None])
    found = attached(points_of(a=20_000, c=10_000), known, applies_to="profile.plan = 'pro'")
    assert column(found, "state") == {"a": "scored", "b": "inactive", "c": "unscored", "d": "unscored"}
    assert column(found, "points") == {"a": 20_000, "b": 0, "c": None, "d": None}
    assert column(found, "score") == {"a": 2.0, "b": 0.0, "c": None, "d": None}


def test_points_of_zero_are_scored_and_not_inactive():
    assert column(attached(points_of(a=0), people("a", "b")), "state") == {"a": "scored", "b": "inactive"}


def test_somebody_with_points_is_known():
    assert column(attached(points_of(z=10_000), people("a")), "state") == {"a": "inactive", "z": "scored"}


def test_a_frozen_scale_reads_its_reference_and_names_it():
    found = attached(points_of(a=10_000), people("a", "b"), REFERENCE, "v1", scale=PERCENTILE)
    assert column(found, "score") == {"a": 7.5, "b": 2.5}
    assert column(found, "state") == {"a": "scored", "b": "inactive"}
    assert found["reference"].unique().to_list() == ["v1"]


@pytest.mark.parametrize("method", ["percentile", "linear", "sqrt", "log", "saturating"])
def test_a_frozen_scale_keeps_a_score_when_others_move_and_a_live_one_does_not(method):
    scale = {"method": method, "range": [0, 10]}
    moves = [
        (points_of(a=5_000, b=9_000), people("a", "b")),
        (points_of(a=5_000, b=90_000, c=7), people("a")),
    ]
    frozen = [attached(*each, REFERENCE, "v1", scale=scale) for each in moves]
    assert len({column(found, "score")["a"] for found in frozen}) == 1
    assert 0 < column(frozen[0], "score")["a"] < 10
    assert {version for found in frozen for version in found["reference"]} == {"v1"}
    live = [attached(*each, REFERENCE, "v1", scale={**scale, "reference": "live"}) for each in moves]
    assert len({column(found, "score")["a"] for found in live}) == 2


def test_a_frozen_scale_without_a_reference_is_provisional():
    known = people("a", "b", "c", plan=["pro", "pro", None])
    found = attached(points_of(a=10_000), known, scale=PERCENTILE, applies_to="profile.plan = 'pro'")
    assert column(found, "state") == {"a": "provisional", "b": "inactive", "c": "unscored"}
    assert column(found, "score") == {"a": 7.5, "b": 2.5, "c": None}
    assert found["reference"].unique().to_list() == ["live"]


def test_a_live_scale_reads_the_population_of_the_date_and_is_not_provisional():
    live = {**PERCENTILE, "reference": "live"}
    found = attached(points_of(a=10_000), people("a", "b"), REFERENCE, "v1", scale=live)
    assert column(found, "state") == {"a": "scored", "b": "inactive"}
    assert found["reference"].unique().to_list() == ["live"]


@pytest.mark.parametrize(("population", "expected"), [("known", 8.75), ("active", 5.0)])
def test_the_definition_says_whether_the_inactive_are_in_the_population(population, expected):
    scale = {**PERCENTILE, "reference": "live", "population": population}
    found = attached(points_of(a=10_000), people("a", "b", "c", "d"), scale=scale)
    assert column(found, "score")["a"] == expected


def test_an_absolute_scale_has_no_reference_even_where_one_is_given():
    found = attached(points_of(a=10_000), people("a"), REFERENCE, "v1")
    assert (column(found, "score"), found["reference"].to_list()) == ({"a": 1.0}, [None])


def test_bands_are_read_off_the_score():
    found = attached(
        points_of(a=410_000, b=409_999), people("a", "b"), bands={"low": [None, 41], "high": [41, None]}
    )
    assert column(found, "band") == {"a": "high", "b": "low"}


def test_nobody_is_known():
    assert standing(points_of(), people(), None).collect().is_empty()
    spec = score(scale=PERCENTILE)
    found = attach(points_of(), people(), plan_score(spec, catalog(spec)), AS_OF).collect()
    assert found.is_empty()
    assert as_text(found).schema == SCORES


@pytest.mark.parametrize(
    ("guard", "histogram", "expected"),
    [
        (Guard(), REFERENCE, ["scored", "inactive"]),
        (Guard(), None, ["provisional", "inactive"]),
        (Guard(provisional="too early"), REFERENCE, ["provisional", "provisional"]),
        (Guard(stale=("mail: missing",)), REFERENCE, ["stale", "stale"]),
        (Guard(stale=("mail: missing",), provisional="too early"), None, ["stale", "stale"]),
    ],
)
def test_unscored_goes_before_stale_before_provisional_before_the_rest(guard, histogram, expected):
    known = people("a", "b", "c", plan=["pro", "pro", None])
    version = None if histogram is None else "v1"
    found = attached(
        points_of(a=10_000),
        known,
        histogram,
        version,
        guard,
        scale=PERCENTILE,
        applies_to="profile.plan = 'pro'",
    )
    assert column(found, "state") == {"a": expected[0], "b": expected[1], "c": "unscored"}
    assert column(found, "points") == {"a": 10_000, "b": 0, "c": None}


def test_a_stale_date_is_scored_as_any_other_and_an_uncovered_one_against_its_own_people():
    fine = attached(points_of(a=10_000), people("a", "b"), REFERENCE, "v1", scale=PERCENTILE)
    stale = attached(
        points_of(a=10_000), people("a", "b"), REFERENCE, "v1", Guard(stale=("mail",)), scale=PERCENTILE
    )
    assert stale.drop("state").equals(fine.drop("state"))
    early = attached(
        points_of(a=10_000), people("a", "b"), REFERENCE, "v1", Guard(provisional="early"), scale=PERCENTILE
    )
    assert early["reference"].unique().to_list() == ["live"]
    absolute = attached(points_of(a=10_000), people("a", "b"), guard=Guard(provisional="early"))
    assert column(absolute, "state") == {"a": "provisional", "b": "provisional"}


EDGE = {"bands": {"low": [None, 10], "high": [10, None]}}


def bands_of(hysteresis, *scores):
    """The bands of somebody with these scores on days that follow each other."""
    found, previous = [], None
    definition = {**EDGE, **({} if hysteresis is None else {"hysteresis": hysteresis})}
    for one in scores:
        whole = round(one * 10_000)
        day = attached(points_of(a=whole), people("a"), previous=previous, **definition)
        previous = day.select("person_id", "band").lazy()
        found.append(day["band"][0])
    return found


def test_somebody_on_an_edge_flaps_without_hysteresis_and_stays_with_it():
    ten_days = [10.2, 9.9, 10.1, 9.8, 10.0, 9.9999, 10.3, 9.7, 10.1, 9.9]
    assert bands_of(None, *ten_days) == ["high", "low"] * 2 + ["high", "low"] * 3
    assert bands_of(0.5, *ten_days) == ["high"] * 10
    assert bands_of(0.5, *ten_days[1:]) == ["low"] * 9


def test_a_band_is_left_once_the_margin_is_reached():
    assert bands_of(0.5, 12, 9.5001, 9.5, 10.4999, 10.5, 9.6) == [
        "high",
        "high",
        "low",
        "low",
        "high",
        "high",
    ]


def test_whoever_leaves_lies_where_the_score_does():
    bands = {"low": [None, 10], "mid": [10, 12], "high": [12, None]}
    previous = pl.LazyFrame({"person_id": ["a", "b", "c"], "band": ["low", "high", "mid"]})
    given = points_of(a=130_000, b=80_000, c=97_000)
    found = attached(given, people("a", "b", "c"), previous=previous, bands=bands, hysteresis=0.5)
    assert column(found, "band") == {"a": "high", "b": "low", "c": "mid"}


def test_who_was_not_there_yesterday_lies_in_the_plain_band():
    schema = {"person_id": pl.String(), "band": pl.String()}
    previous = pl.LazyFrame([("b", None), ("c", "gone")], schema=schema, orient="row")
    given, known = points_of(a=99_000, b=99_000, c=99_000), people("a", "b", "c")
    found = attached(given, known, previous=previous, hysteresis=0.5, **EDGE)
    assert found["band"].to_list() == ["low"] * 3


def test_without_hysteresis_yesterday_does_not_count():
    previous = pl.LazyFrame({"person_id": ["a"], "band": ["high"]})
    assert attached(points_of(a=99_999), people("a"), previous=previous, **EDGE)["band"].to_list() == ["low"]


def test_who_is_unscored_has_no_band_whatever_it_was():
    previous = pl.LazyFrame({"person_id": ["a"], "band": ["high"]})
    applies = {"applies_to": "profile.plan = 'pro'"}
    found = attached(points_of(a=99_999), people("a"), previous=previous, hysteresis=0.5, **EDGE, **applies)
    assert found["band"].to_list() == [None]
