"""Rows on their way into a table: split by partition, validated, digested and written to a private folder.

Here: everything that happens before a commit, in memory bounded by one partition (or, for one partition
that comes in pieces, by one piece). Not here: how a file of rows is made (`part_files`), locks, versions and
commits (`lake`).
"""

import json
import shutil
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl

from engagement_pipeline.core.ordered import ascends
from engagement_pipeline.core.words import as_text
from engagement_pipeline.storage.part_files import StagedPartition, write_rows
from engagement_pipeline.storage.tables import (
    ForeignRows,
    OverlappingFrames,
    TableSpec,
    conform,
    key_value,
)

Frames = pl.LazyFrame | pl.DataFrame | Iterable[pl.DataFrame]
Validate = Callable[[pl.DataFrame], None]


@dataclass(frozen=True)
class WholePartitions(Iterable[pl.DataFrame]):
    """Frames each of which holds all rows of its partitions: none has to wait for others, or be spilled."""

    frames: Iterable[pl.DataFrame]

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return iter(self.frames)


SPILL_ROWS = 2_000_000
"""Rows of several partitions held in memory before they are spilled, split by partition."""
SPILL_BYTES = 768 * 2**20
"""The same where rows are long: a million events, each with a raw row of 400 bytes."""
BATCH_ROWS = 250_000
BATCH_BYTES = 256 * 2**20
"""Of pieces that are validated together; one piece is validated whole, whatever its size."""


@dataclass(eq=False)
class StagedTable:
    """The new content of some partitions, validated and on disk, not yet anyone's to see.

    Its folder goes when it is committed or discarded, or with the object.
    """

    spec: TableSpec
    partitions: Mapping[str, StagedPartition]
    inputs: Mapping[str, int]
    """Table -> version that was read to make it."""
    folder: Path

    def __post_init__(self) -> None:
        self._gone = weakref.finalize(self, shutil.rmtree, self.folder, True)

    @property
    def rows(self) -> dict[str, int]:
        """Partition -> rows."""
        return {key: each.rows for key, each in self.partitions.items()}

    @property
    def data_versions(self) -> dict[str, str]:
        """Partition -> digest of its content."""
        return {key: each.data_version for key, each in self.partitions.items()}

    @property
    def data_version(self) -> str:
        """One digest of all partitions; a single one's own."""
        versions = self.data_versions
        if len(versions) == 1:
            return next(iter(versions.values()))
        return sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]

    def scan(self) -> pl.LazyFrame:
        """The staged rows, lazily, until they are committed; for counts and pictures of what will be."""
        frames = [self.spec.schema.to_frame(eager=False)]
        for key, partition in self.partitions.items():
            if files := [file.path for file in partition.files]:
                rows = pl.scan_parquet(files)
                if self.spec.partition_by:
                    kind = self.spec.schema[self.spec.partition_by]
                    rows = rows.with_columns(pl.lit(key_value(key, kind), kind).alias(self.spec.partition_by))
                frames.append(rows.select(self.spec.schema.names()))
        return pl.concat(frames)

    def discard(self) -> None:
        """Removes what was staged."""
        self._gone()


def stage(
    spec: TableSpec, frames: Frames, keys: Sequence[str], folder: Path, validate: Validate | None = None
) -> dict[str, StagedPartition]:
    """Writes the frames below `folder`: partition key -> its new content, also for keys without rows.

    One partition that comes as an iterable is written frame by frame: the frames must follow one another in
    the order of `sort_by`. Everything else is validated in whole partitions, small ones together; those that
    come whole (`WholePartitions`) are written as they come, what else is iterated over is gathered first.
    Raises WrongSchema, ForeignRows, OverlappingFrames, and what `validate` raises.
    """
    staged = {key: StagedPartition.of(spec) for key in keys}
    for group in _grouped(_pieces(spec, frames, list(keys), folder)):
        for key, _ in group:
            if key not in staged:
                raise ForeignRows(
                    f"rows for partition {key} of table {spec.name!r} came with a run for {_some(keys)}: "
                    "the step that made them must keep to its partitions"
                )
        if validate is not None:
            validate(_together([frame for _, frame in group]))
        for key, frame in group:
            write_rows(spec, frame, staged[key], folder)
    return staged


