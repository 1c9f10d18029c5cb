"""Two steps per source: its files landed and judged, and its events day by day.

Here: the assets and what they show. Not here: landing, mapping and settling (`ingestion`).
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.contracts.rules import ContractBroken
from engagement_pipeline.core.frames import CONFLICTS
from engagement_pipeline.ingestion.databases.connection import dialect_of
from engagement_pipeline.ingestion.events import DayEvents, events_for
from engagement_pipeline.ingestion.intake import take_in
from engagement_pipeline.ingestion.people import people_tables
from engagement_pipeline.ingestion.replay import batches_of, parse_dates
from engagement_pipeline.orchestration.assets.places import place_key, report_place
from engagement_pipeline.orchestration.assets.table import log_materialized, materialized, stored_output
from engagement_pipeline.orchestration.clock import now
from engagement_pipeline.orchestration.describe_intake import (
    describe_accepted,
    describe_events,
    describe_intake,
)
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.metadata import column_schema, refusal, source_definition
from engagement_pipeline.orchestration.partitions import event_days
from engagement_pipeline.orchestration.preview import check_result, check_spec, in_ranges
from engagement_pipeline.orchestration.samples import rejected_samples
from engagement_pipeline.orchestration.soundness import SAYS, SOUND, look_at, refused_findings
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.event_days import record_days

ACCEPTED = "files_accepted"
SAID = {
    "profiles": "What the source said of people and when, and whether they may be contacted.",
    "identities": "What the source said of who is who: which id stands for whom, which persons are one.",
}


class LandingConfig(dg.Config):
    """What the launchpad asks of a landing."""

    replay: bool = Field(
        default=False,
        description="Judge again all that was ever landed, after the tracking plan or the mapping changed; "
        "then materialize the days that it names.",
    )
    dates: str = Field(
        default="",
        description="For a replay: only what concerns these event days, as 2026-03-01..2026-03-31.",
    )


def landing_assets(source: Source, bench: Workbench) -> dg.AssetsDefinition:
    """`landed/<source>`, every new file once, `rejected/<source>`, rows that failed their contract, and of
    sources that speak of people `profiles/<source>` and `identities/<source>`."""
    project = bench.catalog.project
    landed, rejected = f"landed/{source.source}", f"rejected/{source.source}"
    of_people = [f"{kind}/{source.source}" for kind in people_tables(source)]

    @dg.multi_asset(
        name=f"land_{source.source}",
        specs=[
            _spec(
                source, bench, landed, f"{source.description}\n\nRaw rows as they came, each file once."
            ).replace_attributes(deps=[place_key(source, bench)]),
            _spec(
                source, bench, rejected, "Rows that failed their contract, with the rule and the reason."
            ).replace_attributes(deps=[asset_key(project, landed)]),
            *(
                _spec(source, bench, table, SAID[table.partition("/")[0]]).replace_attributes(
                    deps=[asset_key(project, landed)]
                )
                for table in of_people
            ),
        ],
        check_specs=[
            check_spec(
                ACCEPTED,
                asset_key(project, landed),
                "Every file could be read, and no more of its rows were rejected than the limit allows.",
                None,
            )
        ],
    )
    def land(context: dg.AssetExecutionContext, config: LandingConfig) -> Iterator[Any]:
        stores = (bench.catalog, bench.lake, bench.ledger)
        try:
            dates = parse_dates(config.dates) if config.dates else None
        except ValueError as error:
            raise dg.Failure(description=f"dates: {error}", allow_retries=False) from None
        replay = partial(batches_of, source, dates, *stores) if config.replay else None
        took = take_in(source, bench.settings.landing, now(), *stores, replay=replay)
        shown = describe_intake(took)
        if (seen := report_place(source, bench, took, now())) is not None:
            context.log_event(seen)
        for table in (landed, rejected, *of_people):
            yield dg.MaterializeResult(
                asset_key=asset_key(project, table),
                metadata=shown,
                data_version=dg.DataVersion(content_version(bench, table)),
            )
        problems = "\n".join(took.problems)
        said = {
            "problems": problems or "none",
            **describe_accepted(took),
            **rejected_samples(bench, source, took),
        }
        yield check_result(context, asset_key(project, landed), ACCEPTED, not problems, said, [])
        if problems:
            # What could be taken in is stored; the step fails so that somebody looks.
            raise dg.Failure(description=problems, allow_retries=False)

    return land


def event_asset(source: Source, bench: Workbench) -> dg.AssetsDefinition:
    """`events/<source>` by event day; the same step stores `conflicts/<source>`, a table without an asset:
    every partition of one is a row in Dagster's event log, and twice the rows take twice the time."""
    project = bench.catalog.project
    landed, events, conflicts = (f"{kind}/{source.source}" for kind in ("landed", "events", "conflicts"))
    key, days = asset_key(project, events), event_days(project)
    described = (
        f"{source.description}\n\nValid events, each id once, with typed properties. Rows whose id was used "
        f"before for other content are kept in the table `{conflicts}`."
    )

    @dg.multi_asset(
        name=f"events_{source.source}",
        outs={"events": stored_output(_spec(source, bench, events, described))},
        deps=[asset_key(project, landed)],
        partitions_def=days,
        check_specs=[check_spec(SOUND, key, SAYS, days)],
        backfill_policy=in_ranges(),
    )
    def make_events(context: dg.AssetExecutionContext) -> Iterator[Any]:
        keys = list(context.partition_keys)
        inputs = {**bench.versions([landed]), **bench.ledger.read_replays(source.source)}
        found: list[DayEvents] = []

        def rows() -> Iterator[pl.DataFrame]:
            wanted = [date.fromisoformat(day) for day in keys]
            for chunk in events_for(source, wanted, bench.catalog, bench.lake, bench.ledger):
                found.append(chunk._replace(events=pl.DataFrame()))
                yield chunk.events

        try:
            staged = bench.stage(events, rows(), keys, inputs)
        except ContractBroken as error:
            why = refusal(error, project.samples_in_metadata)
            yield check_result(context, key, SOUND, False, {"why": why}, keys)
            raise dg.Failure(description=why, allow_retries=False) from None
        refused = {str(day): error for each in found for day, error in each.refused.items()}
        good = [day for day in keys if day not in refused]
        staged.partitions = {day: staged.partitions[day] for day in good}
        lost = pl.concat([CONFLICTS.to_frame(), *(each.conflicts for each in found)])
        if good:
            bench.lake.commit(bench.stage(conflicts, lost, good, inputs))
        looked = look_at(bench, source, staged, found, good)
        record_days(bench.database, source.source, looked.figures.values())
        shown, by_day = describe_events(staged.scan(), found), looked.by_day()
        for day in good:
            context.add_asset_metadata(by_day[day], asset_key=key, partition_key=day)
        findings = looked.findings(project.limits.reject_share)
        counted = {"conflicts": lost.height, **(looked.table() if good else {})}
        if not refused:
            sound = all(each.passed for each in findings.values())
            checked = check_result(context, key, SOUND, sound, counted, keys, findings=findings)
            yield materialized(context, bench, staged, shown, [checked])
            return
        why = "\n".join(refusal(error, project.samples_in_metadata) for error in refused.values())
        if good:
            stored = bench.lake.commit(staged)
            log_materialized(context, key, stored, shown, by_day)
        findings |= refused_findings(refused, why)
        yield check_result(context, key, SOUND, False, {"why": why, **counted}, keys, findings=findings)
        # The good days are stored; the step fails so that somebody looks at the others.
        raise dg.Failure(description=why, allow_retries=False)

    return make_events


def _spec(source: Source, bench: Workbench, table: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(bench.catalog.project, table),
        group_name="ingestion",
        description=description.strip(),
        owners=[source.owner],
        code_version=bench.code_versions.get(table),
        kinds={"deltalake", _format(source) if table.startswith("landed/") else "polars"},
        metadata={
            **source_definition(source),
            "dagster/table_name": table,
            "dagster/uri": bench.uri(table),
            "dagster/column_schema": column_schema(bench.table(table)),
        },
    )


def _format(source: Source) -> str:
    """What the rows come as: the format of files, or the kind of database as far as the environment says."""
    return source.format if source.database is None else dialect_of(source.database.url_env) or "sql"


def content_version(bench: Workbench, table: str) -> str:
    """Digest of all that a table holds, batch by batch."""
    parts = sorted((key, info.data_version) for key, info in bench.lake.partitions(table).items())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
