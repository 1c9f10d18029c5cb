"""Files below a folder of this machine. Not here: object stores (`objects`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from engagement_pipeline.catalog.paths import SourcePath
from engagement_pipeline.ingestion.places.base import Listed, Local, counts


class Folder:
    """Files that a glob below `root` finds. `named` comes before their names."""

    def __init__(self, root: Path, path: SourcePath, since: date | None, named: str = "") -> None:
        self.root, self.path, self.since, self.named = root.resolve(), path, since, named

    def listing(self) -> list[Listed]:
        """By name; without files that a link leads to outside of the landing folder, or the URI's own."""
        inside = (self.root / self.path.folder).resolve() if self.named else self.root
        found = []
        for path in self.root.glob(self.path.glob):
            name = path.relative_to(self.root).as_posix()
            if not counts(name) or not path.is_file() or not path.resolve().is_relative_to(inside):
                continue
            if not self.path.dated or self.path.takes(name, self.since):
                stat = path.stat()
                mark = f"{stat.st_ino}:{stat.st_ctime_ns}"
                found.append(Listed(self.named + name, stat.st_size, stat.st_mtime_ns, mark))
        return sorted(found)

    def fingerprint(self, listed: Listed) -> None:
        """Only its bytes say."""
        return

    @contextmanager
    def fetch(self, listed: Listed) -> Iterator[Local]:
        """The file itself, which may be gone when it is opened."""
        yield Local(self.root / listed.file.removeprefix(self.named), listed)
