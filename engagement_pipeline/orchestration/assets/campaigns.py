"""Two assets per campaign: its audience, one decision per candidate, and the audience handed over.

Here: what they read, and that a delivered audience never changes. Not here: deciding (`core.audiences`) and
destinations (`delivery`).
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Campaign
from engagement_pipeline.core.audiences import CampaignPlan, decide, plan_campaign, waterfall
from engagement_pipeline.delivery.files import deliver_files
from engagement_pipeline.orchestration.assets.people import consent_reads
from engagement_pipeline.orchestration.assets.segments import reads_of
from engagement_pipeline.orchestration.assets.table import Frames, TableAsset, table_asset
from engagement_pipeline.orchestration.describe import describe_audience
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.known import facts_on
from engagement_pipeline.orchestration.metadata import campaign_definition
from engagement_pipeline.orchestration.partitions import as_of_days
from engagement_pipeline.orchestration.preview import in_ranges
from engagement_pipeline.orchestration.publishing import refuse_unpublished
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.deliveries import begin, finish, refuse_change
from engagement_pipeline.storage.locks import lock


def campaign_assets(campaign: Campaign, bench: Workbench) -> list[dg.AssetsDefinition]:
    """The audience, and its delivery where the campaign names destinations."""
    found = [_audience(campaign, bench)]
    if campaign.destinations:
        found.append(_delivery(campaign, bench))
    return found


def _audience(campaign: Campaign, bench: Workbench) -> dg.AssetsDefinition:
    plan = plan_campaign(campaign, bench.catalog)

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        return pl.concat(
            [
                decide(facts_on(bench.catalog, frames, plan.columns, day), plan, day).sort("person_id")
                for day in days
            ]
        )

    return table_asset(
        TableAsset(
            table=f"audiences/{plan.name}",
            group="campaigns",
            description=f"{campaign.goal}\n\nOne decision for every candidate: send, hold out, or suppress.",
            owner=campaign.owner,
            reads=(*reads_of(plan.columns), *consent_reads(bench.catalog, plan.columns)),
            partitions=as_of_days(bench.catalog.project),
            code_version=bench.code_versions[f"audiences/{plan.name}"],
            definition=campaign_definition(campaign),
            compute=compute,
            invariant=lambda rows: reconcile(rows, plan),
            guard=lambda versions: refuse_changes(bench, plan.name, versions),
            check=("waterfall_reconciles", "Every candidate has exactly one decision, and they add up."),
            describe=lambda staged, days: describe_audience(staged, days, plan),
            current="audiences",
        ),
        bench,
    )


def _delivery(campaign: Campaign, bench: Workbench) -> dg.AssetsDefinition:
    project, audience = bench.catalog.project, f"audiences/{campaign.campaign}"

    @dg.asset(
        key=asset_key(project, f"deliveries/{campaign.campaign}"),
        deps=[asset_key(project, audience)],
        group_name="campaigns",
        description=f"The audience of {campaign.campaign}, handed to its destinations.",
        owners=[campaign.owner],
        kinds={destination.kind for destination in campaign.destinations},
        code_version=bench.code_versions[audience],
        partitions_def=as_of_days(project),
        backfill_policy=in_ranges(),
    )
    def delivered(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        refuse_unpublished(bench.catalog, bench.database, campaign.campaign)
        # Held while files are written: an erasure that waits for it then finds them.
        with lock(bench.database, f"table {audience}"):
            stored, shown = bench.lake.partitions(audience), {}
            for day in context.partition_keys:
                as_of, info = date.fromisoformat(day), stored[day]
                rows = bench.lake.scan(audience, [day]).collect()
                sent = rows.filter(pl.col("decision") == "send").height
                for destination in campaign.destinations:
                    refuse_change(bench.database, campaign.campaign, as_of, info.data_version)
                    key = (campaign.campaign, as_of, destination.path)
                    begin(bench.database, *key, info.data_version, sent)
                    done = deliver_files(rows, destination, bench.settings.exports, campaign.campaign, as_of)
                    finish(bench.database, *key)
                    shown[f"{destination.path} on {day}"] = f"{done.people} people in {done.folder}"
        versions = "".join(stored[day].data_version for day in context.partition_keys)
        return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(versions))

    return delivered


def reconcile(rows: pl.DataFrame, plan: CampaignPlan) -> None:
    """Raises where a candidate has a decision the campaign does not know, or more than one."""
    waterfall(rows.lazy(), plan)


def refuse_changes(bench: Workbench, campaign: str, versions: Mapping[str, str]) -> None:
    """Raises AudienceDelivered when a delivered date would change."""
    for day, data_version in versions.items():
        refuse_change(bench.database, campaign, date.fromisoformat(day), data_version)
