"""Bringing a finished file into a table's folder, on a disk or in an object store.

Here: the one place that writes below the lake's root beside Delta itself. Not here: when (`lake`).
"""

import shutil
from pathlib import Path
from typing import Any

from deltalake._internal import DeltaFileSystemHandler  # the same object store client that Delta commits with

from engagement_pipeline.storage.settings import is_remote

CHUNK = 8 * 1024 * 1024


def publish(source: Path, table_uri: str, path: str) -> int:
    """Moves `source` to `path` below the table; gives its size in bytes. Not seen before it is committed."""
    size = source.stat().st_size
    if is_remote(table_uri):
        upload(source, table_uri, path)
        source.unlink()
        return size
    target = Path(table_uri) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    return size


def upload(source: Path, table_uri: str, path: str) -> None:
    """Copies a local file into an object store, piece by piece."""
    out: Any = DeltaFileSystemHandler(table_uri).open_output_stream(path, None)  # its stub lacks close()
    with source.open("rb") as file:
        while piece := file.read(CHUNK):
            out.write(piece)
    out.close()
