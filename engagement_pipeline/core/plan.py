"""Plans: a score's definition turned into integers, ready to be computed.

Here: compiling one definition. Not here: frames and arithmetic on them (`points`, `scores`).
"""

from dataclasses import dataclass

from engagement_pipeline.catalog.digests import points_digest, score_digest
from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import profile_columns
from engagement_pipeline.catalog.specs import Band, Catalog, Decay, EventRule, Scale, Score
from engagement_pipeline.core.decay import factors
from engagement_pipeline.core.exact import BILLIONTH, INT64_MAX
from engagement_pipeline.core.frames import HUNDREDTHS, POINT
from engagement_pipeline.core.measures import measure_of


@dataclass(frozen=True)
class CompiledRule:
    """points = floor(sum over days of min(quantity, cap) × factors[age] / divisor + 1/2), in 1e-4 points."""

    key: str
    """What the rule is called in contributions; unique in its score."""
    measure: str
    factors: tuple[int, ...]
    """By age in days, as long as the score's window."""
    undecayed: int
    """The factor if nothing decayed."""
    cap: int | None
    """In the measure's quantity: events, or hundredths of the unit."""
    divisor: int
    counts: bool
    """Whether the quantity is a number of events, never negative."""

    @property
    def largest_sum(self) -> int | None:
        """A bound on the size of the sum before the division, None where there is none."""
        if self.cap is None or not self.counts:
            return None
        return self.cap * sum(max(abs(factor), abs(self.undecayed)) for factor in self.factors)


@dataclass(frozen=True)
class ScorePlan:
    """One score, ready to be computed."""

    name: str
    window: int
    """In days; the as-of date is the last of them."""
    rules: tuple[CompiledRule, ...]
    points_digest: str
    """Changes with whatever changes points or the population they are compared in."""
    definition: str
    """Digest of the whole definition."""
    scale: Scale
    bands: dict[str, Band]
    applies_to: Condition | None

    @property
    def measures(self) -> frozenset[str]:
        """Ids of the measures its rules read."""
        return frozenset(rule.measure for rule in self.rules)


def plan_score(score: Score, catalog: Catalog) -> ScorePlan:
    """Compile one score of a checked catalog. Raises ValueError where a weight leaves 64 bits."""
    names = _keys(score.event_rules)
    return ScorePlan(
        name=score.score,
        window=score.window,
        rules=tuple(
            _compile(score.score, name, rule, score.decay, score.window, catalog)
            for name, rule in zip(names, score.event_rules, strict=True)
        ),
        points_digest=points_digest(score),
        definition=score_digest(score),
        scale=score.scale,
        bands=score.bands,
        applies_to=None if score.applies_to is None else parse(score.applies_to, profile_columns(catalog)),
    )


def plan_scores(catalog: Catalog) -> dict[str, ScorePlan]:
    """Every score of the catalog, by name."""
    return {name: plan_score(score, catalog) for name, score in catalog.scores.items()}


def _compile(
    score: str, key: str, rule: EventRule, decay: Decay, window: int, catalog: Catalog
) -> CompiledRule:
    # `per` divides once, at the end and exactly, instead of rounding every factor.
    per = rule.exact_per
    unit = 1 if rule.per is None else HUNDREDTHS
    by_age = tuple(factor * per.denominator for factor in factors(rule.weight, decay, window))
    undecayed = factors(rule.weight, "none", 1)[0] * per.denominator
    if max(abs(undecayed), *(abs(factor) for factor in by_age)) > INT64_MAX:
        raise ValueError(f"score {score}, rule {key}: weight {rule.weight} per {rule.per} leaves 64 bits")
    return CompiledRule(
        key=key,
        measure=measure_of(rule, catalog).id,
        factors=by_age,
        undecayed=undecayed,
        cap=None if rule.cap is None or rule.cap.per_day is None else rule.cap.per_day * unit,
        divisor=BILLIONTH // POINT * unit * per.numerator,
        counts=rule.per is None,
    )


def _keys(rules: list[EventRule]) -> list[str]:
    """A readable name for each rule; later ones of the same name get a number."""
    taken: list[str] = []
    for rule in rules:
        name, number = _name(rule), 2
        key = name
        while key in taken:
            key, number = f"{name} #{number}", number + 1
        taken.append(key)
    return taken


def _name(rule: EventRule) -> str:
    if rule.label is not None:
        return rule.label
    name = " or ".join(rule.event_names)
    if rule.channels:
        name += f" on {' or '.join(rule.channels)}"
    if rule.per is not None:
        name += " value"
    return name if rule.where is None else f"{name} where {rule.where}"
