"""The whole graph for one as-of date, from the command line: what `engagement run` does.

Here: the order of the jobs, and which date. Not here: running one (`runner`), what the jobs do (`assets`) and
the demo's data (`demo`).
"""

from collections.abc import Sequence
from datetime import date, timedelta

from rich.console import Console

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.delivery.files import DestinationRefused, folder_of
from engagement_pipeline.ingestion.unclaimed import unclaimed
from engagement_pipeline.orchestration.assets.health import HEALTH
from engagement_pipeline.orchestration.assets.measures import only_as_of
from engagement_pipeline.orchestration.assets.people import people_inputs
from engagement_pipeline.orchestration.build import build_definitions
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.judging import parts_of
from engagement_pipeline.orchestration.measured import event_sources
from engagement_pipeline.orchestration.runner import Runner
from engagement_pipeline.orchestration.standing import frozen, lacks_reference
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.summary import summary
from engagement_pipeline.storage.settings import Settings


class DateOutside(Exception):  # noqa: N818  the words are what the reader sees
    """The as-of date asked for is no day of the project that is over."""


class NothingToScore(Exception):  # noqa: N818
    """No event was landed, so there is no date to score as of."""


def run_all(
    catalog: Catalog,
    settings: Settings,
    console: Console,
    as_of: date | None = None,
    refit: bool = False,
    days_before: int = 0,
) -> list[str]:
    """Lands what is new, makes every event day up to the as-of date, scores, decides and delivers the
    audiences, and prints what came of it. Safe to run again.

    `as_of`: by default the project's last day, or the last day with events. References stay as they are;
    one is fitted where a score has none for its present rules, all of them with `refit`.
    `days_before`: the scores that alerts watch are also made for so many days before, to compare with, on a
    project that has no earlier dates. Before a date that is scored already nobody is decided on or told of:
    who asks for last month's scores means no second booklet. What fails does not stop what does not depend on
    it. Gives what failed or was refused, in words; raises NothingToScore and
    DateOutside.
    """
    bench = Workbench(catalog, settings)
    definitions = build_definitions(catalog, settings)
    with Runner(definitions, catalog.project, settings, console) as runner:
        done = runner.run
        done("Land files", "landing")
        _tell_unclaimed(bench, console)
        first, last = catalog.project.start_date, _landed_day(bench, as_of, runner.problems)
        label = f"Events and measures of {(last - first).days + 1} days"
        earlier = last - timedelta(days=days_before)
        compares = bool(days_before and catalog.alerts) and earlier >= first
        only = only_as_of([last, earlier] if compares else [last])
        if not done(label, "event_days", last, first, ops=only):
            # A source that failed keeps the events it had; the others' are measured.
            rest = ["daily_measures", *people_inputs(catalog)]
            done("Measures of what is stored", "event_days", last, first, rest, only)
        if compares:
            watched = sorted(
                {part for each in catalog.alerts.values() for part in parts_of(catalog, each.score)}
            )
            tables = [f"{kind}/{name}" for kind in ("points", "scores") for name in watched]
            done(f"Scores that alerts watch, as of {earlier}", "as_of_dates", earlier, only=tables)
        if catalog.scores or catalog.segments:
            done(f"Scores and segments as of {last}", "refit", last, only=scored_tables(bench, last, refit))
        else:
            done("Health of the sources", "daily", only=[HEALTH])
        if (newest := max(scored_dates(bench), default=last)) > last:
            console.print(
                f"{newest} is scored already, so as of {last} no audience is decided and nobody is told of. "
                "Where that is meant, materialize the date's audiences or alerts in Dagster."
            )
        else:
            if catalog.campaigns:
                done(f"Audiences as of {last}", "campaigns", last)
            if catalog.alerts:
                done(f"Alerts as of {last}", "alerts", last)
    for block in summary(catalog, bench.lake, bench.ledger, last):
        console.print(block)
    _tell_delivered(bench, console, last)
    return runner.problems


