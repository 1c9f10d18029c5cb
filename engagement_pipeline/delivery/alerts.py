"""Alerts told: as lines of a log, as a file, as the JSON of a webhook.

Here: what each of them says of the people who are told of. Not here: who these are (`core.alerts`), the POST
itself (`webhook`), and remembering that it was told (`storage.deliveries`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from engagement_pipeline.catalog.specs import Alert
from engagement_pipeline.catalog.specs.alerts import FileDestination
from engagement_pipeline.contracts.rules import masked
from engagement_pipeline.core.alerts import TELL
from engagement_pipeline.delivery.files import folder_of, write_folder

COLUMNS = (
    "person_id",
    "score_before",
    "score_after",
    "band_before",
    "band_after",
    "drop",
    "compared_with",
    "cause",
    "why",
)
LINES = 10
"""People of whom the log has a line: the deepest falls."""


@dataclass(frozen=True)
class Told:
    """What an alert says on one date."""

    project: str
    alert: Alert
    as_of: date
    rows: pl.DataFrame
    """`frames.ALERTS` of the date."""

    @property
    def people(self) -> pl.DataFrame:
        """`COLUMNS` of who is told of, the deepest falls first."""
        told = self.rows.filter(pl.col("decision") == TELL)
        depth = ["bands", "drop"] if self.alert.drop.bands else ["drop"]
        return told.sort(*depth, "person_id", descending=[*(True for _ in depth), False]).select(COLUMNS)

    @property
    def held_back(self) -> dict[str, int]:
        """Why -> how many who fell are not told of."""
        held = self.rows.filter(pl.col("decision") != TELL)
        return {str(why): count for why, count in held.group_by("because").len().sort("because").iter_rows()}

    @property
    def key(self) -> str:
        """The same for every try to tell of this date, whatever was in between: by it a receiver knows that
        it was told already."""
        said = f"{self.project}/{self.alert.alert}/{self.as_of}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]


def log_lines(told: Told) -> Iterator[str]:
    """How many fell, and of the deepest falls a line each, with masked ids: logs are kept for ever."""
    people, alert = told.people, told.alert
    held = "".join(f"; {count} held back: {why}" for why, count in told.held_back.items())
    yield f"alert {alert.alert} on {told.as_of}: {people.height} people fell in {alert.score}{held}"
    for row in people.head(LINES).iter_rows(named=True):
        why = f" ({row['why']})" if row["why"] else ""
        yield (
            f"  {masked('person_id', row['person_id'])}: {_place(row, 'before')} on {row['compared_with']} "
            f"to {_place(row, 'after')}{why}"
        )
    if people.height > LINES:
        yield f"  and {people.height - LINES} more"


def payload(told: Told) -> dict[str, Any]:
    """What a webhook is sent, as JSON's own types."""
    people = told.people.with_columns(pl.col("compared_with").cast(pl.String))
    return {
        "project": told.project,
        "alert": told.alert.alert,
        "goal": told.alert.goal,
        "owner": told.alert.owner,
        "score": told.alert.score,
        "as_of": told.as_of.isoformat(),
        "told": people.height,
        "held_back": told.held_back,
        "people": people.to_dicts(),
    }


def deliver_file(told: Told, destination: FileDestination, exports: Path) -> Path:
    """Writes who is told of to `<exports>/<path>/<as_of>/people.<format>`, with a `summary.json` of counts
    beside it; complete or not there at all. Gives the folder. The same people give the same bytes.

    Raises DestinationRefused for a path outside of the exports folder, or one that cannot be written.
    """
    folder, people = folder_of(destination.path, exports, told.as_of), told.people
    summary = {
        "alert": told.alert.alert,
        "score": told.alert.score,
        "as_of": told.as_of.isoformat(),
        "people": people.height,
        "held_back": told.held_back,
    }
    write_folder(folder, people, destination.format, summary, f"alert {told.alert.alert!r}")
    return folder


def _place(row: dict[str, Any], side: str) -> str:
    band = row[f"band_{side}"]
    return f"{row[f'score_{side}']:.4g}" + (f" {band}" if band else "")
