"""Catalogs with some definitions replaced: which file a draft stands for, and what is left out beside it."""

from pathlib import Path

import pytest

from engagement_pipeline.catalog.drafted import as_data, load_drafted, with_definitions
from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline_tests.orchestration.scenario import CATALOG, READING, SHOP

OUTCOME = """\
outcome: ordering
goal: Who orders next?
owner: team:shop
event: order_completed
within: 2d
scores: [third]
"""


@pytest.fixture
def active(tmp_path: Path) -> Path:
    return written(tmp_path / "active", CATALOG)


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


def drafted(tmp_path: Path, text: str) -> Path:
    return written(tmp_path, {"draft.yaml": text}) / "draft.yaml"


def test_a_source_with_events_is_no_tracking_plan(active: Path, tmp_path: Path) -> None:
    found = load_drafted(drafted(tmp_path, SHOP), active)
    assert found == load_catalog(active)
    found = load_drafted(drafted(tmp_path, SHOP.replace("Orders of", "Sales of")), active)
    assert found.sources["shop"].description == "Sales of the shop."


def test_the_name_of_a_draft_leads_nowhere(
    active: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Drafts are put together in a folder among the machine's temporary files.
    monkeypatch.setattr("tempfile.tempdir", str(written(tmp_path / "made", {})))
    draft = drafted(tmp_path, READING.replace("score: reading", "score: ../../../outside/evil"))
    with pytest.raises(CatalogError, match="is not a name"):
        load_drafted(draft, active)
    assert not (tmp_path / "outside").exists()


def test_an_outcome_of_a_new_score_does_not_stand_beside_what_was_published(active: Path) -> None:
    published = {("score", name): as_data(each) for name, each in load_catalog(active).scores.items()}
    third = READING.replace("score: reading", "score: third")
    written(active, {"scores/third.yaml": third, "outcomes/ordering.yaml": OUTCOME})
    assert "ordering" in load_catalog(active).outcomes
    found = with_definitions(active, published, alone=True)
    assert sorted(found.scores) == ["buying", "reading"]
    assert not found.outcomes
    written(active, {"events.yaml": "events: {}\n"})
    with pytest.raises(CatalogError, match="unknown event"):
        with_definitions(active, published, alone=True)
