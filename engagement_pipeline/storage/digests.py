"""Digests of a partition's rows, which tell whether its content changed.

Here: the same on every machine and however rows are cut into frames. Not here: when they are taken
(`part_files`). They find changes; they withstand nobody who wants to find two contents with one digest.
"""

import json
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh
import xxhash

Values = npt.NDArray[np.int64] | npt.NDArray[np.uint64] | npt.NDArray[np.float64]


class Digest(Protocol):
    """Of rows that come in frames."""

    def add(self, rows: pl.DataFrame) -> None:
        """Takes in rows that follow those before."""

    def text(self) -> str:
        """What it comes to."""


class AnyOrder:
    """Of rows in any order: the sum of their hashes, each of the row written out as bytes."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, rows: pl.DataFrame) -> None:
        """See `Digest`."""
        self._sum += rows.select(plh.hash_rows(pl.all()).nchash.xxh3_64().cast(pl.Int128).sum()).item()

    def text(self) -> str:
        """See `Digest`."""
        return str(self._sum)


class InOrder:
    """Of rows that have one order: 128 bits (XXH3) for each column, of its values one after the other. It
    takes 0.02 s for 400,000 rows with a million contributions, where writing rows out takes 0.15 s.

    Kinds of text are text, 0.0 has no sign, and a list of nothing is not a missing one.
    """

    def __init__(self) -> None:
        self._hashes: dict[str, xxhash.xxh3_128] = {}
        self._rows: dict[str, int] = {}

    def add(self, rows: pl.DataFrame) -> None:
        """See `Digest`."""
        for column in rows.get_columns():
            self._add(column.name, column)

    def text(self) -> str:
        """See `Digest`."""
        found = {name: each.hexdigest() for name, each in self._hashes.items()}
        return json.dumps(found, sort_keys=True)

    def _add(self, name: str, column: pl.Series) -> None:
        if column.is_empty():
            return
        before = self._rows.get(name, 0)
        self._rows[name] = before + len(column)
        if column.null_count():  # where they are: among the values stand zeros
            places = column.is_null().arg_true().cast(pl.Int64) + before
            self._update(f"{name} is null", places.to_numpy())
        if isinstance(column.dtype, pl.List):
            self._update(name, column.list.len().fill_null(0).cast(pl.Int64).to_numpy())
            self._add(f"{name}[]", column.explode(empty_as_null=False, keep_nulls=False))
        elif isinstance(column.dtype, pl.Struct):
            for inner in column.struct.unnest().get_columns():
                self._add(f"{name}.{inner.name}", inner)
        else:
            self._update(name, _values(column))

    def _update(self, name: str, values: Values) -> None:
        self._hashes.setdefault(name, xxhash.xxh3_128()).update(np.ascontiguousarray(values).data)


def _values(column: pl.Series) -> Values:
    """64 bits per value, different for different ones unless text collides; zeros of a null."""
    kind = column.dtype
    if isinstance(kind, pl.Enum):  # as the text that it stands for
        places = column.to_physical().fill_null(0).to_numpy()
        found: Values = _texts(kind.categories)[places] if len(kind.categories) else places.astype(np.uint64)
    elif kind in (pl.String, pl.Categorical):
        found = _texts(column.cast(pl.String).fill_null(""))
    elif kind.is_float():
        found = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0  # -0.0 is 0.0
    else:
        found = column.to_physical().cast(pl.Int64).fill_null(0).to_numpy()
    if column.null_count():
        found = np.where(column.is_null().to_numpy(), found.dtype.type(0), found)
    return found


def _texts(column: pl.Series) -> npt.NDArray[np.uint64]:
    hashed = column.to_frame("text").select(pl.col("text").nchash.xxh3_64())  # type: ignore[attr-defined]
    found: npt.NDArray[np.uint64] = hashed.to_series().to_numpy()
    return found
