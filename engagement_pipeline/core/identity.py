"""Who is who: alias statements to the history of which id meant which person.

Here: deciding it (deterministic, whatever the order of deliveries) and mapping ids as known on a date. Not
here: reading statements (`ingestion.identities`) and what is added up per person (`points`).

Statements count from the instant at which they were made, each once, however often it was repeated, in the
order of (instant, alias, person):

- a **merge** says that two persons are one: they are, and with them all that belonged to either. Of an id
  that is known to be anonymous it is no more than a claim;
- a **claim** (`merges` false) says that an anonymous id, such as a browser, was seen with somebody. It joins
  the two unless each of them belongs to a person already: a device that two people use stays with the first,
  and never makes one person of them.

The canonical id of those who are one is, of the ids known by then: no anonymous one, if there is another;
then one that was never merged away; then the one heard of first; then the smallest.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from engagement_pipeline.core.frames import ALIASES

BEGINNING = date(1, 1, 1)
"""Since when an id that is nobody's alias yet has meant itself."""


class Identities(NamedTuple):
    """What statements come to."""

    aliases: pl.DataFrame
    """`frames.ALIASES`, sorted by `alias`, `valid_from`."""
    statements: int
    """Distinct ones."""
    merges: int
    """Of them merges."""
    shared: int
    """Anonymous ids that somebody else than their person claimed as well."""


def identities(statements: pl.LazyFrame, timezone: str) -> Identities:
    """Which id meant which person when, by the calendar days of `timezone`.

    statements: `alias`, `person_id`, `merges`, `observed_at` (UTC µs), none null. An id that means itself has
    no row.
    """
    said = (
        statements.filter(pl.col("alias") != pl.col("person_id"))
        .group_by("alias", "person_id", "merges")
        .agg(pl.col("observed_at").min())
        .sort("observed_at", "alias", "person_id", "merges")
        .with_columns(day=pl.col("observed_at").dt.convert_time_zone(timezone).dt.date())
        .collect()
    )
    names = pl.concat([said["alias"], said["person_id"]]).unique().sort()
    number = pl.Enum(names)  # numbers in the order of the names
    forest = _Forest(names.len())
    today: date | None = None
    for alias, person, merges, instant, day in said.select(
        pl.col("alias").cast(number).to_physical(),
        pl.col("person_id").cast(number).to_physical(),
        "merges",
        pl.col("observed_at").to_physical(),
        "day",
    ).iter_rows():
        if day != today:
            if today is not None:
                forest.end_day(today)
            today = day
        forest.say(alias, person, merges, instant)
    if today is not None:
        forest.end_day(today)
    columns = (
        names.gather(pl.Series(forest.alias, dtype=pl.UInt32)),
        names.gather(pl.Series(forest.person, dtype=pl.UInt32)),
        forest.since,
        forest.until,
    )
    return Identities(
        pl.DataFrame(dict(zip(ALIASES, columns, strict=True)), schema=ALIASES).sort("alias", "valid_from"),
        said.height,
        int(said["merges"].sum()),
        forest.shared(),
    )


