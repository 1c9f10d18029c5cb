"""The lake: tables in Delta format, read lazily, replaced partition by partition in one atomic commit.

Here: reading tables and the one way to write them. Not here: what is in them (`contracts`), how rows are
staged (`staging`), how a table is made and grows (`prepared`), and who may write (`locks`).
"""

import shutil
from collections.abc import Hashable, Iterable, Mapping, Sequence

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from engagement_pipeline.storage import index
from engagement_pipeline.storage.actions import Actions, added
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.floors import below_floor
from engagement_pipeline.storage.locks import Held, lock
from engagement_pipeline.storage.opened import Opened
from engagement_pipeline.storage.part_files import StagedPartition
from engagement_pipeline.storage.prepared import prepared
from engagement_pipeline.storage.scratch import staging_folder
from engagement_pipeline.storage.staging import Frames, StagedTable, Validate, stage
from engagement_pipeline.storage.tables import (
    WHOLE,
    Commit,
    MissingPartitions,
    PartitionInfo,
    StaleInput,
    TableMissing,
    TableSpec,
    check_keys,
    key_value,
)


class Lake:
    """The tables below one root: a folder or an object-store URI."""

    def __init__(self, root: str, database: Database):
        self.root = root.rstrip("/")
        self.database = database
        self.opened = Opened()

    def __repr__(self) -> str:
        return f"Lake({self.root!r}, {self.database!r})"

    def uri(self, table: str) -> str:
        """Where a table lies, for other tools that read Delta tables."""
        return f"{self.root}/{table}"

    # --- reading ------------------------------------------------------------------------------------

    def exists(self, table: str) -> bool:
        """Whether the table was ever written."""
        return DeltaTable.is_deltatable(self.uri(table))

    def version(self, table: str) -> int | None:
        """The table's newest version; None when it was never written."""
        found = self._open(table)
        return None if found is None else found.version()

    def state(self, table: str) -> Hashable:
        """Another one after every commit, and of a table that was deleted and made anew with as many
        versions; None when it was never written."""
        found = self._open(table)
        return None if found is None else (str(found.metadata().id), found.version())

    def content_version(self, table: str) -> int | None:
        """The version at which the table last got new content; upkeep and erasures make later ones that
        bring nothing new. None when it was never written."""
        return max((info.delta_version for info in self.partitions(table).values()), default=None)

    def versions(self, tables: Iterable[str]) -> dict[str, int]:
        """Newest version of each table, for `inputs` of what is made from them. Raises TableMissing."""
        return {table: self._require(table).version() for table in tables}

    def partitions(self, table: str) -> dict[str, PartitionInfo]:
        """Partition -> what it holds, also of those without rows; empty for a table never written."""
        found = self._open(table)
        return {} if found is None else index.partitions(self.database, table, found)

    def scan(
        self,
        table: str,
        partitions: Sequence[str] | None = None,
        version: int | None = None,
        *,
        allow_missing: bool = False,
    ) -> pl.LazyFrame:
        """The table, or some of its partitions, lazily; only files of these partitions are opened.

        Raises TableMissing, and MissingPartitions for one never written, unless `allow_missing`. With
        `version` the table as it was then (a partition first written since is empty, not missing).
        """
        asked = [] if partitions is None or allow_missing else partitions
        # Looked up before the table is opened: what is stored by then is in it.
        stored = self.partitions(table) if asked else {}
        found = self._require(table, version)
        if missing := [key for key in asked if key not in stored]:
            some = ", ".join(missing[:3]) + ("…" if len(missing) > 3 else "")
            raise MissingPartitions(
                f"table {table!r} holds nothing yet for {len(missing)} of the {len(asked)} "
                f"partitions asked for ({some}): materialize the asset {table} for them first"
            )
        frame = pl.scan_delta(found)
        columns = found.metadata().partition_columns
        if partitions is None or not columns:
            return frame
        kind = frame.collect_schema()[columns[0]]
        keys = pl.Series([key_value(key, kind) for key in partitions], dtype=kind)
        return frame.filter(pl.col(columns[0]).is_in(keys.implode()))

    # --- writing ------------------------------------------------------------------------------------

    def replace(
        self,
        table: TableSpec,
        frames: Frames,
        partitions: Sequence[str] = (WHOLE,),
        inputs: Mapping[str, int] | None = None,
        validate: Validate | None = None,
    ) -> Commit:
        """Replaces the content of these partitions, all in one commit or none: `stage`, then `commit`."""
        return self.commit(self.stage(table, frames, partitions, inputs, validate))

    def stage(
        self,
        table: TableSpec,
        frames: Frames,
        partitions: Sequence[str] = (WHOLE,),
        inputs: Mapping[str, int] | None = None,
        validate: Validate | None = None,
    ) -> StagedTable:
        """Writes rows beside the tables, where only a `commit` brings them in.

        A partition without rows becomes empty, and counts as written. `inputs` are the versions of the
        tables that were read; take them *before* reading. `validate` sees every piece (see `staging.stage`
        for what a piece is) and raises to refuse it.
        Raises WrongSchema, ForeignRows, OverlappingFrames, LakeNotWritable; nothing is left behind then.
        """
        keys = check_keys(table, partitions)
        folder = staging_folder(self.root)
        try:
            staged = stage(table, frames, keys, folder, validate)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return StagedTable(table, staged, dict(inputs or {}), folder)

    def commit(self, staged: StagedTable, inputs: Mapping[str, int] | None = None) -> Commit:
        """Puts staged rows in place of what their partitions held, in one commit. `inputs` instead of those
        given when staging.

        Raises StaleInput, WrongSchema, LockTimeout, LockLost: the table is then as it was. So it is with
        DatabaseDown, unless the database went between the commit and the index, which then heals from it.
        """
        given = dict(staged.inputs if inputs is None else inputs)
        try:
            with lock(self.database, f"table {staged.spec.name}") as held:
                return self._commit(staged.spec, staged.partitions, given, held)
        finally:
            staged.discard()

    def _commit(
        self, spec: TableSpec, staged: Mapping[str, StagedPartition], inputs: dict[str, int], held: Held
    ) -> Commit:
        table = prepared(self.uri(spec.name), spec, self._open(spec.name, fresh=True))
        stored = index.partitions(self.database, spec.name, table)
        self._refuse_stale(spec.name, stored, staged, inputs)
        self._refuse_erased(spec.name, inputs)
        changed = {
            key: each
            for key, each in staged.items()
            if key not in stored or stored[key].data_version != each.data_version
        }
        version = table.version()
        if changed:
            adds = added(self.uri(spec.name), spec.partition_by, changed)
            said = index.describe(
                {key: (each.data_version, each.rows) for key, each in changed.items()},
                staged.keys() - changed.keys(),
                inputs,
            )
            held.renew()  # the last moment at which another may have taken over
            version = _write(table, spec, adds, list(changed), said)
        infos = {
            key: PartitionInfo(
                version if key in changed else stored[key].delta_version,
                each.data_version,
                each.rows,
                inputs,
            )
            for key, each in staged.items()
        }
        index.record(self.database, spec.name, str(table.metadata().id), version, infos)
        return Commit(version, infos, bool(changed))

    def _refuse_stale(
        self,
        name: str,
        stored: Mapping[str, PartitionInfo],
        staged: Iterable[str],
        inputs: Mapping[str, int],
    ) -> None:
        for key in staged:
            for source, had in (stored[key].inputs if key in stored else {}).items():
                given = inputs.get(source)
                if given is None or given >= had:
                    continue
                now = self.version(source)
                if now is not None and now < had:
                    continue  # the input was deleted and made anew: its versions count from 0 again
                raise StaleInput(
                    f"partition {key} of table {name!r} was made from version {had} of {source!r}; this run "
                    f"had read version {given}, so it would have replaced newer data by older. Nothing was "
                    "written; run it again."
                )

    def _refuse_erased(self, name: str, inputs: Mapping[str, int]) -> None:
        for source, (given, floor) in below_floor(self.database, inputs).items():
            now = self.version(source)
            if now is None or now >= floor:  # else it was deleted and made anew
                raise StaleInput(
                    f"this run had read version {given} of {source!r} before people were erased from it "
                    f"(version {floor}); its rows could bring them back into {name!r}. Nothing was written; "
                    "run it again."
                )

    def _open(self, table: str, version: int | None = None, *, fresh: bool = False) -> DeltaTable | None:
        """None for one never written. A table that is to be changed is opened `fresh`, others are shared."""
        try:
            if fresh or version is not None:
                return DeltaTable(self.uri(table), version=version)
            return self.opened.newest(self.uri(table))
        except TableNotFoundError:
            return None

    def _require(self, table: str, version: int | None = None) -> DeltaTable:
        found = self._open(table, version)
        if found is None:
            raise TableMissing(
                f"table {table!r} does not exist in the lake {self.root} yet: "
                f"materialize the asset {table} first"
            )
        return found


@retry(
    retry=retry_if_exception_type(CommitFailedError),  # another tool, such as a compaction, was quicker
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    reraise=True,
)
def _write(
    table: DeltaTable,
    spec: TableSpec,
    adds: Actions,
    keys: list[str],
    said: dict[str, str],
) -> int:
    """Commits; gives the table's new version."""
    table.update_incremental()
    table.create_write_transaction(
        adds,
        mode="overwrite",
        schema=table.schema(),
        partition_by=[spec.partition_by] if spec.partition_by else None,
        partition_filters=[(spec.partition_by, "in", keys)] if spec.partition_by else None,
        commit_properties=CommitProperties(custom_metadata=said),
    )
    table.update_incremental()
    return table.version()
