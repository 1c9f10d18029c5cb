"""Files in the landing folder, and their rows as they will stand in `landed/<source>`.

Here: which files a source has, what identifies one, and what is odd about it. Not here: formats (`readers`),
and taking files in (`intake`).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion.canonical import mapped_paths
from engagement_pipeline.ingestion.readers import UnreadableFile, columns_of, read_raw

PIECE_ROWS = 262_144
"""Rows of one parquet file of a big batch; about 80 MB in memory."""
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")


@dataclass(frozen=True)
class Found:
    """A file that a source's glob matches."""

    file: str
    """Below the landing folder."""
    path: Path
    size: int
    fingerprint: str
    """SHA-256 of its bytes: the same bytes under two names are one batch."""


def listing(source: Source, landing: Path) -> list[tuple[str, int, int]]:
    """(name below the landing folder, bytes, time of change in ns) of the source's files, by name.

    Hidden and unfinished files (`.tmp`, `.part`) are left alone, and whatever a link leads outside of the
    folder to. No file is opened.
    """
    root = landing.resolve()
    found = []
    for path in root.glob(source.path):
        below = path.relative_to(root)
        hidden = any(part.startswith(".") for part in below.parts)
        if hidden or path.name.endswith(UNFINISHED) or not path.is_file():
            continue
        if path.resolve().is_relative_to(root):
            stat = path.stat()
            found.append((below.as_posix(), stat.st_size, stat.st_mtime_ns))
    return sorted(found)


def discover(source: Source, landing: Path) -> list[Found]:
    """The source's files with their fingerprints, by name; each is read once while the process lives.

    A file deleted meanwhile is left out.
    """
    root, found = landing.resolve(), []
    for file, size, modified in listing(source, landing):
        path = root / file
        try:
            found.append(Found(file, path, size, _fingerprint(path, size, modified)))
        except FileNotFoundError:
            continue
        except OSError:
            # Whoever reads it will say why it cannot be; until then its name stands for its bytes.
            name = hashlib.sha256(f"{file} {size} {modified}".encode()).hexdigest()
            found.append(Found(file, path, size, name))
    return found


@lru_cache(maxsize=10_000)
def _fingerprint(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def landed_rows(found: Found, source: Source, received_at: datetime) -> Iterator[pl.DataFrame]:
    """The file's rows as `frames.LANDED`, in bounded blocks. Raises UnreadableFile."""
    try:
        for block in read_raw(found.path, source.format):
            yield block.select(
                pl.lit(found.fingerprint).alias("batch"),
                pl.lit(found.file).alias("file"),
                "row_number",
                pl.lit(received_at, dtype=LANDED["received_at"]).alias("received_at"),
                "raw",
            )
    except UnreadableFile as error:  # two sources, or two folders, may have files of one name
        raise UnreadableFile(found.file, error.why, error.remedy) from error


def in_pieces(blocks: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The blocks, gathered to a good size for one parquet file each."""
    held: list[pl.DataFrame] = []
    for block in blocks:
        held.append(block)
        if sum(frame.height for frame in held) >= PIECE_ROWS:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def oddities(found: Found, source: Source) -> list[str]:
    """Columns that the mapping reads and the file does not have: their values stay empty."""
    there = columns_of(found.path, source.format)
    if there is None:
        return []
    hint = ""
    if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
        hint = "; its fields seem not to be separated by commas"
    return [
        f"{found.file} has no column {path!r}, from which {name} is read{hint}"
        for path, name in mapped_paths(source).items()
        if path not in there and path.split(".")[0] not in there
    ]
