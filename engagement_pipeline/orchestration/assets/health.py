"""The asset `source_health`: one page that says how well every source delivers.

Here: turning the report into metadata. It stores nothing: what it shows is read from the stores whenever it
is asked for. Not here: what is found (`reports.health`).
"""

from typing import Any

import dagster as dg

from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.measured import event_sources
from engagement_pipeline.orchestration.metadata import markdown, markdown_table, picture
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.health import Health, health
from engagement_pipeline.reports.health_text import cells, remarks
from engagement_pipeline.reports.plots import coverage_png

HEALTH = "source_health"


def health_asset(bench: Workbench) -> dg.AssetsDefinition:
    """`source_health`, without partitions: the newest look is the one that counts."""
    project = bench.catalog.project
    landed = [f"landed/{name}" for name in bench.catalog.sources]
    events = [f"events/{name}" for name in event_sources(bench.catalog)]

    @dg.asset(
        key=asset_key(project, HEALTH),
        deps=[asset_key(project, table) for table in (*landed, *events)],
        group_name="quality",
        kinds={"markdown"},
        description=(
            "How well every source delivers: its last file, events of the last four weeks against what is "
            "expected, rejected rows, duplicates, conflicts, machines, lateness. Also: `engagement health`."
        ),
    )
    def source_health() -> dg.MaterializeResult[None]:
        at = now()
        found = health(bench.catalog, bench.lake, bench.ledger, yesterday(project, at), at)
        return dg.MaterializeResult(metadata=describe_health(found))

    return source_health


def describe_health(found: Health) -> dict[str, Any]:
    """The report as metadata: a table, a strip of days, and what somebody should look at."""
    filled = cells(found)
    rows = zip(*filled.values(), strict=True)
    bad = sum(row.state != "ok" for row in found.sources)
    shown: dict[str, Any] = {
        "sources to look at": bad,
        "up to": str(found.as_of),
        "sources": markdown(markdown_table(list(filled), rows)),
    }
    if found.days:
        shown["last days"] = picture(coverage_png(found.dates, found.strips()))
    if lines := list(remarks(found)):
        shown["to look at"] = markdown("\n".join(f"- {line}" for line in lines))
    return shown
