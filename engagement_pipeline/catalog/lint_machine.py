"""Rules about what a source says of machines. Not here: the shape of `machine` itself (`specs.machine`)."""

from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Draft
from engagement_pipeline.catalog.issues import Issue, did_you_mean


def machine_signals_can_work(draft: Draft) -> Iterator[Issue]:
    """Timings compare events that the plan knows, of one message."""
    events = {event.name for event in draft.events}
    events |= {name for source in draft.sources if source.spec for name in source.spec.plan}
    for source in draft.sources:
        machine = source.spec.machine if source.spec else None
        if source.spec is None or machine is None:
            continue
        for key, names in machine.needed_events.items() if draft.events_known else ():
            for name in names:
                if name not in events:
                    at = ("machine", key) if key in machine.model_fields_set else ("machine",)
                    message = f"machine: {key} names the event '{name}', which is not in the tracking plan"
                    yield source.issue(message + did_you_mean(name, events), *at)
        timed = machine.opened_within is not None or machine.clicks is not None
        if timed and all(mapping.message_id is None for mapping in source.spec.events):
            message = "machine: timings compare the events of one message, and no mapping says message_id"
            yield source.issue(message, "machine")


RULES = (machine_signals_can_work,)
