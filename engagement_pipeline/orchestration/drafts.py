"""A catalog computed for one date over what is stored, without storing anything: how a draft is tried out.

Here: a bench whose lake has a layer over it (`overlay`), and filling that layer in the order in which Dagster
would make the tables, with the same functions. Not here: comparing two of them (`comparing`), reading a
draft's files (`catalog.drafted`).
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Project
from engagement_pipeline.core.audiences import decide, plan_campaign
from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.measures import Measure, measures_of
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.points import check_points
from engagement_pipeline.core.segments import members, plan_segment
from engagement_pipeline.orchestration.known import facts_on, people_frames
from engagement_pipeline.orchestration.measured import (
    COVERAGE,
    MEASURES,
    MESSAGES,
    Work,
    compute,
    coverage_rows,
    event_sources,
    stored_versions,
)
from engagement_pipeline.orchestration.overlay import Overlay
from engagement_pipeline.orchestration.scoring import guarded_scores, points_rows, reference_rows
from engagement_pipeline.orchestration.standing import frozen, guard_on, reference_in_force
from engagement_pipeline.orchestration.windows import uncovered
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.pins import pin_calendar, pinned
from engagement_pipeline.storage.scratch import staging_folder
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline.storage.tables import LakeNotWritable, StorageError

Tell = Callable[[str, int, int], None]
"""Is told what is about to be computed, how many steps are done, and how many there are."""


class NothingToPreview(StorageError):  # noqa: N818  the words are what the reader sees
    """Nothing is stored that a definition could be computed on."""


@dataclass(frozen=True)
class Measured:
    """Measures that were computed from stored events, because the stored measures do not have them."""

    measures: tuple[str, ...]
    days: tuple[date, ...]


class Trial(Workbench):
    """A bench for one catalog and one date, whose lake has a layer over it. The folder is the caller's."""

    def __init__(self, catalog: Catalog, settings: Settings, lake: Lake, as_of: date, folder: Path) -> None:
        super().__init__(catalog, settings)
        self.as_of = as_of
        self.layer = Overlay(lake, folder)
        self.lake = self.layer
        self.database = lake.database
        self.refitted: dict[str, int] = {}
        """Score -> people, of the references that were fitted for this trial."""

    def score(self, name: str, made: Collection[str], *, refit: bool) -> None:
        """Points, reference and score, into the layer. made: the scores that are made together, which share
        what they read. refit: whether a frozen reference is fitted where none is in force."""
        plan, day = self.plans[name], self.as_of
        tables = [f"points/{each}" for each in made]
        self.layer.put(self.table(f"points/{name}"), _checked(points_rows(self, plan, [day], tables)), day)
        points, references = self.lake.scan(f"points/{name}", [day.isoformat()]), f"references/{name}"
        guard = guard_on(self, plan, day)
        if frozen(plan) and refit and not self.in_force(plan, guard) and not guard.provisional:
            histogram = reference_rows(self, plan, points, day)
            self.refitted[name] = int(histogram["persons"].sum())
            self.layer.add(self.table(references), [histogram])
        fitted = self.lake.scan(references) if frozen(plan) and self.lake.exists(references) else None
        rows = guarded_scores(self, plan, points, fitted, [day])
        self.layer.put(self.table(f"scores/{name}"), rows, day)

    def segment(self, name: str) -> None:
        """The segment's members, into the layer."""
        plan = plan_segment(self.catalog.segments[name], self.catalog)
        facts = facts_on(self.catalog, self._facts(plan.where.columns), plan.where.columns, self.as_of)
        rows = members(facts, plan, self.as_of).collect()
        self.layer.put(self.table(f"segments/{name}"), [rows], self.as_of)

    def campaign(self, name: str) -> None:
        """The campaign's audience, into the layer."""
        plan = plan_campaign(self.catalog.campaigns[name], self.catalog)
        facts = facts_on(self.catalog, self._facts(plan.columns), plan.columns, self.as_of)
        rows = decide(facts, plan, self.as_of).collect()
        self.layer.put(self.table(f"audiences/{name}"), [rows], self.as_of)

    def rows(self, table: str) -> pl.LazyFrame:
        """What the layer has of a table for the date."""
        return self.lake.scan(table, [self.as_of.isoformat()])

    def in_force(self, plan: ScorePlan, guard: Guard) -> bool:
        """Whether the score is read against a frozen reference on the date."""
        table, people = f"references/{plan.name}", self.catalog.project.limits.reference_people
        if not frozen(plan) or not self.lake.exists(table):
            return False
        rows = self.lake.scan(table)
        return reference_in_force(rows, plan, self.as_of, guard.covered_from, people)[1] is not None

    def _facts(self, columns: Collection[str]) -> dict[str, pl.LazyFrame]:
        tables = people_frames(self)
        for column in columns:
            part, _, name = column.partition(".")
            if part in ("score", "points", "band", "state"):
                tables[f"scores/{name}"] = self.rows(f"scores/{name}")
            elif part == "segment":
                tables[f"segments/{name}"] = self.rows(f"segments/{name}")
        return tables


