"""A published version of a score, computed again beside the one in force, without touching what is stored.

Here: the rows of one version and date. Not here: the versions themselves (`storage.published`), the
computation (`drafts`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from engagement_pipeline.catalog.digests import digest
from engagement_pipeline.catalog.drafted import with_definitions
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.orchestration.drafts import (
    Tell,
    Trial,
    measure_missing,
    newest_date,
    scratch,
    stored_lake,
)
from engagement_pipeline.orchestration.edits import closure, reads
from engagement_pipeline.storage.published import Version, one_version
from engagement_pipeline.storage.settings import Settings


@dataclass(frozen=True)
class VersionScores:
    """A version of a score on one date."""

    version: Version | None
    """None for the definition as it stands in the catalog."""
    score: Score
    as_of: date
    scores: pl.DataFrame
    """`frames.SCORES`, by person."""
    points: pl.DataFrame
    """`frames.POINTS`, by person: the contributions of that version's rules."""
    not_stored: tuple[str, ...]
    """Measures that it reads and that are no longer, or not yet, stored: they were computed from stored
    events, for these rows only."""
    days: int
    """On so many days."""


def version_scores(
    folder: Path,
    settings: Settings,
    score: str,
    version: int | None,
    as_of: date | None = None,
    tell: Tell = lambda *_: None,
) -> VersionScores:
    """The rows that a published version of a score gives on a date, by default the one scored last; None for
    the version is the catalog's own.

    folder: the catalog; whatever else the version reads (parts, events, people) is as it is there today. A
    frozen scale is read against the reference of that version where one is still stored, else against one
    fitted on the date. Raises NoSuchVersion; CatalogError where the version no longer fits the catalog;
    NothingToPreview and MeasuresMissing as a preview does.
    """
    catalog = load_catalog(folder)
    lake = stored_lake(catalog, settings)
    try:
        found = None if version is None else one_version(lake.database, "score", score, version)
        if found is not None and found.definition is not None:
            catalog = with_definitions(folder, {("score", score): found.definition}, alone=False)
        day = as_of or newest_date(catalog, lake)
        with scratch(lake) as made:
            trial = Trial(catalog, settings, lake, day, made)
            below = closure([("score", score)], reads(catalog))
            needed = [name for name in catalog.scores if ("score", name) in below]
            measured = measure_missing([trial], {trial: needed}, lambda what: tell(what, 0, len(needed)))
            for place, name in enumerate(needed):
                tell(f"score {name}", place, len(needed))
                trial.score(name, needed, refit=True)
            scores, points = (
                trial.rows(f"{table}/{score}").sort("person_id").collect() for table in ("scores", "points")
            )
        return VersionScores(
            version=found,
            score=catalog.scores[score],
            as_of=day,
            scores=scores,
            points=points,
            not_stored=measured.measures,
            days=len(measured.days),
        )
    finally:
        lake.database.close()


def beside_active(
    folder: Path,
    settings: Settings,
    score: str,
    version: int,
    as_of: date | None = None,
    tell: Tell = lambda *_: None,
) -> tuple[VersionScores, VersionScores | None]:
    """A version, and the catalog's own on the same date: None where that is the same, or is gone."""
    found = version_scores(folder, settings, score, version, as_of, tell)
    now = load_catalog(folder).scores.get(score)
    if now is None or digest(now) == digest(found.score):
        return found, None
    return found, version_scores(folder, settings, score, None, found.as_of, tell)
