"""Replays and restatements: what was landed judged anew, and older as-of dates computed anew.

Here: the commands `engagement replay` and `engagement restate`, both through Dagster. Not here: the job
`replay` (`jobs`), which batches a replay takes (`ingestion.replay`), and what is due then (`pending`).
"""

from collections.abc import Sequence
from datetime import date

from rich.console import Console

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.ingestion.people import people_tables
from engagement_pipeline.orchestration.assets.people import people_inputs
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.partitions import contiguous
from engagement_pipeline.orchestration.pending import due_days_of, resting_on
from engagement_pipeline.orchestration.runner import Runner
from engagement_pipeline.orchestration.runs import scored_dates
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.terminal import count
from engagement_pipeline.storage.settings import Settings


class NoSuchSource(Exception):  # noqa: N818  the words are what the reader sees
    """No source has that name."""


class NothingToRestate(Exception):  # noqa: N818
    """No as-of date in the span was ever scored."""


def replay_source(
    catalog: Catalog,
    settings: Settings,
    console: Console,
    source: str,
    dates: tuple[date, date] | None = None,
) -> list[str]:
    """Judges the source's landed batches anew, makes the event days that change and their measures, and says
    which as-of dates rest on them. Safe to run again: what a killed one left is made good.

    Gives what failed, in words. Raises NoSuchSource.
    """
    if source not in catalog.sources:
        raise NoSuchSource(f"there is no source '{source}'{did_you_mean(source, catalog.sources)}")
    bench = Workbench(catalog, settings)
    before = _rejected(bench, source)
    config = {"replay": True, "dates": "" if dates is None else f"{dates[0]}..{dates[1]}"}
    with Runner(build_definitions(catalog, settings), catalog.project, settings, console) as runner:
        of_people = people_tables(catalog.sources[source])
        tables = [f"{kind}/{source}" for kind in ("landed", "rejected", *of_people)]
        runner.run(
            "Judge what was landed", "landing", only=tables, ops={f"land_{source}": {"config": config}}
        )
        newest = yesterday(catalog.project, now())
        days = due_days_of(bench, source, newest)
        made = [f"events/{source}"] if catalog.sources[source].events else []
        for first, last in contiguous(days):
            label = f"Events and measures, {first} to {last}"
            runner.run(
                label, "event_days", last, first, only=[*made, "daily_measures", *people_inputs(catalog)]
            )
    console.print(f"rejected rows: {count(before)} before, {count(_rejected(bench, source))} now")
    console.print(f"event days made anew: {in_words(days)}")
    console.print(restated_words(bench, days))
    return runner.problems


def restate(catalog: Catalog, settings: Settings, console: Console, dates: tuple[date, date]) -> list[str]:
    """Computes points, scores and segments anew for every as-of date of the span that was ever scored; what
    was delivered stays. Gives what failed, in words. Raises NothingToRestate."""
    bench = Workbench(catalog, settings)
    scored = [day for day in scored_dates(bench) if dates[0] <= day <= dates[1]]
    if not scored:
        raise NothingToRestate(
            f"no date from {dates[0]} to {dates[1]} was ever scored; `engagement run --as-of` scores one"
        )
    with Runner(build_definitions(catalog, settings), catalog.project, settings, console) as runner:
        for day in scored:
            runner.run(f"Scores and segments as of {day}", "as_of_dates", day)
    return runner.problems


def restated_words(bench: Workbench, days: Sequence[date]) -> str:
    """Which as-of dates rest on these event days, and what happens to them."""
    resting = resting_on(bench, days)
    if not resting:
        return "as-of dates that rest on them: none was scored yet"
    recent = resting[max(0, len(resting) - bench.catalog.project.restated_dates) :]
    older = resting[: len(resting) - len(recent)]
    words = f"as-of dates that rest on them: {in_words(resting)}."
    if recent:
        words += f" Restated by the sensor as_of_dates, or by engagement restate: {in_words(recent)}."
    if older:
        words += f" On request only: engagement restate {older[0]}..{older[-1]}."
    return words


def in_words(days: Sequence[date]) -> str:
    """Days as ranges, a few of them."""
    spans = [str(first) if first == last else f"{first} to {last}" for first, last in contiguous(days)]
    more = f" and {len(spans) - 5} more spans" if len(spans) > 5 else ""
    return (", ".join(spans[:5]) or "none") + more


def _rejected(bench: Workbench, source: str) -> int:
    """Rejected rows that are stored (a row counts once for each rule)."""
    return sum(info.rows for info in bench.lake.partitions(f"rejected/{source}").values())
