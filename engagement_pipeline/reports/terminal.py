"""What a run found, for people at a terminal.

Here: polars frames in, rich renderables out; nothing is printed. Not here: computing the frames.
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl
from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engagement_pipeline.catalog.specs import Alert, Campaign, Score
from engagement_pipeline.core.alerts import TELL
from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.drift import Drift
from engagement_pipeline.core.scores import TRUSTED
from engagement_pipeline.core.unverified import Unverified
from engagement_pipeline.reports.bands import band_counts, unscored

BAR = 22
"""Width of a full bar, in characters."""
BLOCK = 58
"""Width of a score's or campaign's block; two stand side by side from 120 characters on."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
# Of middle brightness, so that they can be read on dark and on light terminals.
_SHADES = ("#4fb3bf", "#3a9fc4", "#3f86cc", "#5a6fd0", "#7a5cd0", "#9a4fc4")
_AWAY, _OUT = "\N{MINUS SIGN}", "\N{RIGHTWARDS ARROW}"
_SENT, _HELD_OUT, _LOST = "green3", "gold3", "grey54"


def bar(share: float, width: int = BAR) -> str:
    """A bar of `share` of the width, exact to an eighth of a character; never empty for more than nothing."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).strip().ljust(width)


def count(number: int) -> str:
    """1234567 as `1,234,567`."""
    return f"{number:,}"


def percent(share: float) -> str:
    """A share in whole percent; `<1%` for little more than nothing."""
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def events_by_source(counts: pl.DataFrame) -> RenderableType:
    """A line per source and their sum, and where the rows are that became neither event nor rejected row.

    counts: `source`, `files`, `landed` (rows), `events` (valid and settled, null for a source of profiles),
    `rejected` (rows).
    """
    table = _table("source", "files", "rows landed", "events", "rejected")
    columns = ("files", "landed", "events", "rejected")
    for row in counts.iter_rows(named=True):
        cells = ("" if row[column] is None else count(row[column]) for column in columns)
        table.add_row(row["source"], *cells)
    table.add_section()
    total = counts.select(pl.col(*columns).sum()).row(0, named=True)
    table.add_row("all", *(count(total[column] or 0) for column in columns), style="bold")
    again = counts.filter(pl.col("landed") > pl.col("events") + pl.col("rejected"))
    if again.is_empty():
        return table
    why = (
        "Rows that are neither events nor rejected were delivered before, are left out on purpose, say only "
        "who somebody is, or are of days not made yet."
    )
    return Group(table, Text(why, style="dim"))


def rejected_by_rule(rejected: pl.DataFrame) -> RenderableType:
    """A line per source and rule, most rows first, each with one reason.

    rejected: `source`, `rule`, `rows`, `reason`.
    """
    if rejected.is_empty():
        return Text("no row was rejected", style="green3")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("rule", style="bold", no_wrap=True)
    table.add_column("source", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("for example", style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
    ordered = rejected.sort(["rows", "rule", "source"], descending=[True, False, False])
    for row in ordered.iter_rows(named=True):
        table.add_row(row["rule"], row["source"], count(row["rows"]), Text(row["reason"]))
    return table


def score_block(
    score: Score,
    scores: pl.DataFrame,
    rests: Unverified | None = None,
    guard: Guard = TRUSTED,
    drift: Drift | None = None,
) -> RenderableType:
    """A score's name and goal, its bands as bars, how much of it machine events are, why it is stale or
    provisional, and whether its reference has drifted.

    scores: rows of `frames.SCORES` of one date.
    """
    notes = [*_nothing_done(score, scores), *_machines(rests), *_held_back(scores, guard), *_drifted(drift)]
    if not score.bands:
        return _block(score.score, score.goal, Group(Text(_spread(scores)), *notes))
    counts = band_counts(scores, score)
    widest = max(*counts["share"], 1e-9)
    shades = _shades(counts.height)
    lines = _lines()
    for shade, row in zip(shades, counts.iter_rows(named=True), strict=True):
        lines.add_row(
            _words(row["band"]),
            Text(bar(row["share"] / widest), style=shade),
            count(row["people"]),
            percent(row["share"]),
        )
    if left_out := unscored(scores):
        lines.add_row(Text("not scored", style="dim"), "", Text(count(left_out), style="dim"), "")
    return _block(score.score, score.goal, Group(lines, *notes))


def segment_sizes(sizes: pl.DataFrame, persons: int) -> Table:
    """A line per segment with its share of all persons.

    sizes: `segment`, `people`.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("segment", style="bold", no_wrap=True)
    table.add_column("people", justify="right")
    table.add_column(f"of {count(persons)} persons", no_wrap=True)
    table.add_column("", justify="right")
    for row in sizes.iter_rows(named=True):
        share = row["people"] / max(1, persons)
        table.add_row(
            row["segment"], count(row["people"]), Text(bar(share), style=_SHADES[1]), percent(share)
        )
    return table


def waterfall_block(campaign: Campaign, steps: pl.DataFrame) -> RenderableType:
    """A campaign's candidates, and what became of them step by step until everyone is accounted for.

    steps: `step`, `people`, as from `core.audiences.waterfall`: `candidates` first.
    """
    lines = _lines()
    candidates = steps["people"][0]
    left = candidates
    for step, people in steps.iter_rows():
        words, style = _step(step)
        if step == "candidates":
            drawn = _span(0, people, candidates)
        else:
            drawn = _span(left - people, left, candidates)
            left -= people
        share = people / max(1, candidates)
        lines.add_row(Text(words, style=style), Text(drawn, style=style), count(people), percent(share))
    return _block(campaign.campaign, campaign.goal, lines)


