"""What `score_changes/<score>` promises: parts that add up to the change.

Not here: the other tables (`tables`).
"""

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Score
from engagement_pipeline.contracts.rules import Contract
from engagement_pipeline.core import frames


def changes(name: str, catalog: Catalog) -> Contract:
    """`score_changes/<score>`: a row per person and as-of date, whose parts add up."""
    score: Score = catalog.scores[name]
    parts = {what: [f"{what}_{cause}" for cause in frames.CAUSES] for what in ("points", "score")}
    parts["points"].remove("points_reference")
    end, start = pl.col("score_after").is_not_null(), pl.col("score_before").is_not_null()
    both = end & start

    def whole(column: str) -> pl.Expr:
        return pl.col(column).fill_null(0).cast(pl.Int128)

    rules = {
        "compared_with: before the date": pl.col("compared_with") < pl.col("as_of"),
        "points_change: the difference": whole("points_change")
        == whole("points_after") - whole("points_before"),
        "points_change: the sum of its parts": whole("points_change")
        == pl.sum_horizontal(map(whole, parts["points"])),
        "score_change: given exactly with both scores": pl.col("score_change").is_not_null() == both,
        "score_change: the difference": pl.col("score_change")
        == pl.col("score_after") - pl.col("score_before"),
        "score_change: the sum of its parts": pl.col("score_new_behaviour").is_null()
        | (whole("score_change") == pl.sum_horizontal(map(whole, parts["score"]))),
        "score_change: all of its parts or none": pl.sum_horizontal(
            pl.col(each).is_null().cast(pl.Int8) for each in parts["score"]
        ).is_in([0, len(parts["score"])]),
        "band_after: of the definition": pl.col("band_after").is_in(list(score.bands)),
    }
    given = {"as_of", "compared_with", "person_id", "points_change", *parts["points"]}
    return frames.CHANGES, ["as_of", "person_id"], set(frames.CHANGES) - given, rules
