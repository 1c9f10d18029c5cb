"""Digests of definitions: equal when, and only when, what they compute is declared equally.

Here: which parts of a definition each digest covers. Who owns it and what it is for never counts, so
rewording a goal makes nothing stale. Not here: digests of data (`storage`).
"""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version

from engagement_pipeline.catalog.expressions import normalise
from engagement_pipeline.catalog.specs import (
    Alert,
    Campaign,
    Catalog,
    EventRule,
    Rule,
    Score,
    Segment,
    Source,
    Spec,
)

_PROSE = {"goal", "owner", "description"}


def digest(spec: Spec, *more: object) -> str:
    """12 hex digits of the spec's content without goal, owner and description, and of anything more
    that JSON can hold. What stands at its default is left out, so a new option makes nothing stale."""
    return _hash([spec.model_dump(mode="json", exclude=_PROSE, exclude_defaults=True), *more])


def points_digest(score: Score, scores: Mapping[str, Score] | None = None) -> str:
    """Digest of what changes a score's points or the population a reference is fitted on: window, decay,
    rules without their labels, caps, `applies_to`, and for a relative scale its population; of a composite
    what its parts are, points and scale, found in `scores`. A frozen reference belongs to one such digest; a
    new band, range or label leaves it valid."""
    content = [
        score.window,
        score.model_dump(mode="json", include={"decay"}),
        [_points_of(rule) for rule in score.rules],
        score.applies_to and normalise(score.applies_to),
        score.scale.population if score.scale.needs_reference else None,
    ]
    # Said only by who says it, so that a new option makes nothing stale.
    more = {
        "groups": score.groups,
        "cap": score.cap,
        "missing_parts": score.missing_parts if score.missing_parts != "unscored" else None,
        "parts": {part.score: _as_part((scores or {})[part.score], scores) for part in score.part_rules},
    }
    said = {name: value for name, value in more.items() if value}
    return _hash([*content, *([said] if said else [])])


def score_digest(score: Score) -> str:
    """Digest of all that changes a score's stored rows."""
    said = score.model_dump(mode="json", exclude=_PROSE, exclude_defaults=True)
    if score.event_rules:
        said["window"] = score.window  # also one day, which is what is left out elsewhere
    return _hash([said])


def source_digest(source: Source, catalog: Catalog) -> str:
    """Digest of all that changes what a source's rows become: its mapping, the time zone, for events what
    the tracking plan says of each, and the list of known bots where it judges user agents."""
    plan = {
        name: event.model_dump(mode="json", include={"channel", "unit", "properties"})
        for name, event in catalog.events.items()
        if source.events
    }
    apart = source.model_copy(update={"upstream": None, "fresh_within": None, "expects": None})
    agents = source.machine is not None and source.machine.user_agent is not None
    bots = [version("crawler-user-agents")] if agents else []
    return digest(apart, plan, catalog.project.timezone, catalog.project.keep_unknown_events, *bots)


def segment_digest(segment: Segment) -> str:
    """Digest of all that changes a segment's members."""
    return digest(segment)


def campaign_digest(campaign: Campaign) -> str:
    """Digest of all that changes a campaign's decisions and their delivery."""
    return digest(campaign)


def alert_digest(alert: Alert) -> str:
    """Digest of all that changes who is told of, and where."""
    return digest(alert)


def _as_part(score: Score, scores: Mapping[str, Score] | None) -> str:
    """Digest of what changes the number that a composite reads: not its bands, nor what it is called."""
    return _hash([points_digest(score, scores), score.scale.model_dump(mode="json", exclude_defaults=True)])


def _points_of(rule: Rule) -> object:
    apart = {"label", "event", "channel", "where", "applies_to", "when"}
    plain = rule.model_dump(mode="json", exclude=apart, exclude_defaults=True)
    where = getattr(rule, "where", None)
    asked = [normalise(said) for name in ("applies_to", "when") if (said := getattr(rule, name, None))]
    if not isinstance(rule, EventRule):
        return [plain, *asked]
    if rule.implying:
        plain["implied_by"] = rule.implying
    if rule.rate is not None:
        plain["rate"]["per"] = rule.rate.event_names
    return [plain, rule.event_names, rule.channels, where and normalise(where), *asked]


def _hash(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
