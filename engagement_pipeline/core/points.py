"""Points: what every rule gives every person on an as-of date, exactly, and their sum.

Here: what sums come to in a score, beside what people and other scores give. Not here: adding up (`sums`),
the others one by one (`attributes`, `parts`, `caps`), what points mean beside those of others (`scores`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl

from engagement_pipeline.core.attributes import attributed, only_those, silent
from engagement_pipeline.core.caps import shared, within
from engagement_pipeline.core.event_rules import CompiledRule
from engagement_pipeline.core.exact import narrow
from engagement_pipeline.core.frames import CONTRIBUTION
from engagement_pipeline.core.parts import complete, given_by
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.sums import active, by_measure, found, sums

LOSSES = ("cap_loss", "group_loss")
"""What caps in points took."""
_ZERO = pl.lit(0, dtype=pl.Int64)


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


def contributions(
    daily: pl.LazyFrame,
    plans: Sequence[ScorePlan],
    as_of: date,
    messages: pl.LazyFrame | None = None,
    known: pl.LazyFrame | None = None,
) -> dict[str, pl.LazyFrame]:
    """By score, what `contributed` gives. daily: `frames.DAILY_MEASURES`; messages: `frames.DAILY_MESSAGES`,
    where a rule counts them. Collected together, the scores share what they have in common."""
    rules = [rule for plan in plans for rule in plan.rules]
    found = sums(by_measure(rules, daily, messages), rules, as_of)
    return {plan.name: contributed(found, plan, as_of, known) for plan in plans}


def contributed(
    sums: Mapping[str, pl.LazyFrame], plan: ScorePlan, as_of: date, known: pl.LazyFrame | None = None
) -> pl.LazyFrame:
    """A row per person and rule that found anything: `person_id`, then the columns of `frames.CONTRIBUTION`
    with `rule` as an Enum in rule order, and `active`; of `cap_loss`, `group_loss` and `active` those that
    are the same for everyone (0 and true) are left out.

    sums: as from `sums.sums`. known: `person_id` (of the same type), `first_seen` and the plan's `columns` of
    everyone known on the date (see `facts.facts`); needed where the plan `reads_people`. `quantity` and
    `capped_off` are events or hundredths, of a part its score in ten-thousandths, of other rules on people 1;
    `decay_loss`, `cap_loss`, `group_loss` and `points` are ten-thousandths of a point, so that what the rule
    would give without decay and caps is the sum of these four. Null is what does not fit in 64 bits
    (`check_points` refuses it). Rows come in no order.
    """
    if known is None and plan.reads_people:
        raise ValueError(f"score {plan.name} asks about people: contributed needs to know them")
    keys = pl.Enum(plan.keys)
    rows = [_of_events(sums, rule, plan, as_of, known, keys) for rule in plan.rules]
    if known is not None:
        rows += [
            _rows(attributed(known, each), each.key, plan, keys, active=_only_people(plan))
            for each in plan.asked.attributes
        ]
        rows += [
            _rows(
                given_by(known, each, plan.parts),
                each.key,
                plan,
                keys,
                active=pl.lit(value=False) if plan.counting else pl.col("active"),
            )
            for each in plan.parts.parts
        ]
    found = pl.concat(rows)
    if known is not None and plan.parts.needed:
        found = found.join(complete(known, plan.parts), on="person_id", how="semi")
    return shared(found, plan.caps.groups) if plan.caps.groups else found


def points(contributed: pl.LazyFrame, plan: ScorePlan, as_of: date) -> pl.LazyFrame:
    """`frames.POINTS` of one score, but for `rule` and `points_digest`, which still are Enums: a row per
    person with contributions, sorted by person.

    contributed: the plan's frame of `contributions`. Where people are numbers, `person_id` is still one.
    """
    columns = contributed.collect_schema()
    each = pl.col("contributions").list
    given = pl.element().struct.field("points")
    # A contribution that did not fit is null, and then the sum is not known either.
    known = ~each.eval(given.is_null()).list.any()
    # Over the lists in 0.01 s for 370,000 people, where adding up while grouping took 0.04 s.
    total = pl.when(known).then(narrow(each.eval(given.cast(pl.Int128)).list.sum()))
    if columns["person_id"].is_integer():
        place = pl.col("person_id").cast(pl.UInt64) * len(plan.keys) + pl.col("rule").to_physical()
        ordered = contributed.with_columns(place=place).map_batches(_in_place, schema=columns)
    else:
        ordered = contributed.sort("person_id", "rule")
    return (
        ordered.with_columns(
            pl.col("person_id").set_sorted(),
            # Not carried through the sort where they are the same for everyone, as in most scores.
            *(pl.lit(0, dtype=pl.Int64).alias(name) for name in LOSSES if name not in columns),
        )
        .group_by("person_id", maintain_order=True)
        .agg(
            *([pl.col("active").any()] if "active" in columns else []),
            contributions=pl.struct(CONTRIBUTION.names()),
        )
        .select(
            pl.lit(as_of, dtype=pl.Date).alias("as_of"),
            "person_id",
            total.alias("points"),
            "contributions",
            pl.col("active") if "active" in columns else pl.lit(value=True).alias("active"),
            pl.lit(plan.points_digest, dtype=pl.Enum([plan.points_digest])).alias("points_digest"),
        )
    )


def _in_place(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order of `place`, without it. Those of each rule mostly are in it, and such runs numpy
    merges: for a million rows in 0.01 s, where polars, which finds out that they are in order only as a
    whole, takes 0.04 s."""
    return rows.drop("place")[np.argsort(rows["place"].to_numpy(), kind="stable")]


