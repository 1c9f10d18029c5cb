"""Upkeep of the lake's tables: small files joined, the log short, old versions gone after a week.

Here: what any Delta table needs now and then. Rows, partitions' versions and inputs stay as they are. Not
here: when (`orchestration.upkeep`), and erasures, which let go of the past at once (`rewriting`).
"""

from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from engagement_pipeline.storage import index
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.prepared import CONFIGURATION
from engagement_pipeline.storage.rewriting import stored_tables
from engagement_pipeline.storage.scratch import sweep_temporary
from engagement_pipeline.storage.settings import is_remote

RETENTION_HOURS = 7 * 24
"""Versions younger than this stay readable; a run that reads one is long over by then."""
LEAST_FILES = 2
"""A partition with fewer files cannot be joined."""


@dataclass(frozen=True)
class Maintained:
    """What was done to one table."""

    table: str
    files_before: int
    files_after: int
    deleted: int
    """Files of versions that were too old, and of runs that were killed."""

    @property
    def worked(self) -> bool:
        """Whether anything changed on disk."""
        return self.files_before != self.files_after or self.deleted > 0


def maintain(lake: Lake, retention_hours: int = RETENTION_HOURS) -> list[Maintained]:
    """Maintains every table, one after the other under its lock. Safe to cut off and run again.

    Raises ValueError for a retention of less than seven days.
    """
    if retention_hours < RETENTION_HOURS:
        raise ValueError(f"versions are kept for at least {RETENTION_HOURS} hours, not {retention_hours}")
    sweep_temporary(RETENTION_HOURS)
    return [_maintain(lake, name, retention_hours) for name in stored_tables(lake)]


def _maintain(lake: Lake, name: str, retention_hours: int) -> Maintained:
    with lock(lake.database, f"table {name}") as held:
        table = DeltaTable(lake.uri(name))
        index.partitions(lake.database, name, table)  # so that no commit of upkeep stands between it and ours
        properties = {key: value for key, value in CONFIGURATION.items() if key != "delta.checkpointInterval"}
        if any(table.metadata().configuration.get(key) != value for key, value in properties.items()):
            table.alter.set_table_properties(properties)
            table.update_incremental()
        before = len(table.file_uris())
        if _fragmented(table):
            table.optimize.compact()
            table.update_incremental()
            held.renew()
        old = table.vacuum(retention_hours, dry_run=True, full=True)
        there = [path for path in old if is_remote(lake.root) or _below(lake.uri(name), path).exists()]
        if there:
            table.vacuum(retention_hours, dry_run=False, full=True)
            table.update_incremental()
        if table.version() > 0:
            table.create_checkpoint()
        return Maintained(name, before, len(table.file_uris()), len(there))


def _fragmented(table: DeltaTable) -> bool:
    """Whether any partition has files to join."""
    folders = [uri.rpartition("/")[0] for uri in table.file_uris()]
    return len(folders) - len(set(folders)) >= LEAST_FILES - 1


def _below(uri: str, path: str) -> Path:
    return Path(path) if Path(path).is_absolute() else Path(uri) / path
