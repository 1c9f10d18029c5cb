"""Rules about people, segments and campaigns. Not here: the scores they read."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.expressions import ExpressionError, parse
from engagement_pipeline.catalog.graph import in_order
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.lint_plan import stays_inside
from engagement_pipeline.catalog.lint_scores import condition_issues, hidden, profile_facts
from engagement_pipeline.catalog.namespaces import columns_of_people
from engagement_pipeline.catalog.specs import Campaign, PropertyType


def facts_are_settled_among_their_sources(draft: Draft) -> Iterator[Issue]:
    """project.yaml ranks sources for facts that they declare."""
    if draft.project.spec is None or any(source.spec is None for source in draft.sources):
        return
    declared = {source.name: source.spec.columns for source in draft.sources if source.spec}
    facts = sorted({fact for columns in declared.values() for fact in columns})
    for fact, said in draft.project.spec.people.facts.items():
        at = ("people", "facts", fact)
        if fact not in facts:
            message = f"no source declares the fact '{fact}'{did_you_mean(fact, facts)}"
            yield draft.project.issue(message, *at)
            continue
        for source in said.sources:
            having = [name for name, columns in declared.items() if fact in columns]
            if source not in having:
                message = f"source '{source}' does not declare '{fact}'{did_you_mean(source, having)}"
                yield draft.project.issue(message, *at)


def opt_ins_can_be_given(draft: Draft) -> Iterator[Issue]:
    """Where an opt-in is needed, something says who opted in."""
    if draft.project.spec is None or any(each.spec is None for each in (*draft.sources, *draft.events)):
        return
    sources = [source.spec for source in draft.sources if source.spec]
    plans = [event for source in sources for event in source.plan.values()]
    events = [*(event.spec for event in draft.events if event.spec), *plans]
    given = {event.channel for event in events if event.consent == "opt_in"}
    given |= {channel for source in sources if source.profiles for channel in source.profiles.consents}
    for index, channel in enumerate(draft.project.spec.people.opt_in_needed):
        if channel not in given:
            message = (
                f"nobody could be reached on '{channel}': an opt-in is needed, and no event with "
                "`consent: opt_in` and no profile's `consents` says who gave one"
            )
            yield draft.project.issue(message, "people", "opt_in_needed", index, level="warning")


def segment_conditions_hold(draft: Draft) -> Iterator[Issue]:
    """A segment's condition can be read and names what is declared."""
    columns = _columns(draft)
    for segment in draft.segments:
        if segment.spec:
            yield from condition_issues(segment, segment.spec.where, columns, ("where",), hidden(draft))


def segments_do_not_circle(draft: Draft) -> Iterator[Issue]:
    """No segment needs itself, not even through others."""
    declared = {segment.name: segment for segment in draft.segments}
    for circle in in_order(segment_needs(draft))[1]:
        message = f"segments need each other in a circle: {' -> '.join(circle)}"
        yield declared[circle[0]].issue(message, "where")


def segment_needs(draft: Draft) -> dict[str, frozenset[str]]:
    """The segments that each segment's condition names; none where it cannot be read."""
    columns = _columns(draft)
    needs: dict[str, frozenset[str]] = {}
    for segment in draft.segments:
        try:
            named = parse(segment.spec.where, columns).columns if segment.spec else ()
        except ExpressionError:
            named = ()
        needs[segment.name] = frozenset(
            name.removeprefix("segment.") for name in named if name.startswith("segment.")
        )
    return needs


def audiences_are_consistent(draft: Draft) -> Iterator[Issue]:
    """A campaign's segments exist, and none is both included and excluded."""
    known = [segment.name for segment in draft.segments]
    for campaign, spec in _campaigns(draft):
        for part, names in (("include", spec.audience.include), ("exclude", spec.audience.exclude)):
            for index, name in enumerate(names):
                at = ("audience", part, index)
                if name not in known:
                    yield campaign.issue(f"unknown segment '{name}'{did_you_mean(name, known)}", *at)
                elif name in names[:index]:
                    yield campaign.issue(f"segment '{name}' is listed twice", *at)
                elif part == "exclude" and name in spec.audience.include:
                    yield campaign.issue(f"segment '{name}' is both included and excluded", *at)


