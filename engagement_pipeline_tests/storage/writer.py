"""A process of its own that writes to a lake: `python -m … ROOT URL ACTION FIRST COUNT`."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from engagement_pipeline.storage import lake as lake_module
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline_tests.storage.tables import MEASURES, days, keys, rows


def main() -> None:
    """Writes days one by one, or stops where the test wants to kill it."""
    root, url, action, first, count = sys.argv[1:]
    lake, numbers = Lake(root, Database(url)), range(int(first), int(first) + int(count))
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


main()
