"""How much of a score rests on events that a machine did: opens that nobody may have seen.

Here: the shares, from daily measures. Not here: which events those are (`machine`) and points (`points`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.core.measures import SHADOW
from engagement_pipeline.core.plan import ScorePlan


@dataclass(frozen=True)
class Unverified:
    """What machine events are of one score on one date, over all people and before caps."""

    share: float | None
    """Of the size of the points, 0 to 1; None where nobody has any."""
    by_rule: dict[str, float]
    """Rule -> share of its quantity; rules that count machine events and found anything."""
    lacking: int
    """Days of the window on which machine events were not counted apart yet: the shares are of the others."""


def unverified(
    daily: pl.LazyFrame,
    covered: pl.LazyFrame,
    plan: ScorePlan,
    shadows: frozenset[str],
    start: date,
    as_of: date,
) -> Unverified | None:
    """The shares on a date; None for a score without a rule that counts machine events.

    Days count as their events do, as if there were a cap. Of first times, streaks and rates only the rule's
    own share is known, which is that of their events.

    daily: `frames.DAILY_MEASURES`, or what `by_day` gives of them and of messages. covered: `event_date`,
    `measure`, what was computed. shadows: ids of the measures that count machine events alone
    (`measures.shadow_of`). start: the project's first day.
    """
    # A rule about silence rests on what did not happen.
    rules = [rule for rule in plan.counting if rule.measure + SHADOW in shadows]
    if not rules:
        return None
    first = max(start, as_of - timedelta(days=plan.window - 1))
    wanted = sorted({rule.measure + SHADOW for rule in rules})
    within = pl.col("event_date").is_between(pl.lit(first), pl.lit(as_of))
    days = (
        covered.filter(within, pl.col("measure").is_in(wanted))
        .group_by("event_date")
        .agg(pl.col("measure").n_unique())
        .filter(pl.col("measure") == len(wanted))
        .select("event_date")
        .collect()["event_date"]
    )
    ids = sorted({rule.measure for rule in plan.counting} | set(wanted))
    inside = daily.filter(pl.col("event_date").is_in(days.implode()), pl.col("measure").is_in(ids))
    sums = by_day(inside).collect()
    found: dict[str, dict[date, int]] = {measure: {} for measure in ids}
    for measure, day, quantity in sums.iter_rows():
        found[measure][day] = quantity
    whole = machine = 0.0
    by_rule = {}
    for rule in plan.counting:
        adds_up = rule.per is None and rule.reads.kind not in ("first", "streak")
        if adds_up:
            whole += _points(found[rule.measure], rule.factors, rule.divisor, as_of)
        if rule in rules:
            alone = found[rule.measure + SHADOW]
            if adds_up:
                machine += _points(alone, rule.factors, rule.divisor, as_of)
            if total := sum(map(abs, found[rule.measure].values())):
                by_rule[rule.key] = sum(map(abs, alone.values())) / total
    return Unverified(machine / whole if whole else None, by_rule, (as_of - first).days + 1 - len(days))


def by_day(daily: pl.LazyFrame, messages: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """`measure`, `event_date`, `quantity` (Int128): everybody together. daily: `frames.DAILY_MEASURES`;
    messages: `frames.DAILY_MESSAGES`, each counted on every one of its days."""
    found = daily.group_by("measure", "event_date").agg(pl.col("quantity").cast(pl.Int128).sum())
    if messages is None:
        return found
    told = messages.group_by("measure", "event_date").agg(quantity=pl.len().cast(pl.Int128))
    return pl.concat([found, told])


def _points(by_day: dict[date, int], factors: tuple[int, ...], divisor: int, as_of: date) -> float:
    """The size of the points that quantities of these days give."""
    ages = ((n, (as_of - day).days) for day, n in by_day.items())
    return sum(abs(n) * abs(factors[age]) / divisor for n, age in ages if age < len(factors))
