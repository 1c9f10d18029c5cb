"""An explanation as JSON, for programs: points in points, quantities in their units.

Not here: the frames (`explanations`).
"""

import json
from typing import Any

import polars as pl

from engagement_pipeline.core.frames import POINT
from engagement_pipeline.reports.explanations import Explanation

_POINTS = ("points", "gross", "decay_loss", "cap_loss", "group_loss", "changed_since")


def as_text(found: Explanation) -> str:
    """The whole explanation; a score's rules and parts stand in it."""
    scores = [
        {
            **{name: _said(name, value) for name, value in row.items() if name not in ("as_of", "person_id")},
            "rules": _rows(found.rules, row["name"]),
            "parts": _rows(found.parts, row["name"]),
        }
        for row in found.scores.iter_rows(named=True)
    ]
    data = {
        "person_id": found.person_id,
        "asked": found.asked,
        "as_of": found.as_of.isoformat(),
        "aliases": found.aliases["alias"].to_list(),
        "scores": scores,
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _rows(frame: pl.DataFrame, name: str) -> list[dict[str, Any]]:
    return [
        {key: _said(key, value) for key, value in row.items() if key != "name"}
        for row in frame.filter(pl.col("name") == name).iter_rows(named=True)
    ]


def _said(name: str, value: Any) -> Any:
    return value / POINT if name in _POINTS and value is not None else value
