"""Two versions of the same date side by side: scores, segments and audiences before and after an edit.

Here: lazy frames in, small lazy frames out; nobody's rows are stored. Not here: computing the two sides
(`orchestration.drafts`), the words around them (`reports.preview`), and one definition on two dates
(`changes`).
"""

from collections.abc import Sequence

import polars as pl

from engagement_pipeline.core.exact import in_points

ABSENT = "absent"
"""Who has no row on one side: not known there, or no candidate."""
BINS = 24
QUANTILES = {"lowest": 0.0, "p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9, "highest": 1.0}


def sides(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """Everyone of either side, a row each, in no order: `person_id`, and `score` (Float64), `points` (in
    points, Float64), `band`, `state`, `place` once for `before` and once for `after` it, as `score_before`.

    `place` is the band, without one the state (`unscored`, say), and `absent` for who has no row there.
    before, after: rows of `frames.SCORES` of one score and date.
    """
    # Beside a band the state says nothing more; who has none is unscored, or the score has no bands at all.
    parts = {
        "score": pl.col("score"),
        "points": in_points(pl.col("points")),
        "band": pl.col("band"),
        "state": pl.col("state"),
        "place": pl.coalesce("band", "state"),
    }
    one, other = (
        frame.select("person_id", *(value.alias(f"{name}_{side}") for name, value in parts.items()))
        for frame, side in ((before, "before"), (after, "after"))
    )
    return one.join(other, on="person_id", how="full", coalesce=True).with_columns(
        pl.col("place_before", "place_after").fill_null(ABSENT)
    )


def migration(sides: pl.LazyFrame) -> pl.LazyFrame:
    """`before`, `after` (places), `people` (Int64): how many went from where to where, stayed included; pairs
    without anybody are left out. The people add up to everyone in `sides`."""
    return (
        sides.group_by(before="place_before", after="place_after")
        .agg(people=pl.len().cast(pl.Int64))
        .sort("before", "after")
    )


def moved(sides: pl.LazyFrame) -> pl.LazyFrame:
    """One row: `people` to whom the score applies before or after, how many of them get `other` scores, how
    many `moved` to another place (all Int64), and `share`, theirs (Float64; 0 where there is nobody)."""
    nowhere = pl.lit(["unscored", ABSENT])
    applies = ~(pl.col("place_before").is_in(nowhere) & pl.col("place_after").is_in(nowhere))
    return _share(
        sides.filter(applies).select(
            people=pl.len().cast(pl.Int64),
            other=pl.col("score_before").ne_missing(pl.col("score_after")).sum().cast(pl.Int64),
            moved=(pl.col("place_before") != pl.col("place_after")).sum().cast(pl.Int64),
        ),
        "moved",
        "people",
    )


def rank_correlation(sides: pl.LazyFrame) -> pl.LazyFrame:
    """One row: `people` with a score on both sides (Int64), and `correlation`, Spearman's of both (Float64).

    Ties have their middle rank. Where one side tells nobody apart and the other does, the correlation is 0;
    where neither does, or there are fewer than two people, nothing changed in their order and it is 1.
    """
    both = sides.filter(pl.col("score_before").is_not_null() & pl.col("score_after").is_not_null())
    one, other = (pl.col(f"score_{side}").rank("average") for side in ("before", "after"))
    apart = [pl.col(f"score_{side}").n_unique() > 1 for side in ("before", "after")]
    return both.select(
        people=pl.len().cast(pl.Int64),
        correlation=pl.when((one == other).all())  # the correlation itself may miss it by a rounding
        .then(1.0)
        .when(apart[0] & apart[1])
        .then(pl.corr(one, other, method="pearson").clip(-1.0, 1.0))
        .when(apart[0] | apart[1])
        .then(0.0)
        .otherwise(1.0),
    )


def distribution(sides: pl.LazyFrame, span: tuple[float, float] | None = None) -> pl.LazyFrame:
    """`from`, `to` (Float64), `before`, `after` (people, Int64): both sides in the same `BINS` bins.

    span: the ends of the scale. Without one (points have none) the bins lie between what 1 and 99 in 100
    people have on either side; whoever is beyond is in the first or last bin.
    """
    both = pl.concat(
        [
            sides.select(value=pl.col(f"score_{side}"), after=pl.lit(side == "after"))
            for side in ("before", "after")
        ]
    ).filter(pl.col("value").is_not_null())
    if span is None:
        low, high = (pl.col("value").quantile(share, "nearest") for share in (0.01, 0.99))
        low = pl.min_horizontal(low, pl.lit(0.0))
    else:
        low, high = pl.lit(span[0]), pl.lit(span[1])
    wide = pl.when(high > low).then(high - low).otherwise(1.0)
    placed = both.with_columns(low=low, step=wide * (1.0 / BINS)).with_columns(
        bin=((pl.col("value") - pl.col("low")) / pl.col("step")).floor().clip(0, BINS - 1).cast(pl.Int64)
    )
    counted = placed.group_by("bin").agg(
        pl.col("low", "step").first(),
        before=(~pl.col("after")).sum().cast(pl.Int64),
        after=pl.col("after").sum().cast(pl.Int64),
    )
    return (
        pl.LazyFrame({"bin": range(BINS)}, schema={"bin": pl.Int64})
        .join(counted, on="bin", how="left")
        .with_columns(pl.col("low", "step").max(), pl.col("before", "after").fill_null(0))
        .sort("bin")
        .select(
            (pl.col("low") + pl.col("bin") * pl.col("step")).alias("from"),
            (pl.col("low") + (pl.col("bin") + 1) * pl.col("step")).alias("to"),
            "before",
            "after",
        )
    )


def quantiles(sides: pl.LazyFrame) -> pl.LazyFrame:
    """`quantile` (see `QUANTILES`, then `mean`), `before`, `after`: scores, null where nobody has one."""
    found = []
    for name, share in [*QUANTILES.items(), ("mean", None)]:
        values = (pl.col(f"score_{side}") for side in ("before", "after"))
        found.append(
            sides.select(
                pl.lit(name).alias("quantile"),
                *(
                    (value.mean() if share is None else value.quantile(share, "nearest")).alias(side)
                    for value, side in zip(values, ("before", "after"), strict=True)
                ),
            )
        )
    return pl.concat(found)


def movers(sides: pl.LazyFrame, each_way: int) -> pl.LazyFrame:
    """The rows of `sides`, with `change`, of the people whose score rose most and fell most: at most so many
    each way, the largest rise first, the largest fall last. Of equal changes the one with more points, then
    the smaller id, comes first, so that the same people are shown every time."""
    changed = sides.with_columns(change=pl.col("score_after") - pl.col("score_before")).filter(
        pl.col("change") != 0
    )
    points = (pl.col("points_after") - pl.col("points_before")).abs()
    up, down = (
        changed.filter(rise)
        .with_columns(size=points)
        .sort(pl.col("change").abs(), "size", "person_id", descending=[True, True, False])
        .head(each_way)
        for rise in (pl.col("change") > 0, pl.col("change") < 0)
    )
    return pl.concat([up, down.reverse()]).drop("size")


def reasons(before: pl.LazyFrame, after: pl.LazyFrame, people: Sequence[str]) -> pl.LazyFrame:
    """`person_id`, `rule`, `before`, `after`, `change` (points, Float64): the rules whose contributions
    differ, for these people, the largest change of each first. A rule that is new or gone has 0 on the other
    side; one that is called otherwise counts as gone and new.

    before, after: rows of `frames.POINTS`.
    """
    one, other = (
        _contributions(frame.filter(pl.col("person_id").is_in(list(people)))).rename({"points": side})
        for frame, side in ((before, "before"), (after, "after"))
    )
    both = one.join(other, on=["person_id", "rule"], how="full", coalesce=True).with_columns(
        pl.col("before", "after").fill_null(0)
    )
    return (
        both.with_columns(change=pl.col("after") - pl.col("before"))
        .filter(pl.col("change") != 0)
        .sort("person_id", pl.col("change").abs(), "rule", descending=[False, True, False])
        .with_columns(in_points(pl.col("before", "after", "change")))
    )


def rule_effects(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """`rule`, `people_before`, `people_after` (with a contribution), `points_before`, `points_after` (of all
    of them, Float64): what each rule of either side gives; the largest change first.

    before, after: rows of `frames.POINTS`.
    """
    one, other = (
        _contributions(frame)
        .group_by("rule")
        .agg(
            pl.len().cast(pl.Int64).alias(f"people_{side}"),
            in_points(pl.col("points").cast(pl.Int128).sum()).alias(f"points_{side}"),
        )
        for frame, side in ((before, "before"), (after, "after"))
    )
    both = one.join(other, on="rule", how="full", coalesce=True).with_columns(pl.exclude("rule").fill_null(0))
    change = (pl.col("points_after") - pl.col("points_before")).abs()
    return both.select("rule", "people_before", "people_after", "points_before", "points_after").sort(
        change, "rule", descending=[True, False]
    )


def membership(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """One row of Int64: members `before` and `after`, how many were `gained`, `lost` and `stayed`, and
    `share`: gained and lost as a share of those before (Float64; of those after where there were none).

    before, after: rows of `frames.SEGMENTS` of one segment and date.
    """
    there = pl.lit(value=True)
    both = (
        before.select("person_id", was=there)
        .join(after.select("person_id", now=there), on="person_id", how="full", coalesce=True)
        .select(pl.col("was", "now").fill_null(value=False))
    )
    was, now = pl.col("was"), pl.col("now")
    counted = both.select(
        before=was.sum().cast(pl.Int64),
        after=now.sum().cast(pl.Int64),
        gained=(now & ~was).sum().cast(pl.Int64),
        lost=(was & ~now).sum().cast(pl.Int64),
        stayed=(was & now).sum().cast(pl.Int64),
    )
    return _share(counted.with_columns(moved=pl.col("gained") + pl.col("lost")), "moved", "before").drop(
        "moved"
    )


def decisions(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """`before`, `after` (`send`, `hold_out`, `suppress`, or `absent` for no candidate), `people` (Int64): who
    is decided upon otherwise, and who is not. before, after: rows of `frames.AUDIENCES` of one campaign."""
    one, other = (
        frame.select("person_id", pl.col("decision").alias(side))
        for frame, side in ((before, "before"), (after, "after"))
    )
    return (
        one.join(other, on="person_id", how="full", coalesce=True)
        .with_columns(pl.col("before", "after").fill_null(ABSENT))
        .group_by("before", "after")
        .agg(people=pl.len().cast(pl.Int64))
        .sort("before", "after")
    )


def sent(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """One row of Int64: people sent `before` and `after`, `gained`, `lost` and `stayed`, and `share` (see
    `membership`). decisions: what `decisions` gives."""
    was, now, people = pl.col("before") == "send", pl.col("after") == "send", pl.col("people")
    counted = decisions.select(
        before=people.filter(was).sum(),
        after=people.filter(now).sum(),
        gained=people.filter(now & ~was).sum(),
        lost=people.filter(was & ~now).sum(),
        stayed=people.filter(was & now).sum(),
    )
    return _share(counted.with_columns(moved=pl.col("gained") + pl.col("lost")), "moved", "before").drop(
        "moved"
    )


def steps(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """`decision`, `why` (the reason, or the variant of who is sent something), `before`, `after` (people,
    Int64): both audiences in figures. before, after: rows of `frames.AUDIENCES` of one campaign."""
    one, other = (
        frame.group_by("decision", why=pl.coalesce("reason", "variant")).agg(
            pl.len().cast(pl.Int64).alias(side)
        )
        for frame, side in ((before, "before"), (after, "after"))
    )
    return (
        one.join(other, on=["decision", "why"], how="full", coalesce=True)
        .with_columns(pl.col("before", "after").fill_null(0))
        .sort("decision", "why")
    )


def _contributions(points: pl.LazyFrame) -> pl.LazyFrame:
    return (
        points.select("person_id", "contributions")
        .explode("contributions", empty_as_null=False)
        .select(
            "person_id",
            pl.col("contributions").struct.field("rule"),
            pl.col("contributions").struct.field("points"),
        )
    )


def _share(counted: pl.LazyFrame, part: str, whole: str) -> pl.LazyFrame:
    """With `share` of one column in another: all of it where the other is 0 and the part is not."""
    over = pl.when(pl.col(whole) > 0).then(pl.col(whole)).otherwise(pl.col(part)).cast(pl.Float64)
    part_of = pl.col(part).cast(pl.Float64)
    return counted.with_columns(share=pl.when(part_of > 0).then(part_of / over).otherwise(0.0))
