"""Why a score is another than on an earlier date: the chain of points between the two, link by link.

Every link is computed as points always are, with one thing taken from the other date. Nothing is stored and
Dagster is not needed. Here: which links differ at all, and their order. Not here: computing one
(`recomputing`), the parts that follow from them (`core.changes`), the asset (`assets.changes`).

The order is fixed, since what one thing adds may depend on what came before it. From the points of the
earlier date D0 to those of the later one D1:

1. `late_data`: D0 on what is known of its days today
2. `definition`: the same by the definition of D1
3. `identity`: by the ids as known on D1
4. `people`: with the facts about people, and the other scores, as on D1
5. `decay_and_expiry`: as of D1, with nothing that happened after D0
6. `new_behaviour`: with that as well
7. `late_data`, again: what the stored points of D1 have that today's measures do not give

The score follows the same chain, read against the population of D0; what is left then is `reference`. Where
the definition changed what points are, a population of its own belongs to it: it counts from there on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from engagement_pipeline.catalog.expressions import columns_of
from engagement_pipeline.catalog.specs import Scale
from engagement_pipeline.core.changes import Step, decomposed
from engagement_pipeline.core.frames import ALIASES
from engagement_pipeline.core.identity import known_on
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.scores import standing
from engagement_pipeline.orchestration.known import PartOutdated, known_rows, people_on, stored_aliases
from engagement_pipeline.orchestration.past import (
    Definition,
    definition_of,
    population_of,
    stored_scores,
)
from engagement_pipeline.orchestration.recomputing import As, NothingToCompare, Points
from engagement_pipeline.orchestration.windows import MeasuresMissing
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.tables import StorageError

NOT_POSSIBLE = (MeasuresMissing, PartOutdated, StorageError)
LATE_IN_DEFINITION = "data that came late counts as definition: the one before was not published"
MERGED = (
    "ids, facts and age count as definition: what the new one reads is not stored for all days before the "
    "earlier date"
)
UNREAD = "parts of the score are not known: the population that it was read against is no longer stored"


class DefinitionGone(StorageError):  # noqa: N818
    """Nobody knows any more by which rules stored scores were made."""


Read = tuple[Scale, pl.LazyFrame | None]
"""A scale, and the population that points are read against."""


@dataclass
class _Chain:
    """The links found so far."""

    raw: pl.DataFrame
    """`person_id`, `points` of the last link, whomever the score applies to."""
    steps: list[Step] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    """Causes for whose links points were computed."""


@dataclass(frozen=True)
class Changed:
    """What became of a score between two dates."""

    rows: pl.DataFrame
    """`frames.CHANGES`, of everyone of either date."""
    computed: tuple[str, ...]
    """Causes that took a computation of points; nothing differed where the others do."""


def changed(
    bench: Workbench,
    name: str,
    since: date,
    as_of: date,
    person: str | None = None,
    made: Iterable[str] = (),
) -> Changed:
    """Everyone's change, or one person's. made: the scores whose changes between these dates the run asks
    for; they share what they read.

    Raises NothingToCompare, DefinitionGone where the later scores were made by a definition that is neither
    the catalog's nor published, and MeasuresMissing where measures of the window are lacking.
    """
    before, after = (stored_scores(bench, name, day) for day in (since, as_of))
    one, other = (_digest(frame, name, day) for frame, day in ((before, since), (after, as_of)))
    now = definition_of(bench, name, other)
    if now is None:
        raise DefinitionGone(
            f"scores/{name} on {as_of} were made by version {other} of the definition, which is neither the "
            f"catalog's nor published: materialize points/{name} and scores/{name} for {as_of}, then this "
            "again."
        )
    work = _Work(bench, name, since, as_of, Points(bench, name, since, person, frozenset(made)))
    chain = work.chain(definition_of(bench, name, one), now, one != other)
    mine = pl.lit(value=True) if person is None else pl.col("person_id") == person
    rows = decomposed(before.filter(mine), after.filter(mine), chain.steps, since, as_of)
    says = pl.lit("; ".join(chain.says) or None, dtype=pl.String)
    return Changed(
        rows.with_columns(says=says).sort("person_id").collect(), tuple(dict.fromkeys(chain.computed))
    )


def comparable(bench: Workbench, name: str, since: date, as_of: date) -> bool:
    """Whether both dates were scored."""
    stored = bench.lake.partitions(f"scores/{name}")
    return all(day.isoformat() in stored for day in (since, as_of))


@dataclass(frozen=True)
class _Work:
    bench: Workbench
    name: str
    since: date
    as_of: date
    points: Points

    def chain(self, then: Definition | None, now: Definition, edited: bool) -> _Chain:
        """The links from what is stored of the one date to what is stored of the other."""
        plan = now.plan
        found = _Chain(self.points.stored(self.since))
        digest = self.points.digest_of(self.since) or (then.plan.points_digest if then is not None else None)
        same = digest == plan.points_digest
        read = self._reader(now, same=same)
        if then is None and self.points.is_late(self.since, plan):
            found.says.append(LATE_IN_DEFINITION)
        elif then is not None:
            self._late(found, then)
        merged = edited and not self._edited(found, plan, read, same=same)
        if not merged:
            self._identities(found, plan, read)
            self._facts(found, plan, read)
        else:
            found.says.append(MERGED)
        if plan.rules:
            found.raw = self.points.computed(As(plan, self.as_of, self.as_of, self.as_of, self.since))
            found.computed.append("decay_and_expiry")
            self._link(found, "definition" if merged else "decay_and_expiry", plan, self.as_of, read)
        self._today(found, plan)
        self._link(found, "new_behaviour" if plan.rules else "people", plan, self.as_of, read)
        stored = stored_scores(self.bench, self.name, self.as_of).select("person_id", "points")
        found.steps.append(Step("late_data", stored, *read))
        if any(step.scale.needs_reference and step.histogram is None for step in found.steps):
            found.says.append(UNREAD)
        return found

    # --- the links ------------------------------------------------------------------------------------

    def _late(self, found: _Chain, then: Definition) -> None:
        """The earlier date on what is known of its days today."""
        if not self.points.is_late(self.since, then.plan):
            return
        if self._try(found, "late_data", self._as(then.plan)):
            self._link(found, "late_data", then.plan, self.since, self._reader(then, same=True))
        else:
            found.says.append(LATE_IN_DEFINITION)

    def _edited(self, found: _Chain, plan: ScorePlan, read: Read, *, same: bool) -> bool:
        """The earlier date by the definition of the later; whether that could be computed."""
        if not same and not self._try(found, "definition", self._as(plan)):
            return False
        self._link(found, "definition", plan, self.since, read)
        return True

    def _identities(self, found: _Chain, plan: ScorePlan, read: Read) -> None:
        """By the ids of the later date, where anybody became somebody else."""
        if plan.rules and self._ids_differ():
            found.raw = self.points.computed(self._as(plan, ids_on=self.as_of))
            found.computed.append("identity")
            self._link(found, "identity", plan, self.since, read)

    def _ids_differ(self) -> bool:
        aliases = stored_aliases(self.bench).select(ALIASES.names())
        one, other = (known_on(aliases, day).sort("alias") for day in (self.since, self.as_of))
        return not one.collect().equals(other.collect())

    def _facts(self, found: _Chain, plan: ScorePlan, read: Read) -> None:
        """With the facts of the later date. Of a score without rules on events they are all there is, and the
        stored points of that date say what they give."""
        if not plan.rules:
            return
        if plan.reads_people and self._known_differ(plan):
            found.raw = self.points.computed(self._as(plan, ids_on=self.as_of, facts_on=self.as_of))
            found.computed.append("people")
        elif plan.applies_to is None:
            return
        self._link(found, "people", plan, self.as_of, read)

    def _known_differ(self, plan: ScorePlan) -> bool:
        one, other = (
            known_rows(self.bench, plan, day, parts_as_stored=True) for day in (self.since, self.as_of)
        )
        assert one is not None  # noqa: S101  it reads people
        assert other is not None  # noqa: S101
        # Since when somebody is known matters to who was silent; it lies in the past on both dates.
        asked = ["person_id", *sorted(plan.columns)]
        return not one.select(asked).equals(other.select(asked))

    def _today(self, found: _Chain, plan: ScorePlan) -> None:
        """The later date as today's measures give it: as stored, unless something came late."""
        late = self.points.is_late(self.as_of, plan)
        given = As(plan, self.as_of, self.as_of, self.as_of, self.as_of)
        if not late or not self._try(found, "late_data", given):
            found.raw = self.points.stored(self.as_of)

    def _link(self, found: _Chain, cause: str, plan: ScorePlan, facts_on: date, read: Read) -> None:
        """Adds the points that the chain has come to, of those to whom the score applies on the date."""
        points = found.raw.lazy()
        if plan.applies_to is not None or plan.parts.needed:
            asked = columns_of(plan.applies_to)
            everyone = people_on(self.bench.catalog, self.points.people(), asked, facts_on)
            points = standing(points, everyone, plan.applies_to, plan.parts.needed)
        found.steps.append(Step(cause, points.select("person_id", "points"), *read))

    def _reader(self, definition: Definition, *, same: bool) -> Read:
        """Scale and population: of the earlier date, as long as points mean the same, else of the later."""
        scale = definition.score.scale
        for day in (self.since, self.as_of) if same else (self.as_of,):
            version = _reference(stored_scores(self.bench, self.name, day))
            population = population_of(self.bench, self.name, day, version, scale.population)
            if population is not None:
                return scale, population.histogram
        return scale, None

    # --- points ---------------------------------------------------------------------------------------

    def _as(self, plan: ScorePlan, ids_on: date | None = None, facts_on: date | None = None) -> As:
        """The earlier date by another definition, or with something of the later date."""
        return As(plan, self.since, ids_on or self.since, facts_on or self.since, self.since)

    def _try(self, found: _Chain, cause: str, given: As) -> bool:
        """Computes points for the chain; False where they cannot be."""
        try:
            found.raw = self.points.computed(given)
        except NOT_POSSIBLE:
            return False
        found.computed.append(cause)
        return True


def _digest(scores: pl.LazyFrame, name: str, day: date) -> str:
    found = scores.select("definition").head(1).collect()["definition"]
    if not len(found):
        raise NothingToCompare(
            f"scores/{name} holds nothing for {day}: materialize it (engagement run --as-of {day}), then "
            "this again"
        )
    return str(found[0])


def _reference(scores: pl.LazyFrame) -> str | None:
    found = scores.select(pl.col("reference").drop_nulls().first()).collect()["reference"]
    return found[0] if len(found) else None
