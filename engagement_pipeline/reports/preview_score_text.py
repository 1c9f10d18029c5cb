"""How one score of a preview looks at a terminal: who moves where, both distributions, rules and people.

Here: renderables of one score, and the words that the rest of the preview uses, too. Not here: the preview
around them (`preview_text`).
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from engagement_pipeline.reports.preview import (
    ADDED,
    REMOVED,
    STATES,
    Changed,
    Mover,
    ScoreChange,
    figure,
    people,
    why,
)
from engagement_pipeline.reports.terminal import count

UP, DOWN, SAME, OVER, EDIT = "green3", "dark_orange", "grey54", "red", "#3f86cc"
TO = "→"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_EFFECTS = 8
"""Rules named with what they give in all."""
_WIDEST = 9
"""Bands and states in one matrix; of more, the words under it say how many went where."""


def score_parts(score: ScoreChange) -> Iterator[RenderableType]:
    """The score under a line with its name."""
    yield Rule(title("Score", score), align="left", style=SAME)
    if score.how in (ADDED, REMOVED):
        verb = "would have it" if score.how == ADDED else "have it today"
        yield Text(f"{people(score.people)} {verb}: {_spread(score)}\n")
        return
    yield _moves(score)
    if score.correlation is not None:
        yield Text(f"Rank correlation with before: {score.correlation:.3f}.")
    if score.refitted is not None:
        yield Text(
            f"Its reference was fitted anew for this, on {count(score.refitted)} people, as a refit would.",
            style="dim",
        )
    yield Beside(matrix(score.places, score.migration), _shape(score))
    if not score.rules.is_empty() and (rules := _rules(score.rules)) is not None:
        yield rules
    if score.idle:
        yield Text(f"Rules that give nobody anything: {', '.join(score.idle)}.\n", style=DOWN)
    if score.movers:
        yield movers_table(score.movers)


def _moves(score: ScoreChange) -> Text:
    """How many people get another score, and how many another band."""
    line = Text(f"{count(score.other)} of {people(score.people)} get another score; ")
    line.append(f"{count(score.moved)} change band", style="bold")
    line.append(f" ({score.moved_share:.1%})")
    ways = zip(score.rises_and_falls, (("higher", UP), ("lower", DOWN)), strict=True)
    for place, (number, (way, style)) in enumerate(way for way in ways if way[0]):
        line.append(", " if place else ": ")
        line.append(f"{count(number)} to a {way} one", style=style)
    return line.append(".")


def matrix(places: Sequence[str], migration: pl.DataFrame) -> RenderableType:
    """From where (rows) to where (columns) people go. migration: see `comparison.migration`."""
    places = [place for place in places if place not in STATES or _anybody(migration, place)]
    going = {(before, after): number for before, after, number in migration.iter_rows()}
    if len(places) > _WIDEST:
        return _listed(going)
    rank = {place: number for number, place in enumerate(places) if place not in STATES}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_footer=True)
    table.add_column(f"before {TO} after", footer="after", no_wrap=True)
    for after in places:
        total = sum(going.get((before, after), 0) for before in places)
        head = plain(after)
        widest = max(map(len, (*head.split(), count(total))))
        table.add_column(head, footer=count(total), justify="right", min_width=widest, overflow="fold")
    table.add_column("before", justify="right", style="dim", no_wrap=True)
    for before in places:
        row = [going.get((before, after), 0) for after in places]
        cells = [_cell(before, after, number, rank) for after, number in zip(places, row, strict=True)]
        table.add_row(plain(before), *cells, count(sum(row)))
    return table


def _cell(before: str, after: str, number: int, rank: Mapping[str, int]) -> Text:
    if number == 0:
        return Text("·", style=SAME)
    if before == after:
        return Text(count(number), style=SAME)
    if before in rank and after in rank:
        return Text(count(number), style=f"bold {UP if rank[after] > rank[before] else DOWN}")
    return Text(count(number), style=f"bold {EDIT}")


def _listed(going: Mapping[tuple[str, str], int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("before", "after"):
        table.add_column(name, no_wrap=True)
    table.add_column("people", justify="right")
    moved = sorted(((number, pair) for pair, number in going.items() if pair[0] != pair[1]), reverse=True)
    for number, (before, after) in moved[:10]:
        table.add_row(plain(before), plain(after), count(number))
    return table


def _shape(score: ScoreChange) -> RenderableType:
    """Both distributions as small bars, and the middle of each."""
    rows, quantiles = score.distribution, {name: pair for name, *pair in score.quantiles.iter_rows()}
    if rows.is_empty() or rows["from"].null_count():
        return Text()
    grid = Table.grid(padding=(0, 1))
    highest = max(1, *(_second(rows[side]) for side in ("before", "after")))
    for side, style in (("before", SAME), ("after", EDIT)):
        bars = "".join(_height(number, highest) for number in rows[side])
        grid.add_row(Text(side, style="dim"), Text(bars, style=style))
    low, high = figure(rows["from"][0]), figure(rows["to"][-1])
    grid.add_row("", Text(low + high.rjust(max(1, rows.height - len(low))), style="dim"))
    for name in ("p25", "median", "p75", "mean"):
        before, after = quantiles[name]
        if before is not None and after is not None:
            grid.add_row(Text(name, style="dim"), f"{figure(before)} {TO} {figure(after)}")
    return Padding(grid, (1, 0, 0, 3))


def _rules(rules: pl.DataFrame) -> Table | None:
    changed = rules.filter(
        (pl.col("points_before") != pl.col("points_after"))
        | (pl.col("people_before") != pl.col("people_after"))
    )
    if changed.is_empty():
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rules that give other points", overflow="fold")
    for name in ("people", "points in all", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for rule, those, those_after, points, points_after in changed.head(_EFFECTS).iter_rows():
        change = points_after - points
        table.add_row(
            rule,
            _from_to(count(those), count(those_after)),
            _from_to(figure(points), figure(points_after)),
            Text(signed(change), style=UP if change > 0 else DOWN if change < 0 else ""),
        )
    return table


def movers_table(movers: Sequence[Mover]) -> Table:
    """A line per person: from which score and band to which, and why."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    # Whole, for `engagement explain` to take; 36 is the length of a UUID.
    table.add_column("who moves most", overflow="fold", max_width=36)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("band", no_wrap=True)
    table.add_column("why, in points", overflow="fold")
    for each in movers:
        rise = each.after > each.before
        table.add_row(
            each.person,
            Text(f"{figure(each.before)} {TO} {figure(each.after)}", style=UP if rise else DOWN),
            _from_to(plain(each.place_before), plain(each.place_after)),
            _because(each),
        )
    return table


