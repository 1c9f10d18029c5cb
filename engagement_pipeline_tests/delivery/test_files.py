"""Audiences as files that a spreadsheet may open and a mailer may trust."""

import csv
import hashlib
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import FilesDestination
from engagement_pipeline.core.frames import AUDIENCES
from engagement_pipeline.delivery import files
from engagement_pipeline.delivery.files import Delivered, DestinationRefused, deliver_files

DAY = date(2026, 4, 10)


def audience(*rows: tuple[str, str, str | None, str | None]) -> pl.DataFrame:
    """(person, decision, reason, variant)."""
    whole = [(DAY, person, decision, reason, variant, variant) for person, decision, reason, variant in rows]
    return pl.DataFrame(whole, schema=AUDIENCES, orient="row")


AUDIENCE = audience(
    ("p3", "send", None, "perks"),
    ("p1", "send", None, "offer"),
    ("p2", "hold_out", "holdout", "perks"),
    ("p4", "suppress", "excluded: recent_buyers", None),
    ("p5", "suppress", "excluded: recent_buyers", None),
)


def deliver(
    folder: Path, rows: pl.DataFrame = AUDIENCE, path: str = "crm/perks", form: str = "csv"
) -> Delivered:
    destination = FilesDestination.model_validate({"kind": "files", "path": path, "format": form})
    return deliver_files(rows, destination, folder, "perks", DAY)


def test_the_people_to_send_to_and_nobody_else(tmp_path: Path) -> None:
    result = deliver(tmp_path)
    assert result == Delivered(tmp_path / "crm/perks/2026-04-10", 2, ("people.csv", "summary.json"))
    content = (result.folder / "people.csv").read_bytes()
    assert content.decode() == "person_id,variant,message\np1,offer,offer\np3,perks,perks\n"
    assert json.loads((result.folder / "summary.json").read_text()) == {
        "campaign": "perks",
        "as_of": "2026-04-10",
        "people": 2,
        "decisions": {"hold_out": 1, "send": 2, "suppress": 2},
        "not_sent": {"excluded: recent_buyers": 2, "holdout": 1},
        "variants": {"offer": 1, "perks": 1},
        "guarded_cells": 0,
        "sha256": {"people.csv": hashlib.sha256(content).hexdigest()},
    }


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_the_same_audience_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    first = deliver(tmp_path / "a", form=form).folder
    second = deliver(tmp_path / "b", AUDIENCE.reverse(), form=form).folder
    for file in (f"people.{form}", "summary.json"):
        assert (first / file).read_bytes() == (second / file).read_bytes()
    again = deliver(tmp_path / "a", form=form).folder
    assert sorted(each.name for each in again.iterdir()) == [f"people.{form}", "summary.json"]
    assert [each.name for each in again.parent.iterdir()] == [again.name]


def test_formats_hold_the_people_as_they_are(tmp_path: Path) -> None:
    rows = audience(("=1+1", "send", None, "v"))
    assert pl.read_parquet(deliver(tmp_path, rows, form="parquet").folder / "people.parquet").rows() == [
        ("=1+1", "v", "v")
    ]
    assert pl.read_ndjson(deliver(tmp_path, rows, form="jsonl").folder / "people.jsonl").rows() == [
        ("=1+1", "v", "v")
    ]


@pytest.mark.parametrize("person", ["=cmd|' /C calc'!A0", "+491", "-2", "@SUM(A1)", "\tx", "\rx", '="a,b"'])
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path, person: str) -> None:
    folder = deliver(tmp_path, audience((person, "send", None, "=v"))).folder
    with (folder / "people.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["'" + person, "'=v", "'=v"]


@pytest.mark.parametrize(("form", "guarded"), [("csv", 4), ("jsonl", 0), ("parquet", 0)])
def test_the_summary_counts_the_cells_that_were_changed(tmp_path: Path, form: str, guarded: int) -> None:
    rows = audience(("+1", "send", None, "=v"), ("-2", "send", None, "v"), ("+3", "suppress", "x", None))
    folder = deliver(tmp_path, rows, form=form).folder
    assert json.loads((folder / "summary.json").read_text())["guarded_cells"] == guarded


def test_nobody_to_send_to_is_a_delivery_too(tmp_path: Path) -> None:
    result = deliver(tmp_path, audience(("p2", "hold_out", "holdout", "perks")))
    assert result.people == 0
    assert (result.folder / "people.csv").read_text() == "person_id,variant,message\n"


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "a/../../out", ".", "", "a/..", "link/out"])
def test_a_path_that_leaves_the_exports_folder_is_refused(tmp_path: Path, path: str) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "link").symlink_to(tmp_path)
    with pytest.raises(DestinationRefused, match="leads outside of the exports folder"):
        deliver(exports, path=path)
    assert not (tmp_path / "out").exists()


def test_a_delivery_that_fails_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver(tmp_path).folder
    before = {each.name: each.read_bytes() for each in folder.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_people", full)
    with pytest.raises(DestinationRefused, match=r"'perks' cannot write .*No space left on device.*EXPORTS"):
        deliver(tmp_path, AUDIENCE.head(1))
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_an_exports_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("")
    with pytest.raises(DestinationRefused, match="cannot write"):
        deliver(tmp_path / "exports")
