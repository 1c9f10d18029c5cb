"""The same scores by the library, by one hand-written polars query, by DuckDB and by pandas.

Each contender takes events, people and a catalog, all in memory, and gives by score `person_id`, `points`
(Int64, ten-thousandths), `score` (Float64) of everybody. Constants (factors, divisors) come from the
library's plans, so that the contenders differ in how they compute and not in what.
"""

import operator
from collections.abc import Callable, Iterator
from datetime import date
from functools import reduce

import numpy as np
import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.measures import ACTIVITY, Measure, measures_of
from engagement_pipeline.core.plan import CompiledRule, ScorePlan, plan_scores
from engagement_pipeline.core.scores import attach
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.benchmarks.data import AS_OF

Found = dict[str, pl.DataFrame]


def library(events: pl.DataFrame, people: pl.DataFrame, catalog: Catalog, as_of: date = AS_OF) -> Found:
    """Measures, points with their contributions, scores and bands, each as the library stores it."""
    engine, plans = LocalEngine(), plan_scores(catalog)
    needed = [measure for measure in measures_of(catalog).values() if measure is not ACTIVITY]
    daily = pl.concat(engine.measures(events.lazy(), needed))
    (points,) = engine.points(daily.lazy(), list(plans.values()), as_of)
    scores = pl.collect_all(
        [attach(frame.lazy(), people.lazy(), plans[name], as_of) for name, frame in points.items()]
    )
    return dict(zip(points, scores, strict=True))


# --- one polars query, by hand ----------------------------------------------------------------------


def polars_by_hand(events: pl.DataFrame, people: pl.DataFrame, catalog: Catalog) -> Found:
    """One lazy query, straight from events to points: per measure, then brought together per person."""
    plans, measures = plan_scores(catalog), _needed(catalog)
    factors = _factors(plans)
    sums = []
    for measure in measures.values():
        rules = [(column, rule) for column, rule in _rules(plans) if rule.measure == measure.id]
        quantity = _hundredths() if measure.kind == "value" else pl.len().cast(pl.Int64)
        sums.append(
            events.lazy()
            .filter(*_conditions(measure))
            .group_by("person_id", "event_date")
            .agg(quantity=quantity)
            .join(factors.lazy().select("event_date", *(column for column, _ in rules)), on="event_date")
            .group_by("person_id")
            .agg(_points(pl.col("quantity"), column, rule) for column, rule in rules)
        )
    wide = pl.concat(sums, how="diagonal").group_by("person_id").agg(pl.exclude("person_id").sum())
    return _scored(wide, people, plans)


def polars_wide_by_hand(events: pl.DataFrame, people: pl.DataFrame, catalog: Catalog) -> Found:
    """One lazy query of two wide aggregations, the way one would write it first."""
    plans, measures = plan_scores(catalog), _needed(catalog)
    quantities = [
        (_hundredths(*_conditions(m)) if m.kind == "value" else _all(m).sum().cast(pl.Int64)).alias(m.id)
        for m in measures.values()
    ]
    wide = (
        events.lazy()
        .filter(pl.col("event").is_in(sorted({name for m in measures.values() for name in m.events})))
        .group_by("person_id", "event_date")
        .agg(quantities)
        .join(_factors(plans).lazy(), on="event_date")
        .group_by("person_id")
        .agg(_points(pl.col(rule.measure), column, rule) for column, rule in _rules(plans))
    )
    return _scored(wide, people, plans)


def _needed(catalog: Catalog) -> dict[str, Measure]:
    return {name: m for name, m in measures_of(catalog).items() if m is not ACTIVITY}


def _rules(plans: dict[str, ScorePlan]) -> Iterator[tuple[str, CompiledRule]]:
    for plan in plans.values():
        for number, rule in enumerate(plan.rules):
            yield f"{plan.name}.{number}", rule


def _factors(plans: dict[str, ScorePlan]) -> pl.DataFrame:
    """By day, each rule's factor: 0 before its window."""
    longest = max(plan.window for plan in plans.values())
    days = pl.date_range(pl.lit(AS_OF) - pl.duration(days=longest - 1), AS_OF, eager=True).reverse()
    padded = {column: [*rule.factors, *[0] * (longest - len(rule.factors))] for column, rule in _rules(plans)}
    return pl.DataFrame({"event_date": days, **padded})


