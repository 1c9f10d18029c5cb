"""Sensors: files that arrived, event days that are due, as-of dates and campaigns that are due.

Here: turning what is found into run requests. Not here: finding it (`pending`, `ingestion.landing`), and how
often a request is tried (`run_requests`). What is due is read from the stores, so nothing is forgotten when a
run fails, a daemon restarts or a cursor is lost: the only one says at which source the next look at files
begins. A request names the state of its inputs, and its run key how many runs for it failed: one that fails
is made up to three times, and then not again until its inputs change.
"""

from collections.abc import Iterator
from itertools import chain
from time import monotonic

import dagster as dg

from engagement_pipeline.catalog.digests import source_digest
from engagement_pipeline.catalog.specs import Project, Source
from engagement_pipeline.core.measures import measures_of
from engagement_pipeline.ingestion.landing import unknown_files
from engagement_pipeline.ingestion.people import people_tables
from engagement_pipeline.ingestion.places import Unusable
from engagement_pipeline.orchestration.alert_sensor import score_drops_sensor
from engagement_pipeline.orchestration.assets.measures import only_as_of
from engagement_pipeline.orchestration.assets.people import people_inputs
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.jobs import Jobs
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.measured import event_sources
from engagement_pipeline.orchestration.pending import (
    due_as_of_dates,
    due_campaigns,
    due_event_days,
    recent_dates,
)
from engagement_pipeline.orchestration.run_requests import (
    GIVEN_UP,
    Tick,
    busy,
    requests,
    requests_of_days,
    runs_of,
    state_of,
    status,
)
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.objects import StoreUnreachable

REQUESTS_PER_TICK = 20
TICK_SECONDS = 20.0
"""A tick that looks through places goes no further after this long; Dagster ends one after 60 s."""


def build_sensors(bench: Workbench, jobs: Jobs) -> list[dg.SensorDefinition]:
    """Every sensor of the project."""
    found = [_landed_files(bench, jobs), _event_days(bench, jobs), _as_of_dates(bench, jobs)]
    if any(source.upstream for source in bench.catalog.sources.values()):
        found.append(_upstream_assets(bench, jobs))
    if bench.catalog.alerts:
        found.append(score_drops_sensor(bench, jobs))
    return found


