"""Which measures are worth computing on which days, when only some as-of dates are asked for.

Here: the windows of scores. Dagster is not needed. Not here: what is missing, and computing it (`measured`).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from engagement_pipeline.catalog.judging import judged_by, outcome_rules
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.measures import SHADOW, measure_of, measures_of
from engagement_pipeline.core.plan import ScorePlan


@dataclass(frozen=True)
class Wanted:
    """The days on which measures count."""

    always: frozenset[str]
    """Those that count on every day: of who is known, of outcomes, and of scores that outcomes judge on past
    dates."""
    spans: Mapping[str, Sequence[tuple[date, date]]]
    """Of the others, the windows that they count in, first and last day."""

    def on(self, measure: str, day: date) -> bool:
        """Whether the measure counts on the day."""
        return measure in self.always or any(
            first <= day <= last for first, last in self.spans.get(measure, ())
        )


def wanted_for(catalog: Catalog, plans: Mapping[str, ScorePlan], dates: Collection[date]) -> Wanted:
    """What the scores read as of these dates."""
    start, judged = catalog.project.start_date, judged_scores(catalog, plans)
    spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
    everywhere: set[str] = set()
    for name, plan in plans.items():
        for as_of in dates:
            for measure, first in plan.reads_from(start, as_of).items():
                for each in (measure, measure + SHADOW):
                    spans[each].append((first, as_of))
                    everywhere |= {each} if name in judged else set()
    outcomes = {measure_of(rule, catalog).id for rule in outcome_rules(catalog)}  # a score may read them, too
    others = set(measures_of(catalog)) - spans.keys()
    return Wanted(frozenset(others | outcomes | everywhere), spans)


def judged_scores(catalog: Catalog, plans: Mapping[str, ScorePlan]) -> frozenset[str]:
    """Scores that an outcome judges, and those that these add up."""
    found = {name for name in plans if judged_by(catalog, name)}
    for name in reversed(list(plans)):  # a composite stands after its parts
        if name in found:
            found.update(plans[name].parts.scores)
    return frozenset(found)
