import polars as pl

from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.reports.bands import band_counts, unscored

SCORE = Score.model_validate(
    {
        "score": "email",
        "goal": "Reads our mails?",
        "owner": "team:mail",
        "window": 30,
        "rules": [{"event": "email_opened", "weight": 3}],
        "scale": {"method": "linear", "range": [0, 10], "domain": [0, 50]},
        "bands": {"low": [0, 4], "medium": [4, 8], "high": [8, 10]},
    }
)
SCORES = pl.DataFrame(
    {
        "score": [1.0, 2.0, 9.0, 0.0, None],
        "band": ["low", "low", "high", "low", None],
        "state": ["scored", "scored", "provisional", "inactive", "unscored"],
    }
)


def test_every_band_is_counted_in_its_order_and_the_unscored_apart() -> None:
    assert band_counts(SCORES, SCORE).rows() == [("low", 3, 0.75), ("medium", 0, 0.0), ("high", 1, 0.25)]
    assert unscored(SCORES) == 1


def test_a_score_without_bands_has_one_row() -> None:
    assert band_counts(SCORES, SCORE.model_copy(update={"bands": {}})).rows() == [("all", 4, 1.0)]


def test_nobody_scored_divides_nothing() -> None:
    assert band_counts(SCORES.clear(), SCORE)["share"].to_list() == [0.0, 0.0, 0.0]
