"""Delta tables that were opened before, as long as nobody has written to them since.

Opening a table reads its log: 2 ms of processor time, and whatever is materialized opens a dozen tables, most
of which nobody changed. Here: telling whether one was. Not here: reading a table, and writing (`lake`).
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

KEPT = 200
"""Tables; one holds the names of its files."""


@dataclass(frozen=True)
class _Commit:
    """A commit in the log, as its file stands there: one of a table that was made anew is another."""

    inode: int
    changed_at: int
    size: int


class Opened:
    """Tables in folders of this machine, for reading only: an object is shared by all who ask for it.

    One of an object store is opened each time, for there nothing says as cheaply whether it was changed.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[_Commit, DeltaTable]] = OrderedDict()

    def newest(self, uri: str) -> DeltaTable:
        """The table at its newest version. Raises TableNotFoundError."""
        if "://" in uri:
            return DeltaTable(uri)
        commit, table = self._kept.get(uri, (None, None))
        if table is not None and commit == _commit(uri, table.version()) and not _later(uri, table.version()):
            return table
        table = DeltaTable(uri)
        if (found := _commit(uri, table.version())) is not None:
            self._kept[uri] = found, table
            self._kept.move_to_end(uri)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return table


def _commit(uri: str, version: int) -> _Commit | None:
    try:
        found = _file(uri, version).stat()
    except OSError:
        return None
    return _Commit(found.st_ino, found.st_mtime_ns, found.st_size)


def _later(uri: str, version: int) -> bool:
    return _file(uri, version + 1).exists()


def _file(uri: str, version: int) -> Path:
    return Path(uri, "_delta_log", f"{version:020}.json")
