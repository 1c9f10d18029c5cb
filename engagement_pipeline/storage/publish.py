"""Bringing a finished file into a table's folder, on a disk or in an object store.

Here: the one place that writes below the lake's root beside Delta itself. Not here: when (`lake`).
"""

import shutil
from pathlib import Path

from engagement_pipeline.storage.objects import upload
from engagement_pipeline.storage.settings import is_remote


def publish(source: Path, table_uri: str, path: str) -> int:
    """Moves `source` to `path` below the table; gives its size in bytes. Not seen before it is committed."""
    size = source.stat().st_size
    if is_remote(table_uri):
        upload(source, f"{table_uri}/{path}")
        source.unlink()
        return size
    target = Path(table_uri) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    return size
