"""Two jobs over the stores themselves: `erasure` of the people on the list, and `maintenance` of the tables.

Here: the jobs, when they run by themselves, and how Dagster's own storage is looked through. Not here:
erasing (`erasure`) and maintaining (`storage.maintenance`). Neither takes an id as configuration: Dagster
keeps that for ever.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.orchestration.clock import now
from engagement_pipeline.orchestration.erasure import Receipt, erase_requested
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.orchestration.retention import let_go
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.erasures import requested
from engagement_pipeline.storage.maintenance import Maintained, maintain
from engagement_pipeline.storage.traces import Search, in_folder, in_tables

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def upkeep_jobs(bench: Workbench) -> list[dg.JobDefinition]:
    """`erasure` and `maintenance`."""

    @dg.op(name="erase_people", description="Erase everyone who is on the list, and prove it.")
    def erase_people(context: dg.OpExecutionContext) -> dg.Output[None]:
        receipt = erase_requested(bench, now(), lambda search: dagster_traces(context.instance, search))
        shown = {"people": 0} if receipt is None else describe_receipt(receipt)
        if receipt is not None and not receipt.proven:
            context.add_output_metadata(shown)
            raise dg.Failure(description=f"traces are left: {'; '.join(receipt.content['traces'])}")
        return dg.Output(None, metadata=shown)

    @dg.op(
        name="maintain_tables",
        description="Let go of old contributions; compact, checkpoint and vacuum every table.",
    )
    def maintain_tables() -> dg.Output[None]:
        gone = let_go(bench)
        return dg.Output(None, metadata=describe_maintained(maintain(bench.lake), gone))

    @dg.job(
        description="Erase the people on the list from everything that is stored; writes a receipt.",
        resource_defs={"io_manager": dg.mem_io_manager},
        executor_def=dg.in_process_executor,
    )
    def erasure() -> None:
        erase_people()

    @dg.job(
        description="Fewer and larger files, checkpoints, and no versions older than a week. Rows stay; what "
        "each rule gave each person goes where the project keeps it no longer.",
        resource_defs={"io_manager": dg.mem_io_manager},
        executor_def=dg.in_process_executor,
    )
    def maintenance() -> None:
        maintain_tables()

    return [erasure, maintenance]


def upkeep_schedules(bench: Workbench) -> list[dg.ScheduleDefinition]:
    """Every day whoever is on the list is erased; once a week tables are maintained."""
    project = bench.catalog.project
    hour, minute = project.automation.daily_at.split(":")
    at = f"{int(minute)} {int(hour)} * *"

    @dg.schedule(
        name="erasure",
        job_name="erasure",
        cron_schedule=f"{at} *",
        execution_timezone=project.timezone,
        default_status=_status(project),
        description="Erases whoever was put on the list since yesterday.",
    )
    def erasure(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not requested(bench.database):
            return dg.SkipReason("nobody is to be erased")
        return dg.RunRequest(run_key=f"erasure:{context.scheduled_execution_time.isoformat()}")

    weekly = dg.ScheduleDefinition(
        name="maintenance",
        job_name="maintenance",
        cron_schedule=f"{at} {WEEKDAYS.index(project.automation.maintain_on)}",
        execution_timezone=project.timezone,
        default_status=_status(project),
        description="Compacts, checkpoints and vacuums every table once a week.",
    )
    return [erasure, weekly]


def _status(project: Project) -> dg.DefaultScheduleStatus:
    on = project.automation.schedules
    return dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED


def dagster_traces(instance: dg.DagsterInstance, search: Search) -> Iterator[str]:
    """Where Dagster's own storage holds one of the ids: runs, events, schedules and the logs of steps."""
    for storage in (instance.event_log_storage, instance.run_storage, instance.schedule_storage):
        connect: Any = getattr(storage, "index_connection", None) or getattr(storage, "connect", None)
        if connect is not None:
            with connect() as connection:
                yield from (f"Dagster: {table}" for table in in_tables(connection, search))
    # On a disk every run has a database of its own, and steps write files.
    if Path(instance.root_directory).is_dir():
        yield from (f"Dagster: {path}" for path in in_folder(instance.root_directory, search))


def describe_receipt(receipt: Receipt) -> dict[str, Any]:
    """A receipt's figures; it holds no id."""
    content = receipt.content
    rows = [(table, each["removed"], each["redacted"]) for table, each in content["tables"].items()]
    rows += [(f"database: {table}", count, 0) for table, count in content["database"].items()]
    traces = content["traces"]
    return {
        "receipt": receipt.receipt,
        "people": len(content["people"]),
        "rows": markdown(markdown_table(("table", "removed", "redacted"), rows)) if rows else "none",
        "versions let go": sum(content["versions"].values()),
        "exports rewritten": content["exports"],
        "landing files that name them": sum(content["landing"].values()),
        "proof": markdown("\n".join(f"- {each}" for each in traces)) if traces else "no trace",
    }


def describe_maintained(tables: list[Maintained], gone: Mapping[str, int]) -> dict[str, Any]:
    """What upkeep did, in figures. gone: table -> dates without contributions from now on."""
    rows = [(each.table, each.files_before, each.files_after, each.deleted) for each in tables if each.worked]
    header = ("table", "files before", "files after", "old files deleted")
    shown = {"tables": len(tables), "changed": markdown(markdown_table(header, rows)) if rows else "none"}
    if gone:
        dates = markdown_table(("table", "dates"), gone.items())
        shown["contributions let go of"] = markdown(dates)
    return shown
