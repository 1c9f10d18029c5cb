"""People: who is known on a date, and which facts about them held then.

Here: history from profile snapshots, first activity and who is who. Not here: reading profiles (`ingestion`)
and deciding who is who (`identity`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.frames import ALIASES
from engagement_pipeline.core.identity import memberships

FIRST_EVENT = pl.Schema({"person_id": pl.String(), "first_event": pl.Date()})
_KNOWN = pl.Schema({"id": pl.String(), "first_seen": pl.Date()})


@dataclass(frozen=True)
class Fact:
    """How one column of `persons` is filled."""

    sources: tuple[str, ...]
    """The first one that has something fresh to say counts."""
    fresh_for: int | None = None
    """For how many days what a source said counts; for ever without it."""


def plan_facts(catalog: Catalog) -> dict[str, Fact]:
    """Every declared fact: the sources that the project ranks, then the others that declare it, in order."""
    found = {}
    for name in catalog.profile_columns:
        said = catalog.project.people.facts.get(name)
        ranked = list(said.sources) if said else []
        others = [source for source, spec in catalog.sources.items() if name in spec.columns]
        order = dict.fromkeys([*ranked, *others])
        found[name] = Fact(tuple(order), said.fresh_for if said else None)
    return found


def persons(
    snapshots: Mapping[str, pl.LazyFrame],
    first_events: pl.LazyFrame,
    facts: Mapping[str, Fact],
    start: date,
    timezone: str,
    aliases: pl.DataFrame | None = None,
) -> pl.LazyFrame:
    """`frames.person_schema`: everyone with a profile or an event, in periods of equal facts, sorted by
    `person_id`, `valid_from`.

    snapshots: by source, `person_id`, `observed_at` (UTC µs) and the facts that it declares. first_events:
    `FIRST_EVENT`. aliases: `frames.ALIASES`.
    The last snapshot of a calendar day in `timezone` counts for that day (of several at one instant the
    greatest), the first one of an id in a source from `start`, until the next. Of ids that are one person,
    from the day on which they are, a fact is the newest that one of them has in the first source that knows
    it.
    `first_seen` is the first day with a snapshot or an event of an id that is the person by then.
    """
    aliases = ALIASES.to_frame() if aliases is None else aliases
    daily = {
        source: _daily(
            frame, [name for name, fact in facts.items() if source in fact.sources], start, timezone
        )
        for source, frame in snapshots.items()
    }
    if aliases.height:
        # What is read several times below would be computed anew each time: 68 s instead of 11.
        daily = {source: frame.collect().lazy() for source, frame in daily.items()}
        first_events = first_events.collect().lazy()
    known = _known(daily.values(), first_events)
    moments = _moments(daily, known, facts, start)
    if aliases.height:
        known, moments = known.collect().lazy(), moments.collect().lazy()
    grid = moments.select(pl.col("id").alias("person_id"), "day", "id", pl.lit(None, pl.Date).alias("until"))
    if aliases.height:
        members = memberships(aliases.lazy()).collect().lazy()
        grid = pl.concat(
            [
                grid.join(members.select("id").unique(), on="id", how="anti"),
                _of_members(moments, members.join(known, on="id", how="semi")),
            ]
        )
    rows = grid.join(known, on="id", how="left")
    for source, frame in daily.items():
        rows = _with_source(rows, source, frame, facts)
    if aliases.height:
        rows = _one_row_each(rows.collect().lazy(), facts, daily)
    found = rows.select(
        "person_id",
        "first_seen",
        pl.col("day").alias("valid_from"),
        "until",
        *(
            pl.coalesce(_said(name, source) for source in fact.sources if source in daily).alias(name)
            for name, fact in facts.items()
        ),
    )
    return _closed(found, list(facts))


def as_of(persons: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """The one period that holds on `day` of everyone seen by then. persons: `frames.person_schema`."""
    return persons.filter(
        pl.col("first_seen") <= day,
        pl.col("valid_from") <= day,
        pl.col("valid_to").is_null() | (pl.col("valid_to") > day),
    )


def _said(fact: str, source: str) -> str:
    return f"{fact} of {source}"  # no fact has a blank in its name


def _daily(snapshot: pl.LazyFrame, columns: list[str], start: date, timezone: str) -> pl.LazyFrame:
    """A row per id and day: `id`, `observed_at`, `observed_on`, `day` (it counts from) and the facts."""
    on = pl.col("observed_at").dt.convert_time_zone(timezone).dt.date()
    first = on.min().over("person_id")
    return (
        snapshot.select("person_id", "observed_at", *columns)
        .with_columns(
            observed_on=on, day=pl.when(on == first).then(pl.min_horizontal(on, pl.lit(start))).otherwise(on)
        )
        .sort("person_id", "observed_at", *columns)
        .unique(["person_id", "day"], keep="last", maintain_order=True)
        .rename({"person_id": "id"})
    )


def _known(daily: Iterable[pl.LazyFrame], first_events: pl.LazyFrame) -> pl.LazyFrame:
    """`id`, `first_seen` of every id with a snapshot or an event."""
    seen = [frame.select("id", pl.col("observed_on").alias("first_seen")) for frame in daily]
    acted = first_events.select(pl.col("person_id").alias("id"), pl.col("first_event").alias("first_seen"))
    return pl.concat([_KNOWN.to_frame().lazy(), acted, *seen]).group_by("id").agg(pl.col("first_seen").min())


def _moments(
    daily: Mapping[str, pl.LazyFrame], known: pl.LazyFrame, facts: Mapping[str, Fact], start: date
) -> pl.LazyFrame:
    """`id`, `day`: the days on which what is known of an id may change, the first one being its beginning."""
    found = [known.select("id", pl.min_horizontal("first_seen", pl.lit(start)).alias("day"))]
    for source, frame in daily.items():
        found.append(frame.select("id", "day"))
        lasting = {fact.fresh_for for fact in facts.values() if fact.fresh_for and source in fact.sources}
        found += [
            frame.select("id", pl.col("observed_on").dt.offset_by(f"{days}d").alias("day"))
            for days in sorted(lasting)
        ]
    return pl.concat(found).unique()


def _of_members(moments: pl.LazyFrame, members: pl.LazyFrame) -> pl.LazyFrame:
    """`person_id`, `day`, `id`, `until`: for each day on which what is known of a person may change, every id
    that they consist of then; `until` is the day on which the person becomes another."""
    # At most days x ids rows a person: days are few, and ids without a profile or an event are none.
    while_one = (pl.col("since") <= pl.col("day")) & (
        pl.col("until").is_null() | (pl.col("until") > pl.col("day"))
    )
    beginnings = moments.group_by("id").agg(pl.col("day").min().alias("begin"))
    joins = members.join(beginnings, on="id").select(
        "person_id", pl.max_horizontal("since", "begin").alias("day"), "since", "until"
    )
    days = pl.concat(
        [
            joins.filter(while_one),
            members.join(moments, on="id").filter(while_one).select("person_id", "day", "since", "until"),
        ]
    )
    return (
        days.select("person_id", "day")
        .unique()
        .join(members, on="person_id")
        .filter(while_one)
        .select("person_id", "day", "id", "until")
    )


def _with_source(
    rows: pl.LazyFrame, source: str, frame: pl.LazyFrame, facts: Mapping[str, Fact]
) -> pl.LazyFrame:
    """What a source last said of each id by each day, as far as it is fresh, and when (`at <source>`)."""
    mine = {name: fact for name, fact in facts.items() if source in fact.sources}
    latest = rows.sort("day").join_asof(
        frame.sort("day").select(
            "id", pl.col("day"), pl.col("observed_at").alias(f"at {source}"), "observed_on", *mine
        ),
        on="day",
        by="id",
        check_sortedness=False,  # polars cannot check it by group, and says so
    )
    age = (pl.col("day") - pl.col("observed_on")).dt.total_days()
    return latest.with_columns(
        (pl.col(name) if fact.fresh_for is None else pl.when(age < fact.fresh_for).then(name)).alias(
            _said(name, source)
        )
        for name, fact in mine.items()
    ).drop("observed_on", *mine)


def _one_row_each(
    rows: pl.LazyFrame, facts: Mapping[str, Fact], daily: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    """The rows of a person and day as one: of each source the newest that one of the ids has."""
    key = ["person_id", "day"]
    several = pl.len().over(key) > 1
    alone, together = rows.filter(~several), rows.filter(several)
    merged = together.group_by(key).agg(pl.col("first_seen").min(), pl.col("until").min())
    for source in daily:
        mine = [_said(name, source) for name, fact in facts.items() if source in fact.sources]
        # Sorted once, not within each group: that took six times as long.
        newest = (
            together.sort(f"at {source}", "id", descending=[True, False], nulls_last=True)
            .group_by(key)
            .agg(pl.col(mine).first(ignore_nulls=True))
        )
        merged = merged.join(newest, on=key, how="left")
    kept = merged.collect_schema().names()
    return pl.concat([alone.select(kept), merged])


def _closed(rows: pl.LazyFrame, facts: list[str]) -> pl.LazyFrame:
    """Rows that repeat the one before dropped, the others with the day on which they end."""
    same = ["person_id", "first_seen", "until", *facts]
    repeats = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in same)
    return (
        rows.sort("person_id", "valid_from")
        .filter(~repeats)
        .with_columns(
            valid_to=pl.min_horizontal(pl.col("valid_from").shift(-1).over("person_id"), pl.col("until"))
        )
        .select("person_id", "first_seen", "valid_from", "valid_to", *facts)
    )
