"""Rules about what a source is expected to deliver. Not here: the shape of `expects` itself
(`specs.coverage`)."""

from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Draft
from engagement_pipeline.catalog.issues import Issue, did_you_mean


def expected_events_exist(draft: Draft) -> Iterator[Issue]:
    """It is known which events a source with expectations feeds, and the plan has them."""
    events = {event.name for event in draft.events}
    events |= {name for source in draft.sources if source.spec for name in source.spec.plan}
    keeps = draft.project.spec is None or draft.project.spec.keep_unknown_events
    for source in draft.sources:
        expects = source.spec.expects if source.spec else None
        if source.spec is None or expects is None:
            continue
        if not source.spec.feeds:
            message = "expects: the mappings pass the names of events through, so no score is known to need "
            remedy = "them; say which they are, as `events: [order_completed]`"
            yield source.issue(message + remedy, "expects")
        for place, name in enumerate(expects.events if draft.events_known and not keeps else ()):
            if name not in events:
                message = f"expects: unknown event '{name}'{did_you_mean(name, events)}"
                yield source.issue(message, "expects", "events", place)


def expectations_begin_within_the_project(draft: Draft) -> Iterator[Issue]:
    """Nothing is expected of days that the project does not have."""
    project = draft.project.spec
    if project is None or project.end_date is None or project.end_date < project.start_date:
        return
    for source in draft.sources:
        since = source.spec.expects.since if source.spec and source.spec.expects else None
        if since is not None and since > project.end_date:
            message = f"expects: since {since} lies after the project's end_date {project.end_date}"
            yield source.issue(message, "expects", "since")


RULES = (expected_events_exist, expectations_begin_within_the_project)
