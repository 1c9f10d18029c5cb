"""Rules about outcomes: what they look for, when, and the scores they judge.

Here: also leakage, as far as definitions show it. Not here: that nothing after the as-of date enters a
prediction, which `core.outcomes` sees to.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.lint_scores import condition_issues, hidden, profile_facts
from engagement_pipeline.catalog.namespaces import columns_of_events, columns_of_people
from engagement_pipeline.catalog.specs import Event, Outcome, Score


def outcomes_name_known_events(draft: Draft) -> Iterator[Issue]:
    """Every event that an outcome looks for or sums is in the plan, and what is summed has one unit."""
    plan = {event.name: event.spec for event in draft.events}
    for declared, outcome in _outcomes(draft):
        for key, names in (("event", outcome.event_names), ("monetary", outcome.monetary_names)):
            for name in names if draft.events_known else ():
                if name not in plan:
                    yield declared.issue(f"unknown event '{name}'{did_you_mean(name, plan)}", key)
        units = {name: event.unit for name in outcome.monetary_names if (event := plan.get(name))}
        for name, unit in units.items():
            if unit is None:
                yield declared.issue(f"'{name}' has no unit, so no value to sum", "monetary")
        said = sorted({unit for unit in units.values() if unit})
        if len(said) > 1:
            yield declared.issue(f"values in {' and '.join(said)} cannot be added up", "monetary")


def outcomes_judge_known_scores(draft: Draft) -> Iterator[Issue]:
    """Every score judged is there, and stands in the list once."""
    known = [score.name for score in draft.scores]
    for declared, outcome in _outcomes(draft):
        for index, name in enumerate(outcome.scores):
            if name not in known:
                yield declared.issue(f"unknown score '{name}'{did_you_mean(name, known)}", "scores", index)
            elif name in outcome.scores[:index]:
                yield declared.issue(f"score '{name}' stands twice", "scores", index)


def outcome_conditions_hold(draft: Draft) -> Iterator[Issue]:
    """Conditions can be read and name what events and profiles have."""
    plan = {event.name: event.spec for event in draft.events}
    facts = columns_of_people(profile_facts(draft))
    for declared, outcome in _outcomes(draft):
        events: list[Event] = [event for name in outcome.event_names if (event := plan.get(name))]
        if outcome.where is not None and len(events) == len(outcome.event_names):
            columns = columns_of_events(events)
            yield from condition_issues(declared, outcome.where, columns, ("where",))
        if outcome.applies_to is not None:
            yield from condition_issues(declared, outcome.applies_to, facts, ("applies_to",), hidden(draft))


def outcomes_end_within_the_project(draft: Draft) -> Iterator[Issue]:
    """A closed project holds at least one as-of date and the days of the outcome after it."""
    project = draft.project.spec
    if project is None or project.end_date is None or project.end_date < project.start_date:
        return
    days = (project.end_date - project.start_date + timedelta(days=1)).days
    for declared, outcome in _outcomes(draft):
        if outcome.within >= days:
            message = f"the {outcome.within} days after any as-of date end after the project does"
            yield declared.issue(f"{message}, on {project.end_date}: at most {days - 1} are there", "within")


def outcomes_can_be_predicted(draft: Draft) -> Iterator[Issue]:
    """Warnings where a good figure would say little: a score that counts the outcome itself, a churn of
    those who were gone."""
    scores = {score.name: score.spec for score in draft.scores if score.spec}
    plan = {event.name: event.spec for event in draft.events if event.spec}
    for declared, outcome in _outcomes(draft):
        if outcome.absent and outcome.active_within is None:
            message = (
                "everyone who was gone before counts as leaving, which is easily foretold; say active_within"
            )
            yield declared.issue(message, "absent", level="warning")
        if outcome.absent or not outcome.event_names:
            continue
        for index, name in enumerate(outcome.scores):
            if own := sorted(set(outcome.event_names) & counted(scores, plan, name)):
                events = " and ".join(f"'{event}'" for event in own)
                message = f"score '{name}' counts {events}, the outcome itself"
                hint = (
                    "of who did it before, whom not_yet leaves out"
                    if outcome.not_yet
                    else "so that it partly foretells who goes on doing it"
                )
                yield declared.issue(f"{message}: {hint}", "scores", index, level="warning")


def counted(
    scores: Mapping[str, Score], events: Mapping[str, Event], name: str, seen: frozenset[str] = frozenset()
) -> set[str]:
    """The events that a score's rules count, those of its parts included: named, implying one that is named,
    or chosen on a channel that a rule counts as a whole."""
    score = scores.get(name)
    if score is None or name in seen:
        return set()
    found = {event for rule in score.event_rules for event in (*rule.event_names, *rule.implying)}
    whole = {channel for rule in score.event_rules if not rule.event_names for channel in rule.channels}
    found |= {event for event, said in events.items() if said.chosen and said.channel in whole}
    for part in score.part_rules:
        found |= counted(scores, events, part.score, seen | {name})
    return found


def _outcomes(draft: Draft) -> Iterator[tuple[Declared[Outcome], Outcome]]:
    for declared in draft.outcomes:
        if declared.spec is not None:
            yield declared, declared.spec


RULES = (
    outcomes_name_known_events,
    outcomes_judge_known_scores,
    outcome_conditions_hold,
    outcomes_end_within_the_project,
    outcomes_can_be_predicted,
)
