"""Alerts: whose score fell far enough that a team should hear of it, and who is left out of that and why.

Here: comparing a date with the dates before it, and one decision for everybody who fell. Pure functions on
rows of scores. Not here: which dates are stored, who was told before (`orchestration.alerting`), telling
(`delivery`).

A fall is measured against the best of the days before, not against one of them: who lost 20 points since
Tuesday is noticed on Wednesday, whichever dates are stored. A pair of dates counts only when people did it:
both made by the same definition and read against the same reference, and neither stale nor provisional. What
would have been a fall otherwise is held back and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import person_columns
from engagement_pipeline.catalog.specs import Alert, Band, Catalog
from engagement_pipeline.core.comparison import reasons
from engagement_pipeline.core.frames import ALERTS

TELL, HOLD_BACK = "tell", "hold_back"
DEFINITION, REFERENCE = "definition", "reference"
COOLDOWN, AT_MOST = "cooldown", "at_most"
UNRELIABLE = ("stale", "provisional")
BECAUSE = {
    "stale": "a source lacks days",
    "provisional": "the window is not covered, or a reference is lacking",
    DEFINITION: "the definition was edited in between",
    REFERENCE: "the reference was refitted in between",
    COOLDOWN: "told of not long ago",
    AT_MOST: "more people fell than are told of at once",
}
"""Why somebody who fell is not told of, in the order of the waterfall."""
HAIR = 1e-9
"""Scores are floats: a fall from 0.3 to 0.1 is one of 0.2."""


@dataclass(frozen=True)
class AlertPlan:
    """One alert, ready to be evaluated."""

    name: str
    score: str
    drop: float | None
    """On the score's scale; None where bands count."""
    bands: int | None
    within: int
    cooldown: int
    at_most: int
    where: Condition | None
    order: tuple[str, ...]
    """The score's bands, the lowest first."""

    @property
    def columns(self) -> frozenset[str]:
        """What its condition reads of people."""
        return frozenset() if self.where is None else self.where.columns

    def dates(self, as_of: date) -> list[date]:
        """The dates that a date is compared with, ascending, stored or not."""
        return [as_of - timedelta(days=age) for age in range(self.within, 0, -1)]


def plan_alert(alert: Alert, catalog: Catalog) -> AlertPlan:
    """Compile one alert of a checked catalog."""
    return AlertPlan(
        alert.alert,
        alert.score,
        alert.drop.score,
        alert.drop.bands,
        alert.drop.within,
        alert.cooldown,
        alert.at_most,
        None if alert.where is None else parse(alert.where, person_columns(catalog)),
        ascending_bands(catalog.scores[alert.score].bands),
    )


def ascending_bands(bands: Mapping[str, Band]) -> tuple[str, ...]:
    """The names of a score's bands, the lowest first."""
    return tuple(sorted(bands, key=lambda name: (bands[name].from_ is not None, bands[name].from_ or 0.0)))


def compared(scores: pl.LazyFrame, plan: AlertPlan, as_of: date) -> pl.LazyFrame:
    """`person_id` of everyone with a score on the date and on any of the dates before that count: whom the
    waterfall begins with. scores: rows of `frames.SCORES` of these dates, others are passed over."""
    today, before = _sides(scores, plan, as_of)
    return today.select("person_id").join(before.select("person_id"), on="person_id", how="semi")


def fallen(
    scores: pl.LazyFrame, plan: AlertPlan, as_of: date, apart: Mapping[date, str] | None = None
) -> pl.LazyFrame:
    """Who fell as far as the alert says, a row each, in no order: `person_id`, `compared_with` (Date),
    `score_before`, `score_after`, `band_before`, `band_after`, `drop` (Float64), `bands` (Int64; null without
    bands), `because` (null; or what the fall may be due to instead of the person, see `BECAUSE`).

    scores: as in `compared`. apart: dates that were made by another definition (`DEFINITION`) or read against
    another reference (`REFERENCE`) than `as_of`. The pair shown is the deepest fall among those that count,
    the newest of equals; of who fell only in pairs that do not count, the deepest of these.
    """
    rank = {band: place for place, band in enumerate(plan.order)}
    today, before = _sides(scores, plan, as_of)
    given = pl.LazyFrame(
        {"compared_with": list(apart or {}), "apart": list((apart or {}).values())},
        schema={"compared_with": pl.Date, "apart": pl.String},
    )
    level_before, level_after = (
        pl.col(f"band_{side}").replace_strict(rank, default=None, return_dtype=pl.Int64)
        if rank
        else pl.lit(None, dtype=pl.Int64)
        for side in ("before", "after")
    )
    drop = pl.col("score_before") - pl.col("score_after")
    far = pl.col("bands") >= plan.bands if plan.bands else pl.col("drop") >= (plan.drop or 0.0) - HAIR
    deepest = ["bands", "drop"] if plan.bands else ["drop"]
    return (
        today.join(before, on="person_id", how="inner")
        .with_columns(drop=drop, bands=level_before - level_after)
        .filter(far)
        .join(given, on="compared_with", how="left")
        .with_columns(because=pl.coalesce(_doubt("after"), "apart", _doubt("before")))
        .sort(
            "person_id",
            pl.col("because").is_not_null(),
            *deepest,
            "compared_with",
            descending=[False, False, *(True for _ in deepest), True],
        )
        .unique("person_id", keep="first", maintain_order=True)
        .select(*FALL)
    )


