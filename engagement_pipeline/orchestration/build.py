"""The composition root: a catalog and settings in, Dagster definitions out. Tests call the same function.

Here: which factories make which assets. Not here: any asset, job or sensor.
"""

import dagster as dg

from engagement_pipeline.catalog.judging import judged_by
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.orchestration.assets.alerts import alert_assets
from engagement_pipeline.orchestration.assets.campaigns import campaign_assets
from engagement_pipeline.orchestration.assets.changes import changes_asset
from engagement_pipeline.orchestration.assets.health import health_asset
from engagement_pipeline.orchestration.assets.ingestion import event_asset, landing_assets
from engagement_pipeline.orchestration.assets.measures import measures_asset
from engagement_pipeline.orchestration.assets.people import people_assets
from engagement_pipeline.orchestration.assets.places import place_spec
from engagement_pipeline.orchestration.assets.quality import quality_assets
from engagement_pipeline.orchestration.assets.scores import score_assets
from engagement_pipeline.orchestration.assets.segments import segment_asset
from engagement_pipeline.orchestration.assets.weights import proposal_asset
from engagement_pipeline.orchestration.io_manager import DeltaIOManager
from engagement_pipeline.orchestration.jobs import build_jobs, quality_job, replay_job
from engagement_pipeline.orchestration.preview import accepted_warnings
from engagement_pipeline.orchestration.preview_job import preview_job
from engagement_pipeline.orchestration.schedules import daily_schedule
from engagement_pipeline.orchestration.sensors import build_sensors
from engagement_pipeline.orchestration.upkeep import upkeep_jobs, upkeep_schedules
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.settings import Settings


def build_definitions(catalog: Catalog, settings: Settings) -> dg.Definitions:
    """Everything that Dagster sees of a project. Opens neither lake nor database."""
    bench = Workbench(catalog, settings)
    jobs = build_jobs(catalog.project)
    with accepted_warnings():
        assets = build_assets(bench)
    return dg.Definitions(
        assets=assets,
        jobs=[
            *jobs.all(),
            *([replay_job(catalog, jobs)] if catalog.sources else []),
            *([quality_job(catalog.project)] if catalog.outcomes else []),
            *upkeep_jobs(bench),
            preview_job(bench),
        ],
        schedules=[daily_schedule(catalog.project, jobs), *upkeep_schedules(bench)],
        sensors=build_sensors(bench, jobs),
        resources={"io_manager": DeltaIOManager(bench)},
        # In one process a step costs 0.1-0.3 s instead of 2.5 s, and polars uses every core anyway.
        executor=dg.in_process_executor,
    )


def build_assets(bench: Workbench) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """One asset or more for every source, score, segment and campaign, and the tables between them."""
    catalog = bench.catalog
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for source in catalog.sources.values():
        if (place := place_spec(source, bench)) is not None:
            assets.append(place)
        assets.append(landing_assets(source, bench))
        if source.events:
            assets.append(event_asset(source, bench))
    assets += [measures_asset(bench), *people_assets(bench)]
    if catalog.sources:
        assets.append(health_asset(bench))
    for name, score in catalog.scores.items():
        assets += score_assets(score, bench.plans[name], bench)
        assets.append(changes_asset(score, bench.plans[name], bench))
        if judged_by(catalog, name):
            assets += [quality_assets(score, bench), proposal_asset(score, bench)]
    assets += [segment_asset(segment, bench) for segment in catalog.segments.values()]
    for campaign in catalog.campaigns.values():
        assets += campaign_assets(campaign, bench)
    for alert in catalog.alerts.values():
        assets += alert_assets(alert, bench)
    return assets
