"""Weights that an outcome would have given a score's rules, beside those that people chose.

Here: fitting them on the earlier dates, turning them into 1 to 10, testing both on the latest date. Nothing
is ever applied by itself. Not here: the regression (`fitting`), who is judged when (`outcomes`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engagement_pipeline.catalog.specs import EventRule, Score
from engagement_pipeline.core.fitting import Fit
from engagement_pipeline.core.frames import POINT
from engagement_pipeline.core.outcomes import SCORE
from engagement_pipeline.core.quality_frames import PROPOSALS
from engagement_pipeline.core.ranking import Curve, Floats, draws, interval
from engagement_pipeline.core.readings import FEWEST

MOST = 10.0
"""Weights lie between 1 and this."""
STRETCHES = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""How far above 10 the largest weight may lie before it is cut, so that small ones survive being rounded."""
STEPS = (1.0, 2.0, 5.0, 10.0)
"""Units of rules on values: these times a power of ten."""


@dataclass(frozen=True)
class Rule:
    """A rule whose weight is fitted."""

    key: str
    weight: float
    per: float | None
    """Of a rule on values, whose unit may be changed instead of its weight."""


@dataclass(frozen=True)
class Proposal:
    """What fitting came to."""

    frame: pl.DataFrame
    """`quality_frames.PROPOSALS`; null where nothing is proposed."""
    why_not: str = ""
    """Why nothing is, in words."""


@dataclass(frozen=True)
class Rounded:
    """Weights between 1 and 10 in size, or 0: leave the rule out."""

    weights: tuple[float, ...]
    pers: tuple[float | None, ...]
    stretch: float
    """What a fitted weight was multiplied by."""

    def points(self, given: Floats, rules: Sequence[Rule]) -> Floats:
        """By row: what they would give."""
        units = [
            rule.per / per if rule.per and per else 1.0 for rule, per in zip(rules, self.pers, strict=True)
        ]
        found: Floats = given @ (np.array(self.weights) * np.array(units))
        return found


def fitted_rules(score: Score, keys: Sequence[str]) -> list[Rule]:
    """The rules of a definition, but for those that weigh nothing. keys: what they are called, in their
    order."""
    return [
        Rule(key, rule.weight, rule.per if isinstance(rule, EventRule) else None)
        for key, rule in zip(keys, score.rules, strict=True)
        if rule.weight
    ]


def propose(
    judged: pl.DataFrame, points: pl.DataFrame, rules: Sequence[Rule], names: tuple[str, str], low: bool
) -> Proposal:
    """Fits on all dates but the latest, by which the outcomes of the others have passed, and tests on that.

    judged: `outcomes.JUDGED`. points: `frames.POINTS` of the same dates. names: of the score and the outcome.
    low: whether low scores should mean the outcome: weights then speak for its absence. Raises
    fitting.ExtraMissing.
    """
    dates = judged["as_of"].unique().sort().to_list()
    if len(dates) < 2:
        return Proposal(
            _frame(names, rules), f"two as-of dates are needed, and there is {len(dates) or 'none'}"
        )
    if not rules:
        return Proposal(_frame(names, rules), "no rule weighs anything")
    told = _told(judged, points, rules, low)
    day = pl.col("as_of")
    before, last = told.filter(day < dates[-1]), told.filter(day == dates[-1])
    for part, which in ((before, "the earlier dates"), (last, str(dates[-1]))):
        had = int(part["happened"].sum())
        if min(had, part.height - had) < FEWEST:
            said = (
                f"{part.height - had if low else had:,} of {part.height:,} people had the outcome on {which}"
            )
            return Proposal(_frame(names, rules), f"{said}, {FEWEST} with it and {FEWEST} without are needed")
    fit = Fit.of(
        _matrix(before, rules),
        before["happened"].to_numpy(),
        _numbers(before["as_of"]),
        _numbers(before["person_id"]),
        np.array([math.copysign(1.0, rule.weight) for rule in rules]),
    )
    penalty = fit.penalty()
    fitted = fit.weights(penalty)
    if not np.abs(fitted).max() > 0:
        return Proposal(_frame(names, rules), "with the declared signs no rule foretells the outcome at all")
    found = _best(fitted, rules, before)
    drawn = np.array(list(fit.drawn(penalty))) * found.stretch
    spans = [interval(drawn[:, place]) for place in range(len(rules))]
    columns: dict[str, object] = {
        "proposed": list(found.weights),
        "per": list(found.pers),
        "low": [span[0] for span in spans],
        "high": [span[1] for span in spans],
        "fitted_until": dates[-2],
        "tested_on": dates[-1],
        **_tested(last, rules, found),
    }
    return Proposal(_frame(names, rules, columns))


