"""Why somebody has a score: everything stored about it, and what has to be computed again.

Here: finding the person, the rows and the definition that made them. Nothing is stored and Dagster is not
needed. Not here: the arithmetic (`core.explanations`), words (`reports.explanations`), changes between two
dates (`changing`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from engagement_pipeline.catalog.issues import did_you_mean, nearest
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core import explanations as core
from engagement_pipeline.core.facts import profile_facts
from engagement_pipeline.core.frames import POINT, POINTS
from engagement_pipeline.core.identity import known_on
from engagement_pipeline.core.scales import edges
from engagement_pipeline.core.words import as_text
from engagement_pipeline.engines.window import added_up
from engagement_pipeline.orchestration.drafts import (
    Tell,
    Trial,
    measure_missing,
    newest_date,
    scratch,
    stored_lake,
)
from engagement_pipeline.orchestration.edits import closure, reads
from engagement_pipeline.orchestration.known import PartOutdated, known_rows, people_on, stored_aliases
from engagement_pipeline.orchestration.measured import covered
from engagement_pipeline.orchestration.past import (
    Definition,
    Population,
    definition_of,
    population_of,
    stored_scores,
)
from engagement_pipeline.orchestration.scoring import (
    MeasuresMissing,
    asked_of,
    check_coverage,
    message_rows,
    window_rows,
)
from engagement_pipeline.orchestration.standing import guard_on
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports import explanations as words
from engagement_pipeline.reports.explanations import Explanation
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline.storage.tables import StorageError

NEAR = 2_000
"""Ids that are looked through for one that was meant."""


class NoSuchPerson(StorageError):  # noqa: N818  the words are what the reader sees
    """Nobody has this id."""


class NoSuchScore(StorageError):  # noqa: N818
    """No score has this name."""


@dataclass(frozen=True)
class Person:
    """Who an id means on a date."""

    asked: str
    person_id: str
    aliases: pl.DataFrame


def explain(
    catalog: Catalog,
    settings: Settings,
    person: str,
    score: str | None = None,
    as_of: date | None = None,
    tell: Tell = lambda *_: None,
) -> Explanation:
    """Why a person has the scores they have, as polars frames: `scores` (`reports.explanations.EXPLAINED`, a
    row per score), `rules` (`RULES`, a row per score and rule; their points and `changed_since` add up to the
    score's points), `parts` (`PARTS`, of composites) and `aliases`.

    person: any id of theirs, as known on the date. score: only this one. as_of: by default the date that was
    scored last. What is stored is shown as stored; contributions that are no longer kept are computed again
    from stored measures, and so is all of a date that was never scored: `source` of each score says which.
    Raises NoSuchPerson, NoSuchScore, and NothingToPreview and MeasuresMissing where nothing can be computed.
    """
    chosen = chosen_scores(catalog, score)
    with opened(catalog, settings) as bench:
        day = as_of or newest_date(catalog.model_copy(update={"scores": chosen}), bench.lake)
        with computed(bench, list(chosen), day, tell) as (found, anew):
            who = find_person(found, person, list(chosen), day)
            rows, rules, parts = [], [words.RULES.to_frame()], [words.PARTS.to_frame()]
            for name in chosen:
                one = _Explained(found, name, who.person_id, day, anew=name in anew)
                rows.append(one.row())
                rules.append(one.rules())
                parts.append(one.parts())
    return Explanation(
        asked=person,
        person_id=who.person_id,
        as_of=day,
        aliases=who.aliases,
        scores=pl.DataFrame(rows, schema=words.EXPLAINED, orient="row"),
        rules=pl.concat(rules),
        parts=pl.concat(parts),
    )


def chosen_scores(catalog: Catalog, score: str | None) -> dict[str, Any]:
    """The scores asked for. Raises NoSuchScore."""
    if score is None:
        if not catalog.scores:
            raise NoSuchScore("the catalog declares no score")
        return dict(catalog.scores)
    if score not in catalog.scores:
        names = ", ".join(sorted(catalog.scores)) or "none"
        hint = did_you_mean(score, catalog.scores) or f"; there are {names}"
        raise NoSuchScore(f"there is no score '{score}'{hint}")
    return {score: catalog.scores[score]}


@contextmanager
def opened(catalog: Catalog, settings: Settings) -> Iterator[Workbench]:
    """A bench over what is stored, which is not begun here."""
    bench = Workbench(catalog, settings)
    bench.lake = stored_lake(catalog, settings)
    bench.database = bench.lake.database
    try:
        yield bench
    finally:
        bench.database.close()


@contextmanager
def computed(
    bench: Workbench, scores: Sequence[str], as_of: date, tell: Tell
) -> Iterator[tuple[Workbench, frozenset[str]]]:
    """A bench that has these scores on the date, and those of them (or of their parts) that are not stored
    and were computed for it."""
    below = closure([("score", name) for name in scores], reads(bench.catalog))
    key = as_of.isoformat()
    lacking = [
        name
        for name in bench.catalog.scores
        if ("score", name) in below and key not in bench.lake.partitions(f"scores/{name}")
    ]
    if not lacking:
        yield bench, frozenset()
        return
    with scratch(bench.lake) as folder:
        trial = Trial(bench.catalog, bench.settings, bench.lake, as_of, folder)
        measure_missing([trial], {trial: lacking}, lambda what: tell(what, 0, len(lacking)))
        for place, name in enumerate(lacking):
            tell(f"score {name}", place, len(lacking))
            trial.score(name, lacking, refit=False)
        tell("explaining", len(lacking), len(lacking))
        yield trial, frozenset(lacking)


def find_person(bench: Workbench, asked: str, scores: Sequence[str], as_of: date) -> Person:
    """Who the id means on the date. Raises NoSuchPerson, which names the nearest id."""
    aliases = known_on(stored_aliases(bench), as_of)
    mine = aliases.filter(pl.col("alias") == asked).collect()
    person = mine["person_id"][0] if mine.height else asked
    rows = stored_aliases(bench).filter(
        pl.col("person_id") == person,
        pl.col("valid_from") <= as_of,
        pl.col("valid_to").is_null() | (pl.col("valid_to") > as_of),
    )
    found = rows.select(words.ALIASES.names()).sort("alias").collect()
    one = pl.col("person_id") == person
    people = bench.lake.scan("persons") if bench.lake.exists("persons") else None
    known = None if people is None else people.filter(one).select(pl.col("first_seen").min()).collect().item()
    if known is not None and known <= as_of:
        return Person(asked, person, found)
    for name in scores:
        if stored_scores(bench, name, as_of).filter(one).head(1).collect().height:
            return Person(asked, person, found)
    if known is not None:
        raise NoSuchPerson(f"{person} is first seen on {known}, after {as_of}: give a later --date")
    raise NoSuchPerson(f"nobody is known as '{asked}' on {as_of}{_near(people, aliases, asked)}")


def _near(people: pl.LazyFrame | None, aliases: pl.LazyFrame, asked: str) -> str:
    """An id that may have been meant: the same in other letters, or one that begins alike."""
    frames = [aliases.select(pl.col("alias").alias("id"))]
    if people is not None:
        frames.append(people.select(pl.col("person_id").alias("id")))
    ids, wanted = pl.concat(frames), asked.strip().lower()
    lower = pl.col("id").str.to_lowercase()
    for length in (len(wanted), 6, 3, 1):
        alike = ids.filter(lower.str.starts_with(wanted[:length])).unique().sort("id").head(NEAR)
        if found := nearest(asked, alike.collect()["id"]):
            return f"; did you mean '{found}'?"
    return ""


class _Explained:
    """One score of one person on one date."""

    def __init__(self, bench: Workbench, name: str, person: str, as_of: date, *, anew: bool) -> None:
        self.bench, self.name, self.person, self.as_of = bench, name, person, as_of
        one = pl.col("person_id") == person
        self.stored = stored_scores(bench, name, as_of)
        self.found = next(self.stored.filter(one).collect().iter_rows(named=True), None)
        digest = None if self.found is None else self.found["definition"]
        own = Definition(bench.catalog.scores[name], bench.plans[name], None)
        made = own if digest is None else definition_of(bench, name, digest)
        self.known = made is not None
        self.score, self.plan, self.version = made or own
        self.source, self.changed = words.COMPUTED if anew else words.STORED, 0
        self.ledger = core.ledger(POINTS.to_frame().lazy(), self.plan.keys).collect()
        if self.found is not None and self.found["points"] is not None:
            self._read(one)

    def _read(self, one: pl.Expr) -> None:
        """The rules' rows: stored ones, or computed again where they are no longer kept."""
        assert self.found is not None  # noqa: S101  the caller looked
        table, key = f"points/{self.name}", self.as_of.isoformat()
        kept = key in self.bench.lake.partitions(table)
        rows = self.bench.lake.scan(table, [key]).filter(one).collect() if kept else POINTS.to_frame()
        if not kept or (rows.height and not rows["contributions"].list.len().sum()):
            again = self._again()
            self.source = words.GONE if again is None else words.RECOMPUTED
            rows = POINTS.to_frame() if again is None else again
        keys = self.plan.keys if self.known else ()
        if rows.is_empty():  # nothing was found of them
            rows = pl.DataFrame([{"person_id": self.person, "contributions": []}], schema_overrides=POINTS)
        self.ledger = core.ledger(rows.lazy(), keys).collect()
        self.changed = self.found["points"] - self.ledger["points"].sum()

    def _again(self) -> pl.DataFrame | None:
        """`frames.POINTS` of the person, from today's measures; None where that cannot be."""
        if not self.known:
            return None
        plan, as_of, one = self.plan, self.as_of, pl.col("person_id") == self.person
        try:
            known = known_rows(self.bench, plan, as_of)
            if plan.rules:
                check_coverage(covered(self.bench), plan, self.bench.catalog.project.start_date, as_of)
                daily = window_rows(self.bench, [plan], as_of).filter(one)
                said = message_rows(self.bench, [plan], as_of)
                window = added_up(daily, [plan], as_of, None if said is None else said.filter(one))
            else:
                window = added_up(pl.LazyFrame(schema=_NOTHING), [plan], as_of)
        except (MeasuresMissing, PartOutdated, StorageError):
            return None
        return as_text(window.points(plan, None if known is None else known.filter(one)))

    def row(self) -> tuple[Any, ...]:
        """Of `EXPLAINED`."""
        found: Mapping[str, Any] = self.found or {}
        points, score = found.get("points"), found.get("score")
        scale = bands = None
        if points is not None and score is not None and self.known:
            scale, bands = self._scale(points, score), self._bands(points, score)
        return (
            self.as_of,
            self.person,
            self.name,
            points,
            score,
            found.get("band"),
            found.get("state"),
            found.get("reference"),
            found.get("definition"),
            self.version,
            self.source,
            self.changed,
            scale,
            bands,
            self._why(),
        )

    def rules(self) -> pl.DataFrame:
        """Of `RULES`."""
        if self.source == words.GONE or self.found is None or self.found["points"] is None:
            return words.RULES.to_frame()
        units = {
            key: words.unit_of(rule, self.bench.catalog)
            for key, rule in zip(self.plan.keys, self.score.rules, strict=True)
        }
        rows = [
            (
                self.name,
                row["rule"],
                unit.word,
                row["quantity"] / unit.divisor,
                row["capped_off"] / unit.divisor,
                row["points"] + sum(row[name] for name in core.LOSSES),
                *(row[name] for name in core.LOSSES),
                row["points"],
                row["gave"],
            )
            for row in self.ledger.iter_rows(named=True)
            for unit in [units.get(row["rule"], words.Unit(""))]
        ]
        return pl.DataFrame(rows, schema=words.RULES, orient="row")

    def parts(self) -> pl.DataFrame:
        """Of `PARTS`."""
        given = dict(self.ledger.select("rule", "points").iter_rows())
        keys = {part.key: part.score for part in self.plan.parts.parts}
        rows = []
        for key, rule in zip(self.plan.keys, self.score.rules, strict=True):
            if key in keys:
                stored = stored_scores(self.bench, keys[key], self.as_of)
                mine = stored.filter(pl.col("person_id") == self.person).collect()
                has: Mapping[str, Any] = next(mine.iter_rows(named=True), {})
                points = given.get(key) if has.get("score") is not None else None
                facts = has.get("score"), has.get("band"), has.get("state")
                rows.append((self.name, keys[key], rule.weight, *facts, points))
        return pl.DataFrame(rows, schema=words.PARTS, orient="row")

    def _population(self) -> Population | None:
        reference = None if self.found is None else self.found["reference"]
        return population_of(self.bench, self.name, self.as_of, reference, self.score.scale.population)

    def _scale(self, points: int, score: float) -> str:
        scale, population = self.score.scale, self._population()
        people = standing = None
        if population is not None:
            since = population.effective_from
            active = "active people" if scale.population == "active" else "people"
            people = f"the reference of {since}" if since else f"the {active} of the same date"
            standing = core.stand(population.histogram, points)
        ends: tuple[int | None, int | None] | None = None
        if population is not None and scale.method != "percentile":
            ends = edges(scale, population.histogram).collect().row(0)
        elif scale.domain is not None and None not in scale.domain:
            low, high = (round(each * POINT) for each in scale.domain if each is not None)
            ends = low, high
        return words.scale_in_words(scale, points, score, people, standing, ends)

    def _bands(self, points: int, score: float) -> str | None:
        bands, band = self.score.bands, self.found["band"] if self.found else None
        if not bands:
            return None
        above, below = core.band_above(bands, band), core.band_below(bands, band)
        more, population = None, self._population()
        if above is not None and (population is not None or not self.score.scale.needs_reference):
            histogram = None if population is None else population.histogram
            more = core.points_to_reach(points, bands[above], self.score.scale, histogram)
        return words.band_in_words(self.score, score, band, {"above": (above, more), "below": (below, None)})

    def _why(self) -> str | None:
        """Why there is no score, or why it is less than one."""
        if self.found is None:
            return f"not scored on {self.as_of}: nobody of this id was known to it then"
        state = self.found["state"]
        if state == "unscored":
            return self._unscored()
        if state == "inactive":
            return "nothing in the window: the points are those that people have without doing anything"
        guard = guard_on(self.bench, self.plan, self.as_of)
        if state == "stale":
            return f"stale: {'; '.join(guard.stale) or 'a source lacked days when it was made'}"
        if state == "provisional":
            return f"provisional: {guard.provisional or 'no reference was in force'}"
        if not self.known:
            return "made by a definition that is neither the catalog's nor published"
        return None

    def _unscored(self) -> str:
        lacking = [
            name
            for name in self.plan.parts.scores
            if stored_scores(self.bench, name, self.as_of)
            .filter(pl.col("person_id") == self.person, pl.col("score").is_not_null())
            .collect()
            .is_empty()
        ]
        if self.score.applies_to is not None and (said := self._facts()) is not None:
            return f"unscored, which is not zero: it applies to people with {self.score.applies_to}; {said}"
        if lacking:
            return f"unscored, which is not zero: it adds up {', '.join(lacking)}, which this person lacks"
        return "unscored, which is not zero: it does not apply to this person"

    def _facts(self) -> str | None:
        """What its condition found of the person; None where it holds."""
        columns, condition = asked_of(self.plan), self.plan.applies_to
        if condition is None:
            return None
        frames = {
            table: self.bench.lake.scan(table)
            for table in ("persons", "consents")
            if self.bench.lake.exists(table)
        }
        everyone = people_on(self.bench.catalog, frames, columns, self.as_of)
        mine = profile_facts(everyone.filter(pl.col("person_id") == self.person), columns)
        row = next(mine.with_columns(holds=condition.expr).collect().iter_rows(named=True), None)
        if row is None:
            return f"of this one nothing is known on {self.as_of}"
        if row["holds"]:
            return None
        said = (f"{column} is {_fact(row[column])}" for column in sorted(columns))
        return f"of this one {', '.join(said)} on {self.as_of}"


_NOTHING = {"event_date": pl.Date, "person_id": pl.String, "measure": pl.String, "quantity": pl.Int64}


def _fact(value: object) -> str:
    if value is None:
        return "not known"
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"'{value}'"
        if isinstance(value, str)
        else str(value)
    )