def alert_lines(alerts: Iterable[tuple[Alert, pl.DataFrame]]) -> Table:
    """A line per alert: how many people are told of, how many who fell are held back and why, and what made
    most of them fall. Each with its rows of `frames.ALERTS` on one date."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("alert", style="bold", no_wrap=True)
    table.add_column("told of", justify="right", no_wrap=True)
    for name in ("held back", "mostly because of"):
        table.add_column(name, overflow="fold")
    for alert, rows in alerts:
        told = rows.filter(pl.col("decision") == TELL)
        held = rows.filter(pl.col("because").is_not_null()).group_by("because").len().sort("because")
        causes = (
            told.drop_nulls("cause").group_by("cause").len().sort("len", "cause", descending=[True, False])
        )
        table.add_row(
            alert.alert,
            Text(count(told.height), style=_SENT if told.height else ""),
            ", ".join(f"{count(number)} {_words(why)}" for why, number in held.iter_rows()),
            Text(", ".join(f"{cause} ({count(number)})" for cause, number in causes.head(2).iter_rows())),
        )
    return table


def side_by_side(blocks: Iterable[RenderableType]) -> Columns:
    """Blocks in as many columns as fit."""
    return Columns([Padding(block, (0, 2, 1, 0)) for block in blocks], width=BLOCK + 2, padding=0)


def _table(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position else "left", no_wrap=True)
    return table


def _lines() -> Table:
    """Label, bar, number, share: every row of a block."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=BLOCK - BAR - 7 - 5 - 3, no_wrap=True, overflow="ellipsis")
    lines.add_column(width=BAR, no_wrap=True)
    lines.add_column(width=7, justify="right", no_wrap=True)
    lines.add_column(width=5, justify="right", no_wrap=True)
    return lines


def _nothing_done(score: Score, scores: pl.DataFrame) -> Iterator[Text]:
    """A line where its rules found no event at all: those there are may be older, or others."""
    if score.event_rules and set(scores["state"].unique()) - {"unscored"} == {"inactive"}:
        yield Text(
            f"nobody did anything that it counts in its {count(score.longest_window)} days", style="gold3"
        )


def _machines(rests: Unverified | None) -> Iterator[Text]:
    """A line on what nobody may have done; none where that is nothing."""
    if rests is not None and rests.share:
        partly = f", {rests.lacking} days not counted yet" if rests.lacking else ""
        yield Text(f"{percent(rests.share)} of it rests on machine events{partly}", style="dim")


def _held_back(scores: pl.DataFrame, guard: Guard) -> Iterator[Text]:
    """A line for scores that are stale or provisional, with the reason that is known."""
    states = set(scores["state"])
    if "stale" in states:
        yield Text(
            f"stale: {'; '.join(guard.stale) or 'a source lacked days when it was made'}", style="gold3"
        )
    if "provisional" in states:
        yield Text(f"provisional: {guard.provisional or 'no reference is in force'}", style="gold3")


def _drifted(drift: Drift | None) -> Iterator[Text]:
    """A line for a frozen reference that is, or soon will be, no longer that of today's people."""
    if drift is None or drift.verdict == "stable":
        return
    moves = "would change band" if drift.by_band else "would move by a tenth"
    found = f"PSI {drift.psi:.2f}, {percent(drift.moved)} {moves}"
    if drift.verdict == "refit":
        yield Text(f"refit its reference: {found}", style="gold3")
    else:
        yield Text(f"its reference drifts: {found}", style="dim")


def _spread(scores: pl.DataFrame) -> str:
    """Lowest, middle and highest score, for a score without bands."""
    values = scores["score"].drop_nulls().sort()
    if values.is_empty():
        return "nobody has a score"
    low, middle, high = values[0], values[len(values) // 2], values[-1]
    return f"{count(len(values))} people, from {low:g} to {high:g}, the middle one {middle:g}"


def _block(name: str, goal: str, lines: RenderableType) -> Group:
    return Group(Text(name, style="bold"), Text(goal, style="dim"), lines)


def _shades(number: int) -> Sequence[str]:
    if number == 1:
        return (_SHADES[1],)
    return [_SHADES[round(index * (len(_SHADES) - 1) / (number - 1))] for index in range(number)]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _step(step: str) -> tuple[str, str]:
    """A waterfall's step in words, and its colour."""
    if step.startswith("send: "):
        return f"{_OUT} {_words(step.removeprefix('send: '))}", _SENT
    if step == "holdout":
        return f"{_AWAY} held out", _HELD_OUT
    if step == "candidates":
        return "candidates", "bold"
    return f"{_AWAY} {_words(step.removeprefix('excluded: '))}", _LOST


def _span(start: int, end: int, whole: int, width: int = BAR) -> str:
    """The part of a bar from `start` to `end` of `whole`; spans that touch do so when drawn, too."""
    first, last = (round(edge * width / max(1, whole)) for edge in (start, end))
    if end > start and first == last:
        first, last = (first - 1, last) if last == width else (first, last + 1)
    return " " * first + "█" * (last - first)
