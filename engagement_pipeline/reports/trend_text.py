"""How a score's movement looks at a terminal: `engagement trend`.

Here: rich renderables. Not here: the figures (`trend`).
"""

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engagement_pipeline.reports.preview import STATES, figure
from engagement_pipeline.reports.preview_score_text import DOWN, SAME, UP, matrix, movers_table, plain
from engagement_pipeline.reports.terminal import count, percent
from engagement_pipeline.reports.trend import Movement

_PLACES = 6
"""Places with a column of their own; the rest is in --json."""


def shown(found: Movement) -> RenderableType:
    """The dates, the matrix between two of them, and who moved most."""
    head = Text.assemble((f"{found.score}", "bold"), (f"  {found.goal}", "dim"))
    parts: list[RenderableType] = [head, _days(found)]
    if found.since is None:
        return Group(*parts, Text("No earlier date is stored: nothing to compare with.", style="dim"))
    line = Text(f"From {found.since} to {found.as_of}: ")
    line.append(f"{count(found.up)} rose", style=UP)
    line.append(", ")
    line.append(f"{count(found.down)} fell", style=DOWN)
    line.append(f", {count(_stayed(found))} stayed in their place.")
    parts.append(line)
    if found.note:
        parts.append(Text(found.note, style="yellow"))
    parts.append(matrix(found.order, found.matrix))
    if found.movers:
        parts.append(movers_table(found.movers))
    return Group(*parts)


def _stayed(found: Movement) -> int:
    return int(found.matrix.filter(pl.col("before") == pl.col("after"))["people"].sum())


def _anybody(found: Movement, place: str) -> bool:
    days = found.days["as_of"]
    return any(found.share(day, place) for day in days)


def _days(found: Movement) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("as of", no_wrap=True)
    for name in ("scored", "mean", "p10", "median", "p90"):
        table.add_column(name, justify="right", no_wrap=True)
    held = [place for place in found.order if place not in STATES or _anybody(found, place)]
    places = held[:_PLACES]
    for place in places:
        # Where the terminal is narrow, names wrap between words, and no number is cut.
        head = plain(place)
        table.add_column(head, justify="right", min_width=max(4, *map(len, head.split())), overflow="fold")
    definition = None
    for row in found.days.iter_rows(named=True):
        edited = definition is not None and row["definition"] != definition
        definition = row["definition"]
        cells = ["" if row[name] is None else figure(row[name]) for name in ("mean", "p10", "median", "p90")]
        shares = [percent(found.share(row["as_of"], place)) for place in places]
        day = Text(str(row["as_of"]) + ("*" if edited else ""))
        table.add_row(
            day, count(row["scored"]), *cells, *shares, style="" if row["as_of"] == found.as_of else SAME
        )
    if found.days["definition"].drop_nulls().n_unique() > 1:
        table.caption = "* from here on by another definition"
        table.caption_justify = "left"
    return table
