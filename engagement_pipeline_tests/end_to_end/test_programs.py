"""Dagster's own programs find the project from its root, by workspace.yaml and by `[tool.dg]`."""

import subprocess
from pathlib import Path

import pytest

from engagement_pipeline_tests.end_to_end.corner_shop import write_catalog
from engagement_pipeline_tests.end_to_end.servers import ROOT, environment, program

pytestmark = pytest.mark.slow
VALIDATE = ("dagster", "definitions", "validate", "-w", "workspace.yaml")
CHECK = ("dg", "check", "defs")


def _start(folder: Path, words: tuple[str, ...]) -> subprocess.Popen[str]:
    settings = {"ENGAGEMENT_CATALOG": str(folder / "catalog"), "ENGAGEMENT_LAKE": str(folder / "lake")}
    return subprocess.Popen(
        [program(words[0]), *words[1:]],
        cwd=ROOT,
        env=environment(folder / words[0], settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_both_find_the_project(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog")
    # What they say of a bad catalog is what loading it says: see `test_bad_input`.
    for process in [_start(tmp_path, words) for words in (VALIDATE, CHECK)]:
        said, _ = process.communicate(timeout=90)
        assert process.returncode == 0, said
    # Loading definitions opens no store: a code location comes up with the database down.
    assert not (tmp_path / "lake").exists()
    assert not (tmp_path / "engagement.db").exists()
