"""Rules about alerts: the score they watch, drops that can happen, conditions, and where they are told.

Not here: the environment variable of a webhook, which is another on every machine: a delivery without it
fails and stays due.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.lint_plan import stays_inside
from engagement_pipeline.catalog.lint_scores import condition_issues, hidden, profile_facts
from engagement_pipeline.catalog.namespaces import columns_of_people
from engagement_pipeline.catalog.specs import Alert
from engagement_pipeline.catalog.specs.alerts import FileDestination


def alerts_watch_known_scores(draft: Draft) -> Iterator[Issue]:
    """The score is there."""
    known = [score.name for score in draft.scores]
    for declared, alert in _alerts(draft):
        if alert.score not in known:
            yield declared.issue(f"unknown score '{alert.score}'{did_you_mean(alert.score, known)}", "score")


def drops_can_happen(draft: Draft) -> Iterator[Issue]:
    """No scale and no list of bands is too short for the drop."""
    scores = {score.name: score.spec for score in draft.scores if score.spec}
    for declared, alert in _alerts(draft):
        score, drop = scores.get(alert.score), alert.drop
        if score is None:
            continue
        if drop.bands is not None and not score.bands:
            yield declared.issue(f"score '{alert.score}' has no bands to fall by", "drop", "bands")
        elif drop.bands is not None and drop.bands >= len(score.bands):
            message = f"score '{alert.score}' has {len(score.bands)} bands, so nobody falls by {drop.bands}"
            yield declared.issue(message, "drop", "bands")
        if drop.score is not None and score.scale.range is not None:
            low, high = score.scale.range
            if drop.score > high - low:
                message = f"a drop of {drop.score:g} is more than the scale {low:g} to {high:g} has"
                yield declared.issue(message, "drop", "score")


def drops_are_peoples_own(draft: Draft) -> Iterator[Issue]:
    """Warnings where people would be told of twice, or for what others did."""
    scores = {score.name: score.spec for score in draft.scores if score.spec}
    for declared, alert in _alerts(draft):
        if alert.cooldown < alert.drop.within:
            message = (
                f"cooldown {alert.cooldown}d is shorter than within {alert.drop.within}d: the same fall may "
                "be told of twice"
            )
            yield declared.issue(message, "cooldown", level="warning")
        score = scores.get(alert.score)
        if score is not None and score.scale.needs_reference and score.scale.reference == "live":
            message = f"score '{alert.score}' is read against a live population: it falls when others rise"
            yield declared.issue(message, "score", level="warning")


def alert_conditions_hold(draft: Draft) -> Iterator[Issue]:
    """`where` can be read and names what people have."""
    names = [score.name for score in draft.scores], [segment.name for segment in draft.segments]
    columns = columns_of_people(profile_facts(draft), *names)
    for declared, alert in _alerts(draft):
        if alert.where is not None:
            yield from condition_issues(declared, alert.where, columns, ("where",), hidden(draft))


def alerts_are_told_apart(draft: Draft) -> Iterator[Issue]:
    """Files stay below the exports folder, each in a folder of its own, also apart from campaigns'; no alert
    names a destination twice."""
    taken = [
        (PurePosixPath(destination.path).parts, f"path '{destination.path}' of campaign '{campaign.name}'")
        for campaign in draft.campaigns
        if campaign.spec
        for destination in campaign.spec.destinations
    ]
    seen: set[str] = set()
    for declared, alert in _alerts(draft):
        if declared.name in seen:
            continue  # declared twice, which is said of it already
        seen.add(declared.name)
        labels: set[str] = set()
        for index, destination in enumerate(alert.destinations):
            at = ("destinations", index)
            if destination.label in labels:
                yield declared.issue(f"destination '{destination.label}' stands twice", *at)
                continue
            labels.add(destination.label)
            if not isinstance(destination, FileDestination):
                continue
            path, key = destination.path, (*at, "path")
            if not stays_inside(path):
                message = f"path '{path}' must be relative to the exports folder, without .."
                yield declared.issue(message, *key)
                continue
            parts = PurePosixPath(path).parts
            for other, whose in taken:
                if parts[: len(other)] == other or other[: len(parts)] == parts:
                    message = f"path '{path}' and {whose} are the same or one lies in the other"
                    yield declared.issue(f"{message}: give each a folder of its own", *key)
                    break
            taken.append((parts, f"path '{path}' of alert '{declared.name}'"))


def _alerts(draft: Draft) -> Iterator[tuple[Declared[Alert], Alert]]:
    for declared in draft.alerts:
        if declared.spec is not None:
            yield declared, declared.spec


RULES = (
    alerts_watch_known_scores,
    drops_can_happen,
    drops_are_peoples_own,
    alert_conditions_hold,
    alerts_are_told_apart,
)
