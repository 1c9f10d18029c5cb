"""Changes: what moved a score between two as-of dates, cause by cause, so that the parts add up exactly.

Between the two dates stands a chain of points that nobody ever had: each link differs from the one before in
one thing only, and what it adds is that cause's part. Here: the parts of such a chain. Not here: computing
its links (`orchestration.changing`) and comparing two definitions on one date (`comparison`).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Scale
from engagement_pipeline.core.exact import narrow
from engagement_pipeline.core.frames import CAUSES, CHANGES, POINT
from engagement_pipeline.core.scales import scaled

STATED = ("definition", "reference", "state", "band")
"""What is said once before and once after."""


class Step(NamedTuple):
    """A link of the chain."""

    cause: str
    """One of `frames.CAUSES`: what differs from the link before. Not `reference`, which both ends tell."""
    points: pl.LazyFrame
    """`person_id`, `points` (Int64, ten-thousandths); who is missing, or null, has none."""
    scale: Scale
    histogram: pl.LazyFrame | None = None
    """The population that the points are read against, where the scale is relative. Where it is needed and
    lacking nobody knows what the points would score."""


def decomposed(
    before: pl.LazyFrame, after: pl.LazyFrame, steps: Sequence[Step], since: date, as_of: date
) -> pl.LazyFrame:
    """`frames.CHANGES` of everyone of either date, in no order.

    before, after: `frames.SCORES` of one score on `since` and on `as_of`. steps: the links between them. The
    first part is what the first link has more than the points before, the last link's end are the points
    after; what is left of the score then is the reference's. A cause that stands twice has both parts.
    Points: who has none counts as 0, as somebody new does. The parts of the score are null where there is no
    score on either date, and where a link's score is not known.

    In whole ten-thousandths of a point or of the scale; a stored score s is floor(10,000 s + 1/2) of them.
    Null points are what does not fit in 64 bits.
    """
    people = _sides(before, after)
    values = ["points_before"]
    scores = [_whole(pl.col("score before"))]
    known = True
    for place, step in enumerate(steps):
        mine = f"points {place}"
        people = people.join(
            step.points.select("person_id", pl.col("points").alias(mine)), on="person_id", how="left"
        )
        values.append(mine)
        if step.scale.needs_reference and step.histogram is None:
            known = False
            scores.append(pl.lit(None, dtype=pl.Int64))
            continue
        people = _scored(people, mine, f"score {place}", step)
        scores.append(_whole(pl.col(f"score {place}")))
    moved = {cause: pl.lit(0, dtype=pl.Int128) for cause in CAUSES if cause != "reference"}
    shifted = {cause: pl.lit(0, dtype=pl.Int64) for cause in CAUSES}
    for place, step in enumerate(steps):
        was, now = (pl.col(values[each]).fill_null(0).cast(pl.Int128) for each in (place, place + 1))
        moved[step.cause] += now - was
        shifted[step.cause] += scores[place + 1] - scores[place]
    last, end = pl.col(values[-1]), pl.col("points_after").fill_null(0).cast(pl.Int128)
    moved["late_data"] += end - last.fill_null(0).cast(pl.Int128)
    shifted["reference"] = _whole(pl.col("score after")) - scores[-1]
    both = pl.col("score before").is_not_null() & pl.col("score after").is_not_null() & known
    change = end - pl.col("points_before").fill_null(0).cast(pl.Int128)
    return people.select(
        pl.lit(as_of, dtype=pl.Date).alias("as_of"),
        pl.lit(since, dtype=pl.Date).alias("compared_with"),
        "person_id",
        "points_before",
        "points_after",
        narrow(change).alias("points_change"),
        *(narrow(part).alias(f"points_{cause}") for cause, part in moved.items()),
        _whole(pl.col("score before")).alias("score_before"),
        _whole(pl.col("score after")).alias("score_after"),
        (_whole(pl.col("score after")) - _whole(pl.col("score before"))).alias("score_change"),
        *(pl.when(both).then(part).alias(f"score_{cause}") for cause, part in shifted.items()),
        *(f"{what}_{side}" for what in STATED for side in ("before", "after")),
        pl.lit(None, dtype=pl.String).alias("says"),
    ).select(CHANGES.names())


def moved(changes: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of `frames.CHANGES` of people for whom anything is other than it was."""
    parts = [pl.col(f"points_{cause}") != 0 for cause in CAUSES if cause != "reference"]
    said = [
        pl.col(f"{each}_before").ne_missing(pl.col(f"{each}_after")) for each in ("state", "band", "score")
    ]
    return changes.filter(pl.any_horizontal(*parts, *said))


