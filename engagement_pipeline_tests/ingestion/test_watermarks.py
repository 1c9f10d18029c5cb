"""Places in a table that grows: as text and back, and where a pull begins again."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from engagement_pipeline.ingestion.databases.watermarks import (
    Watermark,
    WrongWatermark,
    as_text,
    begin,
    checked,
    from_text,
    same_kind,
)

NAIVE = datetime(2026, 3, 1, 10, 30, 0, 500)  # noqa: DTZ001
AWARE = NAIVE.replace(tzinfo=UTC)
TEXT = "2026-03-01 10:30:00.000500"
RECEIVED = datetime(2026, 5, 1, tzinfo=UTC)
ALL: list[Watermark] = [NAIVE, AWARE, date(2026, 3, 1), 17, -3, Decimal("1.5"), 10**25, TEXT, "2026-03-01"]


@pytest.mark.parametrize("value", ALL)
def test_the_text_of_a_watermark_is_read_back(value: Watermark) -> None:
    assert from_text(as_text(value)) == value
    assert same_kind(from_text(as_text(value)), value)
    assert checked(value) == value
    assert sum(same_kind(value, other) for other in (NAIVE, AWARE, date(2026, 3, 1), 17, TEXT)) == 1


@pytest.mark.parametrize("value", [True, 1.5, "Ada", "20260301", None, b"x", Decimal("NaN"), timedelta(1)])
def test_other_values_are_none(value: object) -> None:
    with pytest.raises(WrongWatermark, match="holds"):
        checked(value)


@pytest.mark.parametrize(
    ("last", "overlap", "begins"),
    [
        (NAIVE, None, NAIVE - timedelta(hours=1)),
        (AWARE, timedelta(minutes=5), AWARE - timedelta(minutes=5)),
        (NAIVE, 0, NAIVE),
        (date(2026, 3, 1), None, date(2026, 2, 28)),
        (date(2026, 3, 1), timedelta(days=3), date(2026, 2, 26)),
        (17, None, -983),
        (17, 5, 12),
        (TEXT, None, "2026-03-01 09:30:00"),
        ("2026-03-01T10:30Z", timedelta(days=1), "2026-02-28T10:30"),
        ("2026-03-01", None, "2026-02-28"),
        (datetime.min, None, datetime.min),  # noqa: DTZ901
    ],
)
def test_a_pull_begins_behind_what_was_reached(
    last: Watermark, overlap: timedelta | int | None, begins: Watermark
) -> None:
    assert begin(last, overlap, RECEIVED) == begins


@pytest.mark.parametrize(
    ("last", "begins"),
    [
        (datetime(9999, 12, 31, tzinfo=UTC), RECEIVED - timedelta(hours=1)),
        (datetime(9999, 12, 31), datetime(2026, 4, 30, 9)),  # noqa: DTZ001
        (datetime(2026, 5, 1, 13), datetime(2026, 5, 1, 12)),  # noqa: DTZ001  the present, in Auckland
        (date(9999, 12, 31), date(2026, 4, 29)),
        ("9999-12-31 00:00:00", "2026-04-30 09:00:00"),
    ],
)
def test_a_watermark_in_the_future_stops_no_later_pull(last: Watermark, begins: Watermark) -> None:
    assert begin(last, None, RECEIVED) == begins


def test_an_overlap_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(WrongWatermark, match=r"holds numbers.*such as 1000"):
        begin(17, timedelta(hours=1), RECEIVED)
    with pytest.raises(WrongWatermark, match=r"holds times.*such as 1h"):
        begin(NAIVE, 1000, RECEIVED)
