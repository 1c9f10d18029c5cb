"""What judging scores needs to be measured: the rules that look for outcomes, choices and money.

Here: turning outcomes into event rules, so that they are measured as everything else is. Not here: judging
(`core.outcomes`, `core.quality`).
"""

from engagement_pipeline.catalog.specs import Catalog, EventRule, Outcome

CURRENCY_LETTERS = 3
"""A unit of three capital letters is a currency, as ISO 4217 writes them."""


def outcome_rule(outcome: Outcome, catalog: Catalog) -> EventRule:
    """What an outcome looks for, machines left out."""
    if outcome.event is None and outcome.channel is None:
        return chosen_rule(catalog)
    event: str | list[str] | None = outcome.event
    if event is None:  # sending on a channel is no choice of the person's
        event = _on(catalog, outcome)
    return EventRule(
        event=event or None, channel=outcome.channel, where=outcome.where, weight=1, machine="exclude"
    )


def chosen_rule(catalog: Catalog) -> EventRule:
    """Whatever people chose to do: what recency and frequency are counted from. A message sent to somebody
    would make them look active."""
    return EventRule(
        event=[name for name, event in catalog.events.items() if event.chosen], weight=1, machine="exclude"
    )


def monetary_rule(outcome: Outcome, catalog: Catalog) -> EventRule | None:
    """The value that is the M of RFM; None where nothing says what money is, or several currencies do."""
    events = outcome.monetary_names or _paid(catalog)
    if not events:
        return None
    return EventRule(event=list(events), per=1, weight=1, machine="exclude")


def outcome_rules(catalog: Catalog) -> list[EventRule]:
    """Every rule that judging reads, none where nothing is judged."""
    if not catalog.outcomes:
        return []
    found = [chosen_rule(catalog)]
    for outcome in catalog.outcomes.values():
        money = monetary_rule(outcome, catalog)
        found += [outcome_rule(outcome, catalog), *([money] if money else [])]
    return found


def judged_by(catalog: Catalog, score: str) -> list[Outcome]:
    """The outcomes that a score is judged by."""
    return [outcome for outcome in catalog.outcomes.values() if score in outcome.scores]


def _on(catalog: Catalog, outcome: Outcome) -> list[str]:
    channels = {outcome.channel} if isinstance(outcome.channel, str) else set(outcome.channel or ())
    return [name for name, event in catalog.events.items() if event.chosen and event.channel in channels]


def _paid(catalog: Catalog) -> tuple[str, ...]:
    """Events with a value in the plan's only currency."""
    units = {
        name: event.unit
        for name, event in catalog.events.items()
        if event.unit and len(event.unit) == CURRENCY_LETTERS and event.unit.isupper() and event.chosen
    }
    return tuple(sorted(units)) if len(set(units.values())) == 1 else ()