def _tell_unclaimed(bench: Workbench, console: Console) -> None:
    """Says which files lie where sources are, and are none's."""
    if found := unclaimed(bench.catalog.sources.values(), bench.settings.landing):
        some = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
        console.print(
            f"{len(found):,} {'file' if len(found) == 1 else 'files'} below {bench.settings.landing} "
            f"{'is' if len(found) == 1 else 'are'} no source's: {some}. "
            "A source's `path` says which files it takes.",
            markup=False,
            highlight=False,
        )


def _tell_delivered(bench: Workbench, console: Console, day: date) -> None:
    """Says where the files lie with the people to send to, of the audiences handed over as of the day."""
    exports = bench.settings.exports

    def handed_over(path: str) -> bool:
        try:
            return folder_of(path, exports, day).is_dir()
        except DestinationRefused:  # which the delivery has said
            return False

    paths = [each.path for campaign in bench.catalog.campaigns.values() for each in campaign.destinations]
    if found := [f"{path}/{day}" for path in paths if handed_over(path)]:
        some = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
        said = f"The people to send to are below {exports}: {some}"
        console.print(said, markup=False, highlight=False, soft_wrap=True)


def _landed_day(bench: Workbench, as_of: date | None, refused: Sequence[str]) -> date:
    """As `checked_day`; where files were refused, that is why there is nothing to score."""
    try:
        return checked_day(bench, as_of)
    except NothingToScore as error:
        if not refused:
            raise
        raise NothingToScore("\n".join([*refused, "So there is nothing to score yet."])) from error


def checked_day(bench: Workbench, as_of: date | None) -> date:
    """The as-of date asked for, or the last day with events. Raises DateOutside and NothingToScore."""
    project, sources = bench.catalog.project, bench.catalog.sources
    if sources and not any(bench.ledger.landed(name) for name in sources):
        raise NothingToScore(f"nothing was landed: {_remedy(bench)}")
    if as_of is None:
        return last_day(bench)
    over = yesterday(project, now())
    newest = over if project.end_date is None else min(project.end_date, over)
    if not project.start_date <= as_of <= newest:
        raise DateOutside(
            f"{as_of} cannot be scored: the project's days run from {project.start_date} to {newest}. "
            "Choose one of them, or change start_date or end_date in project.yaml"
        )
    return as_of


def scored_tables(bench: Workbench, as_of: date, refit: bool) -> list[str]:
    """The tables of scores and segments, and the references that are to be fitted."""
    catalog = bench.catalog
    fitted = [
        plan.name
        for plan in bench.plans.values()
        if frozen(plan) and (refit or lacks_reference(bench, plan, as_of))
    ]
    return [
        *(f"{kind}/{name}" for kind in ("points", "scores", "score_changes") for name in catalog.scores),
        *(f"references/{name}" for name in fitted),
        *(f"segments/{name}" for name in catalog.segments),
        HEALTH,
    ]


def scored_dates(bench: Workbench) -> list[date]:
    """Every as-of date of which any score has points, ascending."""
    found = {day for name in bench.plans for day in bench.lake.partitions(f"points/{name}")}
    return [date.fromisoformat(day) for day in sorted(found)]


def last_day(bench: Workbench) -> date:
    """The last day of a closed project; else the last day that is over and that landed files touch."""
    if bench.catalog.project.end_date is not None:
        return bench.catalog.project.end_date
    over = yesterday(bench.catalog.project, now())
    touched = [
        day for name in event_sources(bench.catalog) for day in bench.ledger.touched(name) if day <= over
    ]
    if not touched:
        raise NothingToScore(f"no event of a day that is over was landed: {_remedy(bench)}")
    return max(touched)


def _remedy(bench: Workbench) -> str:
    where = f"put files below {bench.settings.landing}, where the sources' `path` says"
    return f"{where}, and run this again; links that lead out of it are not followed"
