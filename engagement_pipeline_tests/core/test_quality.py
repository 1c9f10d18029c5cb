"""The verdict on made-up people whose truth is known, and the figures beside it."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from engagement_pipeline.core.outcomes import JUDGED, MODELS
from engagement_pipeline.core.quality import (
    AUC,
    BEATS,
    CALIBRATION,
    EVERYONE,
    LEAD,
    LIFT,
    RATIO,
    Quality,
    quality,
    untold,
)
from engagement_pipeline.core.quality_frames import DECILES, QUALITY
from engagement_pipeline.core.readings import FEWEST, expected_rates

DAY = date(2026, 3, 1)


def people(
    count: int = 1500,
    *,
    dates: int = 1,
    score: float = 1.0,
    recency: float = 0.0,
    rate: float = 0.1,
    seed: int = 7,
    jump: float = 1.0,
) -> pl.DataFrame:
    """`outcomes.JUDGED`: how much of the truth the score and recency hold, between -1 and 1; `jump` is how
    many times as many outcomes the latest date has."""
    random = np.random.default_rng(seed)
    parts = []
    for step in range(dates):
        truth = random.normal(size=count)
        chance = 1 / (1 + np.exp(-(2 * truth + np.log(rate / (1 - rate)))))
        times = jump if step == dates - 1 else 1.0

        def mixed(share: float, truth: np.ndarray = truth) -> np.ndarray:
            return share * truth + (1 - abs(share)) * random.normal(size=count)

        parts.append(
            pl.DataFrame(
                {
                    "as_of": [DAY + timedelta(days=30 * step)] * count,
                    "person_id": [f"p{number:05}" for number in range(count)],
                    "outcome": random.random(count) < np.minimum(chance * times, 1),
                    "score": np.round(mixed(score), 2),
                    "days_since_last_event": mixed(recency),
                    "event_count": mixed(0.0),
                    "rfm": mixed(0.0),
                },
                schema=JUDGED,
            )
        )
    return pl.concat(parts)


def value(found: Quality, model: str, metric: str, as_of: date | None = None) -> tuple[float, float, float]:
    day = pl.col("as_of").is_null() if as_of is None else pl.col("as_of") == as_of
    row = found.figures.filter(day, pl.col("model") == model, pl.col("metric") == metric)
    return row.select("value", "low", "high").row(0)


def test_a_score_that_knows_more_beats_recency() -> None:
    found = quality(people(score=0.9, recency=0.3), "s", "o")
    assert found.verdict.beats is True
    assert found.verdict.words.startswith("beats recency: AUC 0.")
    lead, low, _ = value(found, "days_since_last_event", LEAD)
    assert lead > low > 0
    assert value(found, "score", BEATS)[0] == 1.0


def test_a_score_that_knows_less_does_not_and_says_so() -> None:
    found = quality(people(score=0.3, recency=0.9), "s", "o")
    assert found.verdict.beats is False
    assert found.verdict.words.startswith("does not beat recency: AUC 0.")
    assert "behind by" in found.verdict.words


def test_one_that_is_as_good_is_not_proven_to_be_better() -> None:
    known = people(score=0.8)
    same = quality(known.with_columns(days_since_last_event=pl.col("score")), "s", "o")
    assert same.verdict.beats is False
    assert value(same, "days_since_last_event", LEAD) == (0.0, 0.0, 0.0)


def test_beating_recency_is_no_feat_where_another_baseline_does_as_well_or_recency_tells_nothing() -> None:
    known = people(score=0.9, recency=0.3)
    plain = quality(known, "s", "o").verdict.words
    assert ";" not in plain
    counted = quality(known.with_columns(event_count=pl.col("score")), "s", "o").verdict.words
    assert counted.startswith("beats recency: AUC 0.")
    assert "; event count foretells it as well (AUC 0." in counted
    alike = quality(known.with_columns(days_since_last_event=pl.lit(-30.0)), "s", "o").verdict.words
    assert alike.endswith("; recency tells nobody apart here")


def test_recency_tells_nobody_apart_only_where_it_is_the_same_for_everyone_of_a_date() -> None:
    """Its AUC is one half either way: here one of two people who are otherwise alike acted lately."""
    lately = people(750, score=0.9).with_columns(days_since_last_event=pl.lit(-1.0))
    long_ago = lately.with_columns(
        pl.format("q{}", "person_id").alias("person_id"), days_since_last_event=pl.lit(-30.0)
    )
    apart = quality(pl.concat([lately, long_ago]), "s", "o")
    assert value(apart, "days_since_last_event", AUC)[0] == 0.5
    assert apart.verdict.beats
    assert "nobody apart" not in apart.verdict.words
    later = long_ago.with_columns(pl.col("as_of") + timedelta(days=30))
    assert quality(pl.concat([lately, later]), "s", "o").verdict.words.endswith(
        "; recency tells nobody apart here"
    )


def test_a_score_that_points_the_wrong_way_is_told_so() -> None:
    found = quality(people(score=-0.9), "s", "o")
    assert found.verdict.words.startswith("does not beat recency and points the wrong way")


def test_a_baseline_that_points_the_wrong_way_is_turned_round() -> None:
    """A score must not look good beside one that is merely upside down."""
    known = people(score=0.5, recency=0.9)
    upside_down = known.with_columns(-pl.col("days_since_last_event"))
    straight, turned = quality(known, "s", "o"), quality(upside_down, "s", "o")
    assert "days_since_last_event" in turned.turned
    assert "days_since_last_event" not in straight.turned
    same = ("days_since_last_event", AUC)
    assert value(straight, *same) == value(turned, *same)
    assert turned.verdict == straight.verdict


def test_a_score_that_is_the_same_for_everyone_says_nothing() -> None:
    found = quality(people(recency=0.5).with_columns(score=pl.lit(3.0)), "s", "o")
    assert found.verdict.words.startswith("does not beat recency: everyone has the same score (AUC 0.500")
    tenths = found.deciles.filter(pl.col("model") == "score", pl.col("as_of").is_null())
    assert tenths["lift"].to_list() == pytest.approx([1.0] * 10)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (JUDGED.to_frame(), "cannot tell: nobody can be judged"),
        (
            people(300).with_columns(outcome=pl.lit(value=False)),
            "cannot tell: only 0 of 300 had the outcome, 20 are needed",
        ),
        (
            people(300).with_columns(outcome=pl.lit(value=True)),
            "cannot tell: only 0 of 300 did not have the outcome, 20 are needed",
        ),
        (
            people(300).with_columns(outcome=pl.int_range(300) < FEWEST - 1),
            "cannot tell: only 19 of 300 had the outcome, 20 are needed",
        ),
    ],
)
def test_too_few_is_said_and_never_hidden(known: pl.DataFrame, words: str) -> None:
    found = quality(known, "s", "o")
    assert found.verdict == (None, words)
    assert found.figures.filter(pl.col("metric") == BEATS)["says"].to_list() == [words]
    assert found.figures.filter(pl.col("metric") == AUC).is_empty()
    assert found.deciles.is_empty()
    assert value(found, EVERYONE, "people")[0] == known.height


def test_a_few_people_on_many_dates_are_a_few_people() -> None:
    """Three of them, one of whom always has the outcome, are put in the right order on every date."""
    three = people(3, dates=30).with_columns(outcome=pl.col("person_id") == "p00000")
    told = quality(three.with_columns(score=pl.col("outcome").cast(pl.Float64)), "s", "o")
    assert told.verdict == (None, "cannot tell: only 1 of 3 had the outcome, 20 are needed")
    assert value(told, EVERYONE, "outcomes")[0] == 30
    assert quality(people(5, dates=60, rate=0.3, score=0.9), "s", "o").verdict.beats is None


@pytest.mark.parametrize("silent", [0, 1])
def test_a_date_on_which_nobody_or_everybody_had_the_outcome_adds_nothing(silent: int) -> None:
    """The other date's figures are those it has alone, and no number is made up for this one."""
    days = [DAY, DAY + timedelta(days=30)]
    known, on = people(400, dates=2, score=0.8, recency=0.3), pl.col("as_of") == days[silent]
    for everybody in (True, False):
        given = known.with_columns(outcome=pl.when(on).then(pl.lit(everybody)).otherwise("outcome"))
        found = quality(given, "s", "o")
        alone = quality(given.filter(~on), "s", "o")
        assert value(found, "score", AUC)[0] == value(alone, "score", AUC)[0]
        told = found.figures.filter(pl.col("as_of") == days[silent])
        assert set(told["metric"]) == {"people", "outcomes", "rate"}
        for frame in (found.figures, found.deciles):
            numbers = frame.select(pl.selectors.float())
            assert not any(numbers[name].is_nan().any() for name in numbers.columns)


