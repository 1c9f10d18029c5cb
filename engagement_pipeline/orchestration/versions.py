"""The code version of every definition's assets: its own digest, and those of the definitions it reads.

Dagster marks an asset as unsynced when its own code version changes or the data of what it reads, never
because what it reads is itself unsynced. Without the digests of what it reads, an edited score would leave
its segments and campaigns in green until somebody ran the score. Not here: the digests (`catalog.digests`).
"""

import hashlib
from collections.abc import Iterable

from engagement_pipeline.catalog.digests import alert_digest, campaign_digest, segment_digest, source_digest
from engagement_pipeline.catalog.expressions import columns_of
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.alerts import plan_alert
from engagement_pipeline.core.audiences import plan_campaign
from engagement_pipeline.core.facts import SCORE_PARTS
from engagement_pipeline.core.measures import measure_of
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.segments import plan_segment
from engagement_pipeline.ingestion.coverage import needed_by


def code_versions(catalog: Catalog, plans: dict[str, ScorePlan]) -> dict[str, str]:
    """Table -> code version, for `events/`, `aliases`, `persons`, `consents`, `points/`, `scores/`,
    `segments/`, `audiences/` and `alerts/`."""
    found: dict[str, str] = {}
    profiles = []
    for name, source in catalog.sources.items():
        if source.events:
            found[f"events/{name}"] = source_digest(source, catalog)
        if source.profiles or source.aliases:
            profiles.append(source_digest(source, catalog))
    facts = {name: each.model_dump(mode="json") for name, each in catalog.project.people.facts.items()}
    found["aliases"] = _hash(profiles)
    found["persons"] = _hash([*profiles, *([repr(sorted(facts.items()))] if facts else [])])
    found["consents"] = _hash([*profiles, repr(sorted(catalog.consent_events.items()))])
    for name, plan in plans.items():  # a composite stands after its parts
        parts = [found[f"scores/{part}"] for part in plan.parts.scores]
        said = [*parts, *_reach(catalog, plan.asked.columns), *_anything(catalog, name)]
        found[f"points/{name}"] = _hash([plan.points_digest, *said]) if said else plan.points_digest
        said += _reach(catalog, columns_of(plan.applies_to))
        said += _expected(catalog, name)
        found[f"scores/{name}"] = _hash([plan.definition, *said]) if said else plan.definition
    reads = {name: plan_segment(segment, catalog).where.columns for name, segment in catalog.segments.items()}

    def of_segment(name: str) -> str:
        table = f"segments/{name}"
        if table not in found:  # a checked catalog has no cycles
            found[table] = with_read(segment_digest(catalog.segments[name]), reads[name])
        return found[table]

    def with_read(own: str, columns: Iterable[str]) -> str:
        parts = {column.partition(".")[::2] for column in columns}
        read = {found[f"scores/{name}"] for part, name in parts if part in SCORE_PARTS}
        read |= {of_segment(name) for part, name in parts if part == "segment"}
        return _hash([own, *sorted(read), *_reach(catalog, columns)])

    for name in catalog.segments:
        of_segment(name)
    for name, campaign in catalog.campaigns.items():
        columns = plan_campaign(campaign, catalog).columns
        found[f"audiences/{name}"] = with_read(campaign_digest(campaign), columns)
    found |= {
        f"alerts/{name}": with_read(
            alert_digest(alert), {*plan_alert(alert, catalog).columns, f"score.{alert.score}"}
        )
        for name, alert in catalog.alerts.items()
    }
    return found


def _anything(catalog: Catalog, score: str) -> list[str]:
    """What a score's rules that name channels alone stand for: the plan says which events people choose."""
    rules = catalog.scores[score].event_rules
    return sorted({measure_of(rule, catalog).id for rule in rules if not rule.event_names})


def _expected(catalog: Catalog, score: str) -> list[str]:
    """What is expected of the sources that a score needs; it says when the score is stale."""
    needed = {name: catalog.sources[name].expects for name in needed_by(catalog.scores[score], catalog)}
    return [f"{name}: {each.model_dump_json()}" for name, each in sorted(needed.items()) if each is not None]


def _reach(catalog: Catalog, columns: Iterable[str]) -> list[str]:
    """The channels on which an opt-in is needed, of those that the columns speak of."""
    needed = {f"reachable.{channel}" for channel in catalog.project.people.opt_in_needed}
    return sorted(needed.intersection(columns))


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
