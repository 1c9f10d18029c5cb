"""Parts: other scores that a composite adds up.

Here: what each part gives a person, and who lacks one. Not here: the order in which scores are computed
(`catalog.loader`, and Dagster), and the parts themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from engagement_pipeline.catalog.specs import PartRule, Score
from engagement_pipeline.core.exact import BILLIONTH, narrow
from engagement_pipeline.core.frames import POINT

Missing = Literal["unscored", "zero", "reweight"]
_INT128_MAX = 2**127 - 1


@dataclass(frozen=True)
class Part:
    """One score and what it weighs."""

    key: str
    score: str
    weight: int
    """In billionths."""


@dataclass(frozen=True)
class Parts:
    """The parts of one composite; none of a score that is no composite."""

    parts: tuple[Part, ...] = ()
    missing: Missing = "unscored"

    @property
    def scores(self) -> tuple[str, ...]:
        """The scores that are read, each once, sorted."""
        return tuple(sorted({part.score for part in self.parts}))

    @property
    def columns(self) -> frozenset[str]:
        """The columns of people that parts read."""
        return frozenset(f"{what}.{score}" for what in ("score", "state") for score in self.scores)

    @property
    def needed(self) -> bool:
        """Whether who lacks a part (with `reweight`: all of them) has no score."""
        return bool(self.parts) and self.missing != "zero"


def plan_parts(score: Score, keys: Sequence[str]) -> Parts:
    """The parts that a definition names. keys: what its rules are called, in their order."""
    found = tuple(
        Part(key, rule.score, math.floor(rule.weight * BILLIONTH + 0.5))
        for key, rule in zip(keys, score.rules, strict=True)
        if isinstance(rule, PartRule)
    )
    return Parts(found, score.missing_parts)


def given_by(known: pl.LazyFrame, part: Part, parts: Parts) -> pl.LazyFrame:
    """`person_id`, `quantity` (the part's score in ten-thousandths), `points` and `active` of everyone who
    has the part. known: `person_id` and `Parts.columns`, see `facts.facts`; null is what does not fit.

    points = weight × score; with `reweight` × the size of all weights / the size of those of the parts that
    the person has. Exact, and rounded once, halves upwards. `active` is whether the person is more than
    inactive in the part.
    """
    score = pl.col(f"score.{part.score}")
    quantity = _in_ten_thousandths(score)
    # Dividing the weights by what they have in common keeps products far from 2^127.
    common = math.gcd(*(each.weight for each in parts.parts), BILLIONTH) or 1
    weights = {each.key: abs(each.weight) // common for each in parts.parts}
    factor = part.weight // common
    below = pl.lit(BILLIONTH // common, dtype=pl.Int128)
    if parts.missing == "reweight":
        factor *= sum(weights.values())
        below = below * pl.sum_horizontal(
            pl.when(pl.col(f"score.{each.score}").is_not_null())
            .then(pl.lit(weights[each.key], dtype=pl.Int128))
            .otherwise(pl.lit(0, dtype=pl.Int128))
            for each in parts.parts
        )
    most = _INT128_MAX // (4 * max(1, abs(factor)))
    wide = quantity.cast(pl.Int128)
    fits = pl.when(wide.abs() <= pl.lit(most, dtype=pl.Int128)).then(wide)
    product = fits * pl.lit(factor, dtype=pl.Int128)
    # A part that weighs nothing may be the only one there is.
    below = pl.when(below == 0).then(pl.lit(1, dtype=pl.Int128)).otherwise(below)
    return known.filter(score.is_not_null()).select(
        "person_id",
        quantity=quantity,
        points=narrow((2 * product + below) // (2 * below)),
        active=pl.col(f"state.{part.score}") != "inactive",
    )


def complete(known: pl.LazyFrame, parts: Parts) -> pl.LazyFrame:
    """`person_id` of who has enough parts to be scored: all of them, or with `reweight` any."""
    there = [pl.col(f"score.{score}").is_not_null() for score in parts.scores]
    enough = pl.any_horizontal(there) if parts.missing == "reweight" else pl.all_horizontal(there)
    return known.filter(enough).select("person_id")


def _in_ten_thousandths(score: pl.Expr) -> pl.Expr:
    """Int64, halves upwards; null where a score does not fit."""
    return (score * float(POINT) + 0.5).floor().cast(pl.Int64, strict=False)
