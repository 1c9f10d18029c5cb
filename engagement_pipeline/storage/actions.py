"""Delta's actions: the files that a commit brings into a table and takes out of it, and those that are there.

Here: saying so in Delta's terms. Not here: which files (`lake`, `rewriting`), and what a commit says of
partitions (`index`).
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from engagement_pipeline.storage.part_files import StagedPartition
from engagement_pipeline.storage.publish import publish
from engagement_pipeline.storage.tables import WHOLE

Actions = list[AddAction | RemoveAction]


@dataclass(frozen=True)
class StoredFile:
    """A file of a table's newest version."""

    path: str
    size: int
    partition: Mapping[str, str | None]

    @property
    def key(self) -> str:
        """The partition it belongs to."""
        return next(iter(self.partition.values()), None) or WHOLE


def stored_files(table: DeltaTable) -> Iterator[StoredFile]:
    """The files of the newest version."""
    actions: Any = pl.DataFrame(table.get_add_actions(flatten=False))
    for row in actions.iter_rows(named=True):
        by: dict[str, object] = row.get("partition") or {}
        partition = {key: None if value is None else str(value) for key, value in by.items()}
        yield StoredFile(row["path"], row["size_bytes"], partition)


def added(uri: str, by: str | None, staged: Mapping[str, StagedPartition]) -> Actions:
    """Brings the staged files of partitions into the table's folder, where nobody sees them until they are
    committed. by: the column that the table is partitioned by."""
    found: Actions = []
    for key, each in staged.items():
        folder = f"{by}={key}/" if by else ""
        found += (
            AddAction(
                path=folder + file.path.name,
                size=publish(file.path, uri, folder + file.path.name),
                partition_values={by: key} if by else {},
                modification_time=int(time.time() * 1000),
                data_change=True,
                stats=file.stats,
            )
            for file in each.files
        )
    return found


def removed(files: Iterable[StoredFile]) -> Actions:
    """Takes files out; they stay where they lie for those who read an older version."""
    at = int(time.time() * 1000)
    return [RemoveAction(each.path, True, at, each.size, dict(each.partition)) for each in files]


def amend(table: DeltaTable, actions: Actions, said: dict[str, str]) -> None:
    """Commits these actions and nothing else, with what is said of the partitions. Hold the table's lock."""
    table.create_write_transaction(
        actions,
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns or None,
        commit_properties=CommitProperties(custom_metadata=said),
    )
    table.update_incremental()
