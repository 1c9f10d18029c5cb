"""The places that sources read from, as assets that others write: for lineage, address and freshness.

Here: the external asset of a place, and what a landing reports of it. Not here: landing (`ingestion`).
"""

from datetime import datetime
from typing import Any

import dagster as dg

from engagement_pipeline.catalog.paths import store_of
from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.outcome import Intake
from engagement_pipeline.ingestion.places import place_uri
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.workbench import Workbench


def place_key(source: Source, bench: Workbench) -> dg.AssetKey:
    """What `landed/<source>` reads: the asset of the team's own that the source names, or its place."""
    if source.upstream is not None:
        return dg.AssetKey(source.upstream)
    return asset_key(bench.catalog.project, f"sources/{source.source}")


def place_spec(source: Source, bench: Workbench) -> dg.AssetSpec | None:
    """The place's asset; None for a source that names an asset of its own.

    That one is only depended upon: Dagster shows it as external until some code location defines it, and a
    definition here would stand beside theirs.
    """
    if source.upstream is not None:
        return None
    policy = dg.FreshnessPolicy.time_window(source.fresh_within) if source.fresh_within else None
    return dg.AssetSpec(
        place_key(source, bench),
        group_name="ingestion",
        description=f"{source.description}\n\nWhere {source.source} is delivered.".strip(),
        owners=[source.owner],
        kinds=_kinds(source, bench),
        freshness_policy=policy,
        metadata=_address(source, bench),
    )


def report_place(
    source: Source, bench: Workbench, took: Intake, now: datetime
) -> dg.AssetMaterialization | dg.AssetObservation | None:
    """What one landing saw of a place, as one event. Dagster's freshness counts materializations alone, so
    new files are one, unless the newest of them is itself older than the source says it should get."""
    if source.upstream is not None:
        return None
    if source.database is not None and took.landing.landed:
        rows = sum(file.rows for file in took.landing.landed)
        return dg.AssetMaterialization(place_key(source, bench), metadata={"new rows": rows})
    if (place := took.landing.place) is None:
        return None
    metadata: dict[str, Any] = {"files": place.files, "bytes": place.bytes}
    if place.newest is not None:
        metadata["dagster/last_updated_timestamp"] = dg.MetadataValue.timestamp(place.newest)
    overdue = source.fresh_within is not None and (
        place.newest is None or now - place.newest > source.fresh_within
    )
    # Without a data version, which would mark `landed` as behind what it has just read.
    event = dg.AssetMaterialization if took.landing.landed and not overdue else dg.AssetObservation
    return event(place_key(source, bench), metadata=metadata)


def _kinds(source: Source, bench: Workbench) -> set[str]:
    if source.database is not None:
        return {"sql"}
    landing = bench.settings.landing
    where = source.path if "://" in source.path else str(landing)
    return {store_of(where), "deltalake" if source.format == "delta" else source.format}


def _address(source: Source, bench: Workbench) -> dict[str, str]:
    if source.database is not None:
        return {"reads": source.database.label}
    return {"dagster/uri": place_uri(source, bench.settings.landing), "path": source.path}
