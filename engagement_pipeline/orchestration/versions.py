"""The code version of every definition's assets: its own digest, and those of the definitions it reads.

Dagster marks an asset as unsynced when its own code version changes or the data of what it reads, never
because what it reads is itself unsynced. Without the digests of what it reads, an edited score would leave
its segments and campaigns in green until somebody ran the score. Not here: the digests (`catalog.digests`).
"""

import hashlib
from collections.abc import Iterable

from engagement_pipeline.catalog.digests import campaign_digest, segment_digest, source_digest
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.audiences import plan_campaign
from engagement_pipeline.core.facts import SCORE_PARTS
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.segments import plan_segment


def code_versions(catalog: Catalog, plans: dict[str, ScorePlan]) -> dict[str, str]:
    """Table -> code version, for `events/`, `persons`, `scores/`, `segments/` and `audiences/`."""
    found = {f"scores/{name}": plan.definition for name, plan in plans.items()}
    profiles = []
    for name, source in catalog.sources.items():
        if source.events:
            found[f"events/{name}"] = source_digest(source, catalog)
        if source.profiles or source.aliases:
            profiles.append(source_digest(source, catalog))
    found["persons"] = hashlib.sha256("\n".join(profiles).encode()).hexdigest()[:12]
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
        return hashlib.sha256("\n".join([own, *sorted(read)]).encode()).hexdigest()[:12]

    for name in catalog.segments:
        of_segment(name)
    for name, campaign in catalog.campaigns.items():
        columns = plan_campaign(campaign, catalog).columns
        found[f"audiences/{name}"] = with_read(campaign_digest(campaign), columns)
    return found
