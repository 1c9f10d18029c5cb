"""The pinned calendar."""

from datetime import date

import pytest

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.pins import PinChanged, pin_calendar, pinned

PROJECT = Project(project="shop", start_date=date(2026, 1, 1), timezone="Europe/Berlin")


def test_the_calendar_is_pinned_at_first_use_and_then_kept(lake: Lake) -> None:
    assert pinned(lake) == {}
    pin_calendar(lake, PROJECT)
    pin_calendar(lake, PROJECT.model_copy(update={"end_date": date(2026, 6, 1), "project": "other"}))
    assert pinned(lake) == {"start_date": "2026-01-01", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timezone": "UTC"}, "timezone was Europe/Berlin when the lake was begun and is UTC now"),
        ({"start_date": date(2025, 1, 1)}, "start_date was 2026-01-01 .* 2025-01-01 now"),
    ],
)
def test_a_changed_calendar_is_refused(lake: Lake, change: dict[str, object], words: str) -> None:
    pin_calendar(lake, PROJECT)
    with pytest.raises(PinChanged, match=words):
        pin_calendar(lake, PROJECT.model_copy(update=change))
    assert pinned(lake)["timezone"] == "Europe/Berlin"
