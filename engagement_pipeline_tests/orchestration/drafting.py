"""A draft of the scenario's score, and what tests of drafts share. Not here: expectations."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from engagement_pipeline.catalog.drafted import load_drafted
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.orchestration.comparing import preview
from engagement_pipeline.reports.preview import Preview
from engagement_pipeline_tests.orchestration.scenario import (
    READING,
    Scenario,
)

DRAFT = (
    READING.replace("weight: 5}", "weight: 1}")
    .replace(
        "rules:\n",
        "rules:\n  - {event: email_opened, where: \"category = 'news'\", weight: 1, label: news}\n",
    )
    .replace("window: 3d", "window: 4d")
)
"""Another weight, a longer window, and a rule whose measure nobody has computed yet."""


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], None]:
    """Lets the commands find a scenario."""

    def point(scenario: Scenario) -> None:
        settings = scenario.settings
        monkeypatch.setenv("ENGAGEMENT_CATALOG", str(scenario.folder / "catalog"))
        monkeypatch.setenv("ENGAGEMENT_LAKE", settings.lake)
        monkeypatch.setenv("ENGAGEMENT_DATABASE_URL", settings.database_url)
        monkeypatch.setenv("ENGAGEMENT_LANDING", str(settings.landing))
        monkeypatch.setenv("ENGAGEMENT_EXPORTS", str(settings.exports))
        monkeypatch.setenv("COLUMNS", "100")

    return point


def drafted(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text(text)
    return path


def previewed(scenario: Scenario, draft: Path, as_of: date | None = None) -> Preview:
    folder = scenario.folder / "catalog"
    return preview(load_catalog(folder), load_drafted(draft, folder), scenario.settings, as_of)
