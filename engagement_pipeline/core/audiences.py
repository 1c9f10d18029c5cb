"""Audiences: one decision for every candidate of a campaign.

Here: who is a candidate, the first reason against sending, the holdout and the variant. Not here: delivering
(`delivery`) and measuring what came of it.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl
import polars_hash as plh

from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import person_columns
from engagement_pipeline.catalog.specs import Campaign, Catalog
from engagement_pipeline.core.frames import AUDIENCES
from engagement_pipeline.core.text import filled

NO_CONSENT = "no_consent"
NO_VARIANT = "no_variant"
HOLDOUT = "holdout"


@dataclass(frozen=True)
class PlannedVariant:
    """One variant; without `when` everyone gets it."""

    label: str
    message: str
    when: Condition | None


@dataclass(frozen=True)
class CampaignPlan:
    """One campaign, ready to be decided."""

    name: str
    salt: str
    """Draws the holdout; the project's name, so that two projects hold out different people."""
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    channel: str
    variants: tuple[PlannedVariant, ...]
    holdout: float

    @property
    def columns(self) -> frozenset[str]:
        """The facts it reads."""
        segments = {f"segment.{name}" for name in (*self.include, *self.exclude)}
        conditions = (v.when.columns for v in self.variants if v.when is not None)
        return frozenset({f"reachable.{self.channel}"} | segments.union(*conditions))


def plan_campaign(campaign: Campaign, catalog: Catalog) -> CampaignPlan:
    """Compile one campaign of a checked catalog."""
    columns = person_columns(catalog)
    return CampaignPlan(
        name=campaign.campaign,
        salt=catalog.project.project,
        include=tuple(campaign.audience.include),
        exclude=tuple(campaign.audience.exclude),
        channel=campaign.channel,
        variants=tuple(
            PlannedVariant(v.label, v.message, None if v.when is None else parse(v.when, columns))
            for v in campaign.variants
        ),
        holdout=campaign.holdout,
    )


def decide(facts: pl.LazyFrame, plan: CampaignPlan, as_of: date) -> pl.LazyFrame:
    """`frames.AUDIENCES`: a row per member of any included segment, in no order.

    The first reason against sending is the only one: `no_consent` (not reachable on the campaign's channel,
    which no campaign may overrule), `excluded: <segment>` in the order declared, `no_variant`, and of those
    who are left `holdout`. Who matches no variant has none; everybody else has the one they get or would have
    got. facts: `facts.facts` with `plan.columns`.
    """
    candidates = facts.filter(pl.any_horizontal(pl.col(f"segment.{name}") for name in plan.include))
    number = pl.lit(None, dtype=pl.Int64)
    for index, variant in reversed(list(enumerate(plan.variants))):
        here = pl.lit(index, dtype=pl.Int64)
        number = here if variant.when is None else pl.when(variant.when.expr).then(here).otherwise(number)
    reason = (
        pl.when(pl.col("number").is_null())
        .then(pl.lit(NO_VARIANT))
        .when(held_out(plan.salt, plan.name, plan.holdout))
        .then(pl.lit(HOLDOUT))
        .otherwise(pl.lit(None, dtype=pl.String))
    )
    for name in reversed(plan.exclude):
        reason = pl.when(pl.col(f"segment.{name}")).then(pl.lit(excluded(name))).otherwise(reason)
    reason = pl.when(pl.col(f"reachable.{plan.channel}")).then(reason).otherwise(pl.lit(NO_CONSENT))
    return (
        candidates.with_columns(number=number)
        .with_columns(reason=reason)
        .with_columns(
            pl.lit(as_of, dtype=pl.Date).alias("as_of"),
            decision=pl.when(pl.col("reason").is_null())
            .then(pl.lit("send"))
            .when(pl.col("reason") == HOLDOUT)
            .then(pl.lit("hold_out"))
            .otherwise(pl.lit("suppress")),
            variant=_pick([variant.label for variant in plan.variants]),
            message=_pick([variant.message for variant in plan.variants]),
        )
        .select(AUDIENCES.names())
    )


def held_out(salt: str, campaign: str, share: float) -> pl.Expr:
    """Whether `person_id` belongs to the campaign's control group: the same answer on every date and machine,
    and a larger share keeps everybody the smaller one held out. Of two ids that became one person the
    surviving one's draw holds from then on."""
    text = plh.concat_str(pl.lit(f"{salt}:{campaign}:"), pl.col("person_id"))
    draw = text.chash.sha2_256().str.head(8).str.to_integer(base=16, dtype=pl.Int64)
    return draw < pl.lit(int(share * 2**32), dtype=pl.Int64)


def excluded(segment: str) -> str:
    """The reason of those suppressed for being in a segment."""
    return f"excluded: {segment}"


def waterfall(audience: pl.LazyFrame, plan: CampaignPlan) -> pl.DataFrame:
    """`step`, `people`: `candidates`, then what became of them, steps without people included:
    `no_consent`, `excluded: <segment>`…, `no_variant`, `holdout`, `send: <variant>`… These add up to the
    candidates.

    Raises ValueError where they do not. audience: rows of `frames.AUDIENCES`.
    """
    step = (
        pl.when(pl.col("decision") == "send")
        .then(filled("send: {}", "variant"))
        .otherwise("reason")
        .alias("step")
    )
    counted = dict(audience.group_by(step).agg(pl.len()).collect().iter_rows())
    sent = [f"send: {variant.label}" for variant in plan.variants]
    steps = [NO_CONSENT, *map(excluded, plan.exclude), NO_VARIANT, HOLDOUT, *sent]
    if unknown := counted.keys() - set(steps):
        raise ValueError(
            f"the audience of {plan.name} has decisions that its definition does not know: "
            f"{sorted(map(str, unknown))}"
        )
    people = [counted.get(name, 0) for name in steps]
    return pl.DataFrame(
        {"step": ["candidates", *steps], "people": [sum(people), *people]},
        schema={"step": pl.String, "people": pl.Int64},
    )


def _pick(names: list[str]) -> pl.Expr:
    numbers = list(range(len(names)))
    return pl.col("number").replace_strict(numbers, names, default=None, return_dtype=pl.String)