def rounded(fitted: Floats, rules: Sequence[Rule], stretch: float) -> Rounded:
    """Fitted weights times `stretch` as whole numbers from 1 to 10, with their sign; what would be less than
    one half is left out. A rule on values gets another unit instead of a weight below 1 or above 10."""
    weights, pers = [], []
    for weight, rule in zip(fitted * stretch, rules, strict=True):
        size, per = abs(float(weight)), rule.per
        if per is not None and size > 0 and not 1 <= size <= MOST:
            whole = 1.0 if size < 1 else MOST
            per = _nice(per * whole / size)
            size = whole
        size = min(MOST, math.floor(size + 0.5))
        weights.append(math.copysign(size, rule.weight) if size else 0.0)
        pers.append(per)
    return Rounded(tuple(weights), tuple(pers), stretch)


def _best(fitted: Floats, rules: Sequence[Rule], before: pl.DataFrame) -> Rounded:
    """The stretch after which rounding loses least, by AUC on the dates that the weights were fitted on."""
    given, happened = _matrix(before, rules), before["happened"].to_numpy()
    largest = np.abs(fitted).max()
    tried = [rounded(fitted, rules, MOST * stretch / largest) for stretch in STRETCHES]
    everyone = np.ones(len(happened))
    aucs = [_auc(Curve.of(each.points(given, rules), happened), everyone) for each in tried]
    return tried[int(np.argmax(aucs))]


def _tested(last: pl.DataFrame, rules: Sequence[Rule], found: Rounded) -> Mapping[str, object]:
    """AUC of the score as it is and as proposed, on the date that the fit never saw."""
    happened = last["happened"].to_numpy()
    mine = Curve.of(last[SCORE].to_numpy(), happened)
    proposed = Curve.of(found.points(_matrix(last, rules), rules), happened)
    by_draw = np.array(
        [(_auc(mine, weights), _auc(proposed, weights)) for weights in draws(last.height, last.height)]
    )
    lead = by_draw[:, 1] - by_draw[:, 0]
    lead_low, lead_high = interval(lead[1:])
    return {
        "auc": float(by_draw[0, 0]),
        "proposed_auc": float(by_draw[0, 1]),
        "lead": float(lead[0]),
        "lead_low": lead_low,
        "lead_high": lead_high,
    }


def _auc(curve: Curve, weights: Floats) -> float:
    read = curve.read(weights)
    return read.area / read.pairs if read.pairs else math.nan


def _told(judged: pl.DataFrame, points: pl.DataFrame, rules: Sequence[Rule], low: bool) -> pl.DataFrame:
    """Everyone judged with `happened`, `score` (higher: likelier) and what each rule found, `x0` on."""
    each = points.select("as_of", "person_id", "contributions").explode("contributions")
    flat = each.drop_nulls("contributions").unnest("contributions")
    # Before the caps that rules share, and with a weight of one.
    given = (pl.col("points") + pl.col("group_loss")).cast(pl.Float64)
    found = flat.group_by("as_of", "person_id").agg(
        (given.filter(pl.col("rule") == rule.key).sum() * (1 / (rule.weight * POINT))).alias(f"x{place}")
        for place, rule in enumerate(rules)
    )
    columns = [f"x{place}" for place in range(len(rules))]
    outcome, score = pl.col("outcome"), pl.col(SCORE)
    return (
        judged.join(found, on=["as_of", "person_id"], how="left")
        .with_columns(pl.col(columns).fill_null(0.0))
        .select(
            "as_of",
            "person_id",
            (~outcome if low else outcome).alias("happened"),
            (-score if low else score).alias(SCORE),
            *columns,
        )
        .sort("as_of", "person_id")
    )


def _matrix(told: pl.DataFrame, rules: Sequence[Rule]) -> Floats:
    return told.select(f"x{place}" for place in range(len(rules))).to_numpy()


def _numbers(column: pl.Series) -> np.typing.NDArray[np.int64]:
    return (column.rank("dense").cast(pl.Int64) - 1).to_numpy()


def _nice(number: float) -> float:
    """The nearest of 1, 2, 5, 10, 20 and so on, by ratio."""
    power = 10.0 ** math.floor(math.log10(number))
    return min((step * power for step in STEPS), key=lambda each: abs(math.log(each / number)))


def _frame(
    names: tuple[str, str], rules: Sequence[Rule], columns: Mapping[str, object] | None = None
) -> pl.DataFrame:
    known = {
        "score": names[0],
        "outcome": names[1],
        "rule": [rule.key for rule in rules],
        "weight": [rule.weight for rule in rules],
        **(columns or {}),
    }
    return pl.DataFrame({name: known.get(name) for name in PROPOSALS}, schema=PROPOSALS)
