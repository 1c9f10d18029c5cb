"""docs/change.md shows what the commands say: each example is run. UPDATE_SNAPSHOTS=1 writes them anew."""

import os
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.cli import app
from engagement_pipeline.orchestration import clock, publishing
from engagement_pipeline_tests.orchestration.drafting import at_hand as at_hand
from engagement_pipeline_tests.orchestration.scenario import READING, Scenario

pytestmark = pytest.mark.slow
GUIDE = Path(__file__).parents[2] / "docs" / "change.md"
CONSOLE = re.compile(r"```console\n\$ engagement ([^\n]*)\n(.*?)```", re.DOTALL)
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"


def test_the_guide_shows_what_the_commands_say(
    copied: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_hand: Callable[[Scenario], None]
) -> None:
    at_hand(copied)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 4, 6, 9, 30, tzinfo=UTC))
    monkeypatch.setattr(publishing, "who", lambda _: "ada")
    guide = GUIDE.read_text(encoding="utf-8")
    score, draft, *limits = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert score == READING
    (tmp_path / "draft.yaml").write_text(draft)
    for block in limits:
        assert Project.model_validate({"project": "x", "start_date": "2026-01-01", **_read(block)})
    for place, example in enumerate(CONSOLE.finditer(guide)):
        if place == 2:  # from here on the draft stands in the catalog
            copied.write("scores/reading.yaml", draft)
        said = CliRunner().invoke(app, shlex.split(example[1])).output
        text = "".join(f"{line.rstrip()}\n" for line in said.strip("\n").splitlines())
        if UPDATE:
            block = f"```console\n$ engagement {example[1]}\n{text}```"
            guide = (
                guide.replace(example[0], block) if guide.count(example[0]) == 1 else _at(guide, place, block)
            )
        else:
            assert example[2] == text
    if UPDATE:
        GUIDE.write_text(guide, encoding="utf-8")
    names: dict[str, Any] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)), names)
    assert names["old"].scores["band"].drop_nulls().to_list() == ["warm"] * 4
    assert names["history"]["version"].to_list() == [1, 2]


def _at(guide: str, place: int, block: str) -> str:
    example = list(CONSOLE.finditer(guide))[place]
    return guide[: example.start()] + block + guide[example.end() :]


def _read(text: str) -> dict[str, object]:
    import yaml

    found: dict[str, object] = yaml.safe_load(text)
    return found
