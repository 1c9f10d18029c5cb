"""How the change of a person's scores looks at a terminal of a hundred columns.

Here: renderables. Not here: the frames (`explanations`), one date alone (`explanations_text`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engagement_pipeline.core.frames import CAUSES, POINT
from engagement_pipeline.reports.changes import CAUSES_IN_WORDS, ExplainedChange
from engagement_pipeline.reports.explanations import in_points, number
from engagement_pipeline.reports.explanations_text import FAINT, GAIN, LOSS, NAME, signed

ARROW = "\N{RIGHTWARDS ARROW}"
MOST_RULES = 8


def shown_change(found: ExplainedChange) -> RenderableType:
    """Every score's change."""
    line = Text.assemble((found.person_id, NAME), f" as of {found.as_of}, compared with {found.since}")
    if found.asked != found.person_id:
        line.append(f"\n{found.asked} is another id of this person", FAINT)
    parts: list[RenderableType] = [line]
    for row in found.changes.iter_rows(named=True):
        rules = found.rules.filter(pl.col("name") == row["name"])
        parts.append(Group(*_score(row, rules)))
    return Group(*parts)


def _score(row: dict[str, Any], rules: pl.DataFrame) -> Iterator[RenderableType]:
    yield Text()
    yield _headline(row)
    moved = [cause for cause in CAUSES if row[f"score_{cause}"] or row.get(f"points_{cause}")]
    if not moved:
        yield Padding(Text("nothing moved it", style=FAINT), (0, 0, 0, 2))
    else:
        yield Padding(_causes(row, moved), (0, 0, 0, 2))
    if not rules.is_empty():
        said = [
            f"{rule} {number(before)} {ARROW} {number(after)}"
            for rule, before, after in rules.head(MOST_RULES).select("rule", "before", "after").iter_rows()
        ]
        more = f" and {rules.height - MOST_RULES} more" if rules.height > MOST_RULES else ""
        yield Padding(Text(f"by rule, in points: {'; '.join(said)}{more}", style=FAINT), (0, 0, 0, 2))
    if row["says"]:
        yield Padding(Text(row["says"], style="gold3"), (0, 0, 0, 2))


def _headline(row: dict[str, Any]) -> Text:
    line = Text.assemble((row["name"], NAME))
    line.append(f"  {_place(row, 'before')} {ARROW} {_place(row, 'after')}", NAME)
    if row["score_change"]:
        change = row["score_change"]
        line.append(f"  {'+' if change > 0 else ''}{number(change / POINT, 2)}", GAIN if change > 0 else LOSS)
    return line


def _place(row: dict[str, Any], side: str) -> str:
    score, band, state = (row[f"{what}_{side}"] for what in ("score", "band", "state"))
    if score is None:
        return str(state or "not known")
    shown = number(score / POINT, 2)
    return f"{shown} {band.replace('_', ' ')}" if band else shown


def _causes(row: dict[str, Any], moved: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("because of", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    scored = row["score_new_behaviour"] is not None
    if scored:
        table.add_column("score", justify="right", no_wrap=True)
    for cause in moved:
        points, score = row.get(f"points_{cause}"), row[f"score_{cause}"]
        cells = [signed(points) if points else Text()]
        if scored:
            cells.append(signed(score) if score else Text())
        table.add_row(CAUSES_IN_WORDS[cause], *cells)
    table.add_section()
    cells = [Text(in_points(row["points_change"], signed=True), style=NAME)]
    if scored:
        cells.append(Text(in_points(row["score_change"], signed=True), style=NAME))
    table.add_row(Text("sum", style=NAME), *cells)
    return table
