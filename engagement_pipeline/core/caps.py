"""Caps in points: the most that a rule, a group of rules, or all rules of a score may give a person.

Here: what they take, and from which rule. They bound the size of points, whichever sign these have. Not here:
the daily cap, which bounds quantities (`points`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from engagement_pipeline.catalog.specs import EventRule, Score
from engagement_pipeline.core.exact import INT64_MAX, narrow
from engagement_pipeline.core.frames import POINT

_ZERO = pl.lit(0, dtype=pl.Int128)


@dataclass(frozen=True)
class Group:
    """Rules that share a cap."""

    rules: tuple[str, ...]
    most: int
    """In ten-thousandths of a point."""


@dataclass(frozen=True)
class Caps:
    """The caps of one score."""

    rules: Mapping[str, int] = field(default_factory=dict)
    """Rule -> the most ten-thousandths of a point that it may give."""
    groups: tuple[Group, ...] = ()
    """In the order in which they take: no rule is in two of them, but all rules are in the last one where the
    score has a cap of its own."""


def plan_caps(score: Score, keys: Sequence[str]) -> Caps:
    """The caps that a definition declares. keys: what its rules are called, in their order."""
    named = list(zip(keys, score.rules, strict=True))
    own = {
        key: ten_thousandths(rule.cap.points)
        for key, rule in named
        if isinstance(rule, EventRule) and rule.cap is not None and rule.cap.points is not None
    }
    groups = [
        Group(members, ten_thousandths(most))
        for group, most in score.groups.items()
        if (members := tuple(key for key, rule in named if rule.group == group))
    ]
    if score.cap is not None:
        groups.append(Group(tuple(keys), ten_thousandths(score.cap)))
    return Caps(own, tuple(groups))


def ten_thousandths(points: float) -> int:
    """Points as they are written, in the integers in which they are stored, halves upwards."""
    return int(points * POINT + 0.5)


def within(points: pl.Expr, most: int) -> pl.Expr:
    """The points with at most this size, in integers of their own kind."""
    return points.clip(-most, most)


def shared(contributed: pl.LazyFrame, groups: Sequence[Group]) -> pl.LazyFrame:
    """The contributions with every group's sum within its cap; `group_loss` is what that took from each rule,
    signed like its points. Rows come in no order.

    contributed: `person_id`, `rule` (an Enum in rule order), `points`; a row per person and rule. A person
    over a cap loses the excess from the rules on the side that is over, in proportion to their points, in
    whole ten-thousandths by largest remainder, ties in rule order. Points of one side that leave 64 bits
    become null.
    """
    found = contributed.with_columns(group_loss=pl.lit(0, dtype=pl.Int64))
    for group in groups:
        # Few people are over a cap: only their rows are computed with, the others pass by.
        taken = _taken(found, group)
        found = (
            found.join(taken, on=["person_id", "rule"], how="left")
            .with_columns(_over=pl.col("_over").fill_null(value=False))
            .with_columns(
                points=pl.when("_over").then(pl.col("points") - pl.col("_taken")).otherwise("points"),
                group_loss=pl.when("_over")
                .then(pl.col("group_loss") + pl.col("_taken"))
                .otherwise("group_loss"),
            )
            .drop("_taken", "_over")
        )
    return found


def _taken(contributed: pl.LazyFrame, group: Group) -> pl.LazyFrame:
    """`person_id`, `rule`, `_taken` (null where it does not fit), `_over`: of the people over the cap."""
    rules = contributed.collect_schema()["rule"]
    members = pl.Series(group.rules, dtype=rules)
    wide = pl.col("points").cast(pl.Int128)
    inside = contributed.filter(pl.col("rule").is_in(members.implode())).select("person_id", "rule", "points")
    most = pl.lit(group.most, dtype=pl.Int128)
    totals = (
        inside.group_by("person_id")
        .agg(
            total=wide.sum(),
            up=pl.when(wide > 0).then(wide).sum(),
            down=pl.when(wide < 0).then(_ZERO - wide).sum(),
        )
        .filter(pl.col("total").abs() > most)
        .select(
            "person_id",
            upwards=pl.col("total") > 0,
            excess=pl.col("total").abs() - most,
            # A product of two numbers below 2^63 fits in 128 bits.
            side=_in_64_bits(pl.when(pl.col("total") > 0).then("up").otherwise("down")),
        )
    )
    size = pl.when("upwards").then(wide).otherwise(_ZERO - wide)  # 128 bits know no minus of one number
    shares = (
        inside.join(totals, on="person_id")
        .filter(pl.col("upwards") == (pl.col("points") > 0), pl.col("points") != 0)
        .with_columns(size=size)
        .with_columns(
            share=pl.col("excess") * pl.col("size") // pl.col("side"),
            rest=pl.col("excess") * pl.col("size") % pl.col("side"),
        )
        .sort("person_id", "rest", "rule", descending=[False, True, False])
        .with_columns(
            place=pl.int_range(pl.len()).over("person_id"),
            left=(pl.col("excess") - pl.col("share").sum().over("person_id")),
        )
        .with_columns(share=pl.col("share") + (pl.col("place") < pl.col("left")).cast(pl.Int128))
    )
    signed = pl.when("upwards").then("share").otherwise(_ZERO - pl.col("share"))
    return shares.select(
        "person_id", "rule", narrow(signed).alias("_taken"), pl.lit(value=True).alias("_over")
    )


def _in_64_bits(total: pl.Expr) -> pl.Expr:
    return pl.when(total <= pl.lit(INT64_MAX, dtype=pl.Int128)).then(total)
