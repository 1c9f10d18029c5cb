"""What a time is like that a format can read, for whoever wrote one that it cannot."""

from datetime import UTC, datetime

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Origin
from engagement_pipeline.catalog.times import written
from engagement_pipeline.ingestion.values import read_times


@pytest.mark.parametrize(
    ("forms", "words"),
    [
        (None, "ISO 8601, such as 2026-04-30T14:05:00; `format` in the source's mapping declares another"),
        (["%d.%m.%Y"], "written as %d.%m.%Y, such as 30.04.2026"),
        (["epoch_s", "iso"], "written as epoch_s, such as 1777557900, or iso, such as 2026-04-30T14:05:00"),
        (["%Y-%m-%d %I:%M %-p"], "written as %Y-%m-%d %I:%M %-p"),
        (["days since 2026-04-28"], "written as days since 2026-04-28, such as 2.586805556"),
    ],
)
def test_formats_in_words(forms: list[str] | None, words: str) -> None:
    assert written(forms) == words


@pytest.mark.parametrize(
    "form",
    ["iso", "epoch_s", "epoch_ms", "epoch_ns", "minutes since 2026-04-01T06:00", "%d.%m.%y %I:%M %p",
     "%Y-%m-%d %H:%M:%S%.f%#z", "%Y%m%dT%H%M%S%:z"],
)  # fmt: skip
def test_what_is_shown_can_be_read(form: str) -> None:
    shown = written([form]).removeprefix(f"written as {form}, such as ")
    (read,) = read_times(pl.Series([shown]), Origin(path=["at"], format=[form]), "UTC")
    assert read == datetime(2026, 4, 30, 14, 5, tzinfo=UTC)
