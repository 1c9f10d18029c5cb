"""Plain files below a folder or an object-store URI: which there are, their bytes, and taking one away.

Here: what erasures and upkeep do beside Delta. Not here: tables (`lake`) and bringing files in (`publish`).
"""

from contextlib import suppress
from pathlib import Path

import obstore

from engagement_pipeline.catalog.paths import split_uri
from engagement_pipeline.storage.objects import in_words, open_store
from engagement_pipeline.storage.settings import is_remote


def files_below(root: str) -> list[str]:
    """Paths below the root, sorted; none where it does not exist."""
    if not is_remote(root):
        folder = Path(root)
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    base, prefix = split_uri(root)
    prefix = prefix.strip("/")
    with in_words(root):
        found = [each["path"] for page in obstore.list(open_store(base), prefix=prefix) for each in page]
    return sorted(path.removeprefix(prefix).lstrip("/") for path in found)


def read_bytes(root: str, path: str) -> bytes:
    """A file's bytes; none when it went away meanwhile."""
    if not is_remote(root):
        with suppress(FileNotFoundError):
            return (Path(root) / path).read_bytes()
        return b""
    base, prefix = split_uri(root)
    with in_words(f"{root}/{path}"):
        return bytes(obstore.get(open_store(base), f"{prefix.strip('/')}/{path}").bytes())


def delete(root: str, path: str) -> None:
    """Takes a file away; one that is gone already is fine."""
    if not is_remote(root):
        (Path(root) / path).unlink(missing_ok=True)
        return
    base, prefix = split_uri(root)
    with in_words(f"{root}/{path}"):
        obstore.delete(open_store(base), f"{prefix.strip('/')}/{path}")
