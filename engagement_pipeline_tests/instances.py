"""Dagster instances in memory that are there at once. Not here: instances on disk, as Dagster makes them."""

from unittest import mock

import dagster as dg
from dagster._core.storage.event_log import in_memory as events
from dagster._core.storage.runs import in_memory as runs


def in_memory() -> dg.DagsterInstance:
    """An ephemeral instance without the note of the migration it stands at, which nothing reads in memory and
    which takes 43 of the 56 ms of processor time; a test of several projects makes several."""
    with mock.patch.object(events, "stamp_alembic_rev"), mock.patch.object(runs, "stamp_alembic_rev"):
        return dg.DagsterInstance.ephemeral()
