"""Files below a folder of this machine. Not here: object stores (`objects`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from engagement_pipeline.catalog.paths import SourcePath
from engagement_pipeline.ingestion.places.base import Listed, Local, Unusable, counts


class Folder:
    """Files that a glob below `root` finds. `named` comes before their names."""

    def __init__(self, root: Path, path: SourcePath, since: date | None, named: str = "") -> None:
        self.root, self.path, self.since, self.named = root.resolve(), path, since, named
        self.misnamed: set[str] = set()
        """Files whose names are no text that could be stored, as `listing` shows them."""

    def listing(self) -> list[Listed]:
        """By name; without files that a link leads to outside of the landing folder, or the URI's own."""
        inside = (self.root / self.path.folder).resolve() if self.named else self.root
        found = []
        for path in self.root.glob(self.path.glob):
            name = path.relative_to(self.root).as_posix()
            try:
                if not counts(name) or not path.is_file() or not path.resolve().is_relative_to(inside):
                    continue
                stat = path.stat()
            except FileNotFoundError:  # moved on since the folder was looked at
                continue
            if not self.path.dated or self.path.takes(name, self.since):
                shown = self.named + name.encode(errors="backslashreplace").decode()
                if shown != self.named + name:
                    self.misnamed.add(shown)
                mark = f"{stat.st_ino}:{stat.st_ctime_ns}"
                found.append(Listed(shown, stat.st_size, stat.st_mtime_ns, mark))
        return sorted(found)

    def fingerprint(self, listed: Listed) -> None:
        """Only its bytes say."""
        return

    @contextmanager
    def fetch(self, listed: Listed) -> Iterator[Local]:
        """The file itself, which may be gone when it is opened."""
        if listed.file in self.misnamed:
            raise Unusable("Rename it: its name is no UTF-8.")
        yield Local(self.root / listed.file.removeprefix(self.named), listed)
