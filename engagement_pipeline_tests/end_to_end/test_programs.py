"""Dagster's own programs find the project from its root, by workspace.yaml and by `[tool.dg]`."""

import subprocess
from pathlib import Path

import pytest

from engagement_pipeline_tests.end_to_end.corner_shop import FILES, write_catalog
from engagement_pipeline_tests.end_to_end.servers import ROOT, environment, program

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


@pytest.mark.parametrize("broken", [False, True], ids=["good", "bad"])
def test_both_find_the_project_and_what_is_wrong_with_its_catalog(tmp_path: Path, broken: bool) -> None:
    changed = {"scores/reading.yaml": FILES["scores/reading.yaml"].replace("email_opened", "email_openned")}
    write_catalog(tmp_path / "catalog", changed if broken else {})
    started = {words[0]: _start(tmp_path, words) for words in (VALIDATE, CHECK)}
    said = {name: process.communicate(timeout=90)[0] for name, process in started.items()}
    for name, process in started.items():
        assert (process.returncode != 0) == broken, said[name]
        if broken:
            assert "scores/reading.yaml:7: unknown event 'email_openned'" in said[name]
            assert "did you mean 'email_opened'?" in said[name]
    # Loading definitions opens no store: a code location comes up with the database down.
    assert not (tmp_path / "lake").exists()
    assert not (tmp_path / "engagement.db").exists()
