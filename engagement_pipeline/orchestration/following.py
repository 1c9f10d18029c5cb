"""What refers to stored content by its digest, and follows it when people were erased from that.

Here: coverage, what was held of people, and deliveries: without this, all that the erased were in would count
as changed. Not here: taking the people out, and in which order (`erasure`).
"""

from datetime import date

import polars as pl
import sqlalchemy as sa

from engagement_pipeline.orchestration.assets.people import people_inputs
from engagement_pipeline.orchestration.held import held_on, noted
from engagement_pipeline.orchestration.measured import (
    COVERAGE,
    MEASURES,
    MESSAGES,
    event_sources,
    events_digest,
    measures_version,
)
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.deliveries import ALERT_DELIVERIES, DELIVERIES
from engagement_pipeline.storage.erasures import Rewritten
from engagement_pipeline.storage.rewriting import Change, Changed, purge


def cover_anew(bench: Workbench, work: list[Rewritten]) -> int:
    """Measures stay valid: they lost the same people as their events did. Gives the versions let go of."""
    if not bench.lake.exists(COVERAGE):
        return 0
    sources = [f"events/{name}" for name in event_sources(bench.catalog)]
    stored = {table: bench.lake.partitions(table) for table in [*sources, MEASURES, MESSAGES]}
    was: dict[tuple[str, str], str] = {}
    for each in work:
        if each.table in stored:
            was.setdefault((each.table, each.partition), each.was)
    moved = []
    for day in sorted({key for _, key in was}):
        now = {table: infos[day].data_version for table, infos in stored.items() if day in infos}
        old = {table: was.get((table, day), version) for table, version in now.items()}
        if MEASURES in now:
            moved.append(
                (
                    date.fromisoformat(day),
                    events_digest({each: old.get(each) for each in sources}),
                    events_digest({each: now.get(each) for each in sources}),
                    measures_version(old[MEASURES], old.get(MESSAGES)),
                    measures_version(now[MEASURES], now.get(MESSAGES)),
                )
            )
    schema = {
        "event_date": pl.Date,
        "events_version": pl.String,
        "events_now": pl.String,
        "measures_version": pl.String,
        "measures_now": pl.String,
    }
    changes = pl.DataFrame(moved, schema=schema, orient="row")

    def apply(rows: pl.DataFrame) -> Changed:
        found = rows.join(changes, on=["event_date", "events_version", "measures_version"], how="left")
        hit = int(found["events_now"].is_not_null().sum())
        new = found.with_columns(
            pl.coalesce("events_now", "events_version").alias("events_version"),
            pl.coalesce("measures_now", "measures_version").alias("measures_version"),
        )
        return Changed(new.select(rows.columns).sort("measure"), 0, hit)

    touches = pl.col("measures_version").is_in(changes["measures_version"].implode())
    return purge(
        bench.lake, COVERAGE, bench.table(COVERAGE), Change(touches, apply), lambda work: None
    ).versions


def held_follow(bench: Workbench) -> None:
    """What is known of people on a date is the same without the erased: no date is due for it."""
    for table in people_inputs(bench.catalog):
        name = f"held/{table}"
        if bench.lake.exists(name) and noted(bench, table):
            rows = bench.lake.scan(table)

            def apply(frame: pl.DataFrame, table: str = table, rows: pl.LazyFrame = rows) -> Changed:
                digests = [held_on(bench, table, rows, day) for day in frame["as_of"]]
                new = frame.with_columns(pl.Series("digest", digests, dtype=pl.String))
                return Changed(new, 0, int(new["digest"].ne_missing(frame["digest"]).sum()))

            change = Change(pl.col("digest").is_not_null(), apply)
            purge(bench.lake, name, bench.table(name), change, lambda work: None)


def deliveries_follow(bench: Workbench, work: list[Rewritten]) -> None:
    """A delivered audience or alert may never change; that it lost the erased is no change."""
    kinds = {"audiences": (DELIVERIES, "campaign"), "alerts": (ALERT_DELIVERIES, "alert")}
    with bench.database.write() as connection:
        for each in work:
            kind, _, name = each.table.partition("/")
            if kind in kinds:
                table, whose = kinds[kind]
                mine = sa.and_(
                    table.c[whose] == name,
                    table.c.as_of == date.fromisoformat(each.partition),
                    table.c.data_version == each.was,
                )
                connection.execute(sa.update(table).where(mine).values(data_version=each.now))
