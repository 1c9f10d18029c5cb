"""Plans: a score's definition turned into integers, ready to be computed.

Here: compiling one definition. Not here: its rules one by one (`event_rules`), frames and arithmetic on them
(`points`, `scores`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from engagement_pipeline.catalog.digests import points_digest, score_digest
from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import profile_columns
from engagement_pipeline.catalog.specs import Band, Catalog, EventRule, Scale, Score
from engagement_pipeline.core.event_rules import CompiledRule, compile_rule


@dataclass(frozen=True)
class ScorePlan:
    """One score, ready to be computed."""

    name: str
    window: int
    """In days, the longest of its rules'; the as-of date is the last of them."""
    rules: tuple[CompiledRule, ...]
    points_digest: str
    """Changes with whatever changes points or the population they are compared in."""
    definition: str
    """Digest of the whole definition."""
    scale: Scale
    bands: dict[str, Band]
    applies_to: Condition | None
    hysteresis: float | None = None
    """How far outside of yesterday's band a score still lies in it."""

    @property
    def measures(self) -> frozenset[str]:
        """Ids of the measures its rules read."""
        return frozenset(quantity.measure for rule in self.rules for quantity in rule.quantities)

    @property
    def message_measures(self) -> frozenset[str]:
        """Those of them whose messages are stored, not their number."""
        return frozenset(
            quantity.measure
            for rule in self.rules
            for quantity in rule.quantities
            if quantity.kind == "messages"
        )

    def reads_from(self, start: date, as_of: date) -> dict[str, date]:
        """Measure -> the first day on which it counts; start is the project's first day."""
        found: dict[str, date] = {}
        for rule in self.rules:
            window = start if rule.lookback is None else as_of - timedelta(days=rule.lookback - 1)
            for quantity in rule.quantities:
                found[quantity.measure] = max(start, min(window, found.get(quantity.measure, as_of)))
        return found


def plan_score(score: Score, catalog: Catalog) -> ScorePlan:
    """Compile one score of a checked catalog. Raises ValueError where a weight leaves 64 bits."""
    names = _keys(score.event_rules)
    rules = tuple(
        compile_rule(name, rule, score, catalog) for name, rule in zip(names, score.event_rules, strict=True)
    )
    return ScorePlan(
        name=score.score,
        window=max((rule.window for rule in rules), default=score.window),
        rules=rules,
        points_digest=points_digest(score),
        definition=score_digest(score),
        scale=score.scale,
        bands=score.bands,
        applies_to=None if score.applies_to is None else parse(score.applies_to, profile_columns(catalog)),
        hysteresis=score.hysteresis,
    )


def plan_scores(catalog: Catalog) -> dict[str, ScorePlan]:
    """Every score of the catalog, by name."""
    return {name: plan_score(score, catalog) for name, score in catalog.scores.items()}


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
