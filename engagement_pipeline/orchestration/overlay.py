"""A lake that is read through a layer of tables that only this process knows.

Whoever reads it finds the layer's partitions in place of the stored ones, so that everything that reads the
lake also works on what was never stored. Here: reading. Not here: writing, which is refused; and what is put
into the layer (`drafts`).
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path

import polars as pl

from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.tables import PartitionInfo, TableSpec

NOT_STORED = "not stored"
"""The data version of what only the layer has."""


@dataclass(frozen=True)
class _Layer:
    rows: pl.LazyFrame
    column: str
    """Holds the partition."""
    replaced: dict[str, int] = field(default_factory=dict)
    """Partition -> rows, of those that stand in place of the stored ones; without any, rows are added."""


class Overlay(Lake):
    """The lake with a layer over it. The layer's rows lie in a folder of the caller's."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        super().__init__(lake.root, lake.database)
        self.opened = lake.opened
        self.folder = folder
        self._layers: dict[str, _Layer] = {}

    def put(self, spec: TableSpec, rows: Iterable[pl.DataFrame], day: date) -> None:
        """These rows stand in place of what the table holds for the day."""
        kept, count = self._written(spec, rows)
        self._layers[spec.name] = _Layer(kept, spec.partition_by or "", {day.isoformat(): count})

    def add(self, spec: TableSpec, rows: Iterable[pl.DataFrame]) -> None:
        """These rows stand beside what the table holds."""
        kept, _ = self._written(spec, rows)
        self._layers[spec.name] = _Layer(kept, spec.partition_by or "")

    def layer(self, table: str) -> _Layer | None:
        """What the layer has for a table."""
        return self._layers.get(table)

    def share(self, table: str, other: "Overlay") -> None:
        """From now on what another layer over the same lake has for a table, if anything."""
        if (layer := other.layer(table)) is not None:
            self._layers[table] = layer

    def exists(self, table: str) -> bool:
        """Whether the table is in the layer, or was ever written."""
        return table in self._layers or super().exists(table)

    def version(self, table: str) -> int | None:
        """The stored table's newest version; of one that is only in the layer 0."""
        found = super().version(table)
        return 0 if found is None and table in self._layers else found

    def state(self, table: str) -> Hashable:
        """See `Lake.state`; with a layer over the table another one."""
        return super().state(table), table in self._layers

    def partitions(self, table: str) -> dict[str, PartitionInfo]:
        """Partition -> what it holds, those of the layer included."""
        found = super().partitions(table)
        layer = self._layers.get(table)
        if layer is None:
            return found
        return found | {day: PartitionInfo(0, NOT_STORED, rows, {}) for day, rows in layer.replaced.items()}

    def stored(self, table: str) -> dict[str, PartitionInfo]:
        """What lies below the layer."""
        return super().partitions(table)

    def scan(
        self,
        table: str,
        partitions: Sequence[str] | None = None,
        version: int | None = None,
        *,
        allow_missing: bool = False,
    ) -> pl.LazyFrame:
        """See `Lake.scan`."""
        layer = self._layers.get(table)
        if layer is None:
            return super().scan(table, partitions, version, allow_missing=allow_missing)
        rows, day = layer.rows, pl.col(layer.column)
        if partitions is not None:
            rows = rows.filter(day.is_in([date.fromisoformat(key) for key in partitions]))
        stored = None if partitions is None else [key for key in partitions if key not in layer.replaced]
        if stored == [] or not super().exists(table):
            return rows
        below = super().scan(table, stored, version, allow_missing=allow_missing)
        hidden = [date.fromisoformat(key) for key in layer.replaced]
        if hidden and stored is None:
            below = below.filter(~day.is_in(hidden))
        return pl.concat([below, rows], how="diagonal_relaxed")

    def stage(self, *_: object, **__: object) -> object:  # type: ignore[override]
        """Refused: nothing is stored through it."""
        raise AssertionError("a layer is only read")

    def commit(self, *_: object, **__: object) -> object:  # type: ignore[override]
        """Refused: nothing is stored through it."""
        raise AssertionError("a layer is only read")

    def _written(self, spec: TableSpec, rows: Iterable[pl.DataFrame]) -> tuple[pl.LazyFrame, int]:
        folder = self.folder / spec.name.replace("/", "__")
        folder.mkdir(parents=True)
        count = 0
        for number, part in enumerate(chain([spec.schema.to_frame()], rows)):
            # Text may come as Enums, of other words in every part.
            part = part.select(spec.schema.names()).cast(spec.schema)
            part.write_parquet(folder / f"{number:06}.parquet", compression="lz4")
            count += part.height
        return pl.scan_parquet(folder / "*.parquet"), count
