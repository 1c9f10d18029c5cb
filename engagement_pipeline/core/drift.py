"""Drift: how far a frozen reference is from the people who are read against it today.

Here: comparing the two populations, and what a refit would move. Not here: fitting (`references`), and when a
reference is refitted: somebody decides that.
"""

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.references import fit
from engagement_pipeline.core.scales import banded, scaled

STABLE, WATCH = 0.1, 0.25
"""The usual limits of the population stability index (Siddiqi, Credit Risk Scorecards, 2006)."""
FAR = 0.1
"""Of the scale's range: without bands a score that a refit moves so far counts as moved."""
JUDGED = ("scored", "inactive")

Verdict = Literal["stable", "watch", "refit"]


@dataclass(frozen=True)
class Drift:
    """What became of a population since it was frozen."""

    psi: float
    """Population stability index over the deciles of the reference, see `psi`."""
    chance: float
    """What it is on average where nothing has changed, because people are few."""
    moved: float
    """Share of all scored people whose band a refit would change; without bands, whose score it would move by
    a tenth of the range or more."""
    by_band: bool
    people: int
    """In today's population."""
    reference_people: int

    @property
    def verdict(self) -> Verdict:
        """`stable`, `watch` or `refit`. What chance alone gives does not count."""
        if self.psi < STABLE + self.chance:
            return "stable"
        return "watch" if self.psi < WATCH + self.chance else "refit"

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        found = {
            "stable": "stable: the people of today are those of the reference",
            "watch": "watch: the people of today begin to differ from those of the reference",
            "refit": "refit: the people of today are no longer those of the reference",
        }
        moves = "change the band" if self.by_band else "move the score by a tenth of its range or more"
        return (
            f"{found[self.verdict]} (PSI {self.psi:.2f}); a refit would {moves} of {self.moved:.1%} of people"
        )


def drift_on(references: pl.LazyFrame, scores: pl.LazyFrame, plan: ScorePlan) -> Drift | None:
    """`drift` of the reference that the scores of one date were read against; None also where that was none
    of the `frames.REFERENCES` given, but their own date's."""
    read = scores.select(pl.col("reference").drop_nulls().first()).collect().item()
    if read is None:
        return None
    named = references.filter(pl.col("version") == read, pl.col("points_digest") == plan.points_digest)
    found = named.filter(pl.col("effective_from") == pl.col("effective_from").min())  # fitted twice alike
    return drift(found, scores, plan)


def drift(reference: pl.LazyFrame, scores: pl.LazyFrame, plan: ScorePlan) -> Drift | None:
    """What became of the population of a `HISTOGRAM`, a frozen reference of the plan.

    scores: `points` and `state` of one date, see `frames.SCORES`. None where nobody can be judged: the date
    is stale or provisional, or nobody belongs to the population any more.
    """
    judged = scores.filter(pl.col("state").is_in(JUDGED)).select("points", "state")
    everyone = fit(judged, "known").collect()
    today = everyone if plan.scale.population == "known" else fit(judged, plan.scale.population).collect()
    frozen = reference.select("points", "persons").sort("points").collect()
    if today.is_empty() or frozen.is_empty():
        return None
    before, now = _binned(frozen, today)
    people, reference_people = (int(each["persons"].sum()) for each in (today, frozen))
    return Drift(
        psi=psi(before, now),
        chance=(len(before) - 1) * (1 / people + 1 / reference_people),
        moved=_moved(everyone, frozen, today, plan),
        by_band=bool(plan.bands),
        people=people,
        reference_people=reference_people,
    )


def psi(before: list[int], now: list[int]) -> float:
    """Population stability index: the sum over bins of (a - e) × ln(a / e), e the share of people that a bin
    held before and a the share that it holds now.

    Where nothing changed it is (bins - 1) × (1 / people before + 1 / people now) on average, with the spread
    of a chi-square (Yurdakul, Statistical Properties of Population Stability Index, 2018). An empty bin
    counts as half a person, for no share has a ratio to none.
    """
    total, count = sum(before), sum(now)
    shares = [(max(e, 0.5) / total, max(a, 0.5) / count) for e, a in zip(before, now, strict=True)]
    return sum((a - e) * math.log(a / e) for e, a in shares)


def _binned(frozen: pl.DataFrame, today: pl.DataFrame) -> tuple[list[int], list[int]]:
    """People in the bins between the deciles of the reference, before and now; bins that are empty both times
    are left out.

    Points that several deciles fall upon, as the 0 of all who did nothing, are a bin of their own.
    """
    total = int(frozen["persons"].sum())
    upto = frozen["persons"].cum_sum()
    deciles = [frozen["points"].filter(10 * upto >= tenth * total)[0] for tenth in range(1, 10)]
    shared = {points for points in deciles if deciles.count(points) > 1}
    edges = pl.Series(sorted({*deciles, *(points - 1 for points in shared)}), dtype=pl.Int64)
    found = []
    for each in (frozen, today):
        counted = each.group_by(bin=edges.search_sorted(each["points"], side="left")).agg(
            pl.col("persons").sum()
        )
        found.append(dict(counted.iter_rows()))
    bins = sorted(found[0].keys() | found[1].keys())
    return [found[0].get(each, 0) for each in bins], [found[1].get(each, 0) for each in bins]


def _moved(everyone: pl.DataFrame, frozen: pl.DataFrame, today: pl.DataFrame, plan: ScorePlan) -> float:
    given = everyone.lazy()
    for name, histogram in (("before", frozen), ("after", today)):
        read = scaled(given, plan.scale, histogram.lazy())
        shown = banded(plan.bands) if plan.bands else pl.col("score")
        given = read.with_columns(shown.alias(name)).drop("score")
    if plan.bands:
        moves = pl.col("before") != pl.col("after")
    else:
        low, high = plan.scale.range or (0.0, 0.0)
        moves = (pl.col("after") - pl.col("before")).abs() >= FAR * (high - low)
    people = pl.col("persons")
    moved, total = given.select(people.filter(moves).sum(), people.sum().alias("all")).collect().row(0)
    return float(moved / total)
