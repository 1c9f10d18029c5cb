"""Explanations: a person's points rule by rule, and where they stand in the population they are read against.

Here: frames that add up. Not here: words around them (`reports.explanations`), where rows come from
(`orchestration.explaining`), and what changed between two dates (`changes`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Band, Scale
from engagement_pipeline.core.frames import CONTRIBUTION
from engagement_pipeline.core.scales import scaled, within

LOSSES = ("decay_loss", "cap_loss", "group_loss")
FARTHEST = 2**44
"""Points beyond which nobody looks for a band, in ten-thousandths: 1.7 thousand million points away."""
AT_ONCE = 256


class Standing(NamedTuple):
    """Where points stand in a population."""

    below: int
    """People with fewer."""
    equal: int
    """People with as many."""
    people: int

    @property
    def rank(self) -> float:
        """The middle rank, see `references.ranks`."""
        return (2 * self.below + self.equal) / (2 * self.people) if self.people else 0.0


def ledger(points: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """A row per person and rule, in the order of the rules: `person_id`, `rule` (String), then the columns of
    `frames.CONTRIBUTION` (Int64, 0 for a rule that gave nothing) and `gave` (Boolean). Their points add up to
    the person's.

    points: rows of `frames.POINTS` of one score and date. keys: what the rules are called; those that are
    stored under other names, by an earlier wording of the definition, follow them.
    """
    numbers = [name for name in CONTRIBUTION if name != "rule"]
    given = (
        points.select("person_id", pl.col("contributions").cast(pl.List(pl.Struct(CONTRIBUTION))))
        .explode("contributions", empty_as_null=False)
        .drop_nulls("contributions")
        .unnest("contributions")
        .with_columns(pl.col(numbers).fill_null(0))  # caps were not always said
    )
    order = pl.LazyFrame({"rule": list(keys)}, schema={"rule": pl.String}).with_row_index("place")
    everything = points.select("person_id").join(order, how="cross")
    return (
        everything.join(given.with_columns(gave=True), on=["person_id", "rule"], how="full", coalesce=True)
        .with_columns(pl.col(numbers).fill_null(0), pl.col("gave").fill_null(value=False))
        .sort("person_id", "place", "rule", nulls_last=True)
        .select("person_id", *CONTRIBUTION, "gave")
    )


def stand(histogram: pl.LazyFrame, points: int) -> Standing:
    """Where these points (ten-thousandths) stand in a `references.HISTOGRAM`."""
    at, persons = pl.col("points"), pl.col("persons")
    found = histogram.select(
        below=persons.filter(at < points).sum(),
        equal=persons.filter(at == points).sum(),
        people=persons.sum(),
    )
    return Standing(*found.collect().row(0))


def band_above(bands: dict[str, Band], name: str | None) -> str | None:
    """The band that begins where this one ends."""
    edges = sorted(bands, key=lambda each: (bands[each].from_ is not None, bands[each].from_ or 0.0))
    return edges[edges.index(name) + 1] if name in edges[:-1] else None


def band_below(bands: dict[str, Band], name: str | None) -> str | None:
    """The band that ends where this one begins."""
    edges = sorted(bands, key=lambda each: (bands[each].from_ is not None, bands[each].from_ or 0.0))
    return edges[edges.index(name) - 1] if name in edges[1:] else None


def points_to_reach(points: int, band: Band, scale: Scale, histogram: pl.LazyFrame | None) -> int | None:
    """The fewest additional points (ten-thousandths) whose score lies in the band or above it; None where no
    points would do, or `FARTHEST` are not enough. More points never score less, so it is looked for between
    points that do not and points that do."""
    reached = within(Band.model_validate({"from": band.from_, "to": None, "include_from": band.include_from}))

    def first(offers: list[int]) -> int | None:
        frame = pl.LazyFrame({"more": offers}, schema={"more": pl.Int64})
        asked = frame.with_columns(points=pl.col("more") + points)
        found = scaled(asked, scale, histogram).filter(reached).select(pl.col("more").min())
        more: int | None = found.collect().item()
        return more

    steps = [1 << power for power in range(FARTHEST.bit_length())]
    high = first(steps)
    if high is None:
        return None
    low = high // 2  # does not
    while high - low > 1:
        width = max(1, (high - low) // AT_ONCE)
        offers = [*range(low + width, high, width), high]
        high = first(offers) or high
        low = max(low, high - width)
    return high