def _grouped(pieces: Iterable[tuple[str, pl.DataFrame]]) -> Iterator[list[tuple[str, pl.DataFrame]]]:
    """Pieces with rows, gathered to a good size: validating one costs 40 ms however few its rows are, which
    for a year of days was more than everything else."""
    group: list[tuple[str, pl.DataFrame]] = []
    rows = size = 0
    for key, frame in pieces:
        if frame.height:
            group.append((key, frame))
            rows, size = rows + frame.height, size + int(frame.estimated_size())
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def _together(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all frames; Enums that are not the same in all of them as text."""
    same = all(frame.schema == frames[0].schema for frame in frames)
    return pl.concat(frames if same else [as_text(frame) for frame in frames])


def _pieces(
    spec: TableSpec, frames: Frames, keys: list[str], folder: Path
) -> Iterator[tuple[str, pl.DataFrame]]:
    """(partition, sorted conformed rows): one piece a partition, or one per frame for a single partition."""
    if isinstance(frames, pl.DataFrame | pl.LazyFrame):
        lazy = conform(frames.lazy(), spec)
        if isinstance(frames, pl.DataFrame) or len(keys) == 1:
            for key, rows in _split(spec, lazy.collect()):
                yield key, _sorted(spec, rows)
            return
        frames = lazy.collect_batches(chunk_size=BATCH_ROWS, maintain_order=False)
    if isinstance(frames, WholePartitions):
        yield from _whole(spec, frames)
    elif len(keys) == 1:
        yield from _in_order(spec, frames)
    else:
        yield from _gathered(spec, frames, folder / "spilled")


def _in_order(spec: TableSpec, frames: Iterable[pl.DataFrame]) -> Iterator[tuple[str, pl.DataFrame]]:
    last: pl.DataFrame | None = None
    for each in frames:
        frame = _sorted(spec, conform(each.lazy(), spec).collect())
        if frame.is_empty():
            continue
        if spec.sort_by and last is not None:
            edge = pl.concat([last, frame.head(1).select(spec.sort_by)])
            if not edge.equals(edge.sort(spec.sort_by, nulls_last=False, maintain_order=True)):
                raise OverlappingFrames(
                    f"the frames for table {spec.name!r} overlap in {list(spec.sort_by)}: each must begin "
                    "after the last row of the one before, or grain cannot be checked piece by piece"
                )
        last = frame.tail(1).select(spec.sort_by) if spec.sort_by else None
        yield from _split(spec, frame)


def _whole(spec: TableSpec, frames: Iterable[pl.DataFrame]) -> Iterator[tuple[str, pl.DataFrame]]:
    done = set[str]()
    for each in frames:
        for key, frame in _split(spec, conform(each.lazy(), spec).collect()):
            if key in done:
                raise OverlappingFrames(
                    f"rows of partition {key} of table {spec.name!r} came in more than one frame, each of "
                    "which was to hold whole partitions"
                )
            done.add(key)
            yield key, _sorted(spec, frame)


def _gathered(
    spec: TableSpec, frames: Iterable[pl.DataFrame], folder: Path
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Gathers rows by partition, spilling to disk when there are many."""
    spilled: dict[str, list[Path]] = {}
    held: list[pl.DataFrame] = []
    rows = size = 0
    for each in frames:
        held.append(as_text(conform(each.lazy(), spec).collect()))
        rows, size = rows + held[-1].height, size + int(held[-1].estimated_size())
        if rows >= SPILL_ROWS or size >= SPILL_BYTES:
            folder.mkdir(exist_ok=True)
            for key, frame in _split(spec, pl.concat(held)):
                path = folder / f"{uuid.uuid4().hex}.arrow"
                frame.write_ipc(path)
                spilled.setdefault(key, []).append(path)
            held, rows, size = [], 0, 0
    rest = dict(_split(spec, pl.concat([spec.schema.to_frame(), *held])))
    for key in sorted({*spilled, *rest}):
        parts = [pl.read_ipc(path) for path in spilled.get(key, [])]
        yield key, _sorted(spec, pl.concat([*parts, *([rest[key]] if key in rest else [])]))
        for path in spilled.get(key, []):
            path.unlink()


def _split(spec: TableSpec, frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    if spec.partition_by is None:
        yield "all", frame
        return
    for (key,), rows in frame.partition_by(spec.partition_by, as_dict=True, maintain_order=True).items():
        if key is None:
            raise ForeignRows(f"{rows.height} rows for table {spec.name!r} have no {spec.partition_by}")
        yield str(key), rows


def _sorted(spec: TableSpec, frame: pl.DataFrame) -> pl.DataFrame:
    if not spec.sort_by or ascends(frame, spec.sort_by):
        return frame
    return frame.sort(spec.sort_by, maintain_order=True)


def _some(keys: Sequence[str]) -> str:
    return f"{keys[0]} … {keys[-1]}" if len(keys) > 2 else ", ".join(keys)
