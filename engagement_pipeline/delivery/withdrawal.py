"""Audiences that were handed over as files, without the people who were erased.

Here: rewriting the files that `files` wrote. Not here: files of other origin, which are only reported.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Collection
from pathlib import Path

import polars as pl

from engagement_pipeline.delivery.files import swap, write_people


def withdraw(exports: Path, people: Collection[str]) -> int:
    """Takes people out of every delivered file below the exports folder; gives how many files changed.

    The counts in `summary.json` stay: so many were sent something. It gains `erased` and the new file's
    digest. What a killed delivery left goes. Hold the locks of the audiences, so that none is under way.
    """
    if not exports.is_dir():
        return 0
    for left in exports.rglob(".*-" + "[0-9a-f]" * 32):
        shutil.rmtree(left, ignore_errors=True)
    return sum(_withdraw(summary.parent, people) for summary in sorted(exports.rglob("summary.json")))


def _withdraw(folder: Path, people: Collection[str]) -> int:
    changed = 0
    for path in sorted(folder.glob("people.*")):
        rows = _read(path)
        if rows is None or "person_id" not in rows.columns:
            continue
        # A leading apostrophe keeps spreadsheets from running a cell as a formula.
        gone = rows["person_id"].cast(pl.String).str.strip_prefix("'").is_in(list(people)) | rows[
            "person_id"
        ].cast(pl.String).is_in(list(people))
        if gone.any():
            _swap_in(folder, path, rows.filter(~gone), int(gone.sum()))
            changed += 1
    return changed


def _read(path: Path) -> pl.DataFrame | None:
    match path.suffix:
        case ".csv":
            return pl.read_csv(path, infer_schema=False)
        case ".jsonl":
            return pl.read_ndjson(path, infer_schema_length=None)
        case ".parquet":
            return pl.read_parquet(path)
    return None


def _swap_in(folder: Path, path: Path, rows: pl.DataFrame, erased: int) -> None:
    staging = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
    shutil.copytree(folder, staging, ignore=shutil.ignore_patterns(path.name))
    write_people(rows, staging / path.name, path.suffix.removeprefix("."), harmless=False)
    summary = json.loads((staging / "summary.json").read_text(encoding="utf-8"))
    summary["erased"] = summary.get("erased", 0) + erased
    summary["sha256"] = {
        **summary.get("sha256", {}),
        path.name: hashlib.sha256((staging / path.name).read_bytes()).hexdigest(),
    }
    (staging / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    swap(staging, folder)
