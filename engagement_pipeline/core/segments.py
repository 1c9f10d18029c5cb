"""Segments: the people who match a condition.

Here: compiling and evaluating one. Not here: the order of segments that name each other, which the
catalog gives.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import person_columns
from engagement_pipeline.catalog.specs import Catalog, Segment


@dataclass(frozen=True)
class SegmentPlan:
    """One segment, ready to be evaluated on `facts` with `where.columns`."""

    name: str
    where: Condition


def plan_segment(segment: Segment, catalog: Catalog) -> SegmentPlan:
    """Compile one segment of a checked catalog."""
    return SegmentPlan(segment.segment, parse(segment.where, person_columns(catalog)))


def members(facts: pl.LazyFrame, plan: SegmentPlan, as_of: date) -> pl.LazyFrame:
    """`frames.SEGMENTS`: who matches; null is no match. facts: `facts.facts` with the condition's columns."""
    return facts.filter(plan.where.expr).select(pl.lit(as_of, dtype=pl.Date).alias("as_of"), "person_id")
