"""Points: what every rule gives every person on an as-of date, exactly, and their sum.

Here: cap, weight, decay and quantising, for many scores in one pass. Not here: what points mean beside those
of other people (`scores`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.core.exact import INT64_MAX, narrow, quantise
from engagement_pipeline.core.frames import CONTRIBUTION
from engagement_pipeline.core.plan import CompiledRule, ScorePlan


class PointsOverflow(ArithmeticError):  # noqa: N818  the words are what the reader sees
    """Points of a person that do not fit in 64 bits."""

    def __init__(self, person: str, rule: str) -> None:
        super().__init__(
            f"points of person {person!r} by rule {rule!r} do not fit in 64 bits; "
            "lower the weight, cap the rule, or check the person's events"
        )
        self.person, self.rule = person, rule


class PointsDisagree(AssertionError):  # noqa: N818
    """Contributions that do not add up to the points beside them."""

    def __init__(self, person: str, given: object, points: int) -> None:
        super().__init__(
            f"contributions of person {person!r} do not add up to their points: {given} beside {points}"
        )
        self.person = person


def contributions(daily: pl.LazyFrame, plans: Sequence[ScorePlan], as_of: date) -> dict[str, pl.LazyFrame]:
    """By score, what `contributed` gives. daily: `frames.DAILY_MEASURES`. Collected together, the scores
    share what they have in common."""
    needed = {measure for plan in plans for measure in plan.measures}
    by_measure = {measure: daily.filter(pl.col("measure") == measure) for measure in sorted(needed)}
    found = sums(by_measure, plans, as_of)
    return {plan.name: contributed(found, plan) for plan in plans}


def sums(
    daily: Mapping[str, pl.LazyFrame],
    plans: Iterable[ScorePlan],
    as_of: date,
    largest: Mapping[str, int] | None = None,
) -> dict[str, pl.LazyFrame]:
    """By measure, a row per person who has it in the longest window of the rules that read it: for each of
    their windows the quantity, capped and weighted sums, and whether anything was found (`contributed` reads
    them). Rows come in no order.

    daily: by measure `event_date`, `person_id` (any type) and `quantity`, one row per person and day.
    largest: by measure the largest size of a day's quantity. Where it shows that sums fit in 64 bits they are
    added up in 64, without it in 128 where the rules alone do not show that; the results are the same.
    """
    # One group_by per measure, with all rules that read it: 1.5 s for 11 million rows and 40 rules, where one
    # group_by over everything took 2.7 s.
    readers: dict[str, list[tuple[int, CompiledRule]]] = defaultdict(list)
    for plan in plans:
        for rule in plan.rules:
            readers[rule.measure].append((plan.window, rule))
    known = largest or {}
    return {
        measure: _sums(daily[measure], rules, as_of, known.get(measure)) for measure, rules in readers.items()
    }


def contributed(sums: Mapping[str, pl.LazyFrame], plan: ScorePlan) -> pl.LazyFrame:
    """A row per person and rule that found anything in the window: `person_id`, then the columns of
    `frames.CONTRIBUTION` with `rule` as an Enum in rule order.

    sums: see `sums`. `quantity` and `capped_off` are events or hundredths, `decay_loss` and `points`
    ten-thousandths of a point; null is what does not fit in 64 bits (`check_points` refuses it). Rows come in
    no order.
    """
    keys = pl.Enum([rule.key for rule in plan.rules])
    return pl.concat(_contribution(sums[rule.measure], rule, plan.window, keys) for rule in plan.rules)


def points(contributed: pl.LazyFrame, plan: ScorePlan, as_of: date) -> pl.LazyFrame:
    """`frames.POINTS` of one score: a row per person with contributions, sorted by person.

    contributed: the plan's frame of `contributions`. Where people are numbers, `person_id` is still one.
    """
    # A contribution that did not fit is null, and then the sum is not known either.
    total = narrow(pl.col("points").cast(pl.Int128).sum())
    order = [pl.col("person_id"), pl.col("rule")]
    if contributed.collect_schema()["person_id"].is_integer():
        # Sorting by one number: 0.06 s for 800,000 rows instead of 0.1 s, or 0.2 s where people are text.
        order = [pl.col("person_id").cast(pl.UInt64) * len(plan.rules) + pl.col("rule").to_physical()]
    return (
        contributed.sort(order)
        .with_columns(pl.col("rule").cast(pl.String), pl.col("person_id").set_sorted())
        .group_by("person_id", maintain_order=True)
        .agg(
            points=pl.when(pl.col("points").null_count() == 0).then(total),
            contributions=pl.struct(CONTRIBUTION.names()),
        )
        .select(
            pl.lit(as_of, dtype=pl.Date).alias("as_of"),
            "person_id",
            "points",
            "contributions",
            pl.lit(plan.points_digest, dtype=pl.String).alias("points_digest"),
        )
    )


def check_points(stored: pl.DataFrame) -> None:
    """Raise PointsOverflow for points that left 64 bits, PointsDisagree where contributions do not sum to the
    points. stored: rows of `frames.POINTS`; call it before they are committed."""
    each = pl.element().struct
    fields = ("quantity", "capped_off", "decay_loss", "points")
    unfit = pl.any_horizontal(each.field(name).is_null() for name in fields)
    row = stored.filter(
        pl.col("points").is_null() | pl.col("contributions").list.eval(unfit).list.any()
    ).head(1)
    if not row.is_empty():
        found = row["contributions"][0]
        rules = found.struct.unnest().filter(pl.any_horizontal(pl.col(*fields).is_null()))["rule"]
        raise PointsOverflow(row["person_id"][0], rules[0] if len(rules) else "all together")
    added = pl.col("contributions").list.eval(each.field("points")).list.sum()
    row = stored.filter(added != pl.col("points")).head(1)
    if not row.is_empty():
        raise PointsDisagree(row["person_id"][0], row["contributions"].to_list()[0], row["points"][0])


def _sums(
    daily: pl.LazyFrame, readers: Sequence[tuple[int, CompiledRule]], as_of: date, largest: int | None
) -> pl.LazyFrame:
    """Rules with the same cap, weight, decay and window share their sums, whichever score they belong to."""
    longest = max(window for window, _ in readers)
    first = as_of - timedelta(days=longest - 1)
    age = pl.lit(as_of).cast(pl.Int32) - pl.col("event_date").cast(pl.Int32)
    by_age: dict[str, pl.Series] = {}
    totals: dict[str, tuple[pl.Expr, str | None]] = {}
    wide: set[str] = set()
    for window, rule in readers:
        inside = None if window == longest else f"within {window}"
        if inside is not None:
            by_age[inside] = _padded([1] * window, longest)
        by_age[_table(rule)] = _padded(rule.factors, longest)
        totals[_quantity(window)] = pl.col("quantity"), inside
        totals[_capped(rule, window)] = _cap(rule), inside
        totals[_weighted(rule)] = _cap(rule), _table(rule)
        if _leaves_64_bits(rule, largest):
            wide |= {_capped(rule, window), _weighted(rule)}
        if not rule.counts and (largest is None or largest * window > INT64_MAX):
            wide.add(_quantity(window))
    return (
        daily.filter(pl.col("event_date").is_between(pl.lit(first), pl.lit(as_of)))
        # Factors by position of the age: joining them on the day took as long as the group_by itself.
        .with_columns(**{name: pl.lit(table).gather(age) for name, table in by_age.items()})
        .group_by("person_id")
        .agg(
            *(_sum(term, factor, wide=name in wide).alias(name) for name, (term, factor) in totals.items()),
            *(
                (pl.col(name).max() == 1).alias(_found(window))
                for window in {window for window, _ in readers}
                if (name := f"within {window}") in by_age
            ),
        )
    )


def _contribution(sums: pl.LazyFrame, rule: CompiledRule, window: int, keys: pl.Enum) -> pl.LazyFrame:
    undecayed = pl.col(_capped(rule, window)) * pl.lit(rule.undecayed, dtype=pl.Int64)
    gross, net = (quantise(total, rule.divisor) for total in (undecayed, pl.col(_weighted(rule))))
    if _found(window) in sums.collect_schema():
        sums = sums.filter(_found(window))
    return sums.select(
        "person_id",
        pl.lit(rule.key, dtype=keys).alias("rule"),
        narrow(pl.col(_quantity(window))).alias("quantity"),
        narrow(pl.col(_quantity(window)) - pl.col(_capped(rule, window))).alias("capped_off"),
        narrow(gross - net).alias("decay_loss"),
        narrow(net).alias("points"),
    )


def _leaves_64_bits(rule: CompiledRule, largest: int | None) -> bool:
    """Whether sums of the rule, or what is computed from them, could."""
    bounds = [] if rule.largest_sum is None else [rule.largest_sum]
    if largest is not None:  # a cap only makes quantities smaller
        bounds.append(largest * sum(max(abs(factor), abs(rule.undecayed)) for factor in rule.factors))
    return not bounds or min(bounds) + rule.divisor // 2 > INT64_MAX // 2  # half: one is taken from another


def _cap(rule: CompiledRule) -> pl.Expr:
    quantity = pl.col("quantity")
    return quantity if rule.cap is None else pl.min_horizontal(quantity, pl.lit(rule.cap, dtype=pl.Int64))


def _sum(quantity: pl.Expr, factor: str | None, *, wide: bool) -> pl.Expr:
    term = quantity.cast(pl.Int128) if wide else quantity
    return (term if factor is None else term * pl.col(factor)).sum()


def _padded(table: Sequence[int], length: int) -> pl.Series:
    """Zero beyond the window, so that days outside it add nothing."""
    return pl.Series([*table, *[0] * (length - len(table))], dtype=pl.Int64)


def _found(window: int) -> str:
    return f"found {window}"


def _quantity(window: int) -> str:
    return f"quantity {window}"


def _capped(rule: CompiledRule, window: int) -> str:
    return f"capped {rule.cap} {window}"


def _table(rule: CompiledRule) -> str:
    return f"factor {hashlib.sha256(repr(rule.factors).encode()).hexdigest()}"


def _weighted(rule: CompiledRule) -> str:
    return f"weighted {rule.cap} {_table(rule)}"
