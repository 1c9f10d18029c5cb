"""How the health of the sources looks: as rows of text, and at a terminal.

Here: words and renderables. Not here: what is found (`health`).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engagement_pipeline.core.lateness import in_words
from engagement_pipeline.reports.health import Health, SourceHealth
from engagement_pipeline.reports.plots import DAY_KINDS
from engagement_pipeline.reports.terminal import count

STYLES = {"ok": "green3", "thin": "gold3", "overdue": "gold3", "missing": "red", "failing": "red"}
MARKS = {
    "ok": ("█", "green3"),
    "unasked": ("█", "grey54"),
    "thin": ("▄", "gold3"),
    "missing": ("\N{MULTIPLICATION SIGN}", "red"),
    "free": ("·", "grey54"),
}
"""Kind of a day -> how it is drawn."""
DAYS_NAMED = 5
Column = Callable[[SourceHealth, datetime], str]

COLUMNS: Mapping[str, Column] = {
    "source": lambda row, at: row.source,
    "state": lambda row, at: row.state,
    "last file ago": lambda row, at: age(at, row.last_file),
    "7 days": lambda row, at: number(row.events_7d),
    "28 days": lambda row, at: number(row.events_28d),
    "usual day": lambda row, at: number(row.usual),
    "missing": lambda row, at: number(len(row.missing) or None),
    "thin": lambda row, at: number(len(row.thin) or None),
    "rejected": lambda row, at: share(row.rejected_share),
    "most by": lambda row, at: row.top_rule or "",
    "twice": lambda row, at: number(row.duplicates or None),
    "conflicts": lambda row, at: number(row.conflicts or None),
    "machines": lambda row, at: share(row.machine_share),
    "9 in 10 within": lambda row, at: in_words(row.within_seconds),
    "read up to": lambda row, at: row.watermark or "",
}
"""The columns of the table; those that are empty for every source are left out."""
LEFT = ("source", "state", "most by", "read up to")
BELOW = ("most by", "twice", "conflicts", "read up to")
"""At a terminal these stand in lines of their own, so that the table fits into 80 columns."""


def cells(found: Health) -> dict[str, list[str]]:
    """Column -> its cells, source by source, without empty columns."""
    filled = {name: [column(row, found.at) for row in found.sources] for name, column in COLUMNS.items()}
    return {name: texts for name, texts in filled.items() if any(texts)}


def remarks(found: Health) -> Iterator[str]:
    """A line for whatever somebody should look at."""
    for row in found.sources:
        if row.failed_files:
            files = "1 file is" if row.failed_files == 1 else f"{row.failed_files} files are"
            yield f"{row.source}: {files} refused at every landing; the run's page says why"
        for what, days in (("missing", row.missing), ("thin", row.thin)):
            if days:
                yield f"{row.source}: {what} on {named(days)}"
        if row.overdue:
            yield f"{row.source}: no new file for longer than `fresh_within`"
        elif row.last_file is None and not row.failed_files:
            yield f"{row.source}: nothing was ever landed; look at its `path`, and whether files lie there"


def shown(found: Health) -> RenderableType:
    """The whole report for a terminal."""
    filled = {name: texts for name, texts in cells(found).items() if name not in BELOW}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for name in filled:
        head = "\n".join(name.rsplit(" ", 1))
        table.add_column(
            head, justify="left" if name in LEFT else "right", no_wrap=name != "source", overflow="fold"
        )
    for place, row in enumerate(found.sources):
        style = STYLES[row.state]
        table.add_row(
            *(Text(texts[place], style=style if name == "state" else "") for name, texts in filled.items())
        )
    parts: list[RenderableType] = [Text(f"Sources up to {found.as_of}"), table]
    if strips := found.strips():
        parts += [Text("The last days, oldest first"), _strips(strips), _legend(strips)]
    if lines := list(remarks(found)):
        parts += [Text(), *(Text(line, style="gold3") for line in lines)]
    if lines := list(_notes(found)):
        parts += [Text(), *(Text(line, style="dim") for line in lines)]
    return Group(*parts)


def _notes(found: Health) -> Iterator[str]:
    """What is good to know of a source, beside its row."""
    rules: dict[str, list[str]] = {}
    for row in found.sources:
        if row.top_rule:
            rules.setdefault(row.top_rule, []).append(row.source)
        if row.watermark:
            yield f"{row.source} was read up to {row.watermark}"
    for what, many in (("twice", "duplicates"), ("with contents that differ", "conflicts")):
        named_in = [
            f"{row.source} {count(getattr(row, many))}" for row in found.sources if getattr(row, many)
        ]
        if named_in:
            yield f"event ids delivered {what}: {', '.join(named_in)}"
    for rule, names in rules.items():
        yield f"rejected mostly as {rule}: {', '.join(names)}"


def age(at: datetime, then: datetime | None) -> str:
    """How long ago that was: `3.0 h`; `never` for None."""
    return "never" if then is None else in_words(max(0.0, (at - then).total_seconds()))


def number(value: int | None) -> str:
    """`1,234`; nothing for None."""
    return "" if value is None else count(value)


def share(value: float | None) -> str:
    """`2.5%`, `<0.1%`; nothing for None and for nothing."""
    if not value:
        return ""
    return "<0.1%" if value < 0.0005 else f"{value:.1%}"


def named(days: tuple[date, ...]) -> str:
    """Days as spans: `2026-04-01 to 2026-04-03, 2026-04-07`; the newest ones where there are many."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    texts = [f"{span[0]} to {span[-1]}" if len(span) > 1 else str(span[0]) for span in spans]
    more = len(texts) - DAYS_NAMED
    return ", ".join(texts[-DAYS_NAMED:]) + (f" and {more} times before" if more > 0 else "")


def _strips(strips: Mapping[str, list[str]]) -> Table:
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True)
    lines.add_column(no_wrap=True)
    for source, kinds in strips.items():
        lines.add_row(source, Text.assemble(*(MARKS[kind] for kind in kinds)))
    return lines


def _legend(strips: Mapping[str, list[str]]) -> Text:
    seen = {kind for kinds in strips.values() for kind in kinds}
    said = ((MARKS[kind], (f" {DAY_KINDS[kind][1]}   ", "dim")) for kind in MARKS if kind in seen)
    return Text.assemble(*(part for parts in said for part in parts))