def stored_lake(catalog: Catalog, settings: Settings) -> Lake:
    """The project's lake, which is not begun here. Raises NothingToPreview where it was not begun at all, and
    PinChanged where it belongs to another calendar."""
    nothing = NothingToPreview(
        f"the lake {settings.lake} holds no measures yet: take events in first (engagement run), then this"
    )
    lake = Lake(settings.lake, Database(settings.database_url))
    if not lake.exists(MEASURES):
        raise nothing
    if pinned(lake):
        pin_calendar(lake, catalog.project)
    return lake


@contextmanager
def scratch(lake: Lake) -> Iterator[Path]:
    """A folder for a while, for the rows of a layer. It lies where the lake stages rows, which is swept after
    a process was killed; beside a lake that may only be read, among the machine's temporary files."""
    try:
        folder = staging_folder(lake.root)
    except LakeNotWritable:
        folder = Path(tempfile.mkdtemp(prefix="engagement-preview-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def newest_date(catalog: Catalog, lake: Lake) -> date:
    """The date that was scored last, else the last day that has measures."""
    days = [day for name in catalog.scores for day in lake.partitions(f"scores/{name}")]
    newest = max(days, default=None) or max(lake.partitions(MEASURES), default=None)
    if newest is None:
        raise NothingToPreview("no day has measures yet: take events in first (engagement run)")
    return date.fromisoformat(newest)


def check_day(project: Project, day: date) -> None:
    """Raises NothingToPreview for a day that the project does not have: nothing is ever measured on it."""
    if day < project.start_date:
        raise NothingToPreview(f"{day} is before the project's start, {project.start_date}")
    if project.end_date is not None and day > project.end_date:
        raise NothingToPreview(
            f"{day} is after the project's end, {project.end_date} (end_date, project.yaml)"
        )


def measure_missing(
    trials: Collection[Trial], scores: Mapping[Trial, Collection[str]], tell: Callable[[str], None]
) -> Measured:
    """Computes, for all trials together, the measures that their scores need and that are not stored, from
    stored events of the days that count. Days without any stored measures are left to be refused."""
    first = next(iter(trials))
    lake = first.layer
    stored = lake.partitions(MEASURES)
    missing = (
        uncovered(first, ((trial.plans[name], trial.as_of) for trial in trials for name in scores[trial]))
        .select("event_date", "measure")
        .unique()
        .filter(pl.col("event_date").is_in([date.fromisoformat(day) for day in stored]))
        .collect()
    )
    if missing.is_empty():
        return Measured((), ())
    known: dict[str, Measure] = {}
    for trial in trials:
        known |= measures_of(trial.catalog)
    by_day: dict[str, set[str]] = defaultdict(set)
    for day, measure in missing.iter_rows():
        by_day[day.isoformat()].add(measure)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for day in sorted(by_day):
        groups[tuple(sorted(by_day[day]))].append(day)
    work = [Work(tuple(days), names) for names, days in groups.items()]
    found = Measured(tuple(sorted(set(missing["measure"]))), tuple(sorted(set(missing["event_date"]))))
    tell(f"{_number(len(found.measures), 'measure')} of {_number(len(found.days), 'day')} from events")
    sources = [f"events/{name}" for name in event_sources(first.catalog)]
    for table in (MEASURES, MESSAGES):
        if any((known[name].kind == "messages") == (table == MESSAGES) for name in found.measures):
            lake.add(first.table(table), _computed(first, sources, work, known, table))
    versions = stored_versions(first)
    rows = (
        coverage_rows(dict.fromkeys(each.days, "computed for a preview"), versions, each.missing)
        for each in work
    )
    lake.add(first.table(COVERAGE), rows)
    for trial in trials:
        for table in (MEASURES, MESSAGES, COVERAGE):
            trial.layer.share(table, lake)
    return found


def _computed(
    bench: Workbench, sources: list[str], work: Iterable[Work], known: Mapping[str, Measure], table: str
) -> Iterator[pl.DataFrame]:
    for each in work:  # only what is missing is known here, so nothing stored is read again
        yield from compute(bench, sources, [each], {name: known[name] for name in each.missing}, table)


def _checked(rows: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for part in rows:
        check_points(part)
        yield part


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
