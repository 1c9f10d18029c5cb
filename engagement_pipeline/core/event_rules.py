"""Rules on events, turned into integers, ready to be computed.

Here: compiling one rule. Not here: the score it belongs to (`plan`), frames and arithmetic (`sums`).
"""

from dataclasses import dataclass

from engagement_pipeline.catalog.specs import Catalog, Decay, EventRule, Rate, Score
from engagement_pipeline.core.decay import factors
from engagement_pipeline.core.exact import BILLIONTH, INT64_MAX
from engagement_pipeline.core.frames import HUNDREDTHS, POINT
from engagement_pipeline.core.measures import exposures_of, measure_of
from engagement_pipeline.core.quantities import Kind, Quantity


@dataclass(frozen=True)
class CompiledRule:
    """points = floor(sum over days of min(quantity, cap) × factors[age] / divisor + 1/2), in 1e-4 points.
    Those of a rate are divided by the same sum of its exposures as well, see `sums.found`."""

    key: str
    """What the rule is called in contributions; unique in its score."""
    reads: Quantity
    window: int
    """In days; the as-of date is the last of them."""
    factors: tuple[int, ...]
    """By age in days, as long as the window."""
    undecayed: int
    """The factor if nothing decayed."""
    cap: int | None
    """In the quantity's unit: events, days, messages, or hundredths of the unit."""
    divisor: int
    counts: bool
    """Whether the quantity is a number, never negative, not a sum of values."""
    per: "CompiledRule | None" = None
    """Of a rate: the exposures, as a rule of weight 1."""
    at_least: int = 1
    """Of a rate: who had fewer exposures in the window gets nothing."""
    inactive_for: int | None = None
    """Of a rule that is turned round: it gives its weight once to whom `sums.active` does not name. Its
    window is as long."""

    @property
    def measure(self) -> str:
        """Id of the stored measure."""
        return self.reads.measure

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """All that it reads."""
        return (self.reads,) if self.per is None else (self.reads, self.per.reads)

    @property
    def lookback(self) -> int | None:
        """Days that must be there, None for all since the project's start."""
        return None if self.reads.reads_history else self.window

    @property
    def largest_sum(self) -> int | None:
        """A bound on the size of the sum before the division, None where there is none."""
        if self.cap is None or not self.counts:
            return None
        return self.cap * sum(max(abs(factor), abs(self.undecayed)) for factor in self.factors)


def compile_rule(key: str, rule: EventRule, score: Score, catalog: Catalog) -> CompiledRule:
    """Raises ValueError where a weight leaves 64 bits."""
    window = rule.inactive_for or rule.window or score.window
    decay = score.decay if rule.decay is None else rule.decay
    # `per` divides once, at the end and exactly, instead of rounding every factor.
    per = rule.exact_per
    unit = 1 if rule.per is None else HUNDREDTHS
    by_age = tuple(factor * per.denominator for factor in factors(rule.weight, decay, window))
    undecayed = factors(rule.weight, "none", 1)[0] * per.denominator
    if max(abs(undecayed), *(abs(factor) for factor in by_age)) > INT64_MAX:
        raise ValueError(
            f"score {score.score}, rule {key}: weight {rule.weight} per {rule.per} leaves 64 bits"
        )
    return CompiledRule(
        key=key,
        reads=_quantity(rule, window, measure_of(rule, catalog).id),
        window=window,
        factors=by_age,
        undecayed=undecayed,
        cap=None if rule.cap is None or rule.cap.per_day is None else rule.cap.per_day * unit,
        divisor=BILLIONTH // POINT * unit * per.numerator,
        counts=rule.per is None,
        per=None if rule.rate is None else _exposures(rule.rate, rule, window, decay, catalog),
        at_least=1 if rule.rate is None else rule.rate.at_least,
        inactive_for=rule.inactive_for,
    )


def _exposures(rate: Rate, rule: EventRule, window: int, decay: Decay, catalog: Catalog) -> CompiledRule:
    """Counted as the rule itself counts: a rate of messages has messages below the line."""
    return CompiledRule(
        key="",
        reads=_quantity(rule, window, exposures_of(rate, rule, catalog).id),
        window=window,
        factors=factors(1, decay, window),
        undecayed=BILLIONTH,
        cap=None,
        divisor=BILLIONTH,
        counts=True,
    )


def _quantity(rule: EventRule, window: int, measure: str) -> Quantity:
    kind: Kind = "sum"
    if rule.streak is not None:
        return Quantity(measure, "streak", window, rule.streak)
    if rule.count == "messages":
        return Quantity(measure, "messages", window)
    if rule.count == "days":
        kind = "days"
    elif rule.count == "first":
        kind = "first"
    return Quantity(measure, kind)
