"""Files that lie where a source's do and that none takes: `shop/may.csv` where a path says `shop/*.jsonl`.

Here: finding them, so that somebody can be told. Not here: files that sources take (`landing`).
"""

from collections.abc import Iterable
from pathlib import Path

from engagement_pipeline.catalog.paths import parse_path
from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.ingestion.places import place_of
from engagement_pipeline.ingestion.places.base import counts


def unclaimed(sources: Iterable[Source], landing: Path | str) -> list[str]:
    """Their names below the landing folder, sorted: files in it, or in the folder of a source. None of an
    object store, which others fill as well, or of other folders, which may be another project's.

    Hidden and unfinished files are nobody's yet. Files older than the project are their source's, those of a
    Delta table the table's. None where a folder must not be looked into, which landing from it says.
    """
    try:
        return _unclaimed(sources, landing) if isinstance(landing, Path) else []
    except PermissionError:
        return []


def _unclaimed(sources: Iterable[Source], landing: Path) -> list[str]:
    taken, folders, tables = set[str](), set[str](), list[str]()
    for source in sources:
        path = parse_path(source.path) if source.database is None else None
        if path is None or path.base:
            continue
        if source.format == "delta":
            tables.append(f"{path.glob}/")
        else:
            taken.update(each.file for each in place_of(source, landing).listing())
            folders.add(path.folder)
    found = [*landing.glob("*"), *(path for each in folders if each for path in (landing / each).rglob("*"))]
    names = {
        # As listings show them.
        path.relative_to(landing).as_posix().encode(errors="backslashreplace").decode()
        for path in found
        if path.is_file()
    }
    return sorted(name for name in names - taken if counts(name) and not name.startswith(tuple(tables)))
