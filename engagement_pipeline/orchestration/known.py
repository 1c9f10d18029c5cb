"""Who is known on a day, with all that conditions and composites read of them.

Here: bringing the tables about people together. Dagster is not needed. Not here: how those tables are made
(`assets.people`), the conditions (`core`).
"""

from collections.abc import Collection, Mapping
from datetime import date

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core import consents, people
from engagement_pipeline.core.facts import facts
from engagement_pipeline.core.frames import ALIASES, CONSENTS
from engagement_pipeline.core.ordered import ascending
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.orchestration.past import other_version
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.tables import older


class PartOutdated(Exception):  # noqa: N818  the words are what the reader sees
    """Stored scores that a composite adds up belong to another version of their definition."""


def asks_consents(catalog: Catalog, columns: Collection[str]) -> bool:
    """Whether conditions with these columns read `consents`."""
    return catalog.has_consents and any(column.partition(".")[0] in consents.PARTS for column in columns)


def people_tables(catalog: Catalog, plan: ScorePlan) -> tuple[str, ...]:
    """What `known_rows` reads: nothing of a score that asks only about events."""
    if not plan.reads_people:
        return ()
    said = ("consents",) if asks_consents(catalog, plan.columns) else ()
    return ("persons", *said, *(f"scores/{name}" for name in plan.parts.scores))


def known_rows(
    bench: Workbench, plan: ScorePlan, as_of: date, *, parts_as_stored: bool = False
) -> pl.DataFrame | None:
    """`person_id`, `first_seen` and the plan's `columns` of everyone known on the date, sorted by person;
    None for a plan that does not ask. Raises PartOutdated, unless parts are taken as whoever stored them."""
    if not plan.reads_people:
        return None
    for name in plan.parts.scores if not parts_as_stored else ():
        check_part(bench, plan, name, as_of)
    day = as_of.isoformat()
    frames = {
        table: bench.lake.scan(table, [day] if table.startswith("scores/") else None)
        for table in people_tables(bench.catalog, plan)
        if table != "consents" or bench.lake.exists(table)
    }
    frames |= {f"scores/{name}": _part(bench, name, day) for name in plan.parts.scores}
    seen = people.as_of(frames["persons"], as_of).select("person_id", "first_seen")
    found = facts_on(bench.catalog, frames, plan.columns, as_of).join(seen, on="person_id", how="left")
    return ascending(found.collect(), "person_id")


def _part(bench: Workbench, name: str, day: str) -> pl.LazyFrame:
    """The part's scores, with who is inactive said also where the score is stale or provisional: its state
    then says that, and a composite is no more active for it."""
    scores, table = bench.lake.scan(f"scores/{name}", [day]), f"points/{name}"
    if day not in bench.lake.partitions(table):
        return scores
    points = bench.lake.scan(table, [day])
    found = pl.col("active") if "active" in points.collect_schema() else pl.lit(value=True)
    held_back = pl.col("state").is_in(["stale", "provisional"]) & ~pl.col("found").fill_null(value=False)
    return (
        scores.join(points.select("person_id", found=found.fill_null(value=True)), on="person_id", how="left")
        .with_columns(state=pl.when(held_back).then(pl.lit("inactive")).otherwise("state"))
        .drop("found")
    )


def check_part(bench: Workbench, plan: ScorePlan, part: str, as_of: date) -> None:
    """Raises PartOutdated where the part's stored scores were made by another definition than the present,
    or from points of one."""
    own = bench.plans[part]
    made = ((f"scores/{part}", "definition", own.definition), (f"points/{part}", *_points_by(own)))
    for table, column, now in made:
        if (found := _other(bench, table, column, now, as_of)) is not None:
            raise PartOutdated(
                f"score {plan.name} adds up scores/{part}; {table} on {as_of} was computed by version "
                f"{found} of its definition, which is now {now}. Materialize points/{part} and "
                f"scores/{part} for {as_of}, then this again."
            )


def made_from_present_points(bench: Workbench, plan: ScorePlan, as_of: date) -> bool:
    """Whether the stored scores of the date were made from points by the plan's rules and, of a composite, by
    the present definitions of its parts, which the digest of its scores does not cover: points that were made
    anew since say nothing of them."""
    table, day = f"points/{plan.name}", as_of.isoformat()
    made = bench.lake.partitions(table).get(day)
    if made is not None and plan.parts.parts:
        scores = bench.lake.partitions(f"scores/{plan.name}").get(day)
        if older(scores, {table: made.delta_version}):
            return False
    return _other(bench, table, *_points_by(plan), as_of) is None


def _points_by(plan: ScorePlan) -> tuple[str, str]:
    return "points_digest", plan.points_digest


def _other(bench: Workbench, table: str, column: str, present: str, as_of: date) -> str | None:
    """A version other than the present one that stored rows of the date say they were made by."""
    if as_of.isoformat() not in bench.lake.partitions(table):
        return None
    return other_version(bench.lake.scan(table, [as_of.isoformat()]), column, present)


def people_on(
    catalog: Catalog, frames: Mapping[str, pl.LazyFrame], columns: frozenset[str], day: date
) -> pl.LazyFrame:
    """Everyone known on a day, with the columns of consent that are asked for. frames: `persons`, and
    `consents` where there is such a table."""
    said = frames.get("consents", CONSENTS.to_frame().lazy())
    return consents.with_consents(
        people.as_of(frames["persons"], day),
        consents.held(said, day),
        columns,
        catalog.project.people.opt_in_needed,
    )


def people_frames(bench: Workbench) -> dict[str, pl.LazyFrame]:
    """The stored tables that `people_on` reads, by name. Raises TableMissing without `persons`."""
    found = {"persons": bench.lake.scan("persons")}
    if bench.lake.exists("consents"):
        found["consents"] = bench.lake.scan("consents")
    return found


def stored_aliases(bench: Workbench) -> pl.LazyFrame:
    """`frames.ALIASES`; empty where nobody ever said who is who."""
    if bench.catalog.has_aliases and bench.lake.exists("aliases"):
        return bench.lake.scan("aliases")
    return ALIASES.to_frame().lazy()


def facts_on(
    catalog: Catalog, frames: Mapping[str, pl.LazyFrame], columns: frozenset[str], day: date
) -> pl.LazyFrame:
    """What a condition reads on one as-of date."""
    today = {name: frame.filter(pl.col("as_of") == day) for name, frame in frames.items() if "/" in name}
    return facts(
        people_on(catalog, frames, columns, day),
        columns,
        {name.removeprefix("scores/"): frame for name, frame in today.items() if name.startswith("scores/")},
        {
            name.removeprefix("segments/"): frame
            for name, frame in today.items()
            if name.startswith("segments/")
        },
    )