def check_points(stored: pl.DataFrame) -> None:
    """Raise PointsOverflow for points that left 64 bits, PointsDisagree where contributions do not sum to the
    points, there are none, or a cap took what was not there: what caps took has the sign of what they left.
    stored: rows of `frames.POINTS`; call it before they are committed."""
    each = pl.element().struct
    inner = stored["contributions"].explode(empty_as_null=False, keep_nulls=False).struct.unnest()
    fields = [name for name in CONTRIBUTION if name != "rule"]
    if stored["points"].null_count() or any(inner[name].null_count() for name in fields):
        unfit = pl.any_horizontal(each.field(name).is_null() for name in fields)
        row = stored.filter(
            pl.col("points").is_null() | pl.col("contributions").list.eval(unfit).list.any()
        ).head(1)
        found = row["contributions"][0]
        rules = found.struct.unnest().filter(pl.any_horizontal(pl.col(*fields).is_null()))["rule"]
        raise PointsOverflow(row["person_id"][0], rules[0] if len(rules) else "all together")
    given = pl.col("contributions").list
    wrong = (given.len() == 0) | (given.eval(each.field("points")).list.sum() != pl.col("points"))
    if any((inner[name] != 0).any() for name in LOSSES):  # in most scores caps took nothing from anybody
        signs = [each.field(name).sign() for name in ("points", *LOSSES)]
        turned = pl.any_horizontal(a * b < 0 for a, b in combinations(signs, 2))
        wrong |= pl.col("contributions").list.eval(turned).list.any()
    row = stored.filter(wrong).head(1)
    if not row.is_empty():
        raise PointsDisagree(row["person_id"][0], row["contributions"].to_list()[0], row["points"][0])


def _of_events(
    sums: Mapping[str, pl.LazyFrame],
    rule: CompiledRule,
    plan: ScorePlan,
    as_of: date,
    known: pl.LazyFrame | None,
    keys: pl.Enum,
) -> pl.LazyFrame:
    """The contributions of a rule on events, within its cap."""
    whom = plan.asked.only.get(rule.key)
    silence = plan.asked.silences.get(rule.key)
    if silence is not None and known is not None:
        quiet = silent(known, active(sums, rule), silence, plan.asked.start, as_of)
        rows = _rows(quiet, rule.key, plan, keys, active=_only_people(plan))
    else:
        most, net = plan.caps.rules.get(rule.key), pl.col("net")
        kept = net if most is None else within(net, most)
        rows = _rows(
            found(sums, rule),
            rule.key,
            plan,
            keys,
            capped_off=pl.col("capped_off"),
            decay_loss=narrow(pl.col("gross") - net),
            points=narrow(kept),
            cap_loss=narrow(net - kept) if most is not None else _ZERO,
            active=pl.lit(value=True),
        )
    return rows if whom is None or known is None else only_those(rows, known, whom)


def _rows(found: pl.LazyFrame, key: str, plan: ScorePlan, keys: pl.Enum, **given: pl.Expr) -> pl.LazyFrame:
    """`contributed` of one rule, `group_loss` apart; what is not given is 0, or a column of its name."""
    columns = {
        "quantity": pl.col("quantity"),
        "capped_off": _ZERO,
        "decay_loss": _ZERO,
        "points": pl.col("points"),
        **({"cap_loss": _ZERO} if plan.caps.rules else {}),
        **({"active": pl.lit(value=True)} if plan.scores_people else {}),
    }
    said = {name: expr for name, expr in given.items() if name in columns}
    return found.select("person_id", pl.lit(key, dtype=keys).alias("rule"), **{**columns, **said})


def _only_people(plan: ScorePlan) -> pl.Expr:
    """Whether somebody is active by what is known of them alone: where nothing else is asked."""
    return pl.lit(value=not plan.counting and not plan.parts.parts)
