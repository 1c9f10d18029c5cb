"""The daily run.

Here: when it starts and for which day. Not here: what it runs (`jobs`) and what follows from it (`sensors`).
"""

import dagster as dg

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration.clock import yesterday
from engagement_pipeline.orchestration.jobs import Jobs


def daily_schedule(project: Project, jobs: Jobs) -> dg.ScheduleDefinition:
    """Every morning: land what is new, make yesterday's events. The sensor `as_of_dates` goes on from it."""
    hour, minute = project.automation.daily_at.split(":")

    @dg.schedule(
        name="daily",
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        job=jobs.daily,
        execution_timezone=project.timezone,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING
            if project.automation.schedules
            else dg.DefaultScheduleStatus.STOPPED
        ),
        description="Land what is new, then make yesterday's events, measures and persons.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = yesterday(project, context.scheduled_execution_time)
        if day < project.start_date or (project.end_date is not None and day > project.end_date):
            return dg.SkipReason(f"{day} lies outside the project's days: see project.yaml")
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return daily