def test_where_nobody_can_be_judged_the_reason_is_the_verdict() -> None:
    found = untold("s", "o", "3 days of data are there, 60 are needed")
    assert found.verdict == (None, "cannot tell: 3 days of data are there, 60 are needed")
    assert found.figures.height == 1


def test_auc_compares_people_of_the_same_date_alone() -> None:
    """On the second date everyone scores higher and fewer have the outcome: between dates the score would
    seem to point the wrong way."""
    first, second = people(800, seed=1, rate=0.4), people(800, seed=2, rate=0.05)
    later = second.with_columns(pl.col("as_of") + timedelta(days=30), pl.col("score") + 100)
    found = quality(pl.concat([first, later]), "s", "o")
    by_date, pairs = [], []
    for part in (first, later):
        had = int(part["outcome"].sum())
        by_date.append(roc_auc_score(part["outcome"], part["score"]))
        pairs.append(had * (part.height - had))
    assert value(found, "score", AUC)[0] == pytest.approx(np.average(by_date, weights=pairs))
    assert value(found, "score", AUC, later["as_of"][0])[0] == pytest.approx(by_date[1])


def test_calibration_is_out_of_time() -> None:
    """Earlier dates say what to expect: right where nothing changed, half where outcomes doubled."""
    calm, doubled = (quality(people(4000, dates=3, jump=jump), "s", "o") for jump in (1.0, 2.0))
    latest = DAY + timedelta(days=60)
    ratio, low, high = value(calm, "score", RATIO, latest)
    assert low <= 1.0 <= high
    assert value(calm, "score", CALIBRATION, latest)[0] < 0.03
    assert value(doubled, "score", RATIO, latest)[0] == pytest.approx(0.55 * ratio, rel=0.15)
    assert value(doubled, "score", CALIBRATION, latest)[0] > 0.05
    others = calm.figures.filter(pl.col("metric") == RATIO)
    assert others["as_of"].unique().to_list() == [latest]
    single = quality(people(), "s", "o")
    assert single.figures.filter(pl.col("metric").is_in([RATIO, CALIBRATION])).is_empty()


