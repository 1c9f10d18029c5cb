"""Taking rows out of stored tables for good: the files that hold them, old versions and Delta's log.

Here: rewriting one table under its lock, file by file in bounded memory, and letting go of its past. Not
here: which rows (the caller's `Change`), and in which order tables come.

A rewritten partition has new content (and data version), but keeps its version number and inputs: it was not
made anew, so nothing that was made from it is due. Slow runs that read the old rows are refused by `floors`.
"""

import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from engagement_pipeline.storage import index
from engagement_pipeline.storage.erasures import Rewritten
from engagement_pipeline.storage.floors import raise_floor
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.plain import delete, files_below
from engagement_pipeline.storage.publish import publish
from engagement_pipeline.storage.staging import StagedPartition, write_rows
from engagement_pipeline.storage.tables import WHOLE, PartitionInfo, TableSpec, key_value

LOG = "_delta_log/"


@dataclass(frozen=True)
class Changed:
    """A frame after a change."""

    rows: pl.DataFrame
    removed: int
    redacted: int = 0


@dataclass(frozen=True)
class Change:
    """Which files of a table are to be rewritten, and how."""

    touches: pl.Expr
    """True for rows that may have to change; files without any stay as they are."""
    apply: Callable[[pl.DataFrame], Changed]


@dataclass
class Purged:
    """What became of one table."""

    rewritten: list[Rewritten] = field(default_factory=list)
    versions: int = 0
    """Versions that can no longer be read."""


@dataclass(frozen=True)
class _File:
    path: str
    size: int
    partition: Mapping[str, str | None]

    @property
    def key(self) -> str:
        return next(iter(self.partition.values()), None) or WHOLE


def stored_tables(lake: Lake) -> list[str]:
    """Every table of the lake, sorted, also those that nothing writes any more."""
    found = {path.partition("/_delta_log/")[0] for path in files_below(lake.root) if "/_delta_log/" in path}
    return sorted(name for name in found if lake.exists(name))


def columns_in_files(lake: Lake, name: str) -> pl.Schema:
    """The stored columns; not the one that the table is partitioned by, whose values are days or digests."""
    table = DeltaTable(lake.uri(name))
    by = table.metadata().partition_columns
    stored = pl.scan_delta(table).collect_schema()
    return pl.Schema({name: kind for name, kind in stored.items() if name not in by})


def purge(
    lake: Lake,
    name: str,
    spec: TableSpec | None,
    change: Change,
    announce: Callable[[list[Rewritten]], None],
) -> Purged:
    """Rewrites what the change touches and lets go of every older version, or does nothing.

    spec: as the table's writer means it; None for a table that nobody writes any more. `announce` is told
    what is about to be committed. Safe to run again after being cut off anywhere.
    """
    with lock(lake.database, f"table {name}") as held:
        table = DeltaTable(lake.uri(name))
        folder = lake.staging_folder()
        found, before = Purged(), table.version()
        try:
            work = _Work(lake, name, _written_as(spec, table), table, folder)
            found.rewritten = work.stage(change)
            if found.rewritten:
                announce(found.rewritten)
                held.renew()
                work.commit()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if found.rewritten or has_past(lake, name):
            held.renew()
            found.versions = forget(lake, name, before)
        raise_floor(lake.database, name, DeltaTable(lake.uri(name)).version())
        return found


