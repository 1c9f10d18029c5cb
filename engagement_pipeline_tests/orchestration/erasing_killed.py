"""An erasure in its own process that stops where it is to be killed."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engagement_pipeline.orchestration import erasure
from engagement_pipeline.storage import erasures, locks, rewriting
from engagement_pipeline_tests.orchestration.scenario import Scenario


def run(folder: Path, moment: str, later: float) -> None:
    """Erases who is on the list, but for the moment given; `later` is added to the time that locks go by."""
    clock = time.time
    locks.time.time = lambda: clock() + later  # type: ignore[assignment]
    step, _, table = moment.partition(" ")
    match step:
        case "commit":  # its files are written, what is about to be committed is noted
            stall(folder, rewriting._Work, "commit", lambda work: work.name == table)
        case "forget":  # the table is rewritten, its past still there
            stall(folder, rewriting, "forget", lambda lake, name, newest: name == table)
        case "sql":
            stall(folder, erasure, "erase_rows", lambda *given: True)
        case _:
            stall(folder, erasures, "finish", lambda *given: True)
    erasure.erase_requested(Scenario(folder).bench, datetime.now(UTC))
    raise AssertionError("nothing stalled")


def stall(folder: Path, place: Any, name: str, when: Callable[..., bool]) -> None:
    """Waits to be killed instead of doing it."""
    real = getattr(place, name)

    def stalled(*given: Any, **more: Any) -> Any:
        if when(*given):
            (folder / "stalled").touch()
            time.sleep(120)
        return real(*given, **more)

    setattr(place, name, stalled)
