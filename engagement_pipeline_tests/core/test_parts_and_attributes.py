"""Facts, silence and parts by example; laws stand in `test_people_laws`."""

from datetime import date, timedelta

import polars as pl
import pytest

from engagement_pipeline.core.parts import Part, Parts, given_by
from engagement_pipeline.core.people import FIRST_EVENT, Fact, as_of, persons
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import contributions, points
from engagement_pipeline.core.scores import standing
from engagement_pipeline_tests.core.build import AS_OF, START, ago, catalog, daily, instants, people, score
from engagement_pipeline_tests.core.test_people_laws import points_of


def person(name: str = "a", seen: date = START, plan: str | None = None, **parts: float) -> dict[str, object]:
    return {"person_id": name, "first_seen": seen, "plan": plan, "parts": parts}


def found(rules: list[dict[str, object]], *known: dict[str, object], **more: object) -> dict[str, int]:
    """Person -> points, of people who did nothing."""
    given = points_of(score(rules=rules, **more), list(known), [])
    return dict(given.select("person_id", "points").iter_rows())


def test_silence_before_the_project_began_is_not_known() -> None:
    whole = (AS_OF - START).days + 1
    long_ago = person(seen=START - timedelta(days=400))
    assert found([{"event": "opened", "weight": -2, "inactive_for": whole}], long_ago) == {"a": -20_000}
    assert found([{"event": "opened", "weight": -2, "inactive_for": whole + 1}], long_ago) == {}


def test_known_for_so_many_days_counts_the_first_and_the_last() -> None:
    rule = {"event": "opened", "weight": -2, "inactive_for": 10}
    assert found([rule], person("a", ago(9)), person("b", ago(8))) == {"a": -20_000}


def test_who_has_nothing_but_a_profile_is_silent_from_the_day_on_which_it_was_first_seen() -> None:
    """Facts count from the project's first day on; being known does not."""
    profiles = pl.LazyFrame(
        {
            "person_id": ["long", "edge", "inside", "inside"],
            "observed_at": instants(*(f"{ago(age)}T12:00:00" for age in (400, 9, 8, 2))),
            "plan": ["gold", "gold", "gold", "silver"],
        }
    )
    seen = pl.LazyFrame({"person_id": ["did"], "first_event": [ago(20)]}, schema=FIRST_EVENT)
    known = as_of(persons({"crm": profiles}, seen, {"plan": Fact(("crm",))}, START, "UTC"), AS_OF)
    given = catalog(score(rules=[{"event": "opened", "weight": -2, "inactive_for": 10}]))
    plan = plan_scores(given)["s"]
    nobody = daily(), known.select("person_id", "first_seen")
    found = points(contributions(nobody[0], [plan], AS_OF, known=nobody[1])["s"], plan, AS_OF).collect()
    assert dict(found.select("person_id", "points").iter_rows()) == dict.fromkeys(
        ("did", "edge", "long"), -20_000
    )


def test_an_unknown_fact_is_no_match() -> None:
    rules = [{"when": "profile.plan <> 'gold'", "weight": 1}]
    assert found(rules, person("a", plan="plain"), person("b"), person("c", plan="gold")) == {"a": 10_000}


PARTS = [{"score": "one", "weight": 3}, {"score": "two", "weight": -1}]


@pytest.mark.parametrize(
    ("missing", "points"),
    [
        ("unscored", {"both": 50_000}),
        ("zero", {"both": 50_000, "first": 60_000}),
        ("reweight", {"both": 50_000, "first": 80_000}),  # 2 × 3 × (3 + 1) / 3
    ],
)
def test_missing_parts(missing: str, points: dict[str, int]) -> None:
    known = [person("both", one=2, two=1), person("first", one=2), person("none")]
    assert found(PARTS, *known, missing_parts=missing) == points


def test_who_lacks_a_part_is_unscored_which_is_not_inactive() -> None:
    points = pl.LazyFrame({"person_id": ["a", "b"], "points": [5, 0], "active": [True, False]})
    known = people("a", "b", "c")
    plain = standing(points, known, None).sort("person_id").collect()
    assert plain.rows() == [("a", 5, "scored"), ("b", 0, "inactive"), ("c", 0, "inactive")]
    composite = standing(points, known, None, needs_parts=True).sort("person_id").collect()
    assert composite.rows() == [("a", 5, "scored"), ("b", 0, "inactive"), ("c", None, "unscored")]


def test_a_score_that_asks_about_people_must_know_them() -> None:
    given = catalog(score(rules=[{"when": "profile.plan is null", "weight": 1}]))
    with pytest.raises(ValueError, match="score s asks about people"):
        contributions(daily(), list(plan_scores(given).values()), AS_OF)


def test_scores_that_do_not_fit_are_null_and_the_largest_that_do_are_exact() -> None:
    def given(weight: int, *values: float) -> list[int | None]:
        parts = Parts((Part("one", "one", weight), Part("two", "two", 333_333_333)), "reweight")
        known = pl.LazyFrame(
            {"score.one": values, "score.two": [1.0] * len(values), "person_id": [str(n) for n in values]}
        ).with_columns(**{"state.one": pl.lit("scored")})
        return given_by(known, parts.parts[0], parts).collect()["points"].to_list()

    billion = 10**9
    assert given(billion, 2.0**40, -(2.0**40)) == [2**40 * 10_000, -(2**40) * 10_000]
    assert given(10 * billion, 1e14, 1e18) == [None, None]


def test_rules_have_names_to_be_told_apart_by() -> None:
    rules = [
        {"event": "opened", "weight": 1},
        {"event": "opened", "weight": 1, "applies_to": "profile.plan = 'gold'"},
        {"event": "opened", "weight": -1, "inactive_for": 30},
        {"when": "profile.plan = 'gold'", "weight": 1},
        {"score": "other", "weight": 1},
        {"score": "other", "weight": 2},
    ]
    plan = plan_scores(catalog(score(rules=rules), score("other")))["s"]
    assert plan.keys == (
        "opened",
        "opened of people with profile.plan = 'gold'",
        "no opened for 30 days",
        "profile.plan = 'gold'",
        "score other",
        "score other #2",
    )
