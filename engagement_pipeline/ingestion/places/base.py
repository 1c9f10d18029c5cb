"""What all places can do. Not here: each of them (`folders`, `objects`, `tables`)."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")
PASSING = frozenset({"_temporary", "_delta_log"})
"""Folders of files in the making, and of Delta's own."""


class Listed(NamedTuple):
    """A file as a listing shows it."""

    file: str
    """Below the landing folder; the whole URI where the source's path is one."""
    size: int
    modified: int
    """Nanoseconds since 1970."""
    mark: str = ""
    """What else changes with its bytes: an object's ETag, a file's inode and time of change."""


class Local(NamedTuple):
    """A file's bytes on this machine's disk."""

    path: Path
    listed: Listed
    """As it was when it was read, which may be later than the listing."""


class Gone(Exception):  # noqa: N818  the words are what the reader sees
    """A file that was listed is not there any more."""


class Unusable(Exception):  # noqa: N818
    """A place of which no file can be read, or a file of one: why, and what helps."""


class Place(Protocol):
    """Where a source's files lie."""

    def listing(self) -> list[Listed]:
        """Its files by name, without those that are hidden or unfinished; none is opened.

        Raises Unusable, or StoreUnreachable.
        """
        ...

    def fingerprint(self, listed: Listed) -> str | None:
        """What identifies the content, where that is known without reading it."""
        ...

    def fetch(self, listed: Listed) -> AbstractContextManager[Local]:
        """The file on this machine's disk, for as long as the context is open.

        Raises Gone, Unusable, or StoreUnreachable.
        """
        ...


def counts(name: str) -> bool:
    """Whether a file is neither hidden nor unfinished."""
    passing = any(part.startswith(".") or part in PASSING for part in name.split("/"))
    return not passing and not name.endswith(UNFINISHED)
