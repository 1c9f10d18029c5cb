"""The same points and scores, to the last bit, however the work is split and wherever the events lie."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline_tests.engines.every_word import DEFINITIONS, WAYS


def test_the_catalog_uses_every_kind_of_rule() -> None:
    plans = plan_scores(DEFINITIONS)
    rules = plans["events"].rules
    assert {rule.reads.kind for rule in rules} == {"sum", "days", "first", "streak", "messages"}
    assert any(rule.per for rule in rules)
    assert any(rule.inactive_for for rule in rules)
    assert plans["events"].caps.rules
    assert len(plans["events"].caps.groups) == 2, "a group's and the score's own"
    assert plans["events"].asked.only
    assert plans["together"].asked.attributes
    assert plans["together"].parts.missing == "reweight"


@pytest.mark.slow
def test_threads_buckets_and_files_change_no_bit(tmp_path: Path) -> None:
    found: dict[str, set[str]] = {}
    for threads in ("1", "3"):
        folder = tmp_path / threads
        folder.mkdir()
        said = subprocess.run(
            [sys.executable, "-m", "engagement_pipeline_tests.engines.every_word", str(folder)],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert len(said) == sum(map(len, WAYS.values()))
        for line in said:
            digest, way = line.split("\t", 1)
            found.setdefault(digest, set()).add(f"{threads} thread(s)\t{way}")
    assert len(found) == 1, found
