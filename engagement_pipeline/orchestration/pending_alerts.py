"""Which alerts are due: those of the newest date that were not made from what is stored now, and deliveries
that a destination did not get.

Here: comparing what the lake's index and the deliveries say, as in `pending`. Not here: requesting runs
(`alert_sensor`).
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from engagement_pipeline.core.alerts import TELL, AlertPlan, plan_alert
from engagement_pipeline.orchestration.alerting import condition_tables
from engagement_pipeline.orchestration.pending import Outdated
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.current import current
from engagement_pipeline.storage.deliveries import begun
from engagement_pipeline.storage.tables import older


def due_alerts(bench: Workbench, yesterday: date, outdated: Mapping[date, Outdated]) -> dict[date, Outdated]:
    """Date -> the tables that are due, `alerts/` and `alert_deliveries/`, with the versions of what they are
    made from. Yesterday (or a closed project's last day), once its scores are there and not `outdated`; until
    anybody was told of, also again when the scores change. Other dates only when their delivery began and
    some destination did not get it: dates that somebody made by hand are theirs to deliver."""
    newest = min(yesterday, bench.catalog.project.end_date or yesterday)
    due: dict[date, Outdated] = {}
    for name, alert in bench.catalog.alerts.items():
        plan, delivery = plan_alert(alert, bench.catalog), f"alert_deliveries/{name}"
        labels = {destination.label for destination in alert.destinations}
        known = begun(bench.database, name)
        for day, got in known.items():
            left = {label for label in labels if got.get(label, day != newest) is False}
            if left:
                due.setdefault(day, {})[delivery] = {"destinations": len(left)}
        if newest not in known:
            found = _newest(bench, plan, newest, outdated.get(newest, {}))
            if found:
                due[newest] = due.get(newest, {}) | found
    return dict(sorted(due.items()))


def _newest(bench: Workbench, plan: AlertPlan, day: date, outdated: Outdated) -> Outdated:
    """What is due of a date on which nobody was told of yet."""
    table, delivery, key = f"alerts/{plan.name}", f"alert_deliveries/{plan.name}", day.isoformat()
    scores = f"scores/{plan.score}"
    needs = [scores, *(each for each in condition_tables(bench, plan) if "/" in each)]
    if any(key not in bench.lake.partitions(each) or each in outdated for each in needs):
        return {}
    versions = {each: bench.lake.partitions(each)[key].delta_version for each in needs}
    history = bench.lake.partitions(scores)
    days = [each.isoformat() for each in (*plan.dates(day), day)]
    versions[scores] = max(history[each].delta_version for each in days if each in history)
    made = bench.lake.partitions(table).get(key)
    shown = current(bench.database, "alerts").get(plan.name)
    unshown = made is not None and (shown is None or shown.as_of < day)
    if older(made, versions) or unshown:
        return {table: versions, delivery: versions}
    # Made again before it is told: another date may have been told in between.
    told = bench.lake.scan(table, [key]).select((pl.col("decision") == TELL).any()).collect().item()
    return {table: versions, delivery: versions} if told else {}
