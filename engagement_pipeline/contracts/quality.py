"""What the tables about the quality of scores promise.

Here: their grain and ranges. Not here: the other tables (`tables`).
"""

from collections.abc import Mapping

import polars as pl

from engagement_pipeline.catalog.judging import judged_by
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.contracts.rules import Contract
from engagement_pipeline.core import quality_frames
from engagement_pipeline.core.outcomes import MODELS
from engagement_pipeline.core.quality import AUC, BEATS, EVERYONE, KS, METRICS
from engagement_pipeline.core.ranking import TENTHS


def quality(name: str, catalog: Catalog) -> Contract:
    """`score_quality/<score>`: a figure per outcome, date, model and metric."""
    share = pl.col("metric").is_in([AUC, KS, "rate", BEATS])
    rules = {
        **_of(name, catalog),
        "model: known": pl.col("model").is_in([EVERYONE, *MODELS]),
        "metric: known": pl.col("metric").is_in(METRICS),
        "value: finite": pl.col("value").is_finite(),
        "value: a share": ~share | pl.col("value").is_between(0, 1),
        "value: within its interval": pl.col("value").is_between(pl.col("low"), pl.col("high")),
        "says: given exactly for the verdict": pl.col("says").is_not_null() == (pl.col("metric") == BEATS),
    }
    grain = ["score", "outcome", "as_of", "model", "metric"]
    return quality_frames.QUALITY, grain, ["as_of", "value", "low", "high", "says"], rules


def deciles(name: str, catalog: Catalog) -> Contract:
    """`score_deciles/<score>`: a tenth of the people per outcome, date and model."""
    rules = {
        **_of(name, catalog),
        "model: known": pl.col("model").is_in(MODELS),
        "decile: one of ten": pl.col("decile").is_between(1, TENTHS),
        # Tenths are shared evenly, so they are sums of fractions.
        "outcomes: no more than people": pl.col("outcomes") <= pl.col("people") + 1e-6,
        "rate: a share": pl.col("rate").is_between(-1e-9, 1 + 1e-9),
        "expected: a share": pl.col("expected").is_between(-1e-9, 1 + 1e-9),
    }
    grain = ["score", "outcome", "as_of", "model", "decile"]
    return quality_frames.DECILES, grain, ["as_of", "low", "high", "expected"], rules


def proposals(name: str, catalog: Catalog) -> Contract:
    """`weight_proposal/<score>`: a rule per outcome."""
    weight, proposed = pl.col("weight"), pl.col("proposed")
    rules = {
        **_of(name, catalog),
        "proposed: of the declared sign": (proposed == 0) | (proposed.sign() == weight.sign()),
        "proposed: 1 to 10 in size, or left out": (proposed == 0) | proposed.abs().is_between(1, 10),
        "fitted_until: before the test": pl.col("fitted_until") <= pl.col("tested_on"),
    }
    nullable = set(quality_frames.PROPOSALS) - {"score", "outcome", "rule", "weight"}
    return quality_frames.PROPOSALS, ["score", "outcome", "rule"], nullable, rules


def _of(name: str, catalog: Catalog) -> Mapping[str, pl.Expr]:
    outcomes = [each.outcome for each in judged_by(catalog, name)]
    return {
        "score: the table's own": pl.col("score") == name,
        "outcome: one that judges it": pl.col("outcome").is_in(outcomes),
    }
