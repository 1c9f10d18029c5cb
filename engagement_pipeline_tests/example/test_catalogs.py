from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from engagement_pipeline import example
from engagement_pipeline.catalog.lint import lint
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import AttributeRule, Catalog, EventRule, PartRule, Score
from engagement_pipeline.example.people import DAYS, START

PACKAGED = Path(example.__file__).parent
JUNIPER = PACKAGED / "catalog"
COMPLETE_JOURNEY = PACKAGED / "complete_journey" / "catalog"
DS365 = PACKAGED / "ds365" / "catalog"
STARTER = PACKAGED / "starter"


@pytest.mark.parametrize(
    "folder", [JUNIPER, COMPLETE_JOURNEY, DS365, STARTER], ids=lambda folder: folder.name
)
def test_packaged_catalogs_have_neither_errors_nor_warnings(folder: Path) -> None:
    assert [str(issue) for issue in lint(folder)] == []


@pytest.fixture(scope="module")
def juniper() -> Catalog:
    return load_catalog(JUNIPER)


def test_the_example_shows_every_channel_scale_and_decay(juniper: Catalog) -> None:
    assert {event.channel for event in juniper.events.values()} == {
        "email", "push", "sms", "in_app", "web", "app", "social", "offline", "commerce", "survey", "support",
    }  # fmt: skip
    scores = juniper.scores.values()
    assert {score.scale.method for score in scores} == {
        "points", "percentile", "linear", "sqrt", "log", "saturating", "thresholds",
    }  # fmt: skip
    relative = [score.scale.reference for score in scores if score.scale.method == "percentile"]
    assert set(relative) == {"frozen", "live"}
    decays = {type(score.decay).__name__ for score in scores}
    assert decays == {"str", "HalfLife", "Linear", "SCurve"}
    assert {source.format for source in juniper.sources.values()} == {"csv", "jsonl", "parquet"}
    assert all(campaign.holdout and campaign.destinations for campaign in juniper.campaigns.values())


def test_the_example_shows_every_word_of_the_rule_language(juniper: Catalog) -> None:
    rules = [rule for score in juniper.scores.values() for rule in score.rules]
    assert {type(rule) for rule in rules} == {EventRule, AttributeRule, PartRule}
    events = [rule for rule in rules if isinstance(rule, EventRule)]
    assert {rule.count for rule in events} == {"events", "days", "messages", "first"}
    said = set().union(*(rule.model_fields_set for rule in rules))
    # Words for what Juniper's values and machine marks do not need are in docs/reference.md.
    assert set(EventRule.model_fields) - said == {"applies_to", "decay", "floor", "unit"}
    whole = set().union(*(score.model_fields_set for score in juniper.scores.values()))
    assert set(Score.model_fields) == whole


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
