"""How a preview looks at a terminal of a hundred columns.

Here: renderables; nothing is printed. Not here: the figures (`preview`), one score (`preview_score_text`) and
the page (`preview_page`).
"""

from collections.abc import Iterator, Sequence

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from engagement_pipeline.reports.preview import (
    ADDED,
    REMOVED,
    CampaignChange,
    Preview,
    SegmentChange,
    people,
    why,
)
from engagement_pipeline.reports.preview_score_text import (
    DOWN,
    EDIT,
    OVER,
    SAME,
    UP,
    plain,
    score_parts,
    signed,
)
from engagement_pipeline.reports.terminal import count


def shown(found: Preview) -> RenderableType:
    """The whole preview."""
    parts: list[RenderableType] = [_headline(found)]
    if found.is_empty:
        parts.append(Text("\nNothing changes for anybody: both say the same.", style=UP))
        return Group(*parts, *_aside(found))
    parts += [Text(), _edits(found)]
    parts.append(Text())
    for score in found.scores:
        parts += score_parts(score)
    if found.segments:
        parts += [Rule("Segments", align="left", style=SAME), _segments(found.segments)]
    if found.campaigns:
        parts += [Rule("Campaigns", align="left", style=SAME), *_campaigns(found.campaigns)]
    parts += [Rule("Computed anew because of the edit", align="left", style=SAME), _recomputed(found)]
    parts += [*_verdict(found), *_aside(found)]
    return Group(*parts)


def _headline(found: Preview) -> Text:
    line = Text.assemble(
        ("Preview", "bold"), f" of {found.after} against {found.before}, as of {found.as_of}\n"
    )
    line.append(f"{people(found.people)} known", style="dim")
    touched = [
        _number(len(each), what)
        for each, what in (
            (found.scores, "score"),
            (found.segments, "segment"),
            (found.campaigns, "campaign"),
        )
        if each
    ]
    if touched:
        line.append(f" · {', '.join(touched)} touched", style="dim")
    if found.measured[0]:
        line.append(
            f" · {_number(found.measured[0], 'measure')} of {_number(found.measured[1], 'day')} "
            "not stored yet, computed from events for this",
            style="dim",
        )
    return line


def _edits(found: Preview) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, changes in found.edits.items():
        for place, change in enumerate(changes):
            table.add_row(name if place == 0 else "", Text(change, style=EDIT))
    return table


def _segments(segments: Sequence[SegmentChange]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("segment", no_wrap=True)
    for name in ("before", "after", "gained", "lost", "share moved"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", style="dim")
    for each in segments:
        table.add_row(each.name, *_gains(each), why(each))
    return table


def _gains(each: SegmentChange | CampaignChange) -> tuple[RenderableType, ...]:
    return (
        count(each.before),
        count(each.after),
        Text(f"+{count(each.gained)}" if each.gained else "·", style=UP if each.gained else SAME),
        Text(f"-{count(each.lost)}" if each.lost else "·", style=DOWN if each.lost else SAME),
        f"{each.share:.1%}" if each.how not in (ADDED, REMOVED) else each.how,
    )


def _campaigns(campaigns: Sequence[CampaignChange]) -> Iterator[RenderableType]:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("campaign", no_wrap=True)
    for name in ("sent before", "after", "gained", "lost", "share moved"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", style="dim")
    for each in campaigns:
        table.add_row(each.name, *_gains(each), why(each))
    yield table
    for each in campaigns:
        steps = each.steps.filter(pl.col("before") != pl.col("after"))
        if not steps.is_empty():
            yield _steps(each.name, steps)


def _steps(name: str, steps: pl.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(f"{name}: decision", no_wrap=True)
    table.add_column("variant or reason", overflow="fold")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right", no_wrap=True)
    for decision, reason, before, after in steps.iter_rows():
        change = after - before
        style = SAME if decision != "send" else UP if change > 0 else DOWN
        table.add_row(
            plain(decision), reason or "", count(before), count(after), Text(signed(change), style=style)
        )
    return table


def _recomputed(found: Preview) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("table", no_wrap=True)
    table.add_column("stored dates", justify="right")
    table.add_column("why", overflow="fold", style="dim")
    for each in found.recomputed:
        table.add_row(each.table, count(each.dates) if each.dates else "", each.why)
    return table


def _aside(found: Preview) -> Iterator[RenderableType]:
    if found.aside:
        yield Text("\nNot previewed: takes effect on what comes in from then on", style="bold")
        yield from (Text(f"  {line}", style="dim") for line in found.aside)


def _verdict(found: Preview) -> Iterator[RenderableType]:
    if not found.exceeded:
        yield Text("Within the limits for publishing.", style=f"bold {UP}")
        return
    yield Text("Over the limits for publishing:", style=f"bold {OVER}")
    lines = Table.grid(padding=(0, 1))
    for line in found.exceeded:
        lines.add_row(Text(" -", style=OVER), Text(line, style=OVER))
    yield lines


def _number(number: int, what: str) -> str:
    return f"{count(number)} {what}{'' if number == 1 else 's'}"