FALL = (
    "person_id",
    "compared_with",
    "score_before",
    "score_after",
    "band_before",
    "band_after",
    "drop",
    "bands",
    "because",
)


def decide(
    fallen: pl.LazyFrame, plan: AlertPlan, as_of: date, told: pl.LazyFrame, concerned: pl.LazyFrame | None
) -> pl.LazyFrame:
    """`frames.ALERTS` but for the reasons, which are null, by person: one decision for everyone who fell.

    told: `person_id` of who was told of on another date within the cooldown (see `silent`). concerned:
    `person_id` of who matches the alert's condition; None where it has none. Of those who remain the deepest
    falls are told of, at most so many; of equal ones the smaller id.
    """
    if concerned is not None:
        fallen = fallen.join(concerned.select("person_id"), on="person_id", how="semi")
    deepest = ["bands", "drop"] if plan.bands else ["drop"]
    lately = told.select("person_id", lately=pl.lit(COOLDOWN)).unique("person_id")
    return (
        fallen.join(lately, on="person_id", how="left")
        .with_columns(because=pl.coalesce("because", "lately"))
        .sort(
            pl.col("because").is_not_null(),
            *deepest,
            "person_id",
            descending=[False, *(True for _ in deepest), False],
        )
        .with_row_index("place")
        .with_columns(
            because=pl.coalesce("because", pl.when(pl.col("place") >= plan.at_most).then(pl.lit(AT_MOST)))
        )
        .with_columns(
            as_of=pl.lit(as_of, dtype=pl.Date),
            decision=pl.when(pl.col("because").is_null()).then(pl.lit(TELL)).otherwise(pl.lit(HOLD_BACK)),
            cause=pl.lit(None, dtype=pl.String),
            why=pl.lit(None, dtype=pl.String),
        )
        .select(ALERTS.names())
        .sort("person_id")
    )


def silent(plan: AlertPlan, as_of: date, dates: Sequence[date]) -> list[date]:
    """Of the dates on which people were told of, those that keep the same people from being told of on this
    one: less than the cooldown away, before or after, so that it holds whatever date is made first."""
    return [day for day in dates if day != as_of and abs((day - as_of).days) < plan.cooldown]


def why(before: pl.LazyFrame, after: pl.LazyFrame, people: Sequence[str]) -> pl.LazyFrame:
    """`person_id`, `cause`, `why`: the rule whose points fell most, of those people of whom any fell, and
    that in words, such as `email_clicked: 12 to 3.5 points`. before, after: rows of `frames.POINTS`."""
    lost = reasons(before, after, people).filter(pl.col("change") < 0)
    first = lost.sort("person_id", "change", "rule").unique("person_id", keep="first", maintain_order=True)
    one, other = (
        pl.col(side).round(1, mode="half_away_from_zero").cast(pl.String).str.strip_suffix(".0")
        for side in ("before", "after")
    )
    return first.select(
        "person_id", cause="rule", why=pl.format("{}: {} to {} points", pl.col("rule"), one, other)
    )


@dataclass(frozen=True)
class Counted:
    """How many people an alert was about on one date."""

    compared: int
    """With a score on the date and on one that it is compared with."""
    concerned: int
    """Of them, who match its condition."""


class DecisionsDisagree(Exception):  # noqa: N818  the words are what the reader sees
    """An alert's decisions do not add up to the people it is about."""


def waterfall(rows: pl.LazyFrame, counted: Counted) -> pl.DataFrame:
    """`step`, `people` (Int64): everyone with the score on both dates, minus those in each step, down to who
    is told of. rows: `frames.ALERTS` of one date. Raises DecisionsDisagree where that does not add up."""
    found = dict(rows.group_by(pl.coalesce("because", "decision")).agg(pl.len()).collect().iter_rows())
    fell = sum(found.values())
    steps = {
        "with the score on both dates": counted.compared,
        "not matching where": counted.compared - counted.concerned,
        "below the threshold": counted.concerned - fell,
        **{f"held back: {each}": found.pop(each, 0) for each in BECAUSE},
        "told of": found.pop(TELL, 0),
    }
    if found or min(steps.values()) < 0:
        raise DecisionsDisagree(
            f"the decisions of an alert do not add up: {counted.compared} people are compared, "
            f"{counted.concerned} concerned, {fell} fell; unknown: {', '.join(found) or 'none'}"
        )
    return pl.DataFrame(list(steps.items()), schema={"step": pl.String, "people": pl.Int64}, orient="row")


def _sides(scores: pl.LazyFrame, plan: AlertPlan, as_of: date) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Rows with a score on the date, and on those that it is compared with."""
    days = pl.col("as_of").is_between(as_of - timedelta(days=plan.within), as_of - timedelta(days=1))
    known = scores.filter(pl.col("score").is_not_null())
    parts = ("score", "band", "state")
    today = known.filter(pl.col("as_of") == as_of).select(
        "person_id", *(pl.col(name).alias(f"{name}_after") for name in parts)
    )
    before = known.filter(days).select(
        "person_id", *(pl.col(name).alias(f"{name}_before") for name in parts), compared_with="as_of"
    )
    return today, before


def _doubt(side: str) -> pl.Expr:
    """The state of a side that cannot be relied upon."""
    state = pl.col(f"state_{side}")
    return pl.when(state.is_in(UNRELIABLE)).then(state)
