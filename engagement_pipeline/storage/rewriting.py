"""Taking rows out of stored tables for good: the files that hold them, old versions and Delta's log.

Here: rewriting one table under its lock, file by file in bounded memory. Not here: which rows (the caller's
`Change`), letting go of older versions (`forgetting`), and in which order tables come.

A rewritten partition has new content (and data version), but keeps its version number and inputs: it was not
made anew, so nothing that was made from it is due. Slow runs that read the old rows are refused by `floors`.
"""

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from engagement_pipeline.storage import index
from engagement_pipeline.storage.actions import StoredFile, added, amend, removed, stored_files
from engagement_pipeline.storage.erasures import Rewritten
from engagement_pipeline.storage.floors import raise_floor
from engagement_pipeline.storage.forgetting import forget, has_past
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.part_files import StagedPartition, write_rows
from engagement_pipeline.storage.plain import files_below
from engagement_pipeline.storage.scratch import staging_folder
from engagement_pipeline.storage.tables import PartitionInfo, TableSpec, key_value


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
        folder = staging_folder(lake.root)
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
        folder = staging_folder(lake.root)
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
    replaced: list[StoredFile] = field(default_factory=list)

    def stage(self, change: Change) -> list[Rewritten]:
        files = [each for each in stored_files(self.table) if self.keys is None or each.key in self.keys]
        hit = self._hit(files, change.touches)
        infos = index.partitions(self.lake.database, self.name, self.table)
        found = []
        for key in sorted({each.key for each in files if each.path in hit}):
            into = StagedPartition.of(self.spec)
            removed = redacted = 0
            for each in self._in_order([each for each in files if each.key == key]):
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
        new = added(self.lake.uri(self.name), self.spec.partition_by, self.staged)
        amend(self.table, new + removed(self.replaced), said)
        index.record(self.lake.database, self.name, str(self.table.metadata().id), self.table.version(), now)

    def _hit(self, files: list[StoredFile], touches: pl.Expr) -> set[str]:
        """Paths of the files with rows that may have to change; only the columns in question are read."""
        if not files:
            return set()
        rows = self._scan(files, include_file_paths="__file")
        found = rows.filter(touches).select(pl.col("__file").unique()).collect().to_series()
        names = {path.replace("\\", "/").rpartition("/")[2] for path in found}
        return {each.path for each in files if each.path.rpartition("/")[2] in names}

    def _in_order(self, files: list[StoredFile]) -> list[StoredFile]:
        """As their rows follow one another, where digests ask for it."""
        if not self.spec.one_order or len(files) < 2:
            return files
        first = {each.path: self._scan([each]).select(self.spec.sort_by).head(1) for each in files}
        rows = dict(zip(first, (each.rows() for each in pl.collect_all(first.values())), strict=True))
        return sorted(files, key=lambda each: rows[each.path])

    def _read(self, file: StoredFile) -> pl.DataFrame:
        rows = self._scan([file])
        if by := self.spec.partition_by:
            kind = self.spec.schema[by]
            rows = rows.with_columns(pl.lit(key_value(file.key, kind), kind).alias(by))
        return rows.select(self.spec.schema.names()).collect()

    def _scan(self, files: list[StoredFile], include_file_paths: str | None = None) -> pl.LazyFrame:
        """All columns but the one that the table is partitioned by, which no file has."""
        schema = {name: kind for name, kind in self.spec.schema.items() if name != self.spec.partition_by}
        return pl.scan_parquet(
            [f"{self.lake.uri(self.name)}/{each.path}" for each in files],
            schema=schema,
            missing_columns="insert",
            extra_columns="ignore",
            include_file_paths=include_file_paths,
            hive_partitioning=False,
        )
