"""How many people lie in each band: the figures under every picture and table of a score.

Here: counting. Not here: showing (`terminal`, `plots`).
"""

import polars as pl

from engagement_pipeline.catalog.specs import Score

BAND_COUNTS = pl.Schema({"band": pl.String(), "people": pl.Int64(), "share": pl.Float64()})


def band_counts(scores: pl.DataFrame, score: Score) -> pl.DataFrame:
    """`band`, `people`, `share` (of those who have a score): every declared band in order, empty ones too.

    scores: rows of `frames.SCORES` of one date, at least `band` and `state`. Who is unscored is in no band; a
    score without bands has one row, `all`.
    """
    valued = scores.filter(pl.col("state") != "unscored")
    if score.bands:
        counted = dict(valued.group_by("band").agg(pl.len()).iter_rows())
        people = [counted.get(band, 0) for band in score.bands]
    else:
        people = [valued.height]
    total = max(1, valued.height)
    return pl.DataFrame(
        {
            "band": list(score.bands) or ["all"],
            "people": people,
            "share": [number / total for number in people],
        },
        schema=BAND_COUNTS,
    )


def unscored(scores: pl.DataFrame) -> int:
    """How many people the score does not apply to."""
    return scores.filter(pl.col("state") == "unscored").height