def _conditions(measure: Measure) -> list[pl.Expr]:
    found = [
        pl.col("event").is_in(measure.events)
        if len(measure.events) > 1
        else pl.col("event") == measure.events[0]
    ]
    if measure.machine == "exclude":
        found.append(~pl.col("is_machine"))
    if measure.where is not None:
        found.append(pl.sql_expr(measure.where.sql))
    return found


def _all(measure: Measure) -> pl.Expr:
    return reduce(operator.and_, _conditions(measure))


def _hundredths(*conditions: pl.Expr) -> pl.Expr:
    whole = (pl.col("value") * 100.0 + 0.5).floor().cast(pl.Int64)
    return (whole.filter(*conditions) if conditions else whole).sum()


def _points(quantity: pl.Expr, factor: str, rule: CompiledRule) -> pl.Expr:
    capped = quantity if rule.cap is None else pl.min_horizontal(quantity, pl.lit(rule.cap, dtype=pl.Int64))
    total = (capped.cast(pl.Int128) * pl.col(factor)).sum()
    return ((total + rule.divisor // 2) // rule.divisor).cast(pl.Int64).alias(factor)


def _scored(wide: pl.LazyFrame, people: pl.DataFrame, plans: dict[str, ScorePlan]) -> Found:
    raw = wide.select(
        "person_id",
        *(
            pl.sum_horizontal(f"{plan.name}.{n}" for n in range(len(plan.rules))).alias(plan.name)
            for plan in plans.values()
        ),
        *(_active(plan).alias(f"{plan.name} active") for plan in plans.values()),
    )
    # Collected once: fifty scales over one lazy query are planned, and partly computed, fifty times.
    everybody = people.lazy().join(raw, on="person_id", how="left").collect().lazy()
    frames = pl.collect_all([_scale(everybody, plan) for plan in plans.values()])
    return dict(zip(plans, frames, strict=True))


def _active(plan: ScorePlan) -> pl.Expr:
    """A rule gave points: with this data and these catalogs, the same people as those with a matching event,
    for points never round to nothing and no rule has a factor of 0 inside its window."""
    return pl.any_horizontal(pl.col(f"{plan.name}.{n}") != 0 for n in range(len(plan.rules)))


def _scale(everybody: pl.LazyFrame, plan: ScorePlan) -> pl.LazyFrame:
    scale, name = plan.scale, plan.name
    frame = everybody.select("person_id", points=pl.col(name).fill_null(0), active=f"{name} active")
    points = pl.col("points").cast(pl.Float64)
    if scale.range is None:
        return frame.select("person_id", "points", score=points / (points * 0.0 + 10_000.0))
    low, high = scale.range
    population = frame.filter("active") if scale.population == "active" else frame
    if scale.method == "linear":
        ends = population.select(bottom=pl.col("points").min(), top=pl.col("points").max())
        share = (points - pl.col("bottom")) / (points * 0.0 + pl.col("top") - pl.col("bottom"))
        frame = frame.join(ends, how="cross").with_columns(share=share.clip(0.0, 1.0))
    else:
        steps = population.group_by("points").agg(n=pl.len().cast(pl.Int64)).sort("points")
        steps = steps.with_columns(upto=pl.col("n").cum_sum(), total=pl.col("n").sum(), step="points")
        equal = pl.when(pl.col("step") == pl.col("points")).then(pl.col("n")).otherwise(0)
        doubled = (2 * pl.col("upto") - equal).cast(pl.Float64)
        frame = (
            frame.sort("points")
            .join_asof(steps, on="points")
            .with_columns(share=(doubled / (doubled * 0.0 + 2.0 * pl.col("total"))).fill_null(0.0))
        )
    scored = pl.when(pl.col("share") >= 1.0).then(high).otherwise(low + (high - low) * pl.col("share"))
    return frame.select("person_id", "points", score=scored)


# --- DuckDB ----------------------------------------------------------------------------------------


def duckdb_sql(events: pl.DataFrame, people: pl.DataFrame, catalog: Catalog) -> Callable[[], Found]:
    """Loads into DuckDB's own tables; what it returns is the part to be timed."""
    import duckdb

    plans, measures = plan_scores(catalog), _needed(catalog)
    connection = duckdb.connect()
    factors = _factors(plans)
    for name, frame in (("events", events), ("people", people), ("factors", factors)):
        connection.register("given", frame.to_arrow())
        connection.execute(f"create table {name} as select * from given")
        connection.unregister("given")

    def run() -> Found:
        connection.execute(_wide_sql(plans, measures))
        return {name: _frame(connection.sql(_scale_sql(plan))) for name, plan in plans.items()}

    return run


def _frame(result) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    found = pl.from_arrow(result.to_arrow_table())
    assert isinstance(found, pl.DataFrame)
    return found


def _wide_sql(plans: dict[str, ScorePlan], measures: dict[str, Measure]) -> str:
    names = ", ".join(f"'{name}'" for name in sorted({n for m in measures.values() for n in m.events}))
    quantities = ",\n".join(
        f"coalesce(sum({'floor(value * 100.0 + 0.5)::bigint' if m.kind == 'value' else '1'})"
        f' filter (where {_condition_sql(m)}), 0)::bigint as "{m.id}"'
        for m in measures.values()
    )
    sums = ",\n".join(
        f'sum({_capped_sql(rule)}::hugeint * "{column}") + {rule.divisor // 2} as "{column}"'
        for column, rule in _rules(plans)
    )
    points = ",\n".join(
        " + ".join(_floored_sql(f"{plan.name}.{n}", rule.divisor) for n, rule in enumerate(plan.rules))
        + f' as "{plan.name}"'
        for plan in plans.values()
    )
    active = ",\n".join(
        " or ".join(
            f"{_floored_sql(f'{plan.name}.{n}', rule.divisor)} <> 0" for n, rule in enumerate(plan.rules)
        )
        + f' as "{plan.name} active"'
        for plan in plans.values()
    )
    return f"""
    create or replace temp table raw as
    with daily as (select person_id, event_date, {quantities} from events
                   where event in ({names}) group by person_id, event_date),
         sums as (select person_id, {sums} from daily join factors using (event_date) group by person_id)
    select person_id, {points}, {active} from people left join sums using (person_id)
    """


def _condition_sql(measure: Measure) -> str:
    found = [f"event in ({', '.join(repr(name) for name in measure.events)})"]
    if measure.machine == "exclude":
        found.append("not is_machine")
    if measure.where is not None:
        found.append(f"({measure.where.sql})")
    return " and ".join(found)


def _capped_sql(rule: CompiledRule) -> str:
    return f'"{rule.measure}"' if rule.cap is None else f'least("{rule.measure}", {rule.cap})'


def _floored_sql(column: str, divisor: int) -> str:
    """DuckDB's integer division cuts towards zero; this one floors."""
    return f'(("{column}" - (("{column}" % {divisor}) + {divisor}) % {divisor}) // {divisor})::bigint'


def _scale_sql(plan: ScorePlan) -> str:
    scale = plan.scale
    points = f'coalesce("{plan.name}", 0) as points, "{plan.name} active" as active'
    everybody = f"with p as (select person_id, {points} from raw)"
    if scale.range is None:
        return f"{everybody} select person_id, points, points / 10000.0::double as score from p"
    low, high = (f"{edge!r}::double" for edge in scale.range)
    population = "where active" if scale.population == "active" else ""
    score = f"case when share >= 1 then {high} else {low} + ({high} - {low}) * share end as score"
    if scale.method == "linear":
        share = "least(1, greatest(0, (points::double - bottom::double) / (top::double - bottom::double)))"
        return f"""{everybody},
            ends as (select min(points) as bottom, max(points) as top from p {population}),
            s as (select person_id, points, {share} as share from p cross join ends)
            select person_id, points, {score} from s"""
    return f"""{everybody},
        h as (select points as step, count(*)::bigint as n from p {population} group by points),
        r as (select step, n, (sum(n) over (order by step))::bigint as upto,
                     (sum(n) over ())::bigint as total from h),
        d as (select step, n, upto, total::double * 2 as doubled from r),
        s as (select person_id, points, coalesce(
                  (2 * upto - case when step = points then n else 0 end)::double / doubled, 0) as share
              from p asof left join d on p.points >= d.step)
        select person_id, points, {score} from s"""


# --- pandas ----------------------------------------------------------------------------------------


def pandas_frames(events: pl.DataFrame, people: pl.DataFrame, catalog: Catalog) -> Callable[[], Found]:
    """Converts to pandas; what it returns is the part to be timed. Its sums are Int64: this data fits."""
    import pandas as pd

    plans, measures = plan_scores(catalog), _needed(catalog)
    frame, everybody = events.to_pandas(), people.to_pandas().set_index("person_id")
    frame["event_date"] = frame["event_date"].astype("datetime64[s]")
    factors = _factors(plans).to_pandas()
    factors["event_date"] = factors["event_date"].astype("datetime64[s]")
    factors = factors.set_index("event_date")

    def daily(measure: Measure) -> pd.DataFrame:
        kept = frame["event"].isin(measure.events)
        if measure.machine == "exclude":
            kept &= ~frame["is_machine"]
        if measure.where is not None:
            kept &= _pandas_condition(frame, measure.where.sql)
        if measure.kind == "value":
            whole = np.floor(frame.loc[kept, "value"] * 100.0 + 0.5).astype("int64")
        else:
            whole = pd.Series(1, index=frame.index[kept])
        keys = [frame.loc[kept, "person_id"], frame.loc[kept, "event_date"]]
        return whole.groupby(keys).sum().rename("quantity").reset_index()

    def run() -> Found:
        by_measure = {name: daily(measure) for name, measure in measures.items()}
        found = {}
        for plan in plans.values():
            total, active = pd.Series(0, index=everybody.index), pd.Series(False, index=everybody.index)
            for number, rule in enumerate(plan.rules):
                rows = by_measure[rule.measure]
                capped = rows["quantity"] if rule.cap is None else rows["quantity"].clip(upper=rule.cap)
                weighted = capped * rows["event_date"].map(factors[f"{plan.name}.{number}"])
                points = (weighted.groupby(rows["person_id"]).sum() + rule.divisor // 2) // rule.divisor
                points = points.reindex(everybody.index, fill_value=0).astype("int64")
                total, active = total + points, active | (points != 0)
            found[plan.name] = pd.DataFrame({"points": total, "score": _pandas_score(total, active, plan)})
        return {name: pl.from_pandas(scored.reset_index()) for name, scored in found.items()}

    return run


def _pandas_condition(frame, sql: str):  # type: ignore[no-untyped-def]
    """The three kinds of condition that the benchmark's catalogs have."""
    column, _, rest = sql.partition(" ")
    if rest == "IS NULL":
        return frame[column].isna()
    if rest.startswith("IN "):
        return frame[column].isin([part.strip(" ()'") for part in rest[3:].split(",")])
    return frame[column] == rest.removeprefix("= ").strip("'")


def _pandas_score(points, active, plan: ScorePlan):  # type: ignore[no-untyped-def]
    scale = plan.scale
    if scale.range is None:
        return points / 10_000.0
    low, high = scale.range
    population = np.sort(points[active] if scale.population == "active" else points)
    if scale.method == "linear":
        bottom, top = float(population[0]), float(population[-1])
        share = ((points.astype(float) - bottom) / (top - bottom)).clip(0.0, 1.0)
    else:
        below = np.searchsorted(population, points, "left")
        share = (below + np.searchsorted(population, points, "right")) / (2 * len(population))
    return np.where(share >= 1.0, high, low + (high - low) * share)


CONTENDERS: dict[str, Callable[[pl.DataFrame, pl.DataFrame, Catalog], Callable[[], Found]]] = {
    "library": lambda *given: lambda: library(*given),
    "polars by hand": lambda *given: lambda: polars_by_hand(*given),
    "polars by hand, wide": lambda *given: lambda: polars_wide_by_hand(*given),
    "duckdb": duckdb_sql,
    "pandas": pandas_frames,
}
