"""Laws of what becomes of points, for any bands, populations and histories; and that every key has a law."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import (
    AttributeRule,
    Cap,
    EventRule,
    PartRule,
    Rate,
    Score,
)
from engagement_pipeline_tests.core import test_people_laws, test_points_laws
from engagement_pipeline_tests.core.build import people, points_of, score
from engagement_pipeline_tests.core.test_scores import attached, column

quick = settings(max_examples=40, deadline=None)
EVERY_SCALE = st.sampled_from(
    [
        {},
        {"scale": {"method": "percentile", "range": [1, 10]}},
        {"scale": {"method": "linear", "range": [0, 10]}},
        {"scale": {"method": "saturating", "range": [0, 10]}},
    ]
)
populations = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(st.integers(-90_000, 90_000), st.sampled_from(["pro", "free", None])),
    min_size=1,
)


@quick
@given(EVERY_SCALE, populations)
def test_a_score_for_some_is_the_score_of_these_alone(scale, population):
    """Who it does not apply to is unscored, and moves nobody else's score."""
    population = {**population, "z": (10_000, "pro")}
    everyone = attached(
        points_of(**{name: points for name, (points, _) in population.items()}),
        people(*population, plan=[plan for _, plan in population.values()]),
        applies_to="profile.plan = 'pro'",
        **scale,
    )
    some = {name: points for name, (points, plan) in population.items() if plan == "pro"}
    alone = attached(points_of(**some), people(*some), **scale)
    for name, found in column(everyone, "score").items():
        assert found == column(alone, "score").get(name)
    states = column(everyone, "state")
    assert {name for name, state in states.items() if state == "unscored"} == population.keys() - some.keys()


EDGES = st.lists(st.integers(-8, 8), min_size=1, max_size=4, unique=True).map(sorted)
INCLUDED = st.lists(st.booleans(), min_size=4, max_size=4)
MARGIN = st.sampled_from([None, 0.5, 1, 3])


def tiled(edges, included):
    """Bands over all numbers: an edge belongs to the band above it, or to the one below."""
    marks = [None, *edges, None]
    above = [True, *included[: len(edges)], True]
    return {
        f"band_{n}": {
            "from": marks[n],
            "to": marks[n + 1],
            "include_from": above[n],
            "include_to": not above[n + 1],
        }
        for n in range(len(marks) - 1)
    }


def band_of(points, bands, margin, before=None):
    yesterday = None
    more = {} if margin is None else {"hysteresis": margin}
    if before is not None:
        yesterday = attached(points_of(a=before), people("a"), bands=bands, **more).lazy()
    found = attached(points_of(a=points), people("a"), previous=yesterday, bands=bands, **more)
    return column(found, "band")["a"]


eighths = st.integers(-80, 80).map(lambda n: n * 1_250)


@quick
@given(EDGES, INCLUDED, eighths)
def test_bands_that_tile_the_scale_hold_every_score_once(edges, included, points):
    bands = tiled(edges, included)
    passed = sum(
        points > edge * 10_000 or (points == edge * 10_000 and above)
        for edge, above in zip(edges, included, strict=False)
    )
    assert band_of(points, bands, None) == f"band_{passed}"


@settings(max_examples=150, deadline=None)
@given(EDGES, INCLUDED, MARGIN, eighths, eighths)
def test_a_band_is_left_exactly_where_the_score_is_clear_of_its_edge(edges, included, margin, before, now):
    bands = tiled(edges, included)
    was, plain = band_of(before, bands, margin), band_of(now, bands, None)
    low, high = bands[was]["from"], bands[was]["to"]
    near = (low is None or now > (low - (margin or 0)) * 10_000) and (
        high is None or now < (high + (margin or 0)) * 10_000
    )
    stays = plain == was or (margin is not None and near)
    assert band_of(now, bands, margin, before) == (was if stays else plain)


@quick
@given(test_points_laws.definitions, test_points_laws.histories)
def test_labels_change_names_and_nothing_else(definition, rows):
    said = definition.model_dump(mode="json", exclude_defaults=True)
    for number, rule in enumerate(said["rules"]):
        rule["label"] = f"rule {number}"
    labelled = score(rules=said["rules"], window=definition.window, decay=definition.decay)
    named = test_points_laws.points_of(labelled, rows)
    plain = test_points_laws.points_of(definition, rows)
    assert named.select("person_id", "points").equals(plain.select("person_id", "points"))
    assert test_points_laws.plain(named) == test_points_laws.plain(plain)


def test_every_key_that_gives_or_takes_points_is_drawn_by_a_law():
    """A key added to the rule language and to no law would pass unnoticed."""
    drawn = set()

    def note(spec):
        drawn.update((type(spec), key) for key in spec.model_fields_set if getattr(spec, key) is not None)

    @settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.one_of(test_points_laws.definitions, test_people_laws.definitions()))
    def look(definition):
        note(definition)
        for rule in definition.rules:
            note(rule)
            for part in (getattr(rule, "cap", None), getattr(rule, "rate", None)):
                if part is not None:
                    note(part)

    look()
    models = (EventRule, AttributeRule, PartRule, Cap, Rate, Score)
    lacking = {
        (model.__name__, key) for model in models for key in model.model_fields if (model, key) not in drawn
    }
    # Labels, and what becomes of points: above and in `test_scales`.
    after = {("Score", key) for key in ("scale", "bands", "hysteresis", "applies_to")}
    labels = {(model.__name__, "label") for model in (EventRule, AttributeRule, PartRule)}
    assert lacking == after | labels
