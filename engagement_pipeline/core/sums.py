"""Sums: what the rules on events find in their windows, person by person, added up exactly.

Here: cap, weight, decay, rates and quantising, for many rules in one pass. Not here: what is added up
(`quantities`), and what becomes of it in a score (`points`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import polars as pl

from engagement_pipeline.core.adding import Term, added
from engagement_pipeline.core.event_rules import CompiledRule
from engagement_pipeline.core.exact import BILLIONTH, INT64_MAX, narrow, quantise
from engagement_pipeline.core.frames import POINT
from engagement_pipeline.core.quantities import Quantity


def by_measure(
    rules: Iterable[CompiledRule], daily: pl.LazyFrame, messages: pl.LazyFrame | None = None
) -> dict[str, pl.LazyFrame]:
    """What `sums` takes. daily: `frames.DAILY_MEASURES`; messages: `frames.DAILY_MESSAGES`, where a rule
    counts them."""
    read = {quantity.measure: quantity for rule in rules for quantity in rule.quantities}
    stored = {True: daily if messages is None else messages, False: daily}
    return {
        measure: stored[quantity.of_messages].filter(pl.col("measure") == measure)
        for measure, quantity in sorted(read.items())
    }


def sums(
    daily: Mapping[str, pl.LazyFrame],
    rules: Iterable[CompiledRule],
    as_of: date,
    largest: Mapping[str, int] | None = None,
    people: int | None = None,
) -> dict[str, pl.LazyFrame]:
    """By quantity (`Quantity.id`), a row per person who has it in the longest window of the rules that read
    it: for each of their windows the quantity, capped and weighted sums, and whether anything was found
    (`found` reads them). Rows come in no order.

    daily: by measure what `Quantity.of` takes, people as any type.
    largest: by measure the largest size of a day's quantity. Where it shows that sums fit in 64 bits they are
    added up in 64, without it in 128 where the rules alone do not show that; the results are the same.
    people: where `person_id` are numbers, one that is above all of them. They are added up in half of the
    time then, and come in their order.
    """
    # One group_by per quantity, with all rules that read it: 1.5 s for 11 million rows and 40 rules, where
    # one group_by over everything took 2.7 s.
    readers: dict[Quantity, list[CompiledRule]] = defaultdict(list)
    for rule in rules:
        readers[rule.reads].append(rule)
        if rule.per is not None:
            readers[rule.per.reads].append(rule.per)
    known = largest or {}
    return {
        quantity.id: _sums(
            quantity.of(daily[quantity.measure], as_of), each, as_of, _bound(quantity, known), people
        )
        for quantity, each in readers.items()
    }


def found(sums: Mapping[str, pl.LazyFrame], rule: CompiledRule) -> pl.LazyFrame:
    """A row per person with anything in the rule's window: `person_id`; `quantity` and what the daily cap
    took of it, `capped_off` (both Int64; null is what does not fit in 64 bits); in ten-thousandths of a point
    `gross`, what the rule would give without decay, and `net`, what it gives (Int64 or Int128, both before
    the rule's own cap). Rows come in no order. sums: as from `sums`.

    A rate is weight × matching / exposures, both decayed, quantised once. It gives nothing where there are
    fewer exposures than `at_least`, or where decay left nothing of them.
    """
    own = sums[rule.reads.id]
    window = rule.window
    if _found(window) in own.collect_schema():
        own = own.filter(_found(window))
    if rule.per is None:
        undecayed = pl.col(_capped(rule)) * pl.lit(rule.undecayed, dtype=pl.Int64)
        gross, net = (quantise(total, rule.divisor) for total in (undecayed, pl.col(_weighted(rule))))
    else:
        shown = sums[rule.per.reads.id].select(
            "person_id",
            pl.col(_quantity(window)).alias("exposures"),
            pl.col(_weighted(rule.per)).alias("decayed exposures"),
        )
        own = own.join(shown, on="person_id", how="left")
        total = pl.col(_capped(rule)).cast(pl.Int128) * pl.lit(rule.undecayed, dtype=pl.Int64)
        whole = pl.col("exposures").cast(pl.Int128) * pl.lit(BILLIONTH, dtype=pl.Int64)
        gross = _rate(total, whole, rule.at_least)
        net = _rate(pl.col(_weighted(rule)), pl.col("decayed exposures"), rule.at_least)
    return own.select(
        "person_id",
        narrow(pl.col(_quantity(window))).alias("quantity"),
        narrow(pl.col(_quantity(window)) - pl.col(_capped(rule))).alias("capped_off"),
        gross.alias("gross"),
        net.alias("net"),
    )


def active(sums: Mapping[str, pl.LazyFrame], rule: CompiledRule) -> pl.LazyFrame:
    """`person_id` of everyone with anything in the rule's window; of a rule with `inactive_for`, whom it does
    not concern. sums: as from `sums`."""
    return found(sums, rule).select("person_id")


def _rate(matching: pl.Expr, exposures: pl.Expr, at_least: int) -> pl.Expr:
    """floor(matching / exposures × 10,000 + 1/2), Int128, 0 without enough exposures."""
    twice = exposures.cast(pl.Int128) * 2
    points = (matching.cast(pl.Int128) * (2 * POINT) + exposures.cast(pl.Int128)) // twice
    return (
        pl.when((pl.col("exposures") >= at_least) & (exposures > 0))
        .then(points)
        .otherwise(pl.lit(0, dtype=pl.Int128))
    )


def _bound(quantity: Quantity, largest: Mapping[str, int]) -> int | None:
    return 1 if quantity.kind in {"days", "first", "streak"} else largest.get(quantity.measure)


def _sums(
    daily: pl.LazyFrame,
    readers: Sequence[CompiledRule],
    as_of: date,
    largest: int | None,
    people: int | None,
) -> pl.LazyFrame:
    """Rules with the same cap, weight, decay and window share their sums, whichever score they belong to."""
    longest = max(rule.window for rule in readers)
    first = as_of - timedelta(days=longest - 1)
    age = pl.lit(as_of).cast(pl.Int32) - pl.col("event_date").cast(pl.Int32)
    by_age: dict[str, pl.Series] = {}
    totals: dict[str, Term] = {}
    wide: set[str] = set()
    for rule in readers:
        window = rule.window
        inside = None if window == longest else f"within {window}"
        if inside is not None:
            by_age[inside] = _padded([1] * window, longest)
        by_age[_table(rule)] = _padded(rule.factors, longest)
        cap = None if rule.cap is None or (largest is not None and largest <= rule.cap) else rule.cap
        totals[_quantity(window)] = Term(None, inside)
        totals[_capped(rule)] = Term(cap, inside)
        totals[_weighted(rule)] = Term(cap, _table(rule))
        if _leaves_64_bits(rule, largest):
            wide |= {_capped(rule), _weighted(rule)}
        if not rule.counts and (largest is None or largest * window > INT64_MAX):
            wide.add(_quantity(window))
    within = daily.filter(pl.col("event_date").is_between(pl.lit(first), pl.lit(as_of)))
    found_in = {
        _found(window): name
        for window in dict.fromkeys(rule.window for rule in readers)
        if (name := f"within {window}") in by_age
    }
    if people is not None and not wide:
        kind = daily.collect_schema()["person_id"]
        return within.select("person_id", age.alias("age"), "quantity").map_batches(
            partial(added, people=people, totals=totals, tables=by_age, found=found_in),
            schema={
                "person_id": kind,
                **{name: pl.Int64() for name in totals},
                **{name: pl.Boolean() for name in found_in},
            },
        )
    return (
        # Factors by position of the age: joining them on the day took as long as the group_by itself.
        within.with_columns(**{name: pl.lit(table).gather(age) for name, table in by_age.items()})
        .group_by("person_id")
        .agg(
            *(_sum(term, wide=name in wide).alias(name) for name, term in totals.items()),
            *((pl.col(name).max() == 1).alias(found) for found, name in found_in.items()),
        )
    )


def _leaves_64_bits(rule: CompiledRule, largest: int | None) -> bool:
    """Whether sums of the rule, or what is computed from them, could."""
    bounds = [] if rule.largest_sum is None else [rule.largest_sum]
    if largest is not None:  # a cap only makes quantities smaller
        bounds.append(largest * sum(max(abs(factor), abs(rule.undecayed)) for factor in rule.factors))
    return not bounds or min(bounds) + rule.divisor // 2 > INT64_MAX // 2  # half: one is taken from another


def _sum(term: Term, *, wide: bool) -> pl.Expr:
    quantity = pl.col("quantity")
    if term.cap is not None:
        quantity = pl.min_horizontal(quantity, pl.lit(term.cap, dtype=pl.Int64))
    if wide:
        quantity = quantity.cast(pl.Int128)
    return (quantity if term.factors is None else quantity * pl.col(term.factors)).sum()


def _padded(table: Sequence[int], length: int) -> pl.Series:
    """Zero beyond the window, so that days outside it add nothing."""
    return pl.Series([*table, *[0] * (length - len(table))], dtype=pl.Int64)


def _found(window: int) -> str:
    return f"found {window}"


def _quantity(window: int) -> str:
    return f"quantity {window}"


def _capped(rule: CompiledRule) -> str:
    return f"capped {rule.cap} {rule.window}"


def _table(rule: CompiledRule) -> str:
    return f"factor {hashlib.sha256(repr(rule.factors).encode()).hexdigest()}"


def _weighted(rule: CompiledRule) -> str:
    return f"weighted {rule.cap} {_table(rule)}"
