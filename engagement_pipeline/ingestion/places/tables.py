"""The live files of a Delta table that somebody else writes.

A Delta table's files never change, so each is known by the table's id and the file's path, and lands once.
Here: finding them and completing their rows. Not here: our own tables (`storage.lake`).
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obstore
import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from engagement_pipeline.catalog.paths import split_uri
from engagement_pipeline.ingestion.places.base import Gone, Listed, Local, Unusable
from engagement_pipeline.ingestion.places.objects import CHUNK
from engagement_pipeline.storage.objects import ObjectGone, in_words, open_store


class DeltaFiles:
    """The files of the table's newest version. `named` comes before their names."""

    def __init__(self, uri: str, named: str) -> None:
        self.uri, self.named = uri.removeprefix("file://"), named

    def listing(self) -> list[Listed]:
        """By name; nothing for a table that was never written. Raises Unusable for features that a file alone
        does not show."""
        if self._table is None:
            return []
        return sorted(
            Listed(f"{self.named}/{path}", add["size_bytes"], add["modification_time"] * 1_000_000, self._id)
            for path, add in self._adds.items()
        )

    def fingerprint(self, listed: Listed) -> str:
        """The table's id and the file's path: compacting or rewriting a table makes new files."""
        return hashlib.sha256(f"delta:{listed.mark}:{self._path(listed)}".encode()).hexdigest()

    @contextmanager
    def fetch(self, listed: Listed) -> Iterator[Local]:
        """The file with its partition's values as columns, which Delta keeps in the log alone."""
        path = self._path(listed)
        with tempfile.TemporaryDirectory(prefix="engagement-") as folder:
            local = self._local(path, Path(folder) / "as_stored.parquet")
            if values := self._partition(path):
                whole = Path(folder) / path.rpartition("/")[2]
                rows = pl.scan_parquet(local, glob=False, hive_partitioning=False)
                rows.with_columns(pl.lit(value).alias(name) for name, value in values.items()).sink_parquet(
                    whole
                )
                local = whole
            yield Local(local, listed)

    @cached_property
    def _table(self) -> DeltaTable | None:
        try:
            table = DeltaTable(self.uri)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError):
            # Its words may quote signed requests.
            raise Unusable(
                f"the Delta table {self.uri} cannot be opened: check that it can be reached, with the "
                "credentials in the environment, and that its log is whole"
            ) from None
        if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
            raise Unusable(
                f"the Delta table {self.uri} maps its columns to other names in its files (column mapping): "
                "write it without, or let a model write a plain copy"
            )
        if "deletionVectors" in (table.protocol().reader_features or []):
            raise Unusable(
                f"the Delta table {self.uri} has deletion vectors, so its files hold rows that it does not: "
                "switch them off (delta.enableDeletionVectors) and purge it, or write a plain copy"
            )
        return table

    @cached_property
    def _id(self) -> str:
        assert self._table is not None  # noqa: S101  only asked for what was listed
        return str(self._table.metadata().id)

    @cached_property
    def _adds(self) -> dict[str, dict[str, Any]]:
        """File, below the table -> what the log says of it."""
        assert self._table is not None  # noqa: S101
        adds = pl.DataFrame(self._table.get_add_actions(flatten=False)).to_dicts()
        return {unquote(add["path"]): add for add in adds}

    def _path(self, listed: Listed) -> str:
        return listed.file.removeprefix(f"{self.named}/")

    def _partition(self, path: str) -> dict[str, Any]:
        return self._adds[path].get("partition") or {}

    def _local(self, path: str, target: Path) -> Path:
        base, below = split_uri(self.uri)
        if not base:
            found = Path(self.uri) / path
            if not found.exists():
                raise Gone(f"{found} was vacuumed meanwhile")
            return found
        try:
            with in_words(f"{self.uri}/{path}"), target.open("wb") as file:
                for chunk in obstore.get(open_store(base), f"{below}/{path}").stream(min_chunk_size=CHUNK):
                    file.write(chunk)
        except ObjectGone as error:
            raise Gone(str(error)) from None
        return target
