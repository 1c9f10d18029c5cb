"""The asset `persons`: everyone known, since when, and which profile facts held when.

Here: which tables it is made from. Not here: history itself (`core.people`), reading profiles (`ingestion`).
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import polars as pl

from engagement_pipeline.core.measures import ACTIVITY
from engagement_pipeline.core.people import history, with_activity
from engagement_pipeline.ingestion.snapshots import snapshots_of
from engagement_pipeline.orchestration.assets.table import Frames, Reads, TableAsset, table_asset
from engagement_pipeline.orchestration.describe import describe_persons
from engagement_pipeline.orchestration.workbench import Workbench


def persons_asset(bench: Workbench) -> dg.AssetsDefinition:
    """Everyone with a profile row or an event."""
    catalog = bench.catalog
    profiles = {name: source for name, source in catalog.sources.items() if source.profiles}

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        snapshots = {
            name: snapshots_of(source, catalog, bench.lake, bench.ledger).lazy()
            for name, source in profiles.items()
        }
        return persons_rows(bench, snapshots)

    return table_asset(
        TableAsset(
            table="persons",
            group="people",
            description=(
                "Everyone known, with the day they were first seen and the periods in which their profile "
                "facts held, so that an old score never sees today's profile."
            ),
            reads=(
                Reads("daily_measures", loaded=False),
                *(Reads(f"landed/{name}", loaded=False) for name in profiles),
            ),
            code_version=bench.code_versions["persons"],
            compute=compute,
            describe=lambda staged, days: describe_persons(staged),
        ),
        bench,
    )


def persons_rows(bench: Workbench, snapshots: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """`frames.person_schema` of everyone in the snapshots (see `core.people.history`) or with an event."""
    project = bench.catalog.project
    first_events = (
        bench.lake.scan("daily_measures")
        .filter(pl.col("measure") == ACTIVITY.id)
        .group_by("person_id")
        .agg(first_event=pl.col("event_date").min())
    )
    periods = history(snapshots, project.start_date, project.timezone)
    return with_activity(periods, first_events, project.start_date)
