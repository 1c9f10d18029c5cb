"""What sources delivered, read from the lake's index: nothing is scanned, nothing else is stored.

Here: events by day of a source, which sources a score needs, and the guard of a score's date. Not here: what
is expected (`catalog.specs.coverage`) and judging it (`core.coverage`).
"""

from datetime import date

from engagement_pipeline.catalog.specs import Catalog, EventRule, Score, Source
from engagement_pipeline.core.coverage import Delivered, Guard
from engagement_pipeline.core.coverage import coverage_guard as judge
from engagement_pipeline.storage.lake import Lake


def delivered(source: Source, lake: Lake) -> Delivered:
    """Events of the source by day, as they are stored."""
    stored = lake.partitions(f"events/{source.source}")
    rows = {date.fromisoformat(day): info.rows for day, info in stored.items()}
    return Delivered(source.source, rows, source.expects)


def needed_by(score: Score, catalog: Catalog) -> list[str]:
    """The sources that feed any event of the score's rules, or of its parts', as far as they say what they
    bring."""
    parts = [catalog.scores[part.score] for part in score.part_rules]
    needed = {*_feeding(score, catalog), *(name for part in parts for name in needed_by(part, catalog))}
    return [name for name in catalog.sources if name in needed]


def _feeding(score: Score, catalog: Catalog) -> list[str]:
    events = {name for rule in score.event_rules for name in _events_of(rule, catalog)}
    return [name for name, source in catalog.sources.items() if source.feeds & events]


def _events_of(rule: EventRule, catalog: Catalog) -> set[str]:
    """What a rule counts, and what it is counted against."""
    exposures = rule.rate.event_names if rule.rate else ()
    named = {*rule.event_names, *rule.implying}
    on = (name for name, event in catalog.events.items() if event.chosen and event.channel in rule.channels)
    return {*(named or on), *exposures}


class Deliveries:
    """What every source delivered, read once; for the guards of several scores and dates."""

    def __init__(self, catalog: Catalog, lake: Lake) -> None:
        self.catalog = catalog
        sources = catalog.sources.items()
        self.by_source = {name: delivered(source, lake) for name, source in sources if source.events}

    @property
    def start(self) -> date:
        """The first day of the project on which any source has events; its start where none has."""
        first = min(
            (day for each in self.by_source.values() for day, rows in each.rows.items() if rows), default=None
        )
        return max(self.catalog.project.start_date, first or self.catalog.project.start_date)

    def expects(self, score: str) -> bool:
        """Whether anything is expected of a source that the score needs."""
        needed = needed_by(self.catalog.scores[score], self.catalog)
        return any(self.by_source[name].expects is not None for name in needed)

    def guard(self, score: str, as_of: date) -> Guard:
        """See `core.coverage.coverage_guard`; of a composite also what is said of its parts."""
        spec = self.catalog.scores[score]
        guards = [self.guard(part.score, as_of) for part in spec.part_rules]
        if spec.event_rules or not guards:
            needed = [self.by_source[name] for name in _feeding(spec, self.catalog)]
            guards.insert(0, judge(needed, spec.longest_window, self.start, as_of))
        return Guard(
            stale=tuple(dict.fromkeys(why for guard in guards for why in guard.stale)),
            provisional=next((guard.provisional for guard in guards if guard.provisional), ""),
            covered_from=max(guard.covered_from for guard in guards),
        )


def coverage_guard(catalog: Catalog, lake: Lake, score: str, as_of: date) -> Guard:
    """Whether a score may be relied upon on a date. What compares dates (an alert of dropping scores) holds
    back while it is `stale`: the people did not change, a file did not come."""
    return Deliveries(catalog, lake).guard(score, as_of)
