"""Files in an object store: listed by prefix, brought to a temporary file one at a time.

Here: objects as files. Not here: the client and its errors (`storage.objects`).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from engagement_pipeline.catalog.paths import SourcePath
from engagement_pipeline.ingestion.places.base import Gone, Listed, Local, counts
from engagement_pipeline.storage.objects import ObjectGone, StoreUnreachable, in_words, open_store

if TYPE_CHECKING:  # it is there for type checkers only
    from obstore import ObjectMeta

CHUNK = 8 * 1024 * 1024


class Objects:
    """Objects below `base`/`root` whose keys are like a path. `named` comes before their names."""

    def __init__(self, base: str, root: str, path: SourcePath, since: date | None, named: str = "") -> None:
        self.base, self.path, self.since, self.named = base, path, since, named
        self.root = f"{root}/" if root else ""

    def listing(self) -> list[Listed]:
        """By name. Where the path's dates begin with the year, keys of dates before `since` are not even
        asked for."""
        prefix, found = f"{self.root}{self.path.folder}".rstrip("/"), []
        offset = None
        if self.since is not None and (begin := self.path.begins(self.since)) != self.path.folder:
            offset = self.root + begin
        with in_words(f"{self.base}/{prefix}"):
            pages = obstore.list(open_store(self.base), prefix=prefix or None, offset=offset)
            for meta in (each for page in pages for each in page):
                name = meta["path"].removeprefix(self.root)
                if counts(name) and self.path.takes(name, self.since):
                    found.append(self._listed(name, meta))
        return sorted(found)

    def fingerprint(self, listed: Listed) -> None:
        """An ETag is a digest of the bytes only where an object came in one piece, and not everywhere."""
        return

    @contextmanager
    def fetch(self, listed: Listed) -> Iterator[Local]:
        """Streams the object to a temporary file, which goes with the context."""
        name = listed.file.removeprefix(self.named)
        with tempfile.TemporaryDirectory(prefix="engagement-") as folder:
            path = Path(folder) / name.rpartition("/")[2][-60:]  # a file's name is shorter than a key may be
            yield Local(path, self._listed(name, self._download(self.root + name, path)))

    def _download(self, key: str, path: Path) -> "ObjectMeta":
        try:
            with in_words(f"{self.base}/{key}"):
                response = obstore.get(open_store(self.base), key)
                with path.open("wb") as file:
                    for chunk in response.stream(min_chunk_size=CHUNK):
                        file.write(chunk)
        except ObjectGone as error:
            raise Gone(str(error)) from None
        if path.stat().st_size != response.meta["size"]:
            raise StoreUnreachable(f"{self.base}/{key} came cut off: land it again")
        return response.meta

    def _listed(self, name: str, meta: "ObjectMeta") -> Listed:
        modified = int(meta["last_modified"].timestamp()) * 1_000_000_000
        return Listed(self.named + name, meta["size"], modified, meta["e_tag"] or meta["version"] or "")
