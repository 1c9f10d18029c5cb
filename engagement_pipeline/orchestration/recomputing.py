"""Points of a score on a date: as they are stored, or computed again with one thing of another date.

Nothing is stored and Dagster is not needed. Here: one link of a chain of points, of everyone or one person.
Not here: which links there are (`changing`), and making the points that are stored (`scoring`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from engagement_pipeline.core.identity import known_on
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.engines.window import Window, points_of
from engagement_pipeline.orchestration.inputs import points_inputs
from engagement_pipeline.orchestration.known import known_rows, people_frames, stored_aliases
from engagement_pipeline.orchestration.windows import check_coverage, message_rows, window_rows, window_tables
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.tables import StorageError, older


class NothingToCompare(StorageError):  # noqa: N818  the words are what the reader sees
    """One of the two dates was never scored."""


@dataclass(frozen=True)
class As:
    """Under which conditions points are computed."""

    plan: ScorePlan
    as_of: date
    ids_on: date
    facts_on: date
    until: date


@dataclass(frozen=True)
class Points:
    """The points of one score."""

    bench: Workbench
    name: str
    since: date
    """The earlier date of two, which tells apart what the scores of a run share."""
    person: str | None
    """Nobody but them."""
    made: frozenset[str]
    """The scores of the run."""

    def stored(self, day: date) -> pl.DataFrame:
        """`person_id`, `points` as stored; none where the rules found nothing in anybody."""
        table, key = f"points/{self.name}", day.isoformat()
        if key not in self.bench.lake.partitions(table):
            raise NothingToCompare(
                f"{table} holds nothing for {day}: materialize points/{self.name} for it, then this again"
            )
        return self._only(self.bench.lake.scan(table, [key])).select("person_id", "points").collect()

    def digest_of(self, day: date) -> str | None:
        """The version of the rules that made the stored points; None where nobody has any."""
        rows = self.bench.lake.scan(f"points/{self.name}", [day.isoformat()]).select("points_digest")
        return next(iter(rows.head(1).collect()["points_digest"]), None)

    def is_late(self, day: date, plan: ScorePlan) -> bool:
        """Whether what the stored points were made from changed since."""
        info = self.bench.lake.partitions(f"points/{self.name}").get(day.isoformat())
        return older(info, points_inputs(self.bench, plan, day))

    def computed(self, given: As) -> pl.DataFrame:
        """`person_id`, `points` of everyone who has any, computed."""
        bench, plan = self.bench, given.plan
        known = known_rows(bench, plan, given.facts_on, parts_as_stored=True)
        if known is not None and self.person is not None:
            known = known.filter(pl.col("person_id") == self.person)
        if known is not None and given.ids_on != given.facts_on:
            # Who turned out to be somebody else has neither facts nor silence of their own any more.
            gone = known_on(stored_aliases(bench), given.ids_on).collect()["alias"]
            known = known.filter(~pl.col("person_id").is_in(gone.implode()))
        windows: Iterable[Window] = []
        if plan.rules:
            check_coverage(bench, plan, [given.as_of], given.until)
            windows = self._windows(given)
        parts = points_of(windows, plan, known, given.as_of)
        empty = pl.DataFrame(schema={"person_id": pl.String, "points": pl.Int64})
        return pl.concat([empty, *(part.select("person_id", "points") for part in parts)])

    def people(self) -> dict[str, pl.LazyFrame]:
        """The stored tables about people, by name."""
        return {name: self._only(rows) for name, rows in people_frames(self.bench).items()}

    def _windows(self, given: As) -> Iterable[Window]:
        compute = partial(_windows, self.bench, given, self._only)
        run = [plan for name, plan in self.bench.plans.items() if name in self.made and plan.rules]
        if self.person is not None or not any(plan is given.plan for plan in run):
            return compute([given.plan])
        key = (given.as_of, given.ids_on, given.until, *self.bench.states(window_tables(self.bench)))
        shared = self.bench.shared_between(given.as_of == self.since, given.ids_on == self.since)
        return shared.windows(key, given.plan, run, compute)

    def _only(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows if self.person is None else rows.filter(pl.col("person_id") == self.person)


def _windows(
    bench: Workbench,
    given: As,
    only: Callable[[pl.LazyFrame], pl.LazyFrame],
    plans: Sequence[ScorePlan],
) -> Iterable[Window]:
    """What events up to a day give on the as-of date."""
    known = pl.col("event_date") <= pl.lit(given.until)
    rows = window_rows(bench, plans, given.as_of, ids_on=given.ids_on)
    said = message_rows(bench, plans, given.as_of, ids_on=given.ids_on)
    return bench.engine.windows(
        only(rows.filter(known)),
        plans,
        given.as_of,
        None if said is None else only(said.filter(known)),
    )
