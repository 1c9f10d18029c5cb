"""An alert's rows on a date, from what is stored: whose score fell, and what is to be left out.

Here: which dates are there and comparable, who was told of before, why scores fell. Dagster is not needed.
Not here: comparing and deciding (`core.alerts`), the assets (`assets.alerts`), telling (`delivery`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache

import polars as pl

from engagement_pipeline.core.alerts import (
    DEFINITION,
    REFERENCE,
    TELL,
    AlertPlan,
    Counted,
    compared,
    decide,
    fallen,
    silent,
    why,
)
from engagement_pipeline.core.frames import ALERTS
from engagement_pipeline.orchestration.assets.people import consent_reads
from engagement_pipeline.orchestration.assets.segments import reads_of
from engagement_pipeline.orchestration.explaining import let_go
from engagement_pipeline.orchestration.known import facts_on
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.deliveries import begun


class AlertOutdated(Exception):  # noqa: N818  the words are what the reader sees
    """An alert names somebody who was told of on another date since it was made."""


def tables_of(bench: Workbench, plan: AlertPlan) -> list[str]:
    """The tables that the rows are made from, the score's own first."""
    scores, points = f"scores/{plan.score}", f"points/{plan.score}"
    return list(dict.fromkeys([scores, points, *condition_tables(bench, plan)]))


def condition_tables(bench: Workbench, plan: AlertPlan) -> list[str]:
    """The tables that the alert's condition reads."""
    if plan.where is None:
        return []
    reads = (*reads_of(plan.columns), *consent_reads(bench.catalog, plan.columns))
    return [read.table for read in reads]


class Alerting:
    """One alert over the stores, on several dates of one run."""

    def __init__(self, bench: Workbench, plan: AlertPlan) -> None:
        self.bench, self.plan = bench, plan
        self.table, self.scores = f"alerts/{plan.name}", f"scores/{plan.score}"
        self.counted: dict[date, Counted] = {}
        """Of the dates that were made."""
        self.begun = begun(bench.database, plan.name)
        self._told: dict[date, pl.DataFrame] = {}
        self.made_by = cache(self._made_by)

    def rows(self, days: Iterable[date]) -> Iterator[pl.DataFrame]:
        """`frames.ALERTS` of the dates in order, each by person. One whose delivery began stays as it is:
        people were told."""
        for day in days:
            rows = self.stored(day) if day in self.begun else self._made(day)
            self._told[day] = rows.filter(pl.col("decision") == TELL).select("person_id")
            yield rows

    def stored(self, day: date) -> pl.DataFrame:
        """What is stored of a date, by person."""
        return self.bench.lake.scan(self.table, [day.isoformat()]).collect().sort("person_id")

    def check_silence(self, day: date) -> None:
        """Raises AlertOutdated where the date's stored rows would tell of somebody again within the
        cooldown: another date was delivered after they were made."""
        told = self.stored(day).filter(pl.col("decision") == TELL)
        again = told.join(self._told_around(day), on="person_id", how="semi").height
        if again:
            raise AlertOutdated(
                f"{self.table} of {day} tells of {again} people who were told of on another date since, less "
                f"than {self.plan.cooldown} days away. Materialize {self.table} for {day} again, then this."
            )

    def days_compared(self, day: date) -> list[date]:
        """The stored dates that a date is compared with, ascending."""
        stored = self.bench.lake.partitions(self.scores)
        return [each for each in self.plan.dates(day) if each.isoformat() in stored]

    def _made(self, day: date) -> pl.DataFrame:
        plan, lake = self.plan, self.bench.lake
        before = self.days_compared(day)
        if not before:
            self.counted[day] = Counted(0, 0)
            return ALERTS.to_frame()
        scores = lake.scan(self.scores, [each.isoformat() for each in [*before, day]])
        everyone, concerned = compared(scores, plan, day), None
        if plan.where is not None:
            concerned = self._concerned(day)
            both = everyone.join(concerned, on="person_id", how="semi").select(pl.len()).collect().item()
        total = everyone.select(pl.len()).collect().item()
        self.counted[day] = Counted(total, total if concerned is None else both)
        fell = fallen(scores, plan, day, self._apart(day, before))
        found = decide(fell, plan, day, self._told_around(day).lazy(), concerned).collect()
        return self._with_reasons(found, day)

    def _concerned(self, day: date) -> pl.LazyFrame:
        assert self.plan.where is not None  # noqa: S101  asked only where there is a condition
        frames = {
            table: self.bench.lake.scan(table, [day.isoformat()] if "/" in table else None)
            for table in condition_tables(self.bench, self.plan)
            if "/" in table or self.bench.lake.exists(table)
        }
        found = facts_on(self.bench.catalog, frames, self.plan.columns, day)
        return found.filter(self.plan.where.expr).select("person_id").collect().lazy()

    def _apart(self, day: date, before: Sequence[date]) -> dict[date, str]:
        """The dates that were made otherwise than this one, and what differs."""
        now, found = self.made_by(day), {}
        for each in before:
            was = self.made_by(each)
            if was != now:
                other = [one[:2] for one in was] != [one[:2] for one in now]
                found[each] = DEFINITION if other else REFERENCE
        return found

    def _made_by(self, day: date) -> tuple[tuple[str, str, str], ...]:
        """Score, digest of its definition and version of its reference, of the score and all that it adds up,
        as stored on a date."""
        found, waiting = set(), [self.plan.score]
        while waiting:
            name = waiting.pop()
            key, table = day.isoformat(), f"scores/{name}"
            if key in self.bench.lake.partitions(table):
                first = pl.col("definition", "reference").drop_nulls().first()
                definition, reference = self.bench.lake.scan(table, [key]).select(first).collect().row(0)
                found.add((name, definition or "", reference or ""))
            waiting += self.bench.plans[name].parts.scores
        return tuple(sorted(found))

    def _told_around(self, day: date) -> pl.DataFrame:
        """`person_id` of who was told of near a date: where a delivery began, and on those of this run."""
        near = silent(self.plan, day, sorted({*self.begun, *self._told}))
        frames = [
            self._told[each]
            if each in self._told
            else self.stored(each).filter(pl.col("decision") == TELL).select("person_id")
            for each in near
        ]
        return pl.concat([ALERTS.to_frame().select("person_id"), *frames])

    def _with_reasons(self, rows: pl.DataFrame, day: date) -> pl.DataFrame:
        """With what fell most, of who is told of: so few that their points are read one date at a time."""
        table = f"points/{self.plan.score}"
        stored, found = self.bench.lake.partitions(table), []
        told = rows.filter(pl.col("decision") == TELL)
        for (before,), some in told.group_by("compared_with", maintain_order=True):
            keys = [before.isoformat(), day.isoformat()]
            if all(key in stored for key in keys):  # points of old dates are not kept for ever
                one, other = (self.bench.lake.scan(table, [key]) for key in keys)
                if not let_go(one) and not let_go(other):
                    found.append(why(one, other, some["person_id"].to_list()).collect())
        if not found:
            return rows
        causes = pl.concat(found)
        return (
            rows.drop("cause", "why")
            .join(causes, on="person_id", how="left", maintain_order="left")
            .select(ALERTS.names())
        )
