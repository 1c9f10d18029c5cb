"""What moved a person's scores between two dates, explained: what such an explanation holds.

Not here: how it looks (`changes_text`), where it comes from (`orchestration.explaining`).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from engagement_pipeline.core.frames import CHANGES

CHANGED = pl.Schema({"name": pl.String(), **CHANGES})
"""A row per score: its name, then `core.frames.CHANGES`."""
MOVED = pl.Schema(
    {
        "name": pl.String(),
        "rule": pl.String(),
        "before": pl.Float64(),
        "after": pl.Float64(),
        "change": pl.Float64(),
    }
)
"""A row per score and rule that gave other points, in points; the largest change of each score first. None of
dates whose contributions are no longer kept."""


@dataclass(frozen=True)
class ExplainedChange:
    """What moved a person's scores between two dates, as frames."""

    asked: str
    person_id: str
    since: date
    as_of: date
    changes: pl.DataFrame
    """`CHANGED`."""
    rules: pl.DataFrame
    """`MOVED`."""


CAUSES_IN_WORDS = {
    "new_behaviour": "new behaviour",
    "decay_and_expiry": "age: decayed, or out of the window",
    "late_data": "data that came late",
    "definition": "the definition was edited",
    "reference": "another reference",
    "identity": "ids came to mean others",
    "people": "facts and other scores",
}
