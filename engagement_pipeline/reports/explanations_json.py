"""An explanation as JSON, for programs: points in points, quantities in their units.

Not here: the frames (`explanations`).
"""

import json
from typing import Any

import polars as pl

from engagement_pipeline.core.frames import CAUSES, POINT
from engagement_pipeline.reports.changes import ExplainedChange
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


def change_as_text(found: ExplainedChange) -> str:
    """The change of every score, with its parts by cause."""
    scores = [_change(row, found.rules) for row in found.changes.iter_rows(named=True)]
    data = {
        "person_id": found.person_id,
        "asked": found.asked,
        "as_of": found.as_of.isoformat(),
        "since": found.since.isoformat(),
        "scores": scores,
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _change(row: dict[str, Any], rules: pl.DataFrame) -> dict[str, Any]:
    def of(what: str) -> dict[str, Any]:
        parts = {cause: row.get(f"{what}_{cause}") for cause in CAUSES}
        ends = {each: row[f"{what}_{each}"] for each in ("before", "after", "change")}
        return {
            **{name: None if value is None else value / POINT for name, value in ends.items()},
            "by_cause": {name: value / POINT for name, value in parts.items() if value is not None},
        }

    sides = ("definition", "reference", "state", "band")
    return {
        "name": row["name"],
        "points": of("points"),
        "score": of("score"),
        **{f"{what}_{side}": row[f"{what}_{side}"] for what in sides for side in ("before", "after")},
        "says": row["says"],
        "rules": _rows(rules, row["name"]),
    }


def _rows(frame: pl.DataFrame, name: str) -> list[dict[str, Any]]:
    return [
        {key: _said(key, value) for key, value in row.items() if key != "name"}
        for row in frame.filter(pl.col("name") == name).iter_rows(named=True)
    ]


def _said(name: str, value: Any) -> Any:
    return value / POINT if name in _POINTS and value is not None else value
