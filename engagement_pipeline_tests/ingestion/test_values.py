"""Text to values, as providers write them."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Origin, PropertyType
from engagement_pipeline.ingestion.values import as_type, mapped_times, read_times


def times(*text: str | None, zone: str = "Europe/Berlin", **origin: str) -> list[datetime | None]:
    read = read_times(pl.Series(text, dtype=pl.String), Origin(path="at", **origin), zone)
    assert read.dtype == pl.Datetime("us", "UTC")
    return read.to_list()


ISO = {
    "2026-04-01T10:00:00": datetime(2026, 4, 1, 8, tzinfo=UTC),
    "2026-04-01 10:00:00.25": datetime(2026, 4, 1, 8, 0, 0, 250_000, tzinfo=UTC),
    "2026-04-01T10:00:00Z": datetime(2026, 4, 1, 10, tzinfo=UTC),
    "2026-04-01 10:00:00.123456+02:00": datetime(2026, 4, 1, 8, 0, 0, 123_456, tzinfo=UTC),
    "2026-04-01T10:00:00-0330": datetime(2026, 4, 1, 13, 30, tzinfo=UTC),
    "2026-04-01 10:00": datetime(2026, 4, 1, 8, tzinfo=UTC),
    "2026-04-01T10:00Z": datetime(2026, 4, 1, 10, tzinfo=UTC),
    "2026-04-01": datetime(2026, 3, 31, 22, tzinfo=UTC),
    "2026-10-25 02:30:00": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # twice that night: the first
    "2026-03-29 02:30:00": datetime(2026, 3, 29, 1, 30, tzinfo=UTC),  # never that night: as if it had been
    "yesterday": None,
    "2026-02-30": None,
    "99999-01-01T00:00:00": None,
    "": None,
}


def test_iso_times_in_any_mixture() -> None:
    assert times(*ISO) == list(ISO.values())
    assert times(None, *reversed(ISO)) == [None, *reversed(ISO.values())]


@pytest.mark.parametrize("text", ISO)
def test_a_time_is_read_alike_alone(text: str) -> None:
    assert times(text) == [ISO[text]]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("epoch_s", "1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("epoch_s", "1700000000.25", datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)),
        ("epoch_ms", "1700000000123", datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)),
        ("epoch_us", "1700000000123456", datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC)),
        ("epoch_s", "1700000000000000", None),  # milliseconds or microseconds by mistake
        ("epoch_s", "9" * 30, None),
        ("epoch_ms", "NaN", None),
        ("%d.%m.%Y %H:%M:%S", "03.04.2026 10:00:00", datetime(2026, 4, 3, 8, tzinfo=UTC)),
        ("%d.%m.%Y", "03.04.2026", datetime(2026, 4, 2, 22, tzinfo=UTC)),
        ("%m/%d/%Y %I:%M %p", "04/03/2026 10:00 PM", datetime(2026, 4, 3, 20, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S %z", "2026-04-03 10:00:00 -0100", datetime(2026, 4, 3, 11, tzinfo=UTC)),
        ("%Q", "1", None),
        ("no pattern", "no pattern", None),
    ],
)
def test_declared_formats(form: str, text: str, expected: datetime | None) -> None:
    assert times(text, "bad", None, format=form) == [expected, None, None]


def test_the_origins_zone_goes_before_the_projects() -> None:
    assert times("2026-04-01 10:00:00", timezone="America/New_York") == [datetime(2026, 4, 1, 14, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("integer", "42", 42),
        ("integer", "42.0", 42),
        ("integer", "4.5", None),
        ("integer", "9007199254740993", 9007199254740993),
        ("integer", "9007199254740993.0", None),  # a float no longer knows the last digit
        ("integer", "1" * 20, None),
        ("integer", "NaN", None),
        ("number", "1e3", 1000.0),
        ("number", "-inf", float("-inf")),
        ("number", "1,5", None),
        ("boolean", "TRUE", True),
        ("boolean", "n", False),
        ("boolean", "maybe", None),
        ("date", "2026-04-01", date(2026, 4, 1)),
        ("date", "2026-04-01T23:00:00Z", date(2026, 4, 1)),
        ("date", "01.04.2026", None),
        ("date", "2026-04-01x", None),
        ("text", "x", "x"),
    ],
)
def test_declared_types(kind: PropertyType, text: str, expected: object) -> None:
    frame = pl.DataFrame({"text": [text, None]}, schema={"text": pl.String})
    assert frame.select(as_type(pl.col("text"), kind)).to_series().to_list() == [expected, None]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_constant_time_is_the_time_of_every_row(rows: int) -> None:
    frame = pl.DataFrame({"a": [""] * rows}, schema={"a": pl.String})
    texts, times = mapped_times(frame, Origin(constant="2026-03-10"), "", "UTC")
    assert texts.to_list() == ["2026-03-10"] * rows
    assert times.to_list() == [datetime(2026, 3, 10, tzinfo=UTC)] * rows


@pytest.mark.parametrize(
    ("forms", "text", "expected"),
    [
        (["%Y%m%d"], "20170212", date(2017, 2, 12)),
        (["%d.%m.%Y %H:%M"], "12.02.2017 23:59", date(2017, 2, 12)),
        (["%Y%m%d", "iso"], "2017-02-12T23:00:00Z", date(2017, 2, 12)),
        (["%Y%m%d"], "2017-02-12", None),
    ],
)
def test_dates_in_a_declared_format(forms: list[str], text: str, expected: date | None) -> None:
    read = pl.DataFrame({"text": [text]}).select(as_type(pl.col("text"), "date", forms=forms))
    assert read.to_series().to_list() == [expected]
