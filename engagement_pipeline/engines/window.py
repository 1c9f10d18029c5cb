"""What the rules of several scores find in one window, for one bucket of people.

Here: people as numbers, their sums by measure, and points from them. Not here: the arithmetic
(`core.points`), and which buckets and windows there are (`local`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from engagement_pipeline.core.frames import DAILY_MEASURES, DAILY_MESSAGES
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.core.points import contributed, points
from engagement_pipeline.core.sums import sums
from engagement_pipeline.engines.numbering import numbered

RUNS = 20_000
"""Runs of rows of one measure up to which they are taken as runs, instead of row by row. Stored days are in
the order of their measures, so a window of 90 days and 40 measures has 3,600."""


@dataclass(frozen=True)
class Window:
    """The sums that plans need. Far smaller than the days they were added up from, whose number does not
    matter any more."""

    as_of: date
    people: pl.Series
    """Sorted; the number of a person is the place here."""
    sums: Mapping[str, pl.DataFrame]
    """By quantity, see `core.sums.sums`; `person_id` is a number."""

    def points(self, plan: ScorePlan, known: pl.DataFrame | None = None) -> pl.DataFrame:
        """`frames.POINTS` of the plan, sorted by person. known: see `core.points.contributed`, in any order;
        also people who are not in the window."""
        people, lazy = self.people, {measure: frame.lazy() for measure, frame in self.sums.items()}
        facts = None
        if known is not None:
            people = pl.concat([self.people, known["person_id"]]).unique().sort()
            mine = people.search_sorted(self.people)
            lazy = {
                measure: frame.with_columns(mine.gather(frame["person_id"]).alias("person_id")).lazy()
                for measure, frame in self.sums.items()
            }
            facts = known.with_columns(people.search_sorted(known["person_id"]).alias("person_id")).lazy()
        found = points(contributed(lazy, plan, self.as_of, facts), plan, self.as_of).collect()
        return found.with_columns(people.gather(found["person_id"]).alias("person_id"))

    def write(self, folder: Path) -> None:
        """Puts it into a folder, to be read again while nothing of it has to be in memory."""
        folder.mkdir()
        self.people.to_frame("person_id").write_ipc(folder / "people.arrow")
        (folder / "measures.json").write_text(json.dumps(list(self.sums)))
        for number, frame in enumerate(self.sums.values()):
            frame.write_ipc(folder / f"{number}.arrow")


def with_people(
    windows: Iterable[Window], known: pl.DataFrame, plans: Sequence[ScorePlan], as_of: date
) -> Iterator[tuple[Window, pl.DataFrame]]:
    """Each window with those of the people who come before the end of its own; in the end the others, with a
    window in which nothing was found. windows ascend by person. known: see `core.points.contributed`."""
    done = None
    for window in windows:
        if window.people.len():
            last = str(window.people[-1])
            after = pl.lit(value=True) if done is None else pl.col("person_id") > pl.lit(done)
            done = last
            yield window, known.filter(after, pl.col("person_id") <= pl.lit(last))
    rest = known if done is None else known.filter(pl.col("person_id") > pl.lit(done))
    nothing = DAILY_MEASURES.to_frame().lazy(), DAILY_MESSAGES.to_frame().lazy()
    yield added_up(nothing[0], plans, as_of, nothing[1]), rest


def points_of(
    windows: Iterable[Window], plan: ScorePlan, known: pl.DataFrame | None, as_of: date
) -> Iterator[pl.DataFrame]:
    """`frames.POINTS` of the plan, window by window. known: see `core.points.contributed`; None of a plan
    that does not ask about people."""
    if known is None:
        for window in windows:
            yield window.points(plan)
        return
    for window, people in with_people(windows, known, [plan], as_of):
        yield window.points(plan, people)


def added_up(
    daily: pl.LazyFrame, plans: Sequence[ScorePlan], as_of: date, messages: pl.LazyFrame | None = None
) -> Window:
    """Reads once. daily: `frames.DAILY_MEASURES`; messages: `frames.DAILY_MESSAGES`, needed where a rule
    counts them. Both hold the plans' measures alone."""
    needed = frozenset[str]().union(*(plan.measures for plan in plans))
    told = frozenset[str]().union(*(plan.message_measures for plan in plans))
    frames = [read_rows(daily, needed - told, "quantity")]
    if told:
        frames.append(read_rows(daily if messages is None else messages, told, "message_id"))
    # People as numbers: with ten scores half of the time of people as text.
    people, places = numbered([frame["person_id"] for frame in frames])
    frames = [
        frame.with_columns(place.alias("person_id")) for frame, place in zip(frames, places, strict=True)
    ]
    each = {measure: rows for frame in frames for measure, rows in by_measure(frame).items()}
    for measure in needed - each.keys():
        each[measure] = frames[-1 if measure in told else 0].clear()
    found = sums(
        {measure: frame.lazy() for measure, frame in each.items()},
        [rule for plan in plans for rule in plan.rules],
        as_of,
        {measure: largest(frame) for measure, frame in each.items()},
        people.len(),
    )
    # A score's contributions are put in the order of people in half of the time where sums are in it already.
    ordered = pl.collect_all([frame.sort("person_id") for frame in found.values()])
    return Window(as_of, people, dict(zip(found, ordered, strict=True)))


def read_rows(rows: pl.LazyFrame, measures: frozenset[str], column: str) -> pl.DataFrame:
    """Stored rows of these measures alone: `event_date`, `person_id`, `measure` as an Enum, and `quantity` or
    `message_id`."""
    found = rows.select("event_date", "person_id", "measure", column).collect()
    return found.with_columns(_words(found["measure"], pl.Enum(sorted(measures))))


def _words(measures: pl.Series, kind: pl.Enum) -> pl.Series:
    """Text as an Enum. Of rows that stand together by measure each word is looked up once a run: in a third
    of the time for 14 million."""
    runs = measures.rle().struct.unnest()
    if runs.height > RUNS:
        return measures.cast(kind)
    numbers = runs["value"].cast(kind).to_physical().to_numpy()
    return pl.Series("measure", np.repeat(numbers, runs["len"].to_numpy())).cat.to(kind)


def by_measure(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Measure -> its rows, without copying them where they stand together."""
    runs = rows["measure"].rle().struct.unnest()
    if runs.height > RUNS:
        parts = rows.partition_by("measure", as_dict=True)
        return {str(measure): frame for (measure,), frame in parts.items()}
    slices: dict[str, list[pl.DataFrame]] = {}
    start = 0
    for length, measure in runs.select("len", "value").iter_rows():
        slices.setdefault(measure, []).append(rows.slice(start, length))
        start += length
    return {measure: pl.concat(parts, rechunk=False) for measure, parts in slices.items()}


def largest(rows: pl.DataFrame) -> int:
    """A bound on the size of a day's quantity of a measure: of messages nobody has more than there are."""
    if "quantity" not in rows.columns:
        return rows.height
    low, high = rows["quantity"].min(), rows["quantity"].max()
    return max(abs(int(low or 0)), abs(int(high or 0)))  # type: ignore[arg-type]


def read(folder: Path, as_of: date) -> Window:
    """What `Window.write` wrote."""
    measures = json.loads((folder / "measures.json").read_text())
    found = {measure: pl.read_ipc(folder / f"{number}.arrow") for number, measure in enumerate(measures)}
    return Window(as_of, pl.read_ipc(folder / "people.arrow")["person_id"], found)
