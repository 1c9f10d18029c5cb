"""How an explanation looks at a terminal of a hundred columns.

Here: renderables; nothing is printed. Not here: its words (`explanations`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engagement_pipeline.reports.explanations import (
    COMPUTED,
    SOURCES,
    STORED,
    Explanation,
    in_points,
    number,
)

FAINT, NAME, GAIN, LOSS = "dim", "bold", "green3", "indian_red1"
_LOSSES = {"decay_loss": "to age", "cap_loss": "to its cap", "group_loss": "to group caps"}
LONGEST = 34
"""Characters of a rule's name before it is cut."""
MOST_ALIASES = 8


def shown(found: Explanation) -> RenderableType:
    """The whole explanation."""
    parts: list[RenderableType] = [_who(found)]
    for score in found.scores.iter_rows(named=True):
        name = score["name"]
        rules, parted = (frame.filter(pl.col("name") == name) for frame in (found.rules, found.parts))
        parts.append(Group(*_score(score, rules, parted)))
    return Group(*parts)


def _who(found: Explanation) -> Text:
    line = Text.assemble((found.person_id, NAME), f" as of {found.as_of}")
    if found.asked != found.person_id:
        line.append(f"\n{found.asked} is another id of this person", FAINT)
    others = [each for each in found.aliases["alias"] if each != found.asked]
    if others:
        more = f" and {len(others) - MOST_ALIASES} more" if len(others) > MOST_ALIASES else ""
        line.append(f"\nalso known as {', '.join(others[:MOST_ALIASES])}{more}", FAINT)
    return line


def _score(score: dict[str, Any], rules: pl.DataFrame, parts: pl.DataFrame) -> Iterator[RenderableType]:
    yield Text()
    yield _headline(score)
    if score["why"]:
        yield Padding(Text(score["why"], style=FAINT), (0, 0, 0, 2))
    if score["points"] is None:
        return
    if score["scale"]:
        yield Padding(Text(score["scale"]), (0, 0, 0, 2))
    if score["bands"]:
        yield Padding(Text(score["bands"]), (0, 0, 0, 2))
    if rules["gave"].any() or score["changed_since"]:
        yield Padding(_ledger(score, rules), (0, 0, 0, 2))
    silent = [rule for rule, gave in rules.select("rule", "gave").iter_rows() if not gave]
    if silent:
        yield Padding(Text(f"nothing from: {'; '.join(silent)}", style=FAINT), (0, 0, 0, 2))
    if not parts.is_empty():
        yield Padding(_parts(parts), (0, 0, 0, 2))
    yield Padding(Text(_made(score), style=FAINT), (0, 0, 0, 2))


def _headline(score: dict[str, Any]) -> Text:
    line = Text.assemble((score["name"], NAME))
    if score["score"] is not None:
        line.append(f"  {number(score['score'], 2)}", NAME)
        if score["band"]:
            line.append(f"  {score['band'].replace('_', ' ')}")
    if score["state"] and score["state"] != "scored":
        line.append(f"  {score['state']}", "gold3")
    return line


def _ledger(score: dict[str, Any], rules: pl.DataFrame) -> Table:
    """A row per rule that gave anything; columns that hold nothing are left out."""
    gave = rules.filter("gave")
    capped = bool((gave["capped_off"] != 0).any())
    losses = {name: words for name, words in _LOSSES.items() if (gave[name] != 0).any()}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=False)
    # Where the terminal is narrow, words wrap before any number is cut.
    table.add_column("rule", overflow="fold", max_width=LONGEST, ratio=1)
    table.add_column("quantity", justify="right", no_wrap=True)
    table.add_column("", style=FAINT, overflow="fold", max_width=16)
    if capped:
        table.add_column("capped off", justify="right", no_wrap=True)
    if losses:
        table.add_column("gives", justify="right", no_wrap=True)
    for words in losses.values():
        table.add_column(words, justify="right", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    for row in gave.iter_rows(named=True):
        cells: list[str | Text] = [Text(row["rule"]), number(row["quantity"], 2), row["unit"]]
        if capped:
            cells.append(number(-row["capped_off"], 2) if row["capped_off"] else "")
        if losses:
            cells.append(in_points(row["gross"]))
        cells += [in_points(-row[name]) if row[name] else "" for name in losses]
        table.add_row(*cells, signed(row["points"]))
    if score["changed_since"]:
        blank = [""] * (len(table.columns) - 2)
        late = Text("changed since it was stored", style="gold3")
        table.add_row(late, *blank, signed(score["changed_since"]))
    table.add_section()
    blank = [""] * (len(table.columns) - 2)
    table.add_row(Text("sum", style=NAME), *blank, Text(in_points(score["points"]), style=NAME))
    return table


def _parts(parts: pl.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("made of", "weight", "score", "band", "points"):
        right = name in ("weight", "score", "points")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in parts.iter_rows(named=True):
        there = row["score"] is not None
        table.add_row(
            row["part"],
            f"{row['weight']:+g}",
            number(row["score"], 2) if there else "none",
            (row["band"] or "") if there else (row["state"] or "unscored"),
            signed(row["points"]) if there else "",
            style=None if there else FAINT,
        )
    return table


def _made(score: dict[str, Any]) -> str:
    """Reference, definition and where the rows come from."""
    found = [f"definition {score['definition']}"]
    if score["version"] is not None:
        found[0] += f" (version {score['version']}, no longer the catalog's)"
    if score["reference"]:
        found.append(f"reference {score['reference']}")
    if score["source"] != STORED:
        found.append(SOURCES[score["source"]])
    if score["changed_since"] and score["source"] != COMPUTED:
        found.append("what it was made from changed since")
    return "; ".join(found)


def signed(points: int) -> Text:
    """Points, or a score's ten-thousandths, with their sign and its colour."""
    return Text(in_points(points, signed=True), style=GAIN if points > 0 else LOSS if points < 0 else "")
