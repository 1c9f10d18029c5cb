"""Why somebody has a score: everything stored about it, and what has to be computed again.

Here: finding the person and the dates, for one date or between two. Nothing is stored and Dagster is not
needed. Not here: one score's rows (`explained`), parts of a change (`changing`), words
(`reports.explanations`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from engagement_pipeline.catalog.issues import did_you_mean, nearest
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.comparison import reasons
from engagement_pipeline.core.identity import known_on
from engagement_pipeline.orchestration.changing import changed, comparable
from engagement_pipeline.orchestration.drafts import (
    Tell,
    Trial,
    check_day,
    measure_missing,
    newest_date,
    scratch,
    stored_lake,
)
from engagement_pipeline.orchestration.edits import closure, reads
from engagement_pipeline.orchestration.explained import Explained
from engagement_pipeline.orchestration.known import stored_aliases
from engagement_pipeline.orchestration.past import stored_scores
from engagement_pipeline.orchestration.recomputing import NothingToCompare
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports import explanations as words
from engagement_pipeline.reports.changes import CHANGED, MOVED, ExplainedChange
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
        check_day(catalog.project, day)
        with computed(bench, list(chosen), day, tell) as (found, anew):
            who = find_person(found, person, list(chosen), day)
            rows, rules, parts = [], [words.RULES.to_frame()], [words.PARTS.to_frame()]
            for name in chosen:
                one = Explained(found, name, who.person_id, day, anew=name in anew)
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


def explain_change(
    catalog: Catalog,
    settings: Settings,
    person: str,
    since: date,
    score: str | None = None,
    as_of: date | None = None,
) -> ExplainedChange:
    """Why a person's scores are others than on an earlier date, as polars frames: `changes`
    (`reports.changes.CHANGED`, a row per score, whose parts by cause add up to the change) and `rules`
    (`MOVED`, the rules that gave other points).

    person: any id of theirs, as known on the later date. as_of: by default the date that was scored last.
    Both dates have to be stored. Raises NoSuchPerson, NoSuchScore, NothingToCompare, DefinitionGone and
    MeasuresMissing.
    """
    chosen = chosen_scores(catalog, score)
    with opened(catalog, settings) as bench:
        day = as_of or newest_date(catalog.model_copy(update={"scores": chosen}), bench.lake)
        check_day(catalog.project, day)
        if since >= day:
            raise NothingToCompare(f"--since {since} must be before {day}, the date that is explained")
        who = find_person(bench, person, list(chosen), day)
        rows, rules = [CHANGED.to_frame()], [MOVED.to_frame()]
        for name in chosen:
            if score is None and not comparable(bench, name, since, day):
                continue
            found = changed(bench, name, since, day, who.person_id).rows
            rows.append(found.select(pl.lit(name).alias("name"), pl.all()))
            before, after = (_points(bench, name, each, who.person_id) for each in (since, day))
            if any(let_go(frame) for frame in (before, after)):
                continue
            moved = reasons(before, after, [who.person_id])
            rules.append(moved.select(pl.lit(name).alias("name"), *MOVED.names()[1:]).collect())
    if len(rows) == 1:
        raise NothingToCompare(
            f"no score is stored for both {since} and {day}; engagement run --as-of {since} makes the earlier"
        )
    return ExplainedChange(person, who.person_id, since, day, pl.concat(rows), pl.concat(rules))


def let_go(points: pl.LazyFrame) -> bool:
    """Whether contributions of these rows are no longer kept."""
    return bool(points.select((pl.col("contributions").list.len() == 0).any()).collect().item())


def _points(bench: Workbench, name: str, day: date, person: str) -> pl.LazyFrame:
    stored = bench.lake.scan(f"points/{name}", [day.isoformat()])
    return stored.filter(pl.col("person_id") == person)


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
        named = {each.lower(): each for each in reversed(alike.collect()["id"])}
        if found := nearest(wanted, named):
            return f"; did you mean '{named[found]}'?"
    return ""
