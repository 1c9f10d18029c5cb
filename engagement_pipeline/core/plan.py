"""Plans: a score's definition turned into integers, ready to be computed.

Here: compiling one definition. Not here: its rules one by one (`event_rules`), frames and arithmetic on them
(`points`, `scores`).
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from engagement_pipeline.catalog.digests import points_digest, score_digest
from engagement_pipeline.catalog.expressions import Condition, parse
from engagement_pipeline.catalog.namespaces import profile_columns
from engagement_pipeline.catalog.specs import (
    AttributeRule,
    Band,
    Catalog,
    EventRule,
    PartRule,
    Rule,
    Scale,
    Score,
)
from engagement_pipeline.core.attributes import Asked, plan_asked
from engagement_pipeline.core.caps import Caps, plan_caps
from engagement_pipeline.core.event_rules import CompiledRule, compile_rule
from engagement_pipeline.core.parts import Parts, plan_parts


@dataclass(frozen=True)
class ScorePlan:
    """One score, ready to be computed."""

    name: str
    window: int
    """In days, the longest of its rules'; the as-of date is the last of them."""
    rules: tuple[CompiledRule, ...]
    """Those on events."""
    points_digest: str
    """Changes with whatever changes points or the population they are compared in."""
    definition: str
    """Digest of the whole definition."""
    scale: Scale
    bands: dict[str, Band]
    applies_to: Condition | None
    hysteresis: float | None = None
    """How far outside of yesterday's band a score still lies in it."""
    keys: tuple[str, ...] = ()
    """What all its rules are called, in their order."""
    asked: Asked = field(default_factory=Asked)
    """What they ask of people."""
    parts: Parts = field(default_factory=Parts)
    """The other scores that they add up."""
    caps: Caps = field(default_factory=Caps)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of people that its points are made from, see `facts.facts`."""
        return self.asked.columns | self.parts.columns

    @property
    def reads_people(self) -> bool:
        """Whether points need to know who is known, and not only what happened."""
        return bool(self.columns or self.asked.silences)

    @property
    def scores_people(self) -> bool:
        """Whether people without any event may have points."""
        return bool(self.asked.attributes or self.asked.silences or self.parts.parts)

    @property
    def counting(self) -> tuple[CompiledRule, ...]:
        """The rules that find events, not their absence: who has none of these is inactive."""
        return tuple(rule for rule in self.rules if rule.inactive_for is None)

    @property
    def measures(self) -> frozenset[str]:
        """Ids of the measures its rules read."""
        return frozenset(quantity.measure for rule in self.rules for quantity in rule.quantities)

    @property
    def message_measures(self) -> frozenset[str]:
        """Those of them whose messages are stored, not their number."""
        return frozenset(
            quantity.measure for rule in self.rules for quantity in rule.quantities if quantity.of_messages
        )

    @property
    def history(self) -> frozenset[str]:
        """Those of them that count from the project's start, for a first time is known from there."""
        return frozenset(rule.measure for rule in self.rules if rule.lookback is None)

    @property
    def lookback(self) -> int | None:
        """Days up to the as-of date that it reads; None for all since the project's start."""
        return None if self.history else self.window

    def rests_on(self, day: date, as_of: date) -> bool:
        """Whether points of the as-of date may change with events of the day."""
        return day <= as_of and (self.lookback is None or (as_of - day).days < self.lookback)

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
    keys = _keys(score.rules)
    rules = tuple(
        compile_rule(key, rule, score, catalog)
        for key, rule in zip(keys, score.rules, strict=True)
        if isinstance(rule, EventRule)
    )
    return ScorePlan(
        name=score.score,
        window=score.longest_window,
        rules=rules,
        points_digest=points_digest(score, catalog.scores),
        definition=score_digest(score),
        scale=score.scale,
        bands=score.bands,
        applies_to=None if score.applies_to is None else parse(score.applies_to, profile_columns(catalog)),
        hysteresis=score.hysteresis,
        keys=tuple(keys),
        asked=plan_asked(score, keys, catalog),
        parts=plan_parts(score, keys),
        caps=plan_caps(score, keys),
    )


def plan_scores(catalog: Catalog) -> dict[str, ScorePlan]:
    """Every score of the catalog, by name."""
    return {name: plan_score(score, catalog) for name, score in catalog.scores.items()}


def _keys(rules: list[Rule]) -> list[str]:
    """A readable name for each rule; later ones of the same name get a number."""
    taken: list[str] = []
    for rule in rules:
        name, number = _name(rule), 2
        key = name
        while key in taken:
            key, number = f"{name} #{number}", number + 1
        taken.append(key)
    return taken


def _name(rule: Rule) -> str:
    if rule.label is not None:
        return rule.label
    if isinstance(rule, AttributeRule):
        return rule.when
    if isinstance(rule, PartRule):
        return f"score {rule.score}"
    name = _counted(rule)
    if rule.where is not None:
        name += f" where {rule.where}"
    if rule.applies_to is not None:
        name += f" of people with {rule.applies_to}"
    return name


def _counted(rule: EventRule) -> str:
    """What is counted, in words."""
    name = " or ".join(rule.event_names) or "anything"
    if rule.channels:
        name += f" on {' or '.join(rule.channels)}"
    if rule.count in ("days", "messages"):
        name = f"{rule.count} with {name}"
    if rule.count == "first":
        name = f"first {name}"
    if rule.streak is not None:
        name += f" {rule.streak} days in a row"
    if rule.inactive_for is not None:
        none = f"no {name}" if rule.event_names else name.replace("anything", "nothing", 1)
        name = f"{none} for {rule.inactive_for} days"
    if rule.rate is not None:
        name += f" per {' or '.join(rule.rate.event_names)}"
    return f"{name} value" if rule.per is not None else name