def thin(lake: Lake, name: str, spec: TableSpec | None, change: Change, keys: Collection[str]) -> int:
    """Rewrites what the change touches in these partitions; gives how many there were.

    For what can be made again at any time: the partitions keep their data versions, so that nothing is due
    because of it, and versions before stay readable until upkeep lets go of them. Safe to cut off.
    """
    with lock(lake.database, f"table {name}") as held:
        table = DeltaTable(lake.uri(name))
        folder = lake.staging_folder()
        try:
            work = _Work(lake, name, _written_as(spec, table), table, folder, keys)
            found = work.stage(change)
            if found:
                held.renew()
                work.commit(same=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return len(found)


def _written_as(spec: TableSpec | None, table: DeltaTable) -> TableSpec:
    """The table as its files are written: every stored column, also those no longer declared."""
    stored = pl.scan_delta(table).collect_schema()
    by = next(iter(table.metadata().partition_columns), None)
    if spec is None:
        return TableSpec("unknown", stored, by)
    known = pl.Schema({name: kind for name, kind in spec.schema.items() if stored.get(name) == kind})
    undeclared = {name: kind for name, kind in stored.items() if name not in known}
    return replace(
        spec,
        schema=pl.Schema({**known, **undeclared}),
        # What is no longer declared is stored, but says nothing of the content: a run would not write it.
        provenance=spec.provenance | set(undeclared),
    )


@dataclass
class _Work:
    lake: Lake
    name: str
    spec: TableSpec
    table: DeltaTable
    folder: Path
    keys: Collection[str] | None = None
    """The partitions that may change; all without."""
    staged: dict[str, StagedPartition] = field(default_factory=dict)
    replaced: list[_File] = field(default_factory=list)

    def stage(self, change: Change) -> list[Rewritten]:
        files = [each for each in _files(self.table) if self.keys is None or each.key in self.keys]
        hit = self._hit(files, change.touches)
        infos = index.partitions(self.lake.database, self.name, self.table)
        found = []
        for key in sorted({each.key for each in files if each.path in hit}):
            into = StagedPartition(columns=self.spec.digest_columns)
            removed = redacted = 0
            for each in files:
                if each.key == key:
                    rows = self._read(each)
                    changed = change.apply(rows) if each.path in hit else Changed(rows, 0)
                    touched = changed.removed or changed.redacted
                    removed, redacted = removed + changed.removed, redacted + changed.redacted
                    write_rows(self.spec, changed.rows, into, self.folder if touched else None)
                    if touched:
                        self.replaced.append(each)
            if removed or redacted:
                self.staged[key] = into
                was = infos[key].data_version if key in infos else ""
                found.append(Rewritten(self.name, key, removed, redacted, was, into.data_version))
        return found

    def commit(self, *, same: bool = False) -> None:
        """same: whether what is left says the same as before."""
        infos = index.partitions(self.lake.database, self.name, self.table)
        now: dict[str, PartitionInfo] = {
            key: infos[key] if same else replace(infos[key], data_version=each.data_version, rows=each.rows)
            for key, each in self.staged.items()
            if key in infos
        }
        said = index.describe_anew(infos | now)
        _write(self.table, [*self._adds(), *self._removes()], said)
        index.record(self.lake.database, self.name, str(self.table.metadata().id), self.table.version(), now)

    def _hit(self, files: list[_File], touches: pl.Expr) -> set[str]:
        """Paths of the files with rows that may have to change; only the columns in question are read."""
        if not files:
            return set()
        schema = {name: kind for name, kind in self.spec.schema.items() if name != self.spec.partition_by}
        rows = pl.scan_parquet(
            [self._uri(each) for each in files],
            schema=schema,
            missing_columns="insert",
            extra_columns="ignore",
            include_file_paths="__file",
            hive_partitioning=False,
        )
        found = rows.filter(touches).select(pl.col("__file").unique()).collect().to_series()
        names = {path.replace("\\", "/").rpartition("/")[2] for path in found}
        return {each.path for each in files if each.path.rpartition("/")[2] in names}

    def _read(self, file: _File) -> pl.DataFrame:
        schema = {name: kind for name, kind in self.spec.schema.items() if name != self.spec.partition_by}
        rows = pl.scan_parquet(
            self._uri(file),
            schema=schema,
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
        )
        if by := self.spec.partition_by:
            kind = self.spec.schema[by]
            rows = rows.with_columns(pl.lit(key_value(file.key, kind), kind).alias(by))
        return rows.select(self.spec.schema.names()).collect()

    def _uri(self, file: _File) -> str:
        return f"{self.lake.uri(self.name)}/{file.path}"

    def _adds(self) -> Iterator[AddAction]:
        for key, each in self.staged.items():
            by = self.spec.partition_by
            below = f"{by}={key}/" if by else ""
            for file in each.files:
                yield AddAction(
                    path=below + file.path.name,
                    size=publish(file.path, self.lake.uri(self.name), below + file.path.name),
                    partition_values={by: key} if by else {},
                    modification_time=int(time.time() * 1000),
                    data_change=True,
                    stats=file.stats,
                )

    def _removes(self) -> Iterator[RemoveAction]:
        at = int(time.time() * 1000)
        for each in self.replaced:
            yield RemoveAction(each.path, True, at, each.size, dict(each.partition))


def _files(table: DeltaTable) -> Iterator[_File]:
    actions: Any = pl.DataFrame(table.get_add_actions(flatten=False))
    for row in actions.iter_rows(named=True):
        by: dict[str, object] = row.get("partition") or {}
        partition = {key: None if value is None else str(value) for key, value in by.items()}
        yield _File(row["path"], row["size_bytes"], partition)


def _write(table: DeltaTable, actions: list[AddAction | RemoveAction], said: dict[str, str]) -> None:
    table.create_write_transaction(
        actions,
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns or None,
        commit_properties=CommitProperties(custom_metadata=said),
    )
    table.update_incremental()


# --- the past -----------------------------------------------------------------------------------------


def has_past(lake: Lake, name: str) -> bool:
    """Whether there is more than the newest version: older ones, or files that no version names."""
    return bool(_past(lake.uri(name), DeltaTable(lake.uri(name))))


def forget(lake: Lake, name: str, newest: int) -> int:
    """Lets go of every version before the newest; gives how many there were up to that one (the others are of
    the purge itself). Hold the table's lock.

    The log begins anew with a checkpoint and one commit, which says all that is known of the partitions. Not
    by Delta's `vacuum`: that leaves files whose removal a clock that is ahead dated later than now.
    """
    uri = lake.uri(name)
    table = DeltaTable(uri)
    _write(table, [], index.describe_anew(index.partitions(lake.database, name, table)))
    index.record(lake.database, name, str(table.metadata().id), table.version(), {})
    table.create_checkpoint()
    old = _past(uri, table)
    for path in old:
        delete(uri, path)
    commits = [path.removeprefix(LOG) for path in old if re.fullmatch(rf"{LOG}\d{{20}}\.json", path)]
    return sum(int(each[:20]) <= newest for each in commits)


def _past(uri: str, table: DeltaTable) -> list[str]:
    """Files of older versions and of runs that were killed; the log's come last, so that whoever is cut off
    finds them again."""
    live, newest = {each.path for each in _files(table)}, table.version()
    below = files_below(uri)
    rows = [path for path in below if not path.startswith("_") and path not in live]
    return rows + [path for path in below if path.startswith(LOG) and _is_old(path, newest)]


def _is_old(path: str, newest: int) -> bool:
    """Whether a file of the log is of an older version, or was left by a commit that was killed."""
    name = path.removeprefix(LOG)
    match = re.match(r"(\d{20})\.", name)
    return name != "_last_checkpoint" and (match is None or int(match[1]) < newest)
