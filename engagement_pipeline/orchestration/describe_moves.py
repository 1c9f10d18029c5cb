"""How a score moved, on its asset's page: a few dates beside the one that is about to be stored.

Here: bounded reading (`movement.looks`, six dates at most) and markdown. Not here: the figures
(`core.movement`), the whole history (`engagement trend`).
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.core import comparison, movement
from engagement_pipeline.core.alerts import ascending_bands
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.reports.preview import figure
from engagement_pipeline.reports.terminal import percent
from engagement_pipeline.storage.lake import Lake

NEEDED = ("as_of", "person_id", "points", "score", "band", "state", "definition", "reference")


def describe_moves(lake: Lake, staged: pl.LazyFrame, day: date, score: Score) -> dict[str, Any]:
    """The trend of the last weeks, and who went from which band to which since a week before; nothing where
    no other date is stored."""
    table = f"scores/{score.score}"
    stored = [date.fromisoformat(key) for key in lake.partitions(table)]
    others = [each for each in movement.looks(stored, day) if each != day]
    if not others:
        return {}
    now = staged.filter(pl.col("as_of") == day).select(NEEDED).with_columns(pl.col("band", "state").cast(str))
    before = lake.scan(table, [each.isoformat() for each in others]).select(NEEDED)
    every = pl.concat([before, now])
    week = day - timedelta(days=movement.WEEK)
    asked = [movement.trend(every), movement.places(every)]
    if week in others:
        asked.append(comparison.migration(comparison.sides(before.filter(pl.col("as_of") == week), now)))
    days, places, *matrix = pl.collect_all(asked)
    bands = ascending_bands(score.bands)
    shown = {"trend": markdown(_trend(days, places, movement.in_order(places["place"], bands)))}
    if matrix:
        there = movement.in_order([*matrix[0]["before"], *matrix[0]["after"]], bands)
        shown[f"since {week}"] = markdown(matrix_markdown(there, matrix[0].iter_rows()))
    return shown


def matrix_markdown(places: Sequence[str], going: Iterable[tuple[str, str, int]]) -> str:
    """From where (rows) to where (columns) people went."""
    people = {(before, after): number for before, after, number in going}
    rows = ((one, *(f"{people.get((one, other), 0):,}" for other in places)) for one in places)
    return markdown_table(("before, after", *places), rows)


def _trend(days: pl.DataFrame, places: pl.DataFrame, order: Sequence[str]) -> str:
    share = {(at, place): part for at, place, part in places.select("as_of", "place", "share").iter_rows()}
    figures = ("mean", "p10", "median", "p90")
    rows = (
        (
            row["as_of"],
            f"{row['scored']:,}",
            *("" if row[name] is None else figure(row[name]) for name in figures),
            *(percent(share.get((row["as_of"], place), 0.0)) for place in order),
        )
        for row in days.iter_rows(named=True)
    )
    return markdown_table(("as of", "scored", *figures, *order), rows)