def variants_are_consistent(draft: Draft) -> Iterator[Issue]:
    """Variants can be told apart, their conditions hold, and each can be reached."""
    columns = _columns(draft)
    for campaign, spec in _campaigns(draft):
        seen: set[str] = set()
        everyone: str | None = None
        for index, variant in enumerate(spec.variants):
            at = ("variants", index)
            if variant.when is not None:
                yield from condition_issues(campaign, variant.when, columns, (*at, "when"), hidden(draft))
            if variant.label in seen:
                yield campaign.issue(f"variant '{variant.label}' stands twice; give one another name", *at)
            if everyone is not None:
                message = f"variant '{variant.label}' is never reached: '{everyone}' before it takes everyone"
                yield campaign.issue(message, *at)
            seen.add(variant.label)
            everyone = everyone or (variant.label if variant.when is None else None)


def outcomes_are_measured(draft: Draft) -> Iterator[Issue]:
    """The outcome is an event of the plan, with a value where it is summed."""
    plan = {event.name: event.spec for event in draft.events}
    for campaign, spec in _campaigns(draft):
        if spec.outcome is None or not draft.events_known:
            continue
        name = spec.outcome.event
        if name not in plan:
            yield campaign.issue(f"unknown event '{name}'{did_you_mean(name, plan)}", "outcome", "event")
        elif spec.outcome.value == "sum" and (event := plan[name]) and event.unit is None:
            message = f"'{name}' has no unit, so no value to sum; use value: count"
            yield campaign.issue(message, "outcome", "value")


def destinations_stay_inside(draft: Draft) -> Iterator[Issue]:
    """A campaign writes below the exports folder."""
    for campaign, spec in _campaigns(draft):
        for index, destination in enumerate(spec.destinations):
            if not stays_inside(destination.path):
                message = f"path '{destination.path}' must be relative to the exports folder, without .."
                yield campaign.issue(message, "destinations", index, "path")


def destinations_are_apart(draft: Draft) -> Iterator[Issue]:
    """No two deliveries share a folder, or one would overwrite the other."""
    names: set[str] = set()
    taken: list[tuple[tuple[str, ...], str]] = []
    for campaign, spec in _campaigns(draft):
        if campaign.name in names:
            continue  # declared twice, which is said of it already
        names.add(campaign.name)
        for index, destination in enumerate(spec.destinations):
            at = ("destinations", index, "path")
            parts = PurePosixPath(destination.path).parts
            for other, whose in taken:
                if parts[: len(other)] == other or other[: len(parts)] == parts:
                    message = (
                        f"path '{destination.path}' and {whose} are the same or one lies in the other: "
                        "one delivery would overwrite the other; give each a folder of its own"
                    )
                    yield campaign.issue(message, *at)
                    break
            where = f"{campaign.document.file}:{campaign.line(*at)}"
            taken.append((parts, f"path '{destination.path}' of campaign '{campaign.name}' ({where})"))


def _columns(draft: Draft) -> dict[str, PropertyType]:
    scores = [score.name for score in draft.scores]
    return columns_of_people(profile_facts(draft), scores, [segment.name for segment in draft.segments])


def _campaigns(draft: Draft) -> Iterator[tuple[Declared[Campaign], Campaign]]:
    for campaign in draft.campaigns:
        if campaign.spec:
            yield campaign, campaign.spec


RULES = (
    facts_are_settled_among_their_sources,
    opt_ins_can_be_given,
    segment_conditions_hold,
    segments_do_not_circle,
    audiences_are_consistent,
    variants_are_consistent,
    outcomes_are_measured,
    destinations_stay_inside,
    destinations_are_apart,
)
