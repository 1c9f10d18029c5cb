"""What the tables about people held on the last dates, so that a change of one of these dates is noticed.

`persons`, `aliases` and `consents` change every day, what they said of the days before hardly ever. So each
of them has a table `held/<table>` with a digest by date, and the version of the table that first held it:
what was computed for a date from an older version is due again. Here: writing and reading it. Not here: what
is due (`pending`).
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.core import consents, people
from engagement_pipeline.core.frames import HELD
from engagement_pipeline.core.identity import known_on
from engagement_pipeline.orchestration.measured import event_sources
from engagement_pipeline.orchestration.workbench import Workbench

_ON: Mapping[str, Callable[[pl.LazyFrame, date], pl.LazyFrame]] = {
    "persons": lambda rows, day: people.as_of(rows, day).drop("valid_from", "valid_to"),
    "aliases": known_on,
    "consents": lambda rows, day: consents.held(rows, day).select("person_id", "channel", "state"),
}


NOTHING = "0:0"


def note_held(bench: Workbench, table: str) -> None:
    """Writes `held/<table>` from what the table holds now, for the dates that may be restated."""
    lake = bench.lake
    version = lake.version(table)
    if version is None:
        return
    rows, name = lake.scan(table, version=version), f"held/{table}"
    before = {day: (digest, since) for day, digest, since in _stored(bench, name).iter_rows()}
    found = []
    for day in _dates(bench):
        digest = held_on(bench, table, rows, day)
        known = before.get(day)
        # Nothing is what every date was computed with before the table was there.
        since = -1 if known is None and digest == NOTHING else version
        found.append((day, digest, known[1] if known and known[0] == digest else since))
    frame = pl.DataFrame(found, schema=HELD, orient="row")
    lake.commit(bench.stage(name, frame, inputs={table: version}))


def held_on(bench: Workbench, table: str, rows: pl.LazyFrame, day: date) -> str:
    """Digest of what the rows of a table hold of a date, as far as anything reads it."""
    on = _ON[table](rows, day).collect()
    if table == "persons" and not any(plan.asked.silences for plan in bench.plans.values()):
        # It says only since when, and moves when an older event of somebody known comes late.
        on = on.drop("first_seen")
    # Of another polars' hashes every digest differs, which restates the last dates once.
    return f"{on.height}:{on.hash_rows().sum() or 0:x}"


def held_since(bench: Workbench, table: str) -> dict[date, int]:
    """Date -> the version of the table that first held what it holds of this date now."""
    return dict(_stored(bench, f"held/{table}").select("as_of", "since").iter_rows())


def noted(bench: Workbench, table: str) -> bool:
    """Whether `held/<table>` was written for what the table holds now: a run may have been killed between."""
    version = bench.lake.content_version(table)
    noted = bench.lake.partitions(f"held/{table}")
    return version is None or any(info.inputs.get(table, -1) >= version for info in noted.values())


def _dates(bench: Workbench) -> list[date]:
    """The days up to the day after the newest event: today's may be among them, and the last ones before it
    are restated. A date that is missing here counts as changed."""
    days = {date.fromisoformat(day) for day in bench.lake.partitions("daily_measures")}
    days = days.union(*(bench.ledger.touched(name) for name in event_sources(bench.catalog)))
    if not days:
        return []
    newest = max(days) + timedelta(days=1)
    return [newest - timedelta(days=age) for age in range(bench.catalog.project.restated_dates + 3)]


def _stored(bench: Workbench, name: str) -> pl.DataFrame:
    return bench.lake.scan(name).collect() if bench.lake.exists(name) else HELD.to_frame()
