"""Two assets per alert: whose score fell, and those people told of.

Here: what they read, what their pages say, and that a date is told once. Not here: the rows (`alerting`),
deciding (`core.alerts`), telling (`delivery`).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Alert
from engagement_pipeline.catalog.specs.alerts import AlertDestination, FileDestination, LogDestination
from engagement_pipeline.core.alerts import BECAUSE, AlertPlan, plan_alert, waterfall
from engagement_pipeline.delivery.alerts import Told, deliver_file, log_lines, payload
from engagement_pipeline.delivery.files import DestinationRefused
from engagement_pipeline.delivery.webhook import WebhookFailed, post
from engagement_pipeline.orchestration.alerting import Alerting, tables_of
from engagement_pipeline.orchestration.assets.table import Frames, Reads, TableAsset, table_asset
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.metadata import alert_definition, markdown, markdown_table
from engagement_pipeline.orchestration.partitions import as_of_days
from engagement_pipeline.orchestration.preview import in_ranges, lookback
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.deliveries import ALERT_DELIVERIES, begin, finish
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.tables import MissingPartitions


def alert_assets(alert: Alert, bench: Workbench) -> list[dg.AssetsDefinition]:
    """Who fell, and the delivery."""
    return [_fallen(alert, bench), _delivery(alert, bench)]


def _fallen(alert: Alert, bench: Workbench) -> dg.AssetsDefinition:
    plan = plan_alert(alert, bench.catalog)
    run: list[Alerting] = []  # what the step under way has counted; one goes on at a time (`alone`)

    def compute(frames: Frames, days: list[date]) -> Iterator[pl.DataFrame]:
        run[:] = [Alerting(bench, plan)]
        return run[0].rows(days)

    return table_asset(
        TableAsset(
            table=f"alerts/{plan.name}",
            group="quality",
            description=(
                f"{alert.goal}\n\nEveryone whose {plan.score} fell so far: told of, or held back and why."
            ),
            owner=alert.owner,
            reads=tuple(
                Reads(table, lookback(plan.within + 1) if table in _history(plan) else None, loaded=False)
                for table in tables_of(bench, plan)
            ),
            partitions=as_of_days(bench.catalog.project),
            code_version=bench.code_versions[f"alerts/{plan.name}"],
            definition=alert_definition(alert),
            compute=compute,
            check=("waterfall_reconciles", "Everyone who fell has exactly one decision, and they add up."),
            describe=lambda staged, days: describe_alert(staged, max(days), run[0]),
            current="alerts",
            alone=f"alert {plan.name}",
        ),
        bench,
    )


def describe_alert(staged: pl.LazyFrame, day: date, run: Alerting) -> dict[str, Any]:
    """The waterfall of a date, and what it was compared with."""
    rows = staged.filter(pl.col("as_of") == day)
    if day not in run.counted:
        return {"told already": f"the delivery of {day} began before: it stays as it was"}
    steps = waterfall(rows, run.counted[day])
    counts = dict(steps.iter_rows())
    before = run.days_compared(day)
    shown = ", ".join(str(each) for each in before) or "no date before it is stored"
    table = markdown_table(
        ("step", "people"), ((_in_words(step), people) for step, people in steps.iter_rows())
    )
    return {
        "told of": counts["told of"],
        "held back": sum(count for step, count in counts.items() if step.startswith("held back")),
        "waterfall": markdown(table),
        "compared with": shown,
        **_causes(rows),
    }


def _in_words(step: str) -> str:
    """A step of the waterfall, its reason as an analyst would say it."""
    what, _, why = step.partition(": ")
    return f"{what}: {BECAUSE[why]}" if why else step


def _causes(rows: pl.LazyFrame) -> dict[str, Any]:
    found = (
        rows.filter(pl.col("cause").is_not_null())
        .group_by("cause")
        .agg(people=pl.len())
        .sort("people", "cause", descending=[True, False])
        .head(20)
        .collect()
    )
    return (
        {"causes": markdown(markdown_table(("rule that fell most", "people"), found.iter_rows()))}
        if found.height
        else {}
    )


def _history(plan: AlertPlan) -> tuple[str, str]:
    return f"scores/{plan.score}", f"points/{plan.score}"


def _delivery(alert: Alert, bench: Workbench) -> dg.AssetsDefinition:
    project, table = bench.catalog.project, f"alerts/{alert.alert}"

    @dg.asset(
        key=asset_key(project, f"alert_deliveries/{alert.alert}"),
        deps=[asset_key(project, table)],
        group_name="quality",
        description=f"The alert {alert.alert}, told to its destinations: once for each date.",
        owners=[alert.owner],
        kinds={destination.kind for destination in alert.destinations},
        code_version=bench.code_versions[table],
        partitions_def=as_of_days(project),
        backfill_policy=in_ranges(),
    )
    def told(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        shown: dict[str, str] = {}
        failed: list[str] = []
        versions = []
        # The table's lock as well: an erasure that waits for it then finds what was written.
        with lock(bench.database, f"alert {alert.alert}"), lock(bench.database, f"table {table}"):
            for day in context.partition_keys:
                stored = bench.lake.partitions(table)
                if day not in stored:
                    raise MissingPartitions(f"{table} holds nothing yet for {day}: materialize it first")
                found = tell(alert, bench, date.fromisoformat(day), context.log.info)
                shown |= {f"{label} on {day}": said for label, said in found.done.items()}
                failed += found.failed
                versions.append(stored[day].data_version)
        if failed:
            context.add_output_metadata(shown)
            raise dg.Failure(description="\n".join(failed), allow_retries=False)
        return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion("".join(versions)))

    return told


class Telling:
    """What became of one date's delivery, in words by destination."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}
        self.failed: list[str] = []


def tell(alert: Alert, bench: Workbench, as_of: date, log: Callable[[str], None]) -> Telling:
    """Tells every destination that was not told of the date yet; one that fails stops no other.

    On a date without anybody to tell of nothing is delivered, and so nothing is settled: when late events
    change its scores, it may be told yet. Raises AlertOutdated.
    """
    plan, found = plan_alert(alert, bench.catalog), Telling()
    run = Alerting(bench, plan)
    told = Told(bench.catalog.project.project, alert, as_of, run.stored(as_of))
    people = told.people.height
    if not people:
        found.done["nobody"] = (
            "; ".join(f"{n:,} held back: {BECAUSE[why]}" for why, n in told.held_back.items())
            or "nobody fell"
        )
        return found
    before: Mapping[str, bool] = run.begun.get(as_of, {})
    if not before:
        run.check_silence(as_of)
    version = bench.lake.partitions(run.table)[as_of.isoformat()].data_version
    for destination in alert.destinations:
        label = destination.label
        if before.get(label):
            found.done[label] = "told before"
            continue
        begin(bench.database, alert.alert, as_of, label, version, people, ALERT_DELIVERIES)
        try:
            found.done[label] = _tell_one(destination, told, bench, log)
        except (WebhookFailed, DestinationRefused) as error:
            found.failed.append(str(error))
            continue
        finish(bench.database, alert.alert, as_of, label, ALERT_DELIVERIES)
    return found


def _tell_one(destination: AlertDestination, told: Told, bench: Workbench, log: Callable[[str], None]) -> str:
    if isinstance(destination, LogDestination):
        for line in log_lines(told):
            log(line)
        return f"{told.people.height} people"
    if isinstance(destination, FileDestination):
        return f"{told.people.height} people in {deliver_file(told, destination, bench.settings.exports)}"
    tries = post(destination.url_env, payload(told), told.key, destination.timeout)
    return f"{told.people.height} people" + (f", at try {tries}" if tries > 1 else "")
