"""Runs in a process of their own that stop where the test wants to kill it.

`later` seconds are added to the time that locks go by, as if the lease of a process killed before were over.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl

from engagement_pipeline.storage import lake, locks, staging
from engagement_pipeline_tests.end_to_end.corner_shop import CornerShop, failure


def run(folder: Path, moment: str, later: float) -> None:
    """Lands and makes all event days, but for the moment given."""
    clock = time.time
    locks.time.time = lambda: clock() + later  # type: ignore[assignment]
    (folder / "dagster").mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance:
        shop = CornerShop(folder, instance)
        if moment == "landing":  # while the second of two commits is made: rejected rows, after landed ones
            stall_commit(folder, "rejected/web")
            shop.run("landing")
            return
        landed = shop.run("landing")
        assert landed.success, failure(landed)
        if moment == "staging":
            stall_staging(folder)
        else:
            stall_commit(folder, "daily_measures")
        made = shop.days("event_days")
        raise AssertionError(f"nothing stalled: {failure(made)}")


def stall_commit(folder: Path, table: str) -> None:
    """The files of the table lie in its folder, and the commit that brings them in is about to be written."""
    write = lake._write

    def stall(found: object, spec: lake.TableSpec, *rest: object) -> int:
        if spec.name == table:
            wait(folder)
        return write(found, spec, *rest)  # type: ignore[arg-type]

    lake._write = stall  # type: ignore[assignment]


def stall_staging(folder: Path) -> None:
    """Some rows of the events are written beside the lake, the others are not."""
    write = staging.stage

    def stall(spec: lake.TableSpec, frames: staging.Frames, *rest: object) -> object:
        if spec.name != "events/web":
            return write(spec, frames, *rest)  # type: ignore[arg-type]

        def pieces() -> Iterator[pl.DataFrame]:
            for piece in frames:  # type: ignore[union-attr]
                yield piece
                wait(folder)

        return write(spec, pieces(), *rest)  # type: ignore[arg-type]

    lake.stage = stall  # type: ignore[assignment]


def wait(folder: Path) -> None:
    """Says that it got there, and waits to be killed."""
    (folder / "stalled").touch()
    time.sleep(120)
