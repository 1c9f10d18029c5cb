"""Delivered files without the erased: the row goes, the counts and everybody else stay."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import FilesDestination
from engagement_pipeline.core.frames import AUDIENCES
from engagement_pipeline.delivery.files import deliver_files
from engagement_pipeline.delivery.withdrawal import withdraw

DAY = date(2026, 4, 1)
PEOPLE = ["anna", "ben", "=cem", "dée"]


def deliver(exports: Path, form: Literal["csv", "jsonl", "parquet"]) -> Path:
    rows = [(DAY, person, "send", None, "v", "=m") for person in PEOPLE]
    audience = pl.DataFrame(rows, schema=AUDIENCES, orient="row")
    place = FilesDestination(kind="files", path="perks", format=form)
    return deliver_files(audience, place, exports, "perks", DAY).folder


def read(folder: Path) -> pl.DataFrame:
    path = next(folder.glob("people.*"))
    how = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}
    return how[path.suffix](path)  # type: ignore[operator, no-any-return]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_row_goes_and_the_counts_stay(tmp_path: Path, form: Literal["csv", "jsonl", "parquet"]) -> None:
    folder = deliver(tmp_path, form)
    whole, before = read(folder), json.loads((folder / "summary.json").read_text())
    left = tmp_path / "perks" / f".2026-04-01-{'a' * 32}"
    left.mkdir()
    (left / "people.csv").write_text("anna")

    assert withdraw(tmp_path, ["ben", "=cem"]) == 1

    kept = read(folder)
    assert [each.lstrip("'") for each in kept["person_id"]] == ["anna", "dée"]
    assert kept.equals(whole.filter(~pl.col("person_id").is_in(["ben", "=cem", "'=cem"])))
    after = json.loads((folder / "summary.json").read_text())
    digest = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("people.*")}
    assert after == before | {"erased": 2, "sha256": digest}
    assert [path.name for path in (tmp_path / "perks").iterdir()] == ["2026-04-01"], "nothing is left over"
    assert withdraw(tmp_path, ["ben"]) == 0


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    assert withdraw(tmp_path / "none", ["ben"]) == 0
    other = tmp_path / "mine" / "people.csv"
    other.parent.mkdir()
    other.write_text("person_id\nben\n")
    assert withdraw(tmp_path, ["ben"]) == 0
    assert other.read_text() == "person_id\nben\n"
