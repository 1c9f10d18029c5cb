"""The parquet files of one partition: how rows are written into them, and what is told of each.

Here: one file at a time, with the digest of its rows and Delta's statistics. Not here: which rows belong into
which partition, in what order and whether they are valid (`staging`), and commits (`lake`).
"""

import json
import uuid
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import polars as pl

from engagement_pipeline.core.words import as_text
from engagement_pipeline.storage.digests import AnyOrder, Digest, InOrder
from engagement_pipeline.storage.tables import NO_STATISTICS, TableSpec

ROW_GROUP = 200_000
TYPES = "ARROW:schema"
"""Of a parquet file's own metadata."""


@dataclass(frozen=True)
class StagedFile:
    """A parquet file without the partition column."""

    path: Path
    rows: int
    stats: str
    """Delta's statistics, as JSON."""


@dataclass
class StagedPartition:
    """The new content of one partition."""

    columns: str
    """See `TableSpec.digest_columns`."""
    digest: Digest
    rows: int = 0
    files: list[StagedFile] = field(default_factory=list)

    @classmethod
    def of(cls, spec: TableSpec) -> "StagedPartition":
        """One of the table, without rows as yet."""
        return cls(spec.digest_columns, InOrder() if spec.one_order else AnyOrder())

    @property
    def data_version(self) -> str:
        """Digest of the columns and the rows; the same however these are cut into files, and, unless the
        table has but one order, however they are ordered."""
        return sha256(f"{self.columns}:{self.rows}:{self.digest.text()}".encode()).hexdigest()[:16]


def write_rows(spec: TableSpec, frame: pl.DataFrame, into: StagedPartition, folder: Path | None) -> None:
    """Adds a file of rows of one partition to what is staged of it; without a folder they are only counted,
    being stored already. Where rows have one order they come in it."""
    if folder is not None and frame.height:
        path = folder / f"part-{uuid.uuid4().hex}.parquet"
        stored = frame.drop(spec.partition_by) if spec.partition_by else frame
        stored.write_parquet(
            path,
            compression="zstd",
            compression_level=1,
            row_group_size=ROW_GROUP,
            metadata=_types(stored),
        )
        into.files.append(StagedFile(path, frame.height, _stats(spec, frame)))
    into.rows += frame.height
    into.digest.add(frame.select(name for name in spec.schema if name not in spec.provenance))


def _types(frame: pl.DataFrame) -> dict[str, str] | None:
    """What polars would say in the file about its columns, were its Enums text; None where there are none.
    The file has text in it either way, but polars would read it as Enums, which its table does not have."""
    said = as_text(frame.head(0))
    if said.schema == frame.schema:
        return None
    file = BytesIO()
    said.write_parquet(file)
    file.seek(0)
    return {TYPES: pl.read_parquet_metadata(file)[TYPES]}


def _stats(spec: TableSpec, frame: pl.DataFrame) -> str:
    """Bounds of the first sort column, unless it names people: readers skip files by them, parquet's own
    statistics, which go with the file, do the rest."""
    stats: dict[str, object] = {"numRecords": frame.height}
    first = spec.sort_by[0] if spec.sort_by else None
    wanted = first not in NO_STATISTICS and first != spec.partition_by
    if first and wanted and frame.schema[first] in (pl.String, pl.Int64, pl.Date):
        column = frame[first]
        if not column.null_count():
            low, high = column[0], column[-1]
            plain = not isinstance(low, str) or (low + high).isascii()
            if plain:  # readers order text by bytes or by characters; for ASCII both are the same
                stats |= {
                    "minValues": {first: _json(low)},
                    "maxValues": {first: _json(high)},
                    "nullCount": {first: 0},
                }
    return json.dumps(stats)


def _json(value: object) -> object:
    return value if isinstance(value, int | str) else str(value)