def test_expected_rates_are_those_of_people_alike() -> None:
    before = np.repeat(np.arange(10.0), 100)
    outcomes = np.tile(np.arange(100), 10) < np.repeat(np.arange(10), 100) * 10
    values = np.array([0.0, 4.0, 9.0, 50.0, -3.0])
    assert expected_rates(before, outcomes, values) == pytest.approx([0.0, 0.4, 0.9, 0.9, 0.0])
    alike = expected_rates(np.zeros(50), np.arange(50) < 10, np.array([0.0, 1.0]))
    assert alike == pytest.approx([0.2, 0.2])
    assert brier_score_loss(outcomes, expected_rates(before, outcomes, before)) < 0.25


def test_the_order_of_rows_and_a_second_run_change_nothing() -> None:
    known = people(dates=2)
    one, other = quality(known, "s", "o"), quality(known.sample(fraction=1, shuffle=True, seed=3), "s", "o")
    assert one.figures.equals(other.figures)
    assert one.deciles.equals(other.deciles)


def test_people_are_drawn_with_all_their_dates() -> None:
    """The same people twice are no more people: the interval stays as wide."""
    once = people(600, score=0.5)
    twice = pl.concat([once, once.with_columns(pl.col("as_of") + timedelta(days=30))])
    (_, low, high), (_, low2, high2) = (
        value(quality(each, "s", "o"), "score", AUC) for each in (once, twice)
    )
    assert high - low == pytest.approx(high2 - low2, rel=0.05)


def test_every_figure_has_its_place() -> None:
    found = quality(people(dates=2), "s", "o")
    assert found.figures.schema == QUALITY
    assert found.deciles.schema == DECILES
    grain = ["outcome", "as_of", "model", "metric"]
    assert found.figures.select(grain).is_duplicated().sum() == 0
    sums = found.deciles.group_by("as_of", "model").agg(pl.col("people").sum(), pl.col("outcomes").sum())
    assert set(sums["model"]) == set(MODELS)
    assert sums.filter(pl.col("as_of").is_null())["people"].to_list() == pytest.approx([3000.0] * 4)
    top, low, high = value(found, "score", LIFT)
    assert low <= top <= high
    assert top > 2
