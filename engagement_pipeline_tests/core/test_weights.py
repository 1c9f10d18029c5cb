"""Weights fitted to people whose truth is known: the right order, the declared signs, nothing out of time."""

import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from engagement_pipeline.core.fitting import ExtraMissing, logistic
from engagement_pipeline.core.frames import CONTRIBUTION, POINT, POINTS
from engagement_pipeline.core.outcomes import JUDGED
from engagement_pipeline.core.quality_frames import PROPOSALS
from engagement_pipeline.core.weights import Rule, fitted_rules, propose, rounded
from engagement_pipeline_tests.core.build import score

DAY = date(2026, 3, 1)
RULES = [
    Rule("often", 5.0, None),
    Rule("strong", 1.0, None),
    Rule("bad", -2.0, None),
    Rule("worth", 1.0, 10.0),
]
TRUTH = np.array([0.15, 0.9, -0.8, 0.02])


def known(count: int = 2500, dates: int = 3, seed: int = 5) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`outcomes.JUDGED` and `frames.POINTS`: quantities by rule, outcomes by TRUTH."""
    random = np.random.default_rng(seed)
    judged, points = [], []
    for step in range(dates):
        day = DAY + timedelta(days=30 * step)
        given = np.column_stack(
            [
                random.poisson(2, count),
                random.poisson(0.3, count),
                random.poisson(0.3, count),
                random.poisson(5, count),
            ]
        ).astype(np.float64)
        drive = given @ TRUTH - 2.5
        happened = random.random(count) < 1 / (1 + np.exp(-drive))
        weights = np.array([rule.weight for rule in RULES])
        people = [f"p{number:05}" for number in range(count)]
        judged.append(
            pl.DataFrame(
                {
                    "as_of": [day] * count, "person_id": people, "outcome": happened,
                    "score": given @ weights, "days_since_last_event": np.zeros(count),
                    "event_count": np.zeros(count), "rfm": np.zeros(count),
                },
                schema=JUDGED,
            )
        )  # fmt: skip
        each = (given * weights * POINT).round().astype(np.int64)
        points.append(
            pl.DataFrame(
                {
                    "as_of": [day] * count,
                    "person_id": people,
                    "points": each.sum(axis=1),
                    "points_digest": ["d"] * count,
                    "active": [True] * count,
                    "contributions": [
                        [
                            {**dict.fromkeys(CONTRIBUTION, 0), "rule": rule.key, "points": int(number)}
                            for rule, number in zip(RULES, row, strict=True)
                            if number
                        ]
                        for row in each
                    ],
                },
                schema=POINTS,
            )
        )
    return pl.concat(judged), pl.concat(points)


@pytest.fixture(scope="module")
def people() -> tuple[pl.DataFrame, pl.DataFrame]:
    return known()


def test_what_matters_weighs_and_the_proposal_foretells_better(
    people: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    found = propose(*people, RULES, ("s", "o"), low=False)
    assert not found.why_not
    assert found.frame.schema == PROPOSALS
    rows = {row["rule"]: row for row in found.frame.iter_rows(named=True)}
    assert rows["strong"]["proposed"] == 10
    assert 1 <= rows["often"]["proposed"] <= 3
    assert -10 <= rows["bad"]["proposed"] <= -7
    # 0.02 for every ten units are too little for a weight from 1 to 10, so the unit grows.
    assert rows["worth"]["proposed"] >= 1
    assert rows["worth"]["per"] >= 20
    assert rows["strong"]["low"] <= 10 <= rows["strong"]["high"]
    first = found.frame.row(0, named=True)
    assert first["proposed_auc"] > first["auc"]
    assert first["lead_low"] > 0
    assert (first["fitted_until"], first["tested_on"]) == (DAY + timedelta(days=30), DAY + timedelta(days=60))


def test_the_latest_date_is_never_fitted_to(people: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    judged, points = people
    last = judged["as_of"].max()
    spoilt = judged.with_columns(
        pl.when(pl.col("as_of") == last).then(~pl.col("outcome")).otherwise("outcome").alias("outcome")
    )
    one, other = (propose(each, points, RULES, ("s", "o"), low=False) for each in (judged, spoilt))
    fitted = ["rule", "weight", "proposed", "per", "low", "high"]
    assert one.frame.select(fitted).equals(other.frame.select(fitted))
    assert one.frame["proposed_auc"][0] > 0.6 > other.frame["proposed_auc"][0]


def test_no_weight_has_another_sign_than_declared(people: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """Who declares that something good is bad gets it left out, not turned round."""
    judged, points = people
    flat = points.with_columns(
        pl.col("contributions").list.eval(
            pl.element().struct.with_fields(
                points=pl.when(pl.element().struct.field("rule") == "strong")
                .then(-pl.element().struct.field("points"))
                .otherwise(pl.element().struct.field("points"))
            )
        )
    )
    rules = [Rule("strong", -1.0, None) if rule.key == "strong" else rule for rule in RULES]
    found = propose(judged, flat, rules, ("s", "o"), low=False)
    assert dict(found.frame.select("rule", "proposed").iter_rows())["strong"] == 0


def test_a_churn_is_fitted_through_its_absence(people: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    judged, points = people
    churn = judged.with_columns(~pl.col("outcome"), -pl.col("score"))
    one, other = (
        propose(judged, points, RULES, ("s", "o"), low=False),
        propose(churn, points, RULES, ("s", "o"), low=True),
    )
    assert one.frame.equals(other.frame)


def test_what_cannot_be_fitted_is_said(people: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    judged, points = people
    alone = judged.filter(pl.col("as_of") == DAY)
    assert (
        propose(alone, points, RULES, ("s", "o"), low=False).why_not
        == "two as-of dates are needed, and there is 1"
    )
    assert propose(JUDGED.to_frame(), POINTS.to_frame(), RULES, ("s", "o"), low=False).why_not.endswith(
        "there is none"
    )
    never = judged.with_columns(outcome=pl.lit(value=False))
    found = propose(never, points, RULES, ("s", "o"), low=False)
    assert (
        found.why_not
        == "0 of 5,000 people had the outcome on the earlier dates, 20 with it and 20 without are needed"
    )
    assert found.frame["proposed"].null_count() == len(RULES)
    nothing = points.with_columns(contributions=pl.lit([], dtype=POINTS["contributions"]))
    assert "no rule foretells" in propose(judged, nothing, RULES, ("s", "o"), low=False).why_not
    assert propose(judged, points, [], ("s", "o"), low=False).why_not == "no rule weighs anything"


def test_the_order_of_rows_changes_no_weight_and_no_interval() -> None:
    judged, points = known(400)
    turned = judged.sample(fraction=1, shuffle=True, seed=1), points.sample(fraction=1, shuffle=True, seed=2)
    one, other = (propose(*each, RULES, ("s", "o"), low=False) for each in ((judged, points), turned))
    assert one.frame["low"].null_count() == 0
    assert one.frame.equals(other.frame)


def test_without_signs_the_regression_is_scikit_learns() -> None:
    random = np.random.default_rng(2)
    given = random.normal(size=(600, 3))
    happened = (random.random(600) < 1 / (1 + np.exp(-(given @ [1.0, 0.5, 0.2] - 0.3)))).astype(np.float64)
    often = random.integers(1, 4, 600).astype(np.float64)
    weights, free = logistic(given, happened, often, np.ones(3), np.ones((600, 1)), penalty=2.0)
    theirs = LogisticRegression(C=0.5, tol=1e-10).fit(given, happened, sample_weight=often)
    assert weights == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert free[0] == pytest.approx(theirs.intercept_[0], abs=1e-3)
    held, _ = logistic(given, happened, often, np.array([-1.0, 1.0, 1.0]), np.ones((600, 1)), penalty=2.0)
    assert held[0] == 0
    assert held[1] > 0


def test_rounding_keeps_to_one_and_ten() -> None:
    rules = [
        Rule("a", 1, None),
        Rule("b", 1, None),
        Rule("c", -1, None),
        Rule("d", 2, 10.0),
        Rule("e", 1, 5.0),
    ]
    found = rounded(np.array([1.0, 0.04, -0.33, 0.004, 2.0]), rules, stretch=10.0)
    assert found.weights == (10, 0, -3, 1, 10)
    assert found.pers == (
        None,
        None,
        None,
        200.0,
        2.0,
    )  # 0.04 for ten is 1 for 250; 20 for five is 10 for 2.5
    given = np.array([[1.0, 1.0, 1.0, 3.0, 1.0]])
    assert found.points(given, rules) == pytest.approx([10 - 3 + 3 * 10 / 200 + 10 * 5 / 2])


def test_rules_that_weigh_nothing_are_left_alone() -> None:
    made = score(rules=[{"event": "opened", "weight": 3}, {"event": "ordered", "weight": 2, "per": 10}])
    assert fitted_rules(made, ["one", "two"]) == [Rule("one", 3.0, None), Rule("two", 2.0, 10.0)]


def test_without_the_extra_the_remedy_is_named(
    people: tuple[pl.DataFrame, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'engagement-pipeline\[quality\]'"):
        propose(*people, RULES, ("s", "o"), low=False)
