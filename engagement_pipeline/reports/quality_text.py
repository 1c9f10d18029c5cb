"""The quality of scores at a terminal.

Here: stored figures in, rich renderables out. Not here: what is said in words (`quality`).
"""

from collections.abc import Iterator, Mapping

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from engagement_pipeline.catalog.judging import judged_by
from engagement_pipeline.catalog.specs import Catalog, Outcome
from engagement_pipeline.core.outcomes import SCORE
from engagement_pipeline.reports import quality as words
from engagement_pipeline.reports.terminal import bar

_MARKS = {
    True: ("\N{CHECK MARK}", "green3"),
    False: ("\N{MULTIPLICATION SIGN}", "red3"),
    None: ("?", "gold3"),
}


def verdict_lines(catalog: Catalog, figures: Mapping[str, pl.DataFrame]) -> Iterator[RenderableType]:
    """A line for each score and outcome. figures: `quality_frames.QUALITY` by score."""
    yield Rule("Do the scores foretell more than the day of the last event?", align="left", style="dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "score", "outcome"):
        table.add_column(name, no_wrap=True)
    for name in ("AUC", "of recency"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ahead by")
    for name, found in figures.items():
        for outcome in judged_by(catalog, name):
            mine = found.filter(pl.col("outcome") == outcome.outcome)
            if mine.is_empty():
                continue
            beats, said = words.verdict(mine)
            mark, style = _MARKS[beats]
            cells = words.leads(mine) or ("", "", said)
            table.add_row(Text(mark, style=style), Text(name, style="bold"), outcome.outcome, *cells)
    yield table
    yield Text(
        "AUC: of two people of whom one did it, how often the score picks that one; 0.5 is chance.",
        style="dim",
    )


def quality_block(
    outcome: Outcome, score: str, figures: pl.DataFrame, deciles: pl.DataFrame
) -> RenderableType:
    """All that is known of one score and outcome. figures: `quality_frames.QUALITY`, deciles:
    `quality_frames.DECILES`, of the score."""
    mine = figures.filter(pl.col("outcome") == outcome.outcome)
    if mine.is_empty():
        return Text(f"{score}: {outcome.outcome} is new; judge it anew", style="gold3")
    beats, said = words.verdict(mine)
    mark, style = _MARKS[beats]
    parts: list[RenderableType] = [
        Rule(f"{score}: {words.in_words(outcome)}", align="left", style="dim"),
        Text(f"{mark} {said}", style=style),
    ]
    if rows := list(words.models(mine, score, brief=True)):
        parts.append(_table(words.HEADER, rows))
        parts.append(_tenths(deciles.filter(pl.col("outcome") == outcome.outcome)))
    if rows := list(words.dates(mine)):
        parts.append(_table(words.DATES, rows))
    if calibration := words.calibration(mine):
        parts.append(Text(calibration[0].upper() + calibration[1:] + ".", style="dim"))
    return Group(*parts, "")


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(header):
        style = None if position else "bold"
        # Where the terminal is narrow, intervals and names wrap before any number is cut.
        numbers = not name.endswith(("AUC", "ahead by", "AUC of recency")) and name != ""
        table.add_column(name, justify="right" if position else "left", style=style, no_wrap=numbers)
    for row in rows:
        table.add_row(*row)
    return table


def _tenths(deciles: pl.DataFrame) -> Table:
    """The rate of outcomes by tenth of the score, as bars."""
    mine = deciles.filter(pl.col("model") == SCORE, pl.col("as_of").is_null()).sort("decile")
    most = max(*mine["rate"], 1e-9)
    lines = Table.grid(padding=(0, 1))
    for row in mine.iter_rows(named=True):
        name = {1: "likeliest", 10: "least likely"}.get(row["decile"], str(row["decile"]))
        span = "" if row["low"] is None else f"({row['low']:.1%} to {row['high']:.1%})"
        lines.add_row(
            Text(name, style="bold"),
            Text(bar(row["rate"] / most), style="#3f86cc"),
            f"{row['rate']:.1%}",
            Text(span, style="dim"),
        )
    return lines
