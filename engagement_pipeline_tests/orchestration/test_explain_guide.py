"""docs/explain.md shows what the commands say: each example is run. UPDATE_SNAPSHOTS=1 writes them anew."""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engagement_pipeline.cli import app
from engagement_pipeline_tests.orchestration.drafting import at_hand as at_hand
from engagement_pipeline_tests.orchestration.scenario import Scenario

GUIDE = Path(__file__).parents[2] / "docs" / "explain.md"
CONSOLE = re.compile(r"```console\n\$ engagement ([^\n]*)\n(.*?)```", re.DOTALL)


def test_the_guide_shows_what_the_commands_say(
    made: Scenario, monkeypatch: pytest.MonkeyPatch, at_hand: Callable[[Scenario], None]
) -> None:
    at_hand(made)
    monkeypatch.setenv("COLUMNS", "100")
    guide = GUIDE.read_text(encoding="utf-8")
    for example in CONSOLE.finditer(guide):
        said = CliRunner().invoke(app, shlex.split(example[1])).output
        text = "".join(f"{line.rstrip()}\n" for line in said.strip("\n").splitlines())
        if os.environ.get("UPDATE_SNAPSHOTS") == "1":
            guide = guide.replace(example[0], f"```console\n$ engagement {example[1]}\n{text}```")
        else:
            assert example[2] == text
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        GUIDE.write_text(guide, encoding="utf-8")


def test_the_python_of_the_guide_runs(made: Scenario, at_hand: Callable[[Scenario], None]) -> None:
    at_hand(made)
    source = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec("\n".join(source), names)
    assert names["why"].rules["points"].sum() == names["why"].scores["points"][0]
    assert names["moved"].changes.height == 2