def _because(mover: Mover) -> Text:
    if not mover.reasons:
        return Text("the scale reads the same points differently", style="dim")
    words = Text()
    for place, reason in enumerate(mover.reasons):
        words.append(", " if place else "")
        words.append(f"{reason.rule} ")
        change = reason.after - reason.before
        words.append(signed(change), style=UP if change > 0 else DOWN)
    return words


def _spread(score: ScoreChange) -> str:
    side = 2 if score.how == REMOVED else 1
    there: dict[str, int] = {}
    for before, after, number in score.migration.iter_rows():
        place = before if side == 2 else after
        there[place] = there.get(place, 0) + number
    return ", ".join(f"{plain(place)} {count(there[place])}" for place in score.places if there.get(place))


class Beside:
    """Side by side where the terminal has room for both as they are, else one below the other."""

    def __init__(self, left: RenderableType, right: RenderableType) -> None:
        self.both = left, right

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = sum(Measurement.get(console, options, each).maximum for each in self.both)
        if wide > options.max_width:
            yield from self.both
            return
        grid = Table.grid(padding=(0, 0))
        grid.add_row(*self.both)
        yield grid


def _anybody(migration: pl.DataFrame, place: str) -> bool:
    return place in migration["before"] or place in migration["after"]


def _second(values: pl.Series) -> int:
    """A height at which one bar that dwarfs all others leaves these visible."""
    ordered = sorted(values.to_list(), reverse=True)
    return int(min(ordered[0], 3 * ordered[1] if len(ordered) > 1 and ordered[1] else ordered[0]))


def _height(number: int, highest: int) -> str:
    if number == 0:
        return _HEIGHTS[0]
    return _HEIGHTS[max(1, min(8, round(8 * number / highest)))]


def _from_to(before: str, after: str) -> str:
    return before if before == after else f"{before} {TO} {after}"


def title(kind: str, each: Changed) -> Text:
    """Its name, and how it takes part."""
    return Text.assemble((f"{kind} {each.name}", "bold"), (f" · {why(each)}", "dim"))


def signed(change: float) -> str:
    """`+1.5`, `-3`."""
    return f"+{figure(change)}" if change > 0 else figure(change)


def plain(name: str) -> str:
    """A name as words."""
    return name.replace("_", " ")
