"""What a process of its own does that writes to a lake."""

import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from engagement_pipeline.storage import lake as lake_module
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline_tests.storage.tables import MEASURES, days, keys, rows


def write(root: str, url: str, action: str, first: int, count: int) -> None:
    """Writes days one by one, or stops where the test wants to kill it."""
    lake, numbers = Lake(root, Database(url)), range(first, first + count)
    if action == "days":
        for number in numbers:
            lake.replace(MEASURES, rows(number), keys(number))
    if action == "stall-staging":
        lake.replace(MEASURES, stalling(Path(root)), keys(*numbers))
    if action == "stall-commit":
        lake_module.CommitProperties = lambda **_: stall(Path(root))  # type: ignore[assignment,misc]
        lake.replace(MEASURES, days(*numbers, quantity=7), keys(*numbers))


def stalling(root: Path) -> Iterator[pl.DataFrame]:
    """One piece, then nothing for ever."""
    yield rows(0, quantity=7)
    stall(root)


def stall(root: Path) -> None:
    """Says that it got there, and waits to be killed."""
    (root.parent / "stalled").touch()
    time.sleep(60)
