from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline import example
from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.example.people import DAYS, START

PACKAGED = Path(example.__file__).parent
JUNIPER = PACKAGED / "catalog"
COMPLETE_JOURNEY = PACKAGED / "complete_journey" / "catalog"
DS365 = PACKAGED / "ds365" / "catalog"
STARTER = PACKAGED / "starter"


@pytest.mark.parametrize("folder", [JUNIPER, COMPLETE_JOURNEY, DS365, STARTER], ids=lambda folder: folder.name)
def test_packaged_catalogs_have_neither_errors_nor_warnings(folder: Path) -> None:
    assert [str(issue) for issue in lint(folder)] == []


@pytest.fixture(scope="module")
def juniper() -> Catalog:
    return load_catalog(JUNIPER)


def test_the_example_shows_every_channel_scale_and_decay(juniper: Catalog) -> None:
    assert {event.channel for event in juniper.events.values()} == {
        "email", "push", "sms", "in_app", "web", "app", "social", "offline", "commerce", "survey", "support",
    }  # fmt: skip
    scales = [score.scale for score in juniper.scores.values()]
    assert {scale.method for scale in scales} == {"points", "percentile", "linear", "thresholds"}
    assert {scale.reference for scale in scales if scale.method == "percentile"} == {"frozen", "live"}
    assert {type(score.decay).__name__ for score in juniper.scores.values()} == {"str", "HalfLife", "Linear"}
    assert {source.format for source in juniper.sources.values()} == {"csv", "jsonl", "parquet"}
    assert all(campaign.holdout and campaign.destinations for campaign in juniper.campaigns.values())


def test_the_example_project_covers_the_days_of_its_sample(juniper: Catalog) -> None:
    assert juniper.project.start_date == START
    assert juniper.project.end_date == START + timedelta(days=DAYS - 1)


def test_the_engagement_score_has_the_published_bands(juniper: Catalog) -> None:
    score = pl.LazyFrame({"score": [-0.5, 0.0, 40.99, 41.0, 70.9, 71.0, 100.0, 100.01]})
    from engagement_pipeline.core.scales import banded

    found = score.select(banded(juniper.scores["customer_engagement"].bands)).collect()["band"].to_list()
    assert found == [
        "about_to_leave", "hardly", "hardly", "somewhat", "somewhat", "highly", "highly", "power",
    ]  # fmt: skip