def _landed_files(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    project = bench.catalog.project

    @dg.sensor(
        name="landed_files",
        job=jobs.landing,
        minimum_interval_seconds=60,
        default_status=status(project),
        description="Lands a source's files when its folder holds some that the ledger does not know.",
    )
    def landed_files(context: dg.SensorEvaluationContext) -> Tick:
        until = monotonic() + TICK_SECONDS
        found = requested = False
        # What an asset writes is complete when that asset says so, not when its first file is there.
        names = sorted(
            name
            for name, source in bench.catalog.sources.items()
            if source.database is None and source.upstream is None
        )
        # The next tick goes on behind the source that this one came to.
        for name in sorted(names, key=lambda each: (each <= (context.cursor or ""), each)):
            if monotonic() > until:
                break
            context.update_cursor(name)
            source = bench.catalog.sources[name]
            try:
                # Names, sizes and times only: the run that lands them reads the bytes.
                unknown = unknown_files(source, bench.settings.landing, project, bench.ledger)
            except (Unusable, StoreUnreachable) as error:
                context.log.warning(str(error))
                continue
            # Of refused files that lie there no more a landing forgets that they were.
            refused = [] if unknown else list(bench.ledger.failed(name).values())
            if not unknown and not refused:
                continue
            found = True
            # A mended mapping is another state: files that it refused are tried again.
            digest = source_digest(source, bench.catalog)
            state = state_of([unknown or refused, digest, project.limits.reject_share])
            base = f"{project.project}:{jobs.landing.name}:{name}:{state}"
            for request in _landing(context, base, source, project):
                requested = True
                yield request
        if not requested:
            yield dg.SkipReason(GIVEN_UP if found else "every file that is there was landed")

    return landed_files


def _upstream_assets(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    project = bench.catalog.project

    @dg.sensor(
        name="upstream_assets",
        job=jobs.landing,
        minimum_interval_seconds=60,
        default_status=status(project),
        description="Lands a source when the asset that it names as its upstream was materialized.",
    )
    def upstream_assets(context: dg.SensorEvaluationContext) -> Tick:
        requested = False
        for name, source in sorted(bench.catalog.sources.items()):
            if source.upstream is None:
                continue
            key = dg.AssetKey(source.upstream)
            newest = context.instance.fetch_materializations(key, limit=1).records
            if not newest:
                context.log.info(f"{key.to_user_string()} was not materialized in this Dagster yet")
                continue
            base = f"{project.project}:{jobs.landing.name}:{name}:upstream:{newest[0].storage_id}"
            made = runs_of(context, base)
            if made and made[0].status != dg.DagsterRunStatus.FAILURE:
                continue
            for request in _landing(context, base, source, project):
                requested = True
                yield request
        if not requested:
            yield dg.SkipReason("no upstream asset was materialized since its source was landed")

    return upstream_assets


def _event_days(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    project = bench.catalog.project

    @dg.sensor(
        name="event_days",
        job=jobs.events,
        minimum_interval_seconds=60,
        default_status=status(project),
        description=(
            "Makes the event days that landed files touched, late ones included, and those that lack the "
            "measure of a new rule; `persons` also when only profiles came."
        ),
    )
    def event_days(context: dg.SensorEvaluationContext) -> Tick:
        if busy(context, project, jobs.events.name, jobs.daily.name):
            yield dg.SkipReason("a run that makes event days is still going on")
            return
        last = yesterday(project, now())
        due = due_event_days(bench, last)
        sources = event_sources(bench.catalog)
        measures = list(measures_of(bench.catalog))
        state = state_of(
            [
                [sorted(bench.ledger.read_replays(name).items()) for name in sources],
                sorted(bench.versions([f"landed/{name}" for name in bench.catalog.sources]).items()),
                measures,
            ]
        )
        made = state_of(
            [
                sorted(bench.versions([f"events/{name}" for name in sources]).items()),
                sorted(bench.versions(chain.from_iterable(people_inputs(bench.catalog).values())).items()),
                measures,
            ]
        )
        base, only = f"{project.project}:{jobs.events.name}", only_as_of(recent_dates(bench, last))
        asked = list(requests_of_days(context, base, due.events, state, ops=only))
        # Days whose events cannot be made keep those they have, which are measured.
        waited_for = {day for first, last, _ in asked for day in due.events if first <= day <= last}
        behind = [day for day in due.measures if day not in waited_for]
        assets = [asset_key(project, table) for table in ("daily_measures", *people_inputs(bench.catalog))]
        base = f"{project.project}:{jobs.events.name}:measures"
        asked += requests_of_days(context, base, behind, made, assets, only)
        yield from (request for _, _, request in asked[:REQUESTS_PER_TICK])
        if not asked:
            due_at_all = due.events or due.measures
            yield dg.SkipReason(GIVEN_UP if due_at_all else "every day that files touched is made")

    return event_days


def _as_of_dates(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    project = bench.catalog.project

    @dg.sensor(
        name="as_of_dates",
        jobs=[jobs.scores, jobs.campaigns],
        minimum_interval_seconds=60,
        default_status=status(project),
        description=(
            "Scores yesterday once its events are measured, then decides and delivers the audience of every "
            "campaign whose segments are there; restates the last as-of dates when late events changed them "
            "and makes up for what is missing of them. Delivered audiences are never restated."
        ),
    )
    def as_of_dates(context: dg.SensorEvaluationContext) -> Tick:
        if busy(context, project, jobs.events.name, jobs.daily.name, jobs.scores.name, jobs.campaigns.name):
            yield dg.SkipReason("a run that scores depend on is still going on")
            return
        last = yesterday(project, now())
        due = due_as_of_dates(bench, last)
        campaigns = due_campaigns(bench, last, due)
        requested = False
        for day, tables in due.items():
            state = state_of([tables, bench.code_versions])
            base = f"{project.project}:{jobs.scores.name}:{day}:{state}"
            for request in requests(context, base, job=jobs.scores.name, day=day):
                requested = True
                yield request
        if campaigns:
            day = min(last, project.end_date or last)
            state = state_of([campaigns, bench.code_versions])
            base = f"{project.project}:{jobs.campaigns.name}:{day}:{state}"
            assets = [asset_key(project, table) for table in campaigns]
            for request in requests(context, base, job=jobs.campaigns.name, day=day, assets=assets):
                requested = True
                yield request
        if not requested:
            yield dg.SkipReason(
                GIVEN_UP if due or campaigns else "the last as-of dates stand on what is stored"
            )

    return as_of_dates


def _landing(
    context: dg.SensorEvaluationContext, base: str, source: Source, project: Project
) -> Iterator[dg.RunRequest]:
    """The request to land one source."""
    kinds = ("landed", "rejected", *people_tables(source))
    return requests(context, base, assets=[asset_key(project, f"{kind}/{source.source}") for kind in kinds])
