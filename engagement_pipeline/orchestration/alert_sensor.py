"""The sensor `score_drops`: alerts that are due.

Here: turning them into run requests, as `sensors` does for the rest. Not here: what is due
(`pending_alerts`).
"""

import dagster as dg

from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.jobs import Jobs
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.pending import due_as_of_dates
from engagement_pipeline.orchestration.pending_alerts import due_alerts
from engagement_pipeline.orchestration.run_requests import GIVEN_UP, Tick, busy, requests, state_of, status
from engagement_pipeline.orchestration.workbench import Workbench


def score_drops_sensor(bench: Workbench, jobs: Jobs) -> dg.SensorDefinition:
    """Of a catalog with alerts."""
    project = bench.catalog.project

    @dg.sensor(
        name="score_drops",
        job=jobs.alerts,
        minimum_interval_seconds=60,
        default_status=status(project),
        description=(
            "Finds whose score fell once yesterday's scores are there, and tells of them, once a date; goes "
            "on telling destinations that did not answer."
        ),
    )
    def score_drops(context: dg.SensorEvaluationContext) -> Tick:
        made_before = (jobs.events, jobs.daily, jobs.scores, jobs.refit, jobs.alerts)
        if busy(context, project, *(job.name for job in made_before)):
            yield dg.SkipReason("a run that alerts depend on is still going on")
            return
        last = yesterday(project, now())
        due = due_alerts(bench, last, due_as_of_dates(bench, last))
        requested = False
        for day, tables in due.items():
            # Of what failed three times another day is another state: a destination may answer again.
            state = [tables, [bench.code_versions[f"alerts/{name}"] for name in bench.catalog.alerts], last]
            base = f"{project.project}:{jobs.alerts.name}:{day}:{state_of(state)}"
            assets = [asset_key(project, table) for table in tables]
            for request in requests(context, base, day=day, assets=assets):
                requested = True
                yield request
        if not requested:
            yield dg.SkipReason(GIVEN_UP if due else "every fall of a score was told of")

    return score_drops
