"""The columns and types of what scores are judged by: figures, tenths of the people, and proposed weights.

Here: schemas of the stored tables about quality. Not here: the frames that scores are made of (`frames`), and
computing these (`quality`, `weights`).
"""

import polars as pl

QUALITY = pl.Schema(
    {
        "score": pl.String(),
        "outcome": pl.String(),
        "as_of": pl.Date(),
        "model": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "says": pl.String(),
    }
)
"""A figure with its 95 % interval; `as_of` is null for all dates together, `says` is the verdict in words."""
DECILES = pl.Schema(
    {
        "score": pl.String(),
        "outcome": pl.String(),
        "as_of": pl.Date(),
        "model": pl.String(),
        "decile": pl.Int64(),
        "people": pl.Float64(),
        "outcomes": pl.Float64(),
        "rate": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "lift": pl.Float64(),
        "expected": pl.Float64(),
    }
)
"""A tenth of the people, 1 the one that the model thinks likeliest; equal predictions share what they have.
`expected` is the rate that the earlier dates foretold, on the latest date only."""
PROPOSALS = pl.Schema(
    {
        "score": pl.String(),
        "outcome": pl.String(),
        "rule": pl.String(),
        "weight": pl.Float64(),
        "proposed": pl.Float64(),
        "per": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "fitted_until": pl.Date(),
        "tested_on": pl.Date(),
        "auc": pl.Float64(),
        "proposed_auc": pl.Float64(),
        "lead": pl.Float64(),
        "lead_low": pl.Float64(),
        "lead_high": pl.Float64(),
    }
)
"""A rule's weight as declared, and as fitted to an outcome; the AUCs are the whole score's on the date that
the fit never saw."""
