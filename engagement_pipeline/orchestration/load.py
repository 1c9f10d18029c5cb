"""The first load: years of history taken in and made into events and measures, range of days by range.

Here: the command `engagement load`, through Dagster on the persistent instance, so that every partition shows
in the UI. It keeps no state: what is due is read from the stores, so one that was stopped anywhere is simply
run again. Not here: landing (`ingestion`), what is due (`pending`), and scores (`runs`).
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from rich.console import Console
from rich.table import Table

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.ingestion.landing import unknown_files
from engagement_pipeline.ingestion.places import Unusable
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.pending import due_event_days
from engagement_pipeline.orchestration.replay import NoSuchSource
from engagement_pipeline.orchestration.runner import Runner
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.database import DatabaseDown
from engagement_pipeline.storage.ledger import Tally
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.objects import StoreUnreachable
from engagement_pipeline.storage.settings import Settings

LOAD = "engagement/load"
"""On the runs of a load: its project."""
WAIT_SECONDS = 60.0
"""For another load to end; one that was killed holds its lock for less."""
LOOK_SECONDS = 0.5


def load(
    catalog: Catalog,
    settings: Settings,
    console: Console,
    sources: Sequence[str] = (),
    days_per_run: int = 30,
) -> list[str]:
    """Lands what is new, of these sources or all, then makes the events and measures of every day that is
    due, at most so many days a run, and prints what came in.

    Safe to stop at any moment and to run again: it goes on with what is missing. What fails does not stop the
    rest. Gives what failed, in words. Raises NoSuchSource, and LockTimeout while another load goes on.
    """
    for name in sources:
        if name not in catalog.sources:
            raise NoSuchSource(f"there is no source '{name}'{did_you_mean(name, catalog.sources)}")
    bench = Workbench(catalog, settings)
    definitions = build_definitions(catalog, settings)
    with (
        lock(bench.database, "first load", wait=WAIT_SECONDS),
        Runner(definitions, catalog.project, settings, console) as runner,
    ):
        work = _Load(bench, definitions, runner)
        work.clear_away()
        for name in sources or catalog.sources:
            work.land(name)
        work.make(days_per_run)
    console.print(_came_in(bench, work))
    for line in _next(bench, work, runner.problems):
        console.print(line)
    return runner.problems


class _Load:
    """One load: what it runs, and what it has seen."""

    def __init__(self, bench: Workbench, definitions: dg.Definitions, runner: Runner) -> None:
        self.bench, self.runner = bench, runner
        self.tags = {LOAD: bench.catalog.project.project}
        self.before: dict[str, Tally] = {}
        landing, events = (
            definitions.resolve_job_def(name).asset_layer for name in ("landing", "event_days")
        )
        self.landing = sorted(landing.selected_asset_keys)
        keys = sorted(events.selected_asset_keys)
        by_day = {key: events.asset_graph.get(key).partitions_def is not None for key in keys}
        self.daily = [key for key in keys if by_day[key]]
        self.undated = [key for key in keys if not by_day[key]]
        """Tables without days, such as `persons`: made once, in the end."""
        self.days: list[date] = []
        """Those that were due."""

    def clear_away(self) -> None:
        """Ends what loads that were killed left as going on: the sensors would wait for it."""
        left = dg.RunsFilter(tags=self.tags, statuses=IN_PROGRESS_RUN_STATUSES)
        for run in self.runner.instance.get_runs(left):
            self.runner.instance.report_run_canceled(run, "The load that started this run was killed.")

    def land(self, name: str) -> None:
        """Lands one source, in a run of its own."""
        self.before[name] = self.bench.ledger.tally(name)
        keys = [key for key in self.landing if key.path[-1] == name]
        with self._watched(name):
            self.runner.run_assets(None, "landing", only=keys, tags=self.tags)

    def make(self, days_per_run: int) -> None:
        """Makes the days that are due, and then what has no days."""
        newest = yesterday(self.bench.catalog.project, now())
        due = due_event_days(self.bench, newest)
        self.days = days = sorted({*due.events, *due.measures})
        if not days:
            return
        spans = ranges(days, days_per_run)
        bar = self.runner.progress.add_task(f"Events and measures, {days[0]} to {days[-1]}", total=len(spans))
        for first, last in spans:
            self.runner.progress.update(bar, description=f"Events and measures, {first} to {last}")
            if not self.runner.run_assets(None, "event_days", last, first, self.daily, tags=self.tags):
                # A source that failed keeps the events it had; the others' are measured.
                measures = [key for key in self.daily if key.path[-1] == "daily_measures"]
                self.runner.run_assets(None, "event_days", last, first, measures, tags=self.tags)
            self.runner.progress.advance(bar)
        if self.undated:
            last = days[-1]
            self.runner.run_assets("Persons", "event_days", last, last, self.undated, tags=self.tags)

    @contextmanager
    def _watched(self, name: str) -> Iterator[None]:
        """A bar that follows the ledger while a source is landed: its files; of a database nobody knows how
        many rows are to come."""
        progress, ledger, before = self.runner.progress, self.bench.ledger, self.before[name]
        total = self._files(name)
        bar = progress.add_task(f"Land {name}", total=total)
        done = threading.Event()

        def look() -> None:
            with suppress(DatabaseDown):  # the run itself will say so
                seen = ledger.tally(name)
                rows = f"Land {name}: {seen.rows - before.rows:,} rows"
                progress.update(bar, completed=seen.files - before.files, description=rows)

        def follow() -> None:
            while not done.wait(LOOK_SECONDS):
                look()

        thread = threading.Thread(target=follow, name=f"progress of {name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            look()
            progress.update(bar, total=progress.tasks[bar].completed)

    def _files(self, name: str) -> int | None:
        """How many files there are that did not land; None for a database, and where nobody can look."""
        source, bench = self.bench.catalog.sources[name], self.bench
        if source.database is not None:
            return None
        try:
            return len(unknown_files(source, bench.settings.landing, bench.catalog.project, bench.ledger))
        except (Unusable, StoreUnreachable):
            return None  # the run itself will say why


def ranges(days: Iterable[date], most: int) -> list[tuple[date, date]]:
    """Spans of at most so many days that hold all of these; a span begins and ends with one of them.

    Days in between that are not due are made as well: that costs little, and a run for every gap much.
    """
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day - found[-1][0] < timedelta(days=most):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _came_in(bench: Workbench, work: _Load) -> Table:
    """What every source brought, now and in all."""
    table = Table(title="What came in")
    table.add_column("source")
    columns = ("landed now", "rows now", "rejected in all", "events in all", "first day", "last day")
    for name in columns:
        table.add_column(name, justify="right")
    for name, before in work.before.items():
        now_there = bench.ledger.tally(name)
        rejected = sum(info.rows for info in bench.lake.partitions(f"rejected/{name}").values())
        stored = {
            day: info.rows for day, info in bench.lake.partitions(f"events/{name}").items() if info.rows
        }
        table.add_row(
            name,
            f"{now_there.files - before.files:,}",
            f"{now_there.rows - before.rows:,}",
            f"{rejected:,}",
            f"{sum(stored.values()):,}",
            min(stored, default=""),
            max(stored, default=""),
        )
    return table


def _next(bench: Workbench, work: _Load, problems: Sequence[str]) -> Iterator[str]:
    """What was made, what is left, what to do."""
    if work.days:
        first, last = work.days[0], work.days[-1]
        yield f"{len(work.days)} event days were due, from {first} to {last}; they are made."
    else:
        yield "No event day was due."
    if problems:
        yield "Something failed: see below. Once it is mended, engagement load goes on with what is missing."
        return
    yield "Next: engagement run scores the last day, its segments and its audiences."
    if bench.catalog.project.automation.sensors:
        yield "From now on the daily schedule and the sensors do it by themselves, while the daemon runs."
