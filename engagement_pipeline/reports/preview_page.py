"""A preview as one HTML page that needs nothing else: to be sent to whoever has to agree.

Here: filling the template beside it. Everything is escaped; what is drawn comes from `preview_svg`. Not here:
the figures (`preview`).
"""

import jinja2
import polars as pl

from engagement_pipeline.reports import preview_svg
from engagement_pipeline.reports.preview import (
    ADDED,
    REMOVED,
    STATES,
    Preview,
    ScoreChange,
    figure,
    people,
    why,
)
from engagement_pipeline.reports.terminal import percent

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("engagement_pipeline.reports", "pages"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def page(found: Preview) -> str:
    """The whole page."""
    return _PAGES.get_template("preview.html").render(
        found=found,
        edits=found.edits,
        flow=preview_svg.flow,
        shape=preview_svg.distribution,
        gains=preview_svg.gains,
        widest=lambda rows: max((each.lost + each.stayed + each.gained for each in rows), default=1),
        figure=figure,
        people=people,
        percent=percent,
        matrix=matrix,
        effects=effects,
        changed_steps=lambda each: each.steps.filter(pl.col("before") != pl.col("after")),
        why=why,
        judged=lambda each: each.how not in (ADDED, REMOVED),
    )


def matrix(score: ScoreChange) -> tuple[list[str], list[tuple[str, list[tuple[int, str, float]], int]]]:
    """The places, and for each its name, the people who go from it to each place with the kind of move and
    their share of the row, and the sum of the row."""
    going = {(before, after): number for before, after, number in score.migration.iter_rows()}
    places = list(score.places)
    rank = {place: number for number, place in enumerate(places) if place not in STATES}
    rows = []
    for before in places:
        numbers = [going.get((before, after), 0) for after in places]
        total = sum(numbers)
        cells = [
            (number, _move(before, after, rank), number / total if total else 0.0)
            for after, number in zip(places, numbers, strict=True)
        ]
        rows.append((before, cells, total))
    return places, rows


def effects(score: ScoreChange) -> list[dict[str, object]]:
    """The rules that give other points than before."""
    if score.rules.is_empty():
        return []
    changed = score.rules.filter(
        (pl.col("points_before") != pl.col("points_after"))
        | (pl.col("people_before") != pl.col("people_after"))
    )
    return changed.head(20).to_dicts()


def _move(before: str, after: str, rank: dict[str, int]) -> str:
    if before == after:
        return "same"
    if before in rank and after in rank:
        return "up" if rank[after] > rank[before] else "down"
    return "other"
