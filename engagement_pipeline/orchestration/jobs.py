"""Jobs: what is run together.

Here: selections of assets. Not here: when they run (`schedules`, `sensors`). Events and scores are two jobs,
because days of events include today and as-of dates end yesterday.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from engagement_pipeline.catalog.specs import Catalog, Project

PROJECT = "engagement/project"
"""On a run: whose jobs it is of; several projects may share one Dagster."""


@dataclass(frozen=True)
class Jobs:
    """The project's jobs."""

    landing: UnresolvedAssetJobDefinition
    events: UnresolvedAssetJobDefinition
    daily: UnresolvedAssetJobDefinition
    scores: UnresolvedAssetJobDefinition
    refit: UnresolvedAssetJobDefinition
    campaigns: UnresolvedAssetJobDefinition
    alerts: UnresolvedAssetJobDefinition

    def all(self) -> list[UnresolvedAssetJobDefinition]:
        """Every job, for the definitions."""
        return [self.landing, self.events, self.daily, self.scores, self.refit, self.campaigns, self.alerts]


def build_jobs(project: Project) -> Jobs:
    """The jobs over whatever the catalog declares."""

    job = partial(dg.define_asset_job, tags={PROJECT: project.project})

    def tables(*kinds: str) -> dg.AssetSelection:
        return dg.AssetSelection.key_prefixes(*[[*project.asset_prefix, kind] for kind in kinds])

    landing = tables("landed", "rejected", "profiles", "identities")
    events = tables("events", "daily_measures", "aliases", "persons", "consents")
    health = tables("source_health")
    return Jobs(
        landing=job("landing", landing, description="Land the files that are new, of every source."),
        events=job("event_days", events, description="Make events, measures and persons for days."),
        daily=job(
            "daily", landing | events | health, description="Land what is new and make yesterday's events."
        ),
        scores=job(
            "as_of_dates",
            tables("points", "scores", "score_changes", "segments") | health,
            description="Scores and segments as of a date, against the references in force.",
        ),
        refit=job(
            "refit",
            tables("points", "references", "scores", "score_changes", "segments") | health,
            description="As `as_of_dates`, with every reference fitted anew on the newest points in between.",
        ),
        campaigns=job(
            "campaigns",
            tables("audiences", "deliveries"),
            description="Decide and deliver every campaign's audience as of a date.",
        ),
        alerts=job(
            "alerts",
            tables("alerts", "alert_deliveries"),
            description="Find whose score fell as of a date, and tell of them.",
        ),
    )


def replay_job(catalog: Catalog, jobs: Jobs) -> UnresolvedAssetJobDefinition:
    """The job `replay`, for one source at a time: its configuration names it and, if wished, event days."""
    names = sorted(catalog.sources)

    @dg.config_mapping(
        config_schema={
            "source": dg.Field(dg.Enum("Sources", [dg.EnumValue(name) for name in names])),
            "dates": dg.Field(str, default_value="", description="2026-03-01..2026-03-31; all without it"),
        }
    )
    def one_source(given: Mapping[str, Any]) -> Mapping[str, Any]:
        replayed = {"replay": True, "dates": given["dates"]}
        return {
            "ops": {f"land_{name}": {"config": replayed if name == given["source"] else {}} for name in names}
        }

    return dg.define_asset_job(
        "replay",
        jobs.landing.selection,
        config=one_source,
        description="Judge a source's landed batches anew, after its mapping or the tracking plan was "
        "mended; of the other sources land what is new. The days that change are then due: the sensor "
        "`event_days`, or the job of that name, makes them.",
    )


def quality_job(project: Project) -> UnresolvedAssetJobDefinition:
    """The job `quality`, of a catalog with outcomes."""
    kinds = ("score_quality", "score_deciles", "weight_proposal")
    return dg.define_asset_job(
        "quality",
        dg.AssetSelection.key_prefixes(*[[*project.asset_prefix, kind] for kind in kinds]),
        tags={PROJECT: project.project},
        description="Judge every score by its outcomes on past dates, and fit weights to propose.",
    )
