"""Audiences as files: one folder per as-of date, complete or not there at all.

Here: writing the people a campaign sends to. Not here: who they are (`core.audiences`), and remembering that
they were handed over (`storage.deliveries`).
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

import polars as pl

from engagement_pipeline.catalog.specs import FilesDestination

COLUMNS = ["person_id", "variant", "message"]
FORMULA = r"^[=+\-@\t\r]"
"""Cells that start so are run as formulas when a spreadsheet opens the file."""


class DestinationRefused(Exception):  # noqa: N818  the words are what the reader sees
    """A destination that cannot or must not be written."""


@dataclass(frozen=True)
class Delivered:
    """What was written."""

    folder: Path
    people: int
    """People to send to; nobody else is named in the files."""
    files: tuple[str, ...]


def deliver_files(
    audience: pl.DataFrame, destination: FilesDestination, exports: Path, campaign: str, as_of: date
) -> Delivered:
    """Writes who is sent what on `as_of` to `<exports>/<path>/<as_of>/`, in place of an earlier delivery.

    audience: columns of `frames.AUDIENCES` for that date. The folder holds `people.<format>` (person_id,
    variant, message, ordered by person) and `summary.json` (counts by decision, reason and variant, how many
    cells got an apostrophe against formulas, and the people file's SHA-256); the same audience gives the same
    bytes.
    Raises DestinationRefused for a path outside of the exports folder, or one that cannot be written.
    """
    folder = folder_of(destination.path, exports, as_of)
    sent = audience.filter(pl.col("decision") == "send").select(COLUMNS).sort("person_id")
    summary = {
        "campaign": campaign,
        "as_of": as_of.isoformat(),
        "people": sent.height,
        "decisions": _counts(audience, "decision"),
        "not_sent": _counts(audience.filter(pl.col("decision") != "send"), "reason"),
        "variants": _counts(sent, "variant"),
    }
    name = write_folder(folder, sent, destination.format, summary, f"campaign {campaign!r}")
    return Delivered(folder, sent.height, (name, "summary.json"))


def write_folder(
    folder: Path, people: pl.DataFrame, form: str, summary: Mapping[str, object], whose: str
) -> str:
    """Writes a folder with `people.<form>` and `summary.json` in place of an earlier one, complete or not
    there at all; gives the people file's name. The summary also gets the number of cells guarded against
    formulas and the file's SHA-256. Erasures (`withdrawal`) know folders like this.

    Raises DestinationRefused, which names `whose` it is, where it cannot be written.
    """
    name = f"people.{form}"
    staging = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
    try:
        staging.mkdir(parents=True)
        write_people(people, staging / name, form)
        written = {
            **summary,
            "guarded_cells": _guarded(people) if form == "csv" else 0,
            "sha256": {name: hashlib.sha256((staging / name).read_bytes()).hexdigest()},
        }
        (staging / "summary.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        swap(staging, folder)
    except OSError as error:
        raise DestinationRefused(
            f"{whose} cannot write to {folder} ({error.strerror}): make it writable, or set "
            "ENGAGEMENT_EXPORTS to a folder that is"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return name


def folder_of(path: str, exports: Path, as_of: date) -> Path:
    """A date's folder of a destination below the exports folder, wherever its links lead. Raises
    DestinationRefused for a path that leads outside."""
    root = exports.resolve()
    folder = (root / path).resolve()
    if PurePosixPath(path).is_absolute() or folder == root or not folder.is_relative_to(root):
        raise DestinationRefused(
            f"the destination path {path!r} leads outside of the exports folder {root}: "
            "write it relative to that, such as exports/perks"
        )
    return folder / as_of.isoformat()


def write_people(people: pl.DataFrame, path: Path, form: str, *, harmless: bool = True) -> None:
    """Writes the file; `harmless` guards the cells of a CSV, where they are not guarded already."""
    if form == "parquet":
        people.write_parquet(path)
    elif form == "jsonl":
        people.write_ndjson(path)
    elif not harmless:
        people.write_csv(path)
    else:
        texts = [name for name, kind in people.schema.items() if kind == pl.String]
        people.with_columns(_harmless(name) for name in texts).write_csv(path)


def _harmless(name: str) -> pl.Expr:
    """A leading apostrophe makes a spreadsheet show the cell as text."""
    cell = pl.col(name)
    return (
        pl.when(cell.str.contains(FORMULA)).then(pl.concat_str(pl.lit("'"), cell)).otherwise(cell).alias(name)
    )


def _guarded(people: pl.DataFrame) -> int:
    texts = [name for name, kind in people.schema.items() if kind == pl.String]
    return sum(int(people[name].str.contains(FORMULA).sum()) for name in texts)


def _counts(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return {str(name): count for name, count in rows.group_by(column).len().sort(column).iter_rows()}


def swap(staging: Path, folder: Path) -> None:
    """Puts the new folder in the old one's place; the old one is never half there."""
    if not folder.exists():
        staging.rename(folder)
        return
    old = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
    folder.rename(old)
    staging.rename(folder)
    shutil.rmtree(old)
