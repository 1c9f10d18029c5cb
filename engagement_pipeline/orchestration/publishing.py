"""Publishing definitions: versions are recorded once an edit stays within the limits, or is acknowledged.

Here: what would be published, the comparison with what is, and which audiences may leave the house. Dagster
is not needed. Not here: the tables of versions (`storage.published`), the comparison (`comparing`).
"""

import getpass
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from engagement_pipeline.catalog.differences import definitions, differences
from engagement_pipeline.catalog.digests import digest
from engagement_pipeline.catalog.drafted import as_data, with_definitions
from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.specs import Campaign, Catalog, Score, Segment, Spec
from engagement_pipeline.orchestration.comparing import preview
from engagement_pipeline.orchestration.drafts import NothingToPreview, Tell
from engagement_pipeline.orchestration.edits import Key, OtherProject, closure, reads
from engagement_pipeline.orchestration.windows import MeasuresMissing
from engagement_pipeline.reports.preview import Preview
from engagement_pipeline.storage import published
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.published import Publication, Version
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline.storage.tables import MissingPartitions, StorageError

MODELS: Mapping[str, type[Spec]] = {"score": Score, "segment": Segment, "campaign": Campaign}
GIT_SECONDS = 5


class OverTheLimits(StorageError):  # noqa: N818  the words are what the reader sees
    """An edit that moves more people than the project's limits allow, and was not acknowledged."""

    def __init__(self, exceeded: Sequence[str], preview: Preview | None) -> None:
        super().__init__(
            "nothing was published:\n"
            + "\n".join(f"  {line}" for line in exceeded)
            + "\nLook at it: engagement preview DIR --published. Publish it all the same: --acknowledge and "
            "why, in your words.\nOr change the limits under `publish` in project.yaml."
        )
        self.exceeded, self.preview = list(exceeded), preview


class NotPublished(StorageError):  # noqa: N818
    """An audience that stands on definitions that are not published."""


@dataclass(frozen=True)
class Published:
    """What a publication recorded."""

    versions: tuple[Version, ...]
    """None where everything was published already."""
    preview: Preview | None
    """None where there was nothing to compare with, or nothing is stored."""


def publish(
    folder: Path,
    settings: Settings,
    at: datetime,
    by: str | None = None,
    acknowledged: str | None = None,
    as_of: date | None = None,
    tell: Tell = lambda *_: None,
) -> Published:
    """Records a new version of every definition of the folder that differs from its published one.

    The first publication compares with nothing. Later ones are compared with what is published, on one date,
    by default the one scored last. Raises CatalogError, OverTheLimits (also where it cannot be compared) when
    not `acknowledged`, PublishedMeanwhile.
    """
    catalog, database = load_catalog(folder), Database(settings.database_url)
    try:
        before = published.newest(database)
        versions = pending(catalog, before, published.versions(database), Publication(at, by))
        if not versions:
            return Published((), None)
        found, exceeded = (
            (None, []) if not before else _judged(folder, catalog, before, settings, as_of, tell)
        )
        if exceeded and not acknowledged:
            raise OverTheLimits(exceeded, found)
        said = acknowledged if exceeded else None
        publication = Publication(at, by, found.as_of if found else None, tuple(exceeded), said)
        versions = [replace(each, publication=publication) for each in versions]
        published.record(database, versions, publication)
        return Published(tuple(versions), found)
    finally:
        database.close()


def pending(
    catalog: Catalog, newest: Mapping[Key, Version], every: Sequence[Version], publication: Publication
) -> list[Version]:
    """The versions that publishing the catalog would record, in its order; those taken away come last."""
    numbers: dict[Key, int] = {}
    for each in every:
        numbers[each.kind, each.name] = max(each.version, numbers.get((each.kind, each.name), 0))
    found, now = [], definitions(catalog)
    for key in [*now, *(key for key in newest if key not in now)]:
        spec, old = now.get(key), newest.get(key)
        if spec is not None and old is not None and digest(spec) == old.digest:
            continue
        words = _changes(old, spec)
        found.append(
            Version(
                kind=key[0],
                name=key[1],
                version=numbers.get(key, 0) + 1,
                digest=None if spec is None else digest(spec),
                definition=None if spec is None else as_data(spec),
                changes=tuple(words),
                publication=publication,
            )
        )
    return found


def _changes(old: Version | None, spec: Spec | None) -> list[str]:
    try:
        return differences(None if old is None else read_back(old), spec)
    except ValidationError:
        return ["written anew: this version of the package no longer reads the one before"]


def read_back(version: Version) -> Spec | None:
    """The definition that a version holds; None where it was taken away."""
    if version.definition is None:
        return None
    return MODELS[version.kind].model_validate(dict(version.definition))


def published_catalog(folder: Path, settings: Settings) -> Catalog | None:
    """The folder's catalog with the published definitions instead of its own; None before the first
    publication. Raises CatalogError where they no longer fit the folder's events and sources."""
    database = Database(settings.database_url)
    try:
        newest = published.newest(database)
    finally:
        database.close()
    return _with(folder, newest) if newest else None


def unpublished(catalog: Catalog, database: Database, key: Key) -> list[str]:
    """The definitions under one of them, itself included, whose present text is not published: `score x`."""
    now, newest = definitions(catalog), published.newest(database)
    below = closure([key], reads(catalog))
    return [
        f"{kind} {name}"
        for kind, name in now
        if (kind, name) in below
        and ((kind, name) not in newest or newest[kind, name].digest != digest(now[kind, name]))
    ]


def refuse_unpublished(catalog: Catalog, database: Database, campaign: str) -> None:
    """Raises NotPublished where the project delivers published definitions only, and this campaign stands on
    others."""
    if not catalog.project.publish.required:
        return
    if missing := unpublished(catalog, database, ("campaign", campaign)):
        raise NotPublished(
            f"the audience of {campaign} was not delivered: not published as they stand now are "
            f"{', '.join(missing)}. Publish them (engagement publish), then deliver again; project.yaml says "
            "publish: {required: true}."
        )


def who(folder: Path) -> str | None:
    """Who publishes: as git knows them in the folder, else as the machine does; None where neither does."""
    for setting in ("user.name", "user.email"):
        try:
            said = subprocess.run(  # noqa: S603  no part of it is a stranger's
                ["git", "-C", str(folder), "config", setting],  # noqa: S607  whichever git the person uses
                capture_output=True, text=True, timeout=GIT_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            break
        if name := said.stdout.strip():
            return name[:200]
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None


def _judged(
    folder: Path,
    catalog: Catalog,
    newest: Mapping[Key, Version],
    settings: Settings,
    as_of: date | None,
    tell: Tell,
) -> tuple[Preview | None, list[str]]:
    """The comparison with what is published, and the limits that it goes over."""
    try:
        found = preview(
            _with(folder, newest),
            catalog,
            settings,
            as_of,
            names=("what is published", str(folder)),
            tell=tell,
        )
    except NothingToPreview:
        return None, []  # nobody has a score that could move
    except (CatalogError, OtherProject, MeasuresMissing, MissingPartitions) as error:
        return None, [f"it could not be compared with what is published: {error}"]
    return found, found.exceeded


def _with(folder: Path, newest: Mapping[Key, Version]) -> Catalog:
    given = {key: each.definition for key, each in newest.items() if each.definition is not None}
    return with_definitions(folder, given, alone=True)


def frame(database: Database, kind: str | None = None, name: str | None = None) -> pl.DataFrame:
    """Published versions as `storage.published.FRAME`, oldest first."""
    return published.as_frame(published.versions(database, kind, name))
