"""A source's files, and their rows as they will stand in `landed/<source>`.

Here: what identifies a file, when it need not be read again, and what is odd about it. Not here: where
files lie (`places`), formats (`readers`), and taking files in (`intake`).
"""

import hashlib
from collections.abc import Collection, Container, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.rowpaths import FILE, root_of
from engagement_pipeline.catalog.specs import Project, Source
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion.decode import of_element
from engagement_pipeline.ingestion.erased import name_without
from engagement_pipeline.ingestion.places import Gone, Listed, Local, Place, Unusable, place_of, since_of
from engagement_pipeline.ingestion.readers import UnreadableFile, columns_of, read_raw
from engagement_pipeline.ingestion.routing import named_paths
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline.storage.objects import ObjectRefused, StoreUnreachable
from engagement_pipeline.storage.seen import Seen
from engagement_pipeline.storage.tombstones import tombstones

PIECE_ROWS = 262_144
"""Rows of one parquet file of a big batch; about 80 MB in memory."""
LONG_ROW = 512
"""Bytes. Longer rows count as several, so that what is held at once has a bound however long they are."""
REMEMBER = 500
"""Files read after which it is noted that they were: a run that is killed does not read them all again."""
FAILURES = 3
"""Files in a row for which a store does not answer, before the whole place counts as out of reach."""


@dataclass(frozen=True)
class Found:
    """A file of a source."""

    file: str
    """Below the landing folder; the whole URI where the source's path is one."""
    path: Path | None
    """Where its bytes are, until the next file is asked for; None when they need not or cannot be read."""
    size: int
    fingerprint: str
    """SHA-256 of its bytes: the same bytes under two names are one batch."""
    rows: pl.DataFrame | None = field(default=None, compare=False)
    """`row_number` and `raw` of what is no file; then nothing is read."""
    modified: int = 0
    """Nanoseconds since 1970."""
    problem: str = ""
    """Why its bytes could not be had."""


@dataclass(frozen=True)
class PlaceState:
    """What lies in the place that a source reads from."""

    files: int
    bytes: int
    newest: datetime | None
    """When the newest file was last written."""


class Tally:
    """The files that were found, counted as they go by."""

    def __init__(self, fingerprints: set[str]) -> None:
        self.fingerprints = fingerprints
        self.known = self.files = self.bytes = self.newest = 0

    def is_new(self, found: Found) -> bool:
        """Whether the content is seen for the first time."""
        self.files += 1
        self.bytes += found.size
        self.newest = max(self.newest, found.modified)
        if found.fingerprint in self.fingerprints:
            self.known += 1
            return False
        self.fingerprints.add(found.fingerprint)
        return True

    @property
    def place(self) -> PlaceState:
        """What was found, in figures."""
        newest = datetime.fromtimestamp(self.newest / 1e9, UTC) if self.files else None
        return PlaceState(self.files, self.bytes, newest)


def listing(source: Source, landing: Path | str, since: date | None = None) -> list[Listed]:
    """The source's files by name, as they look from outside: no file is opened.

    Hidden and unfinished files (`.tmp`, `.part`) are left alone, and those that a date in the path dates
    before `since`. Raises Unusable or StoreUnreachable when the place cannot be looked at.
    """
    return [] if source.database is not None else place_of(source, landing, since).listing()


def discover(
    source: Source,
    landing: Path | str,
    *,
    since: date | None = None,
    seen: Seen | None = None,
    landed: Container[str] = frozenset(),
) -> Iterator[Found]:
    """The source's files with their fingerprints, by name, each read at most once.

    A file that looks as it did when it was `seen` is not read for its fingerprint, nor at all when that has
    `landed`. One deleted meanwhile is left out. Raises as `listing`, and StoreUnreachable when several files
    in a row cannot be fetched.
    """
    place = place_of(source, landing, since)
    files = place.listing()
    with ExitStack() as finished:
        memory = _Memory(source.source, seen, files)
        finished.callback(memory.write)
        failures = 0
        for each in files:
            known = place.fingerprint(each) or memory.recall(each)
            if known is not None and known in landed:
                yield Found(memory.name(each), None, each.size, known, modified=each.modified)
                continue
            try:
                with place.fetch(each) as local:
                    found = _read(place, local, memory)
                    yield replace(found, file=memory.name(each))
                failures = 0
            except (Gone, FileNotFoundError):
                continue
            except (Unusable, StoreUnreachable) as error:
                failures = 0 if isinstance(error, ObjectRefused) else failures + 1
                if failures == FAILURES:
                    raise
                yield replace(_unread(each, str(error)), file=memory.name(each))


