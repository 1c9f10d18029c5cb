"""Scores judged by what came after: the dates that can be judged, everyone's score on them, and the outcome.

Here: reading it from what is stored. A date's score is taken as stored where the present definition made it,
else computed anew from stored measures, and not stored. Dagster is not needed. Not here: the figures
(`core.quality`), the assets (`assets.quality`).
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.expressions import columns_of
from engagement_pipeline.catalog.judging import judged_by
from engagement_pipeline.catalog.lint_outcomes import counted
from engagement_pipeline.catalog.specs import Catalog, Outcome
from engagement_pipeline.core.facts import profile_facts
from engagement_pipeline.core.frames import POINTS
from engagement_pipeline.core.outcomes import (
    LeftOut,
    OutcomePlan,
    judged,
    judged_dates,
    plan_outcome,
    together,
)
from engagement_pipeline.core.quality import Quality, quality, untold
from engagement_pipeline.core.weights import Proposal, fitted_rules, propose
from engagement_pipeline.ingestion.coverage import Deliveries
from engagement_pipeline.orchestration.clock import now, yesterday
from engagement_pipeline.orchestration.drafts import Trial
from engagement_pipeline.orchestration.known import (
    made_from_present_points,
    people_frames,
    people_on,
    stored_aliases,
)
from engagement_pipeline.orchestration.measured import MEASURES
from engagement_pipeline.orchestration.windows import MeasuresMissing, stored_coverage, window_tables
from engagement_pipeline.orchestration.workbench import Workbench

Say = Callable[[str], None]


@dataclass(frozen=True)
class Day:
    """One as-of date of one outcome."""

    as_of: date
    judged: pl.DataFrame
    """`outcomes.JUDGED`"""
    left_out: LeftOut
    stored: bool
    """Whether the score was stored; else it was computed anew."""
    history: int
    """Days of the score's window that have data, of the project's days that do."""


@dataclass(frozen=True)
class Judgement:
    """One score judged by one outcome."""

    score: str
    outcome: Outcome
    days: Sequence[Day]
    quality: Quality
    counts: tuple[str, ...]
    """Events of the outcome that the score itself counts."""


@dataclass(frozen=True)
class Known:
    """The days that are known entirely."""

    first: date
    last: date


def proposals(bench: Workbench, score: str, say: Say = lambda _: None) -> list[tuple[Outcome, Proposal]]:
    """Weights of the score's rules as each of its outcomes would have them. Raises MeasuresMissing and
    fitting.ExtraMissing."""
    past, spec = Past(bench, score, with_points=True), bench.catalog.scores[score]
    rules = fitted_rules(spec, past.plan.keys)
    found = []
    for outcome in judged_by(bench.catalog, score):
        say(f"weights of {score} by {outcome.outcome}")
        days = list(past.days(outcome))
        points = pl.concat([POINTS.to_frame(), *(past.points(day.as_of) for day in days)])
        told = together([day.judged for day in days])
        names = score, outcome.outcome
        found.append((outcome, propose(told, points, rules, names, outcome.likely_when_low)))
    return found


def judgements(bench: Workbench, score: str, say: Say = lambda _: None) -> list[Judgement]:
    """The score judged by each of its outcomes. say: hears what is being done. Raises MeasuresMissing."""
    past = Past(bench, score)
    found = []
    for outcome in judged_by(bench.catalog, score):
        say(f"{score} by {outcome.outcome}")
        days = list(past.days(outcome))
        events = set(outcome.event_names) & counted(bench.catalog.scores, bench.catalog.events, score)
        what = (
            quality(together([day.judged for day in days]), score, outcome.outcome)
            if days
            else untold(score, outcome.outcome, past.why_not(outcome))
        )
        own = () if outcome.absent else tuple(sorted(events))
        found.append(Judgement(score, outcome, days, what, own))
    return found


def reads_of(bench: Workbench) -> list[str]:
    """The tables that judging reads, but for stored scores, which it can do without."""
    consents = ["consents"] if bench.catalog.has_consents else []
    return [*window_tables(bench), "persons", *consents]


def parts_of(catalog: Catalog, score: str) -> list[str]:
    """The scores that a score is made from, itself last, in the order in which they are computed."""
    needed = {score}
    for name in reversed(list(catalog.scores)):  # a composite stands after its parts
        if name in needed:
            needed |= {part.score for part in catalog.scores[name].part_rules}
    return [name for name in catalog.scores if name in needed]


class Past:
    """One score on past dates. What one date needs is kept for the next outcome that asks for it."""

    def __init__(self, bench: Workbench, score: str, *, with_points: bool = False) -> None:
        self.bench, self.plan, self.with_points = bench, bench.plans[score], with_points
        self._scores: dict[date, tuple[pl.DataFrame, bool]] = {}
        self._points: dict[date, pl.DataFrame] = {}

    def dates(self, outcome: Outcome) -> list[date]:
        """See `core.outcomes.judged_dates`."""
        known = self.known(plan_outcome(outcome, self.bench.catalog))
        if known is None:
            return []
        return judged_dates(known.first, known.last, outcome.within, self.plan.window, outcome.dates)

    def days(self, outcome: Outcome) -> Iterator[Day]:
        """Every date of the outcome, ascending. Raises MeasuresMissing where the lake lacks what it needs."""
        plan = plan_outcome(outcome, self.bench.catalog)
        known = self.known(plan)
        dates = self.dates(outcome)
        if known is None or not dates:
            return
        last = dates[-1] + timedelta(days=outcome.within)
        self._check(plan, known.first, last)
        daily = (
            self.bench.lake.scan(MEASURES)
            .filter(pl.col("measure").is_in(plan.measures), pl.col("event_date") <= last)
            .collect()
        )
        for as_of in dates:
            scores, stored = self.scores(as_of)
            rows, left_out = judged(
                scores.lazy(),
                self._people(plan, as_of),
                daily.lazy(),
                plan,
                stored_aliases(self.bench),
                as_of,
                self.plan.window,
            )
            history = min(self.plan.window, (as_of - known.first).days + 1)
            yield Day(as_of, rows, left_out, stored, history)

    def known(self, plan: OutcomePlan) -> Known | None:
        """From the first day with events to the last that is over and measured; None before there is one."""
        over = yesterday(self.bench.catalog.project, now())
        measured = stored_coverage(self.bench).filter(
            pl.col("measure") == plan.chosen.id, pl.col("event_date") <= over
        )
        last = measured.select(pl.col("event_date").max()).collect().item()
        first = Deliveries(self.bench.catalog, self.bench.lake).start
        return None if last is None or last < first else Known(first, last)

    def why_not(self, outcome: Outcome) -> str:
        """Why there is no date at all, in words."""
        known = self.known(plan_outcome(outcome, self.bench.catalog))
        if known is None:
            return "no day is measured for this outcome yet: engagement run, or materialize daily_measures"
        enough = min(self.plan.window, outcome.within)
        days, needed = (known.last - known.first).days + 1, enough + outcome.within
        return (
            f"{days} days of data are there, {needed} are needed: {enough} before the as-of date and "
            f"{outcome.within} after it"
        )

    def scores(self, as_of: date) -> tuple[pl.DataFrame, bool]:
        """`person_id`, `score` of everyone on the date, and whether they were stored."""
        if as_of not in self._scores:
            stored = None if self.with_points else self._stored(as_of)
            found = self._anew(as_of) if stored is None else stored
            self._scores[as_of] = found.select("person_id", "score"), stored is not None
        return self._scores[as_of]

    def points(self, as_of: date) -> pl.DataFrame:
        """`frames.POINTS` of a date whose scores were asked for, as `with_points` has them."""
        return self._points[as_of]

    def _stored(self, as_of: date) -> pl.DataFrame | None:
        table, key = f"scores/{self.plan.name}", as_of.isoformat()
        if key not in self.bench.lake.partitions(table):
            return None
        if not made_from_present_points(self.bench, self.plan, as_of):
            return None
        found = self.bench.lake.scan(table, [key]).select("person_id", "score", "definition").collect()
        return found if (found["definition"] == self.plan.definition).all() else None

    def _anew(self, as_of: date) -> pl.DataFrame:
        """The scores, computed with all that they add up on a layer over the lake."""
        needed, name = parts_of(self.bench.catalog, self.plan.name), self.plan.name
        with tempfile.TemporaryDirectory(prefix="engagement-judging-") as folder:
            trial = Trial(self.bench.catalog, self.bench.settings, self.bench.lake, as_of, Path(folder))
            trial.plans = self.bench.plans  # compiled once, not for every date
            for each in needed:
                trial.score(each, needed, refit=False)
            if self.with_points:
                self._points[as_of] = trial.rows(f"points/{name}").select(POINTS.names()).collect()
            return trial.rows(f"scores/{name}").select("person_id", "score").collect()

    def _people(self, plan: OutcomePlan, as_of: date) -> pl.LazyFrame:
        asked = columns_of(plan.applies_to)
        return profile_facts(people_on(self.bench.catalog, people_frames(self.bench), asked, as_of), asked)

    def _check(self, plan: OutcomePlan, first: date, last: date) -> None:
        """A day without rows means that nobody did it only when it was measured."""
        days = pl.LazyFrame({"event_date": pl.date_range(first, last, eager=True)})
        wanted = days.join(pl.LazyFrame({"measure": plan.measures}), how="cross")
        lacking = wanted.join(stored_coverage(self.bench), on=["event_date", "measure"], how="anti")
        missing = lacking.sort("event_date").collect()
        if not missing.is_empty():
            raise MeasuresMissing(
                f"outcome {plan.outcome.outcome} needs {missing['measure'].n_unique()} measure(s) on "
                f"{missing['event_date'].n_unique()} day(s) for which they were not computed. Materialize "
                f"daily_measures from {missing['event_date'][0]} to {missing['event_date'][-1]} (only what "
                "is missing is computed), then this again."
            )
