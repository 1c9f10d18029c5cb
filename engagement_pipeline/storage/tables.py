"""What a stored table is, what is known of its partitions, and the errors of reading and writing it.

Here: plain values and errors. Not here: any access to files or the database.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl
from polars.datatypes import DataTypeClass

from engagement_pipeline.core.words import as_stored

WHOLE = "all"
"""The one partition of a table that is not partitioned."""
PEOPLE_COLUMNS = ("person_id", "alias")
"""Columns that name a person; a row goes with any of them."""
NO_STATISTICS = frozenset({*PEOPLE_COLUMNS, "event_id"})
"""Columns whose bounds are kept out of Delta's log, which outlives the rows: an id would stay in it."""


class StorageError(Exception):
    """Something about stored tables; the message says what, where and what to do."""


class TableMissing(StorageError):  # noqa: N818  the words are what the reader sees
    """A table that was never written."""


class MissingPartitions(StorageError):  # noqa: N818
    """Some partitions asked for were never written; missing is never read as empty."""


class StaleInput(StorageError):  # noqa: N818
    """What is stored was made from newer input than what was about to replace it."""


class ForeignRows(StorageError):  # noqa: N818
    """A frame holds rows outside the partitions it was said to fill."""


class OverlappingFrames(StorageError):  # noqa: N818
    """Frames of one partition that do not follow one another in the table's order."""


class WrongSchema(StorageError):  # noqa: N818
    """A frame, or a definition, does not have the columns and types of the table."""


class LakeNotWritable(StorageError):  # noqa: N818
    """The lake's folder cannot be made or written."""


@dataclass(frozen=True)
class TableSpec:
    """A table as its writer means it."""

    name: str
    """Also the key of the asset that writes it, such as `events/web`."""
    schema: pl.Schema
    partition_by: str | None = None
    """A Date or String column; rows of one key are replaced together."""
    sort_by: Sequence[str] = ()
    """Order of the rows in a partition; readers that filter on the first of these skip most of a file."""
    provenance: frozenset[str] = field(default_factory=frozenset)
    """Columns that say where a row came from: a change in them alone is no change of the data."""
    one_order: bool = False
    """No two rows of a partition are alike in `sort_by`, so they have one order and are digested in it
    (`digests.InOrder`). Of other tables the digests are remembered beyond the next run (by coverage, by
    deliveries) and stay what they are."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*", self.name):
            raise ValueError(f"{self.name!r} is no table name; write it like events/web")
        unknown = {*self.sort_by, *self.provenance, *filter(None, [self.partition_by])} - set(self.schema)
        if unknown:
            raise ValueError(f"table {self.name!r} has no column {sorted(unknown)}")
        if self.partition_by and self.schema[self.partition_by] not in (pl.Date, pl.String):
            raise ValueError(
                f"table {self.name!r} cannot be partitioned by a {self.schema[self.partition_by]}"
            )

    @property
    def digest_columns(self) -> str:
        """The columns that a partition's digest covers, with their types."""
        return json.dumps([[n, str(kind)] for n, kind in self.schema.items() if n not in self.provenance])


@dataclass(frozen=True)
class PartitionInfo:
    """What is stored in one partition."""

    delta_version: int
    """The table's version at which the content last changed."""
    data_version: str
    """Digest of the content, provenance left out; see `part_files.StagedPartition`."""
    rows: int
    inputs: Mapping[str, int]
    """Table -> version that was read to make it."""


def older(info: PartitionInfo | None, versions: Mapping[str, int]) -> bool:
    """Whether a partition is missing, or was made from an older version of a table than these."""
    return info is None or any(info.inputs.get(table, -1) < version for table, version in versions.items())


@dataclass(frozen=True)
class Commit:
    """The outcome of a replacement."""

    delta_version: int
    partitions: Mapping[str, PartitionInfo]
    changed: bool
    """False when every partition already held exactly this content: nothing was written."""


def check_keys(spec: TableSpec, keys: Sequence[str]) -> list[str]:
    """The partition keys once each, in order; ValueError for one that cannot be a folder's name."""
    if spec.partition_by is None and list(keys) != [WHOLE]:
        raise ValueError(f"table {spec.name!r} is not partitioned: its only partition is {WHOLE!r}")
    pattern = (
        r"\d{4}-\d\d-\d\d" if spec.partition_by and spec.schema[spec.partition_by] == pl.Date else r"[\w.-]+"
    )
    for key in keys:
        if not re.fullmatch(pattern, key):
            raise ValueError(f"{key!r} cannot be a partition of table {spec.name!r}")
    return list(dict.fromkeys(keys))


def key_value(key: str, kind: pl.DataType) -> date | str:
    """A partition key as the value of its column."""
    return date.fromisoformat(key) if kind == pl.Date else key


def conform(frame: pl.LazyFrame, spec: TableSpec) -> pl.LazyFrame:
    """The frame with exactly the table's columns, in order, cast where no information can be lost.

    Where digests know Enums (`one_order`) they stay as they are, but for columns that rows are ordered by.
    Raises WrongSchema for a missing, unexpected or differently typed column.
    """
    found = frame.collect_schema()
    wrong = [f"{name} is missing" for name in spec.schema if name not in found]
    wrong += [f"{name} is not part of it" for name in found if name not in spec.schema]
    wrong += [
        f"{name} is {found[name]}, not {kind}"
        for name, kind in spec.schema.items()
        if name in found and not _fits(found[name], kind)
    ]
    if wrong:
        raise WrongSchema(f"a frame for table {spec.name!r} does not fit: " + "; ".join(wrong))
    ordered = {*spec.sort_by, spec.partition_by}
    kept = {
        name
        for name, kind in spec.schema.items()
        if spec.one_order and name not in ordered and as_stored(found[name]) == kind
    }
    return frame.select(
        pl.col(name) if name in kept else pl.col(name).cast(kind, strict=True)
        for name, kind in spec.schema.items()
    )


def grown(before: pl.DataType, now: pl.DataType) -> bool:
    """Whether a type is as it was, but for fields that structs in it have gained at their end."""
    if isinstance(before, pl.List) and isinstance(now, pl.List):
        return grown(_inner(before), _inner(now))
    if isinstance(before, pl.Struct) and isinstance(now, pl.Struct):
        pairs = zip(before.fields, now.fields, strict=False)
        return len(before.fields) <= len(now.fields) and all(
            old.name == new.name and grown(_plain(old.dtype), _plain(new.dtype)) for old, new in pairs
        )
    return before == now


def _inner(kind: pl.List) -> pl.DataType:
    return _plain(kind.inner)


def _plain(kind: pl.DataType | DataTypeClass) -> pl.DataType:
    return kind if isinstance(kind, pl.DataType) else kind()


def _fits(found: pl.DataType, wanted: pl.DataType) -> bool:
    return (
        found == wanted
        or found == pl.Null
        or (found.is_integer() and wanted.is_integer())  # a strict cast fails on what does not fit
        or (found == pl.Float32 and wanted == pl.Float64)
        or (isinstance(found, pl.Enum | pl.Categorical) and wanted == pl.String)
        or (isinstance(found, pl.List) and isinstance(wanted, pl.List))
    )
