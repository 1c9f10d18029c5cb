"""How the tryout of a source looks at a terminal.

Here: renderables. Not here: what is found (`tryout`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engagement_pipeline.reports.terminal import count
from engagement_pipeline.reports.tryout import Tryout

WIDTH = 150
"""Characters shown of a raw row, where the terminal is as wide."""
CELL = 40
WHOLE = ("occurred_at", "event", "channel", "person_id", "value", "alias", "merges")


def shown(found: Tryout) -> RenderableType:
    """The whole report, from what comes in to what does not."""
    return Group(*_parts(found))


def _parts(found: Tryout) -> Iterator[RenderableType]:
    part = "" if found.whole else "the first "
    yield Text(f"{found.file} as source {found.source}: {part}{count(found.rows)} rows; nothing was stored")
    yield Text()
    yield _counts(found)
    for title, rows in (
        ("First events", found.event_rows),
        ("First profiles", found.profile_rows),
        ("First statements of who is who", found.identity_rows),
    ):
        if rows:
            yield Text(f"\n{title}", style="bold")
            yield _table(rows)
    if found.rules:
        yield Text("\nRejected", style="bold")
        yield from _rejected(found)
    if found.hint:
        yield Text(f"\n{found.hint}", style="yellow")
    if found.absent:
        yield Text("\nNothing was ever found at", style="bold")
        yield from (Text(f"  {each}", style="yellow") for each in found.absent)


def _counts(found: Tryout) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="grey54")
    for event, number in sorted(found.by_event.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(event, count(number))
    span = f"{_cell(found.first)} to {_cell(found.last)}" if found.first else ""
    table.add_row(Text("events", style="bold"), count(found.events), span)
    for name, number, note in (
        ("of ids that stood before", found.repeated, "the same event again, or a conflict"),
        ("by machines", found.machine, ""),
        ("profiles", found.profiles, ""),
        ("statements of who is who", found.identities, ""),
        ("rows left out on purpose", found.ignored, ""),
    ):
        if number:
            table.add_row(name, count(number), note)
    style = "red" if found.rejected_rows else "green"
    share = f"{found.rejected_rows / found.rows:.1%} of the rows" if found.rejected_rows else ""
    table.add_row(Text("rows rejected", style=style), count(found.rejected_rows), share)
    return table


def _table(rows: Sequence[dict[str, object]]) -> Table:
    """Rows with the columns that any of them fills."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = dict.fromkeys(name for row in rows for name in row)
    if not any(row.get("is_machine") for row in rows):
        columns.pop("is_machine", None)
    for name in columns:
        # Where there is little room, ids are cut before what happened to whom.
        table.add_column(name, overflow="ellipsis", no_wrap=name in WHOLE)
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    return table


def _rejected(found: Tryout) -> Iterator[RenderableType]:
    for rule, rejected in sorted(found.rules.items(), key=lambda item: -item[1].rows):
        yield Text.assemble(
            (f"  {rule}", "red"), f"  {count(rejected.rows)} row{'' if rejected.rows == 1 else 's'}"
        )
        for sample in rejected.samples:
            yield Text(f"    row {sample['row_number']}: {sample['reason']}")
            raw = f"      {_cut(str(sample['raw']), WIDTH)}"
            yield Text(raw, style="grey54", no_wrap=True, overflow="ellipsis")


def _cell(value: object) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(value.strftime("%Y-%m-%d %H:%M:%S"))
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(_cut(str(value), CELL))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