def known_on(aliases: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """`alias`, `person_id` as known on `day`. aliases: `frames.ALIASES`."""
    return aliases.filter(
        pl.col("valid_from") <= day, pl.col("valid_to").is_null() | (pl.col("valid_to") > day)
    ).select("alias", "person_id")


def resolve(frame: pl.LazyFrame, aliases: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """The frame with the canonical `person_id` as known on `as_of`. aliases: `frames.ALIASES`."""
    return _mapped(frame, known_on(aliases, as_of))


def stitched(
    daily: pl.LazyFrame, aliases: pl.LazyFrame, as_of: date, measures: Sequence[str]
) -> pl.LazyFrame:
    """These daily measures by canonical person as known on `as_of`: one row per person, day and measure
    again.

    Quantities are counts and sums of hundredths, which add up over ids; what counts distinct things is made
    of them afterwards (`core.quantities`), or stitched by `stitched_messages`. daily:
    `frames.DAILY_MEASURES`, returned as it is when nobody has an alias by then. aliases: `frames.ALIASES`.
    """
    known = known_on(aliases, as_of).collect()
    if known.is_empty():
        return daily
    daily = daily.filter(pl.col("measure").is_in(measures))
    # Only those with an alias are added up anew; the others' rows pass as they are.
    concerned = pl.concat([known["alias"], known["person_id"]]).unique().to_frame("person_id").lazy()
    regrouped = (
        _mapped(daily.join(concerned, on="person_id", how="semi"), known.lazy())
        .group_by("event_date", "person_id", "measure")
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") != 0)
        .select("event_date", "person_id", "measure", "quantity")
    )
    others = daily.join(concerned, on="person_id", how="anti").select(regrouped.collect_schema().names())
    return pl.concat([others, regrouped])


def stitched_messages(
    messages: pl.LazyFrame, aliases: pl.LazyFrame, as_of: date, measures: Sequence[str]
) -> pl.LazyFrame:
    """The messages of these measures by canonical person as known on `as_of`; one that two ids of a person
    have stands there twice, and counts once (`core.quantities`). messages: `frames.DAILY_MESSAGES`; aliases:
    `frames.ALIASES`."""
    found = messages.filter(pl.col("measure").is_in(measures))
    known = known_on(aliases, as_of).collect()
    return found if known.is_empty() else _mapped(found, known.lazy())


def memberships(aliases: pl.LazyFrame) -> pl.LazyFrame:
    """Which ids made up which person when: `id`, `person_id`, `since`, `until` (Date, null: still), of every
    id that ever was an alias or had one, without gaps from `BEGINNING` on. aliases: `frames.ALIASES`."""
    other = aliases.select(
        pl.col("alias").alias("id"),
        "person_id",
        pl.col("valid_from").alias("since"),
        pl.col("valid_to").alias("until"),
    )
    before = pl.col("until").shift(1).over("id", order_by="since")
    first = pl.col("since") == pl.col("since").min().over("id")
    own = pl.concat(
        [
            other.select(
                "id",
                pl.when(first).then(pl.lit(BEGINNING)).otherwise(before).alias("since"),
                pl.col("since").alias("until"),
            ).filter(pl.col("since") < pl.col("until")),
            other.group_by("id")
            .agg(pl.col("until").sort_by("since").last().alias("since"))
            .filter(pl.col("since").is_not_null())
            .with_columns(until=pl.lit(None, dtype=pl.Date)),
            aliases.select(pl.col("person_id").alias("id"))
            .unique()
            .join(other, on="id", how="anti")
            .with_columns(since=pl.lit(BEGINNING), until=pl.lit(None, dtype=pl.Date)),
        ]
    ).select("id", pl.col("id").alias("person_id"), "since", "until")
    return pl.concat([other, own])


def reigns(members: pl.LazyFrame) -> pl.LazyFrame:
    """When each person existed: `person_id`, `since`, `until`. members: as from `memberships`."""
    return members.filter(pl.col("id") == pl.col("person_id")).select("person_id", "since", "until")


def _mapped(frame: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    found = known.select("alias", pl.col("person_id").alias("canonical"))
    return (
        frame.join(found, left_on="person_id", right_on="alias", how="left")
        .with_columns(pl.coalesce("canonical", "person_id").alias("person_id"))
        .drop("canonical")
    )


class _Forest:
    """Union-find over numbered ids, and the periods that follow from it. Ids with smaller numbers sort first.

    Plain lists: a million statements take seconds. Whoever is relabelled costs one row of the result, so the
    work is that of writing it.
    """

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))
        self.first: list[int] = [-1] * count
        """The instant at which an id was first heard of; -1 before."""
        self.anonymous, self.merged = bytearray(count), bytearray(count)
        self.label = list(range(count))
        """Of an id: the canonical id it was last given."""
        # Of roots only:
        self.persons = [1] * count
        """Ids that are not anonymous."""
        self.members: dict[int, list[int]] = {}
        """Missing for an id by itself."""
        self.joined: dict[int, list[int]] = {}
        """Members since today; the others have the root's label."""
        self.worse: set[int] = set()
        """Those whose canonical id sank in rank today."""
        self.touched: set[int] = set()
        self.refused: list[tuple[int, int]] = []
        # The periods, column by column: a list per row would keep the garbage collector busy.
        self.alias: list[int] = []
        self.person: list[int] = []
        self.since: list[date] = []
        self.until: list[date | None] = []
        self.open: dict[int, int] = {}
        """Id -> its row without an end."""

    def say(self, alias: int, person: int, merges: bool, instant: int) -> None:
        """One statement; instants never descend."""
        if self.first[alias] < 0:
            self.first[alias] = instant
        if self.first[person] < 0:
            self.first[person] = instant
        a, b = self.find(alias), self.find(person)
        of_persons = merges and not self.anonymous[alias] and not self.anonymous[person]
        if of_persons:
            self.merged[alias] = 1
        elif not merges and not self.anonymous[alias]:
            self.anonymous[alias] = 1
            self.persons[a] -= 1
        if self.label[a] == alias:
            self.worse.add(a)
        if a != b and not of_persons and self.persons[a] and self.persons[b]:
            self.refused.append((alias, person))
        elif a != b:
            a = self.join(a, b)
        self.touched.add(a)

    def join(self, a: int, b: int) -> int:
        """Makes one of two roots; gives the one that stays."""
        mine, theirs = self.members.pop(a, None) or [a], self.members.pop(b, None) or [b]
        if len(mine) < len(theirs):
            a, b, mine, theirs = b, a, theirs, mine
        self.parent[b] = a
        mine += theirs
        self.members[a] = mine
        self.persons[a] += self.persons[b]
        self.worse.discard(b)
        self.joined.pop(b, None)
        if (joined := self.joined.get(a)) is None:
            self.joined[a] = theirs
        else:
            joined += theirs
        return a

    def end_day(self, day: date) -> None:
        """Writes who became whom on this day."""
        for root in {self.find(each) for each in self.touched}:
            joined, given = self.joined.pop(root, []), self.label[root]
            members = self.members.get(root, [root])
            # Ids only ever sink in rank: only where the best one did can an old member take its place.
            best = min(members if root in self.worse else [given, *joined], key=self._rank)
            for each in members if best != given else joined:
                self._relabel(each, best, day)
        self.touched.clear()
        self.worse.clear()

    def find(self, each: int) -> int:
        """The root of an id."""
        parent = self.parent
        while parent[each] != each:
            parent[each] = parent[parent[each]]
            each = parent[each]
        return each

    def shared(self) -> int:
        """Anonymous ids that a second person claimed, who is another still."""
        return len({alias for alias, person in self.refused if self.find(alias) != self.find(person)})

    def _rank(self, each: int) -> tuple[int, int, int, int]:
        return (self.anonymous[each], self.merged[each], self.first[each], each)

    def _relabel(self, each: int, best: int, day: date) -> None:
        if self.label[each] == best:
            return
        self.label[each] = best
        if (row := self.open.pop(each, None)) is not None:
            self.until[row] = day
        if best != each:
            self.open[each] = len(self.alias)
            self.alias.append(each)
            self.person.append(best)
            self.since.append(day)
            self.until.append(None)
