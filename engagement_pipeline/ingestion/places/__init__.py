"""Where a source's files lie: below a folder, in an object store, or as the live files of a Delta table.

Here: choosing the place. Not here: what places can do (`base`), each of them (`folders`, `objects`,
`tables`), and what becomes of the files (`landing`).
"""

from datetime import date, timedelta
from pathlib import Path

from engagement_pipeline.catalog.paths import parse_path, split_uri
from engagement_pipeline.catalog.specs import Project, Source
from engagement_pipeline.ingestion.places.base import Gone, Listed, Local, Place, Unusable
from engagement_pipeline.ingestion.places.folders import Folder
from engagement_pipeline.ingestion.places.objects import Objects
from engagement_pipeline.ingestion.places.tables import DeltaFiles


def place_of(source: Source, landing: Path | str, since: date | None = None) -> Place:
    """The place that a source's `path` names, below `landing` (a folder or a URI) unless it is a URI itself.

    Files that a date in the path dates before `since` do not count.
    """
    path = parse_path(source.path)
    if source.format == "delta":
        return DeltaFiles(place_uri(source, landing), named=source.path.strip("/"))
    if path.base == "file://":
        return Folder(Path("/"), path, since, named="file:///")
    if path.base:
        return Objects(path.base, "", path, since, named=f"{path.base}/")
    if isinstance(landing, Path):
        return Folder(landing, path, since)
    base, below = split_uri(landing)
    return Objects(base, below.strip("/"), path, since)


def place_uri(source: Source, landing: Path | str) -> str:
    """Where a source's files lie, as far as its path says so without wildcards."""
    path = parse_path(source.path)
    below = path.glob if source.format == "delta" else path.folder
    if path.base:
        return f"{path.base}/{below}".rstrip("/")
    root = landing.as_posix() if isinstance(landing, Path) else landing
    return f"{root.rstrip('/')}/{below}".rstrip("/")


def since_of(source: Source, project: Project) -> date | None:
    """The first date in a path that matters: events before the project's start do not count, but people are
    known from before. A zone moves an event by a day at most."""
    if source.profiles is not None or source.aliases:
        return None
    return project.start_date - timedelta(days=1)


__all__ = ["Gone", "Listed", "Local", "Place", "Unusable", "place_of", "place_uri", "since_of"]
