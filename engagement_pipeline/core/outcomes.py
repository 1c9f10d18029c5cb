"""Outcomes: whom a score is judged on, as of which dates, what is known of them then, and what came of it.

Here: the guard against leakage. What predicts is read up to the as-of date and no further, the outcome only
after it, whatever frames are given. Not here: how well it was foretold (`quality`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.judging import chosen_rule, monetary_rule, outcome_rule
from engagement_pipeline.catalog.namespaces import profile_columns
from engagement_pipeline.catalog.specs import Catalog, Outcome
from engagement_pipeline.core.identity import resolve, stitched
from engagement_pipeline.core.measures import Measure, measure_of

RECENCY, COUNT, RFM = "days_since_last_event", "event_count", "rfm"
SCORE = "score"
BASELINES = (RECENCY, COUNT, RFM)
MODELS = (SCORE, *BASELINES)

JUDGED = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "outcome": pl.Boolean(),
        **{model: pl.Float64() for model in MODELS},
    }
)
"""A row per person and as-of date. The last four are predictions: the higher, the likelier the outcome."""


@dataclass(frozen=True)
class OutcomePlan:
    """One outcome, ready to be looked for."""

    outcome: Outcome
    looked_for: Measure
    chosen: Measure
    """What recency and frequency are counted from."""
    money: Measure | None
    applies_to: Condition | None

    @property
    def measures(self) -> list[str]:
        """Ids of the measures that are read, sorted."""
        return sorted({each.id for each in (self.looked_for, self.chosen, self.money) if each})


@dataclass(frozen=True)
class LeftOut:
    """Who was known on a date and is not judged, each for the first reason that fits."""

    does_not_apply: int = 0
    did_it_before: int = 0
    was_gone: int = 0
    unscored: int = 0


def plan_outcome(outcome: Outcome, catalog: Catalog) -> OutcomePlan:
    """Compile one outcome of a checked catalog."""
    money, said = monetary_rule(outcome, catalog), outcome.applies_to
    return OutcomePlan(
        outcome=outcome,
        looked_for=measure_of(outcome_rule(outcome, catalog), catalog),
        chosen=measure_of(chosen_rule(catalog), catalog),
        money=None if money is None else measure_of(money, catalog),
        applies_to=None if said is None else parse(said, profile_columns(catalog)),
    )


def judged_dates(first: date, last: date, within: int, window: int, most: int) -> list[date]:
    """The as-of dates on which a score can be judged, ascending: the latest whose outcome days have all
    passed, then back in steps of as many days, so that no day of an outcome counts for two dates, as far as
    history before them lasts (the score's window, or the outcome's days where they are fewer).

    first, last: the first and the last day that is known entirely.
    """
    enough = min(window, within)
    found = [last - timedelta(days=within * step) for step in range(1, most + 1)]
    return sorted(day for day in found if (day - first).days + 1 >= enough)


def happened(daily: pl.LazyFrame, plan: OutcomePlan, aliases: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """`person_id` of who did what the outcome looks for in its days after the date, by person as known at
    their end: ids that turn out by then to be one person count as one.

    daily: `frames.DAILY_MEASURES`, of which the days up to the date and beyond the outcome's are passed over.
    """
    end, day = as_of + timedelta(days=plan.outcome.within), pl.col("event_date")
    rows = daily.filter(pl.col("measure") == plan.looked_for.id, pl.col("quantity") != 0)
    return resolve(rows.filter(day > as_of, day <= end).select("person_id"), aliases, end).unique()


def baselines(
    daily: pl.LazyFrame, plan: OutcomePlan, aliases: pl.LazyFrame, as_of: date, window: int
) -> pl.LazyFrame:
    """What is known of everyone who ever did anything that the plan measures.

    `person_id`; `last` (Date) on which they chose to do anything, `did` (Date) on which they last did what
    the outcome looks for; `events`, how many they chose in the window; `money` (Int64 hundredths in the
    window, null where nothing says what money is).

    daily: `frames.DAILY_MEASURES`; days after `as_of` are passed over.
    """
    day, known = pl.col("event_date"), daily.filter(pl.col("event_date") <= as_of)
    rows = stitched(known, aliases, as_of, plan.measures)
    inside = day > as_of - timedelta(days=window)
    chosen = pl.col("measure") == plan.chosen.id
    money = pl.lit(None, pl.Int64)
    if plan.money is not None:
        money = pl.col("quantity").filter(inside, pl.col("measure") == plan.money.id).sum()
    return rows.group_by("person_id").agg(
        last=day.filter(chosen).max(),
        did=day.filter(pl.col("measure") == plan.looked_for.id).max(),
        events=pl.col("quantity").filter(chosen, inside).sum(),
        money=money,
    )


def judged(
    scores: pl.LazyFrame,
    people: pl.LazyFrame,
    daily: pl.LazyFrame,
    plan: OutcomePlan,
    aliases: pl.LazyFrame,
    as_of: date,
    window: int,
) -> tuple[pl.DataFrame, LeftOut]:
    """`JUDGED` of one date, sorted by person, and who was left out.

    scores: `person_id`, `score` (Float64, null: unscored) of everyone on the date. people: `people.as_of` the
    date, with the facts that `applies_to` asks for as their columns. daily: `frames.DAILY_MEASURES` of the
    plan's measures. window: the score's, in days; events and money are counted over it.
    """
    after = happened(daily, plan, aliases, as_of)
    end = as_of + timedelta(days=plan.outcome.within)
    applies = pl.lit(value=True) if plan.applies_to is None else plan.applies_to.expr.fill_null(value=False)
    known = (
        people.with_columns(applies=applies)
        .select("person_id", "applies")
        .join(scores.select("person_id", "score"), on="person_id", how="left")
        .join(baselines(daily, plan, aliases, as_of, window), on="person_id", how="left")
        .with_columns(pl.col("person_id").alias("then"))
    )
    found = (
        # Who they turn out to be by the end of the outcome's days.
        resolve(known, aliases, end)
        .join(after.with_columns(happened=pl.lit(value=True)), on="person_id", how="left")
        .drop("person_id")
        .rename({"then": "person_id"})
        .with_columns(out=_left_out(plan.outcome, as_of))
        .sort("person_id")
        .collect()
    )
    counts = dict(found["out"].drop_nulls().value_counts().iter_rows())
    rows = found.filter(pl.col("out").is_null())
    outcome = pl.col("happened").fill_null(value=False)
    engaged = _predictions(rows, as_of)
    sign = -1.0 if plan.outcome.likely_when_low else 1.0
    return (
        engaged.select(
            pl.lit(as_of).alias("as_of"),
            "person_id",
            (~outcome if plan.outcome.absent else outcome).alias("outcome"),
            *(pl.col(model) * sign for model in MODELS),
        ),
        LeftOut(**{name: int(number) for name, number in counts.items()}),
    )


def together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """`JUDGED` of several dates."""
    return pl.concat([JUDGED.to_frame(), *parts])


def _left_out(outcome: Outcome, as_of: date) -> pl.Expr:
    reasons = {"does_not_apply": ~pl.col("applies")}
    if outcome.not_yet:
        reasons["did_it_before"] = pl.col("did").is_not_null()
    if outcome.active_within is not None:
        since = as_of - timedelta(days=outcome.active_within)
        last = pl.col("did") if outcome.absent else pl.col("last")
        reasons["was_gone"] = (last <= since).fill_null(value=True)
    reasons["unscored"] = pl.col("score").is_null()
    return pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in reasons.items())


def _predictions(rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The score and its baselines, higher for who is more engaged. Who never chose to do anything is behind
    everyone who did."""
    age = (pl.lit(as_of) - pl.col("last")).dt.total_days()
    recency = -age.fill_null(age.max().fill_null(0) + 1).cast(pl.Float64)
    counted = pl.col("events").fill_null(0).cast(pl.Float64)
    parts = [recency, counted]
    if rows["money"].null_count() < rows.height:
        parts.append(pl.col("money").fill_null(0).cast(pl.Float64))
    ranks = [part.rank("average").cast(pl.Float64) for part in parts]
    return rows.with_columns(
        recency.alias(RECENCY), counted.alias(COUNT), pl.sum_horizontal(ranks).alias(RFM)
    )
