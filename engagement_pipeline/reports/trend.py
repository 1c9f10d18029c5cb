"""How a score moves, as figures: its dates one after the other, and two of them side by side.

Here: what is shown, and as JSON. Not here: computing it (`core.movement`, `core.comparison`), reading what is
stored (`orchestration.moving`), how it looks (`trend_text`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from engagement_pipeline.reports.preview import Mover


@dataclass(frozen=True)
class Movement:
    """One score on its stored dates."""

    score: str
    goal: str
    as_of: date
    since: date | None
    """The date that it is compared with; None where no other is stored."""
    days: pl.DataFrame
    """See `movement.trend`."""
    places: pl.DataFrame
    """See `movement.places`."""
    order: tuple[str, ...]
    """Bands from low to high, then states."""
    matrix: pl.DataFrame
    """See `comparison.migration`: from `since` to `as_of`."""
    up: int
    down: int
    """People whose score rose and fell between the two."""
    movers: tuple[Mover, ...]
    note: str = ""
    """Why the two dates are not of one kind."""

    def share(self, day: date, place: str) -> float:
        """Of everyone on the date, who was in the place."""
        found = self.places.filter((pl.col("as_of") == day) & (pl.col("place") == place))["share"]
        return float(found[0]) if found.len() else 0.0

    def _places_on(self, day: date) -> Iterator[tuple[str, int]]:
        rows = self.places.filter(pl.col("as_of") == day).select("place", "people")
        yield from rows.iter_rows()

    def as_json(self) -> str:
        """All of it, for programs; dates as ISO text."""
        return json.dumps(
            {
                "score": self.score,
                "as_of": self.as_of.isoformat(),
                "since": self.since and self.since.isoformat(),
                "note": self.note,
                "dates": [
                    {
                        **_plain(row),
                        "places": dict(self._places_on(row["as_of"])),
                    }
                    for row in self.days.iter_rows(named=True)
                ],
                "matrix": self.matrix.to_dicts(),
                "up": self.up,
                "down": self.down,
                "movers": [
                    {
                        "person": each.person,
                        "before": each.before,
                        "after": each.after,
                        "place_before": each.place_before,
                        "place_after": each.place_after,
                        "reasons": [
                            {"rule": reason.rule, "before": reason.before, "after": reason.after}
                            for reason in each.reasons
                        ],
                    }
                    for each in self.movers
                ],
            },
            indent=2,
        )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
