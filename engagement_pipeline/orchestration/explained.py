"""One score of one person on one date: what is stored of it, and what has to be computed again.

Nothing is stored and Dagster is not needed. Here: the rows of an explanation. Not here: whom and which scores
it is about (`explaining`), words (`reports.explanations`).
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from engagement_pipeline.core import explanations as core
from engagement_pipeline.core.facts import profile_facts
from engagement_pipeline.core.frames import POINT, POINTS
from engagement_pipeline.core.scales import edges
from engagement_pipeline.core.words import as_text
from engagement_pipeline.engines.window import Window, points_of
from engagement_pipeline.orchestration.known import known_rows, people_frames, people_on
from engagement_pipeline.orchestration.past import (
    Definition,
    Population,
    definition_of,
    population_of,
    stored_scores,
)
from engagement_pipeline.orchestration.standing import guard_on
from engagement_pipeline.orchestration.windows import (
    MeasuresMissing,
    check_coverage,
    message_rows,
    window_rows,
)
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports import explanations as words
from engagement_pipeline.storage.tables import StorageError


class Explained:
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
        bench, plan, as_of, one = self.bench, self.plan, self.as_of, pl.col("person_id") == self.person
        windows: Iterable[Window] = []
        try:
            known = known_rows(bench, plan, as_of, parts_as_stored=True)
            if plan.rules:
                check_coverage(bench, plan, [as_of])
                said = message_rows(bench, [plan], as_of)
                said = None if said is None else said.filter(one)
                daily = window_rows(bench, [plan], as_of).filter(one)
                windows = bench.engine.windows(daily, [plan], as_of, said)
        except (MeasuresMissing, StorageError):
            return None
        found = points_of(windows, plan, None if known is None else known.filter(one), as_of)
        return pl.concat([POINTS.to_frame(), *(as_text(part).select(POINTS.names()) for part in found)])

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
            if self.plan.parts.parts and not self.plan.counting:
                return "inactive: the person did nothing that any of the scores added up counts"
            if not self.plan.counting:
                return "inactive: no rule holds for the person, as far as their facts are known"
            return "inactive: nothing in the window; the points are those of people who do nothing"
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
        condition = self.plan.applies_to
        if condition is None:
            return None
        columns = condition.columns
        everyone = people_on(self.bench.catalog, people_frames(self.bench), columns, self.as_of)
        mine = profile_facts(everyone.filter(pl.col("person_id") == self.person), columns)
        row = next(mine.with_columns(holds=condition.expr).collect().iter_rows(named=True), None)
        if row is None:
            return f"of this one nothing is known on {self.as_of}"
        if row["holds"]:
            return None
        said = (f"{column} is {_fact(row[column])}" for column in sorted(columns))
        return f"of this one {', '.join(said)} on {self.as_of}"


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