def unknown_files(source: Source, landing: Path | str, project: Project, ledger: Ledger) -> list[Listed]:
    """The source's files, as `listing` shows them, that did not land as they look now: new, changed, or
    refused the last time. Raises as `listing`."""
    place = place_of(source, landing, since_of(source, project))
    files = place.listing()
    memory = _Memory(source.source, Seen(ledger.database), files)
    landed = ledger.landed(source.source)
    return [each for each in files if (place.fingerprint(each) or memory.recall(each)) not in landed]


def _read(place: Place, local: Local, memory: "_Memory") -> Found:
    path, listed = local
    fingerprint = place.fingerprint(listed)
    if fingerprint is None:
        try:
            with path.open("rb") as file:
                fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise
        except OSError:
            return _unread(listed, "", path)  # whoever reads it will say why it cannot be
        memory.note(listed, fingerprint)
    return Found(listed.file, path, listed.size, fingerprint, modified=listed.modified)


def _unread(listed: Listed, problem: str, path: Path | None = None) -> Found:
    """A file whose name stands for its bytes until they can be had."""
    name = hashlib.sha256(f"{listed.file} {listed.size} {listed.modified}".encode()).hexdigest()
    return Found(listed.file, path, listed.size, name, modified=listed.modified, problem=problem)


class _Memory:
    """What was seen of a source's files."""

    def __init__(self, source: str, seen: Seen | None, files: Iterable[Listed]) -> None:
        self.source, self.seen = source, seen
        self.known = seen.files(source) if seen else {}
        self.stones = tombstones(seen.database) if seen else None
        self.fresh: dict[str, tuple[str, str]] = {}
        if seen:
            seen.forget(source, self.known.keys() - {self.name(each) for each in files})

    def name(self, listed: Listed) -> str:
        """The file's name as it may be stored: a file may be called after somebody who was erased."""
        return name_without(listed.file, self.stones) if self.stones else listed.file

    def recall(self, listed: Listed) -> str | None:
        looks, fingerprint = self.known.get(self.name(listed), ("", ""))
        return fingerprint if looks == _looks(listed) else None

    def note(self, listed: Listed, fingerprint: str) -> None:
        self.fresh[self.name(listed)] = (_looks(listed), fingerprint)
        if len(self.fresh) >= REMEMBER:
            self.write()

    def write(self) -> None:
        if self.seen and self.fresh:
            self.seen.record(self.source, self.fresh)
        self.fresh = {}


def _looks(listed: Listed) -> str:
    return f"{listed.size} {listed.modified} {listed.mark}"


def landed_rows(found: Found, source: Source, received_at: datetime) -> Iterator[pl.DataFrame]:
    """The file's rows as `frames.LANDED`, in bounded blocks. Raises UnreadableFile."""
    if found.path is None and found.rows is None:
        raise UnreadableFile(found.file, "its bytes could not be had", found.problem)
    try:
        for block in read_raw(found.path, source) if found.rows is None else [found.rows]:  # type: ignore[arg-type]
            yield block.select(
                pl.lit(found.fingerprint).alias("batch"),
                pl.lit(found.file).alias("file"),
                "row_number",
                pl.lit(received_at, dtype=LANDED["received_at"]).alias("received_at"),
                "raw",
            )
    except UnreadableFile as error:  # two sources, or two folders, may have files of one name
        raise UnreadableFile(found.file, error.why, error.remedy) from error


def weight(frames: Iterable[pl.DataFrame], text: str = "raw") -> int:
    """Rows, of which long ones count as several, by the column that holds the whole row."""
    return sum(max(each.height, int(each[text].str.len_bytes().sum()) // LONG_ROW) for each in frames)


def in_pieces(
    blocks: Iterable[pl.DataFrame], rows: int = PIECE_ROWS, text: str = "raw"
) -> Iterator[pl.DataFrame]:
    """The blocks, gathered to pieces of so many rows, long ones counted as several (`weight`)."""
    held: list[pl.DataFrame] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += weight([block], text)
        if size >= rows:
            yield pl.concat(held)
            held, size = [], 0
    if held:
        yield pl.concat(held)


def handed_over(blocks: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The blocks, none of which is held here any longer once it was given."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def oddities(found: Found, source: Source) -> list[str]:
    """Columns that the mapping reads and the file does not have: their values stay empty."""
    there = None if found.path is None else columns_of(found.path, source)
    if there is None or any(root_of(path) in there for path in source.unwrap):
        return []
    hint = ""
    if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
        hint = "; its fields seem not to be separated by commas"
    return [f"{found.file} has {each}{hint}" for each in lacking(source, there)]


def lacking(source: Source, columns: Collection[str]) -> list[str]:
    """Which columns that the mappings read are none of these, in words."""
    there = {*columns, FILE}
    return [
        f"no column {' or '.join(map(repr, paths))}, from which {name} is read"
        for paths, name in named_paths(source).items()
        if not any(of_element(path) or {path, root_of(path)} & there for path in paths)
    ]
