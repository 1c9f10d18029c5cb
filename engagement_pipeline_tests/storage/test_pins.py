"""The pinned calendar."""

from datetime import date

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.pins import PINS, PinChanged, pin_calendar, pinned

PROJECT = Project(project="shop", start_date=date(2026, 1, 1), timezone="Europe/Berlin")
PINNED = {"project": "shop", "start_date": "2026-01-01", "timezone": "Europe/Berlin"}


def test_the_calendar_is_pinned_at_first_use_and_then_kept(lake: Lake) -> None:
    assert pinned(lake) == {}
    pin_calendar(lake, PROJECT)
    pin_calendar(lake, PROJECT.model_copy(update={"end_date": date(2026, 6, 1)}))
    assert pinned(lake) == PINNED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"project": "other"},
            "tables of the project 'shop', which those of 'other' would overwrite: set ENGAGEMENT_LAKE",
        ),
        ({"timezone": "UTC"}, "timezone was Europe/Berlin when the lake was begun and is UTC now"),
        ({"start_date": date(2025, 1, 1)}, "start_date was 2026-01-01 .* 2025-01-01 now"),
    ],
)
def test_a_changed_calendar_is_refused(lake: Lake, change: dict[str, object], words: str) -> None:
    pin_calendar(lake, PROJECT)
    with pytest.raises(PinChanged, match=words):
        pin_calendar(lake, PROJECT.model_copy(update=change))
    assert pinned(lake) == PINNED


def test_a_lake_begun_without_the_name_gains_it(lake: Lake) -> None:
    old = {name: value for name, value in PINNED.items() if name != "project"}
    lake.replace(PINS, pl.DataFrame({"setting": list(old), "value": list(old.values())}))
    pin_calendar(lake, PROJECT)
    assert pinned(lake) == PINNED