def by_cause(changes: pl.LazyFrame) -> pl.LazyFrame:
    """`cause`, `people` whom it moved, `points_up`, `points_down` and `score_up`, `score_down` (Int128, sums
    of ten-thousandths): a row per cause, in the order of `frames.CAUSES`."""
    rows = []
    for cause in CAUSES:
        score = pl.col(f"score_{cause}").fill_null(0).cast(pl.Int128)
        points = pl.lit(0, pl.Int128) if cause == "reference" else pl.col(f"points_{cause}").cast(pl.Int128)
        sums = {
            f"{what}_{way}": part.filter(part * sign > 0).sum()
            for what, part in (("points", points), ("score", score))
            for way, sign in (("up", 1), ("down", -1))
        }
        if cause == "reference":
            sums |= {f"points_{way}": pl.lit(0, dtype=pl.Int128) for way in ("up", "down")}
        concerned = (score != 0) | (points != 0)
        rows.append(
            changes.select(
                pl.lit(cause).alias("cause"), concerned.sum().cast(pl.Int64).alias("people"), **sums
            )
        )
    return pl.concat(rows)


def movers(changes: pl.LazyFrame, each_way: int) -> pl.LazyFrame:
    """The rows whose score changed most, with `cause`, the largest part of it in the same direction: at most
    so many up, the largest first, then as many down, the largest last. Where the score of nobody changed, or
    parts of it are not known, by points. Ties: by points, then the smaller id first."""
    size = pl.col("score_change").fill_null(0)
    ranked = changes.with_columns(size=size, points=pl.col("points_change"), cause=_cause())
    ways = []
    for sign in (1, -1):
        found = (
            ranked.filter(pl.col("size") * sign > 0)
            .sort(pl.col("size") * sign, pl.col("points") * sign, "person_id", descending=[True, True, False])
            .head(each_way)
        )
        ways.append(found if sign > 0 else found.reverse())
    return pl.concat(ways).drop("size", "points")


def _cause() -> pl.Expr:
    """The cause with the largest part in the direction of the change; the first of equal ones."""
    sign = pl.col("score_change").sign()
    parts = pl.concat_list(pl.col(f"score_{cause}") * sign for cause in CAUSES)
    names = pl.lit(pl.Series(CAUSES, dtype=pl.String))
    return names.gather(parts.list.arg_max())


def _sides(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    one, other = (
        frame.select(
            "person_id",
            pl.col("points").alias(f"points_{side}"),
            pl.col("score").alias(f"score {side}"),
            *(pl.col(what).cast(pl.String).alias(f"{what}_{side}") for what in STATED),
        )
        for frame, side in ((before, "before"), (after, "after"))
    )
    return one.join(other, on="person_id", how="full", coalesce=True)


def _scored(people: pl.LazyFrame, points: str, name: str, step: Step) -> pl.LazyFrame:
    """The people with what the step's points score, whose name is free."""
    asked = people.select(pl.col(points).fill_null(0).alias("points")).unique()
    found = scaled(asked, step.scale, step.histogram).select(
        pl.col("points").alias("asked"), pl.col("score").alias(name)
    )
    return (
        people.with_columns(asked=pl.col(points).fill_null(0))
        .join(found, on="asked", how="left")
        .drop("asked")
    )


def _whole(score: pl.Expr) -> pl.Expr:
    return (score * float(POINT) + 0.5).floor().cast(pl.Int64)
