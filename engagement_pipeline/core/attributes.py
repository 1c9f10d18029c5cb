"""Rules that ask about the person: points for what is known of them, event rules that hold for some people
only, and rules that punish silence.

Here: compiling those questions, and the contributions that come of them. Not here: the facts themselves
(`facts`), and what events give (`points`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import profile_columns
from engagement_pipeline.catalog.specs import AttributeRule, Catalog, EventRule, Score
from engagement_pipeline.core.exact import BILLIONTH
from engagement_pipeline.core.frames import POINT


@dataclass(frozen=True)
class Attribute:
    """Points for everyone of whom something holds."""

    key: str
    when: Condition
    points: int
    """In ten-thousandths of a point."""


@dataclass(frozen=True)
class Silence:
    """Points for everyone known for so many days who did nothing in them."""

    days: int
    points: int
    """In ten-thousandths of a point."""


@dataclass(frozen=True)
class Asked:
    """What the rules of one score ask of people."""

    attributes: tuple[Attribute, ...] = ()
    only: Mapping[str, Condition] = field(default_factory=dict)
    """Rule -> whom it gives anything."""
    silences: Mapping[str, Silence] = field(default_factory=dict)
    """Rule -> what it gives those without events."""
    start: date = date.min
    """The project's first day: before it nobody knows who was silent."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of people that conditions read."""
        conditions = [*(each.when for each in self.attributes), *self.only.values()]
        return frozenset(column for condition in conditions for column in condition.columns)


def plan_asked(score: Score, keys: Sequence[str], catalog: Catalog) -> Asked:
    """What a definition asks of people. keys: what its rules are called, in their order."""
    columns = profile_columns(catalog)
    named = list(zip(keys, score.rules, strict=True))
    events = [(key, rule) for key, rule in named if isinstance(rule, EventRule)]
    return Asked(
        attributes=tuple(
            Attribute(key, parse(rule.when, columns), points_of(rule.weight))
            for key, rule in named
            if isinstance(rule, AttributeRule)
        ),
        only={key: parse(rule.applies_to, columns) for key, rule in events if rule.applies_to is not None},
        silences={
            key: Silence(rule.inactive_for, points_of(rule.weight))
            for key, rule in events
            if rule.inactive_for is not None
        },
        start=catalog.project.start_date,
    )


def points_of(weight: float) -> int:
    """A weight in ten-thousandths of a point, by the same billionths as everywhere."""
    billionths = int((weight * BILLIONTH + 0.5) // 1)
    divisor = BILLIONTH // POINT
    return (billionths + divisor // 2) // divisor


def attributed(known: pl.LazyFrame, attribute: Attribute) -> pl.LazyFrame:
    """`person_id`, `quantity` (1) and `points` of everyone known of whom it holds; null is no match."""
    return known.filter(attribute.when.expr).select("person_id", **_one(attribute.points))


def silent(
    known: pl.LazyFrame, found: pl.LazyFrame, silence: Silence, start: date, as_of: date
) -> pl.LazyFrame:
    """`person_id`, `quantity` (1) and `points` of everyone known since the first of the days or before, with
    none of the events in them. known: `person_id`, `first_seen`. found: `person_id` of who had any."""
    first = as_of - timedelta(days=silence.days - 1)
    rows = known.filter(pl.col("first_seen") <= pl.lit(first), pl.lit(first >= start))
    return rows.join(found, on="person_id", how="anti").select("person_id", **_one(silence.points))


def only_those(found: pl.LazyFrame, known: pl.LazyFrame, whom: Condition) -> pl.LazyFrame:
    """The rows of people of whom the condition holds."""
    return found.join(known.filter(whom.expr).select("person_id"), on="person_id", how="semi")


def _one(points: int) -> dict[str, pl.Expr]:
    return {"quantity": pl.lit(1, dtype=pl.Int64), "points": pl.lit(points, dtype=pl.Int64)}
