"""How published versions look at a terminal: the list of them, and one version's scores beside another's.

Here: renderables. Not here: what was published (`storage.published`).
"""

from collections.abc import Sequence

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.reports.bands import band_counts
from engagement_pipeline.reports.terminal import bar, count, percent
from engagement_pipeline.storage.published import Version

_MOST = 6
"""Changes of one version that are listed; the JSON has all of them."""


def listed(versions: Sequence[Version], *, whole: bool) -> RenderableType:
    """A row per version, oldest first. whole: with every change, for one definition."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    # Where the terminal is narrow, words wrap: neither a digest is cut nor the last column lost.
    table.add_column("definition", overflow="fold")
    table.add_column("version", overflow="fold", min_width=12)
    table.add_column("published", overflow="fold", min_width=10)
    table.add_column("by", overflow="ellipsis", no_wrap=True, max_width=18)
    table.add_column("what changed", overflow="fold")
    last = None
    for each in versions:
        name = f"{each.kind} {each.name}"
        table.add_row(
            Text("" if name == last else name, style="bold"),
            f"{each.version} · {each.digest or 'removed'}",
            f"{each.publication.at:%Y-%m-%d %H:%M}",
            each.publication.by or "nobody known",
            _changes(each, None if whole else _MOST),
        )
        last = name
    return table


def _changes(version: Version, most: int | None) -> Text:
    lines, over = list(version.changes), version.publication.exceeded
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], f"and {len(lines) - most + 1} more"]
    words = Text("\n".join(lines))
    if over:
        words.append(f"\nover {len(over)} limit{'' if len(over) == 1 else 's'}", style="dark_orange")
        words.append(f", acknowledged: {version.publication.acknowledged}", style="dark_orange")
        if most is None:
            words.append("".join(f"\n- {line}" for line in over), style="dim")
    return words


def bands_of(sides: Sequence[tuple[str, pl.DataFrame, Score]]) -> RenderableType:
    """People by band under each version. sides: its name, rows of `frames.SCORES`, the definition."""
    tables: list[RenderableType] = []
    for name, scores, score in sides:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(name, no_wrap=True, min_width=16)
        table.add_column("people", justify="right", no_wrap=True)
        table.add_column("share", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for band, people, share in band_counts(scores, score).iter_rows():
            table.add_row(
                band.replace("_", " "), count(people), percent(share), Text(bar(share), style="#3f86cc")
            )
        tables.append(table)
    return Group(*tables)
