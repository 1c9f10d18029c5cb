"""Published definitions: every version of each score, segment and campaign, for ever.

Here: the two SQL tables, one row per publication and one per definition that it changed, and reading them as
rows or as frames. Not here: when publishing is allowed (`orchestration.publishing`) and what a change is
called (`catalog.differences`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from engagement_pipeline.storage.database import METADATA, Database, Instant
from engagement_pipeline.storage.tables import StorageError

PUBLICATIONS = sa.Table(
    "publications",
    METADATA,
    sa.Column("publication", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("published_at", Instant, nullable=False),
    sa.Column("published_by", sa.String(200)),  # null where nobody is known
    sa.Column("as_of", sa.Date),  # of the comparison; null where there was nothing to compare
    sa.Column("exceeded", sa.JSON, nullable=False),  # the limits it went over, in words
    sa.Column("acknowledged", sa.Text),  # why it was published all the same, in the words of who did
)
VERSIONS = sa.Table(
    "definition_versions",
    METADATA,
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("publication", sa.ForeignKey(PUBLICATIONS.c.publication), nullable=False),
    sa.Column("digest", sa.String(12)),  # null where the definition was taken away
    sa.Column("definition", sa.JSON(none_as_null=True)),
    sa.Column("changes", sa.JSON, nullable=False),  # against the version before, in words
)
FRAME = pl.Schema(
    {
        "kind": pl.String(),
        "name": pl.String(),
        "version": pl.Int64(),
        "digest": pl.String(),
        "published_at": pl.Datetime("us", "UTC"),
        "published_by": pl.String(),
        "changes": pl.List(pl.String()),
        "exceeded": pl.List(pl.String()),
        "acknowledged": pl.String(),
        "as_of": pl.Date(),
    }
)


class PublishedMeanwhile(StorageError):  # noqa: N818  the words are what the reader sees
    """Somebody else published between the comparison and the publication."""


class NoSuchVersion(StorageError):  # noqa: N818
    """A version that was never published."""


@dataclass(frozen=True)
class Publication:
    """When, by whom, and over which limits."""

    at: datetime
    by: str | None
    as_of: date | None = None
    exceeded: Sequence[str] = ()
    acknowledged: str | None = None


@dataclass(frozen=True)
class Version:
    """One version of one definition."""

    kind: str
    name: str
    version: int
    digest: str | None
    """None where the definition was taken away."""
    definition: Mapping[str, Any] | None
    changes: Sequence[str]
    """Against the version before, in words."""
    publication: Publication


def record(database: Database, versions: Iterable[Version], publication: Publication) -> int:
    """Stores versions of one publication, all or none, and gives its number.

    Raises PublishedMeanwhile where one of the numbers is taken, or is not the next one of its definition.
    """
    given = list(versions)
    try:
        with database.write() as connection:
            last = connection.scalar(sa.select(sa.func.max(PUBLICATIONS.c.publication)))
            number = (last or 0) + 1
            connection.execute(
                sa.insert(PUBLICATIONS).values(
                    publication=number,
                    published_at=publication.at,
                    published_by=publication.by,
                    as_of=publication.as_of,
                    exceeded=list(publication.exceeded),
                    acknowledged=publication.acknowledged,
                )
            )
            stored = _newest_numbers(connection)
            for each in given:
                if stored.get((each.kind, each.name), 0) + 1 != each.version:
                    raise PublishedMeanwhile(_overtaken(each))
                connection.execute(
                    sa.insert(VERSIONS).values(
                        kind=each.kind,
                        name=each.name,
                        version=each.version,
                        publication=number,
                        digest=each.digest,
                        definition=None if each.definition is None else dict(each.definition),
                        changes=list(each.changes),
                    )
                )
    except IntegrityError:
        raise PublishedMeanwhile(_overtaken(given[0])) from None
    return number


def versions(database: Database, kind: str | None = None, name: str | None = None) -> list[Version]:
    """Every version, or those of one kind or definition: by kind and name, oldest first."""
    asked = sa.select(VERSIONS, PUBLICATIONS).join(PUBLICATIONS)
    if kind is not None:
        asked = asked.where(VERSIONS.c.kind == kind)
    if name is not None:
        asked = asked.where(VERSIONS.c.name == name)
    with database.read() as connection:
        rows = connection.execute(asked.order_by(VERSIONS.c.kind, VERSIONS.c.name, VERSIONS.c.version))
        return [_version(row) for row in rows.mappings()]


def newest(database: Database) -> dict[tuple[str, str], Version]:
    """(kind, name) -> the newest version of every definition that is published and was not taken away."""
    found = {(each.kind, each.name): each for each in versions(database)}
    return {key: each for key, each in found.items() if each.digest is not None}


def one_version(database: Database, kind: str, name: str, version: int) -> Version:
    """That version. Raises NoSuchVersion, also for one that says that the definition was taken away."""
    known = versions(database, kind, name)
    for each in known:
        if each.version == version and each.definition is not None:
            return each
    numbers = ", ".join(str(each.version) for each in known if each.definition is not None)
    raise NoSuchVersion(
        f"{kind} {name} has no version {version}: "
        + (f"published are {numbers}" if numbers else "nothing of it was published yet (engagement publish)")
    )


def as_frame(found: Iterable[Version]) -> pl.DataFrame:
    """Versions as `FRAME`, a row each, without the definitions themselves."""
    rows = [
        {
            "kind": each.kind,
            "name": each.name,
            "version": each.version,
            "digest": each.digest,
            "published_at": each.publication.at,
            "published_by": each.publication.by,
            "changes": list(each.changes),
            "exceeded": list(each.publication.exceeded),
            "acknowledged": each.publication.acknowledged,
            "as_of": each.publication.as_of,
        }
        for each in found
    ]
    return pl.DataFrame(rows, schema=FRAME)


def _newest_numbers(connection: sa.Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        sa.select(VERSIONS.c.kind, VERSIONS.c.name, sa.func.max(VERSIONS.c.version)).group_by(
            VERSIONS.c.kind, VERSIONS.c.name
        )
    )
    return {(kind, name): number for kind, name, number in rows}


def _version(row: sa.RowMapping) -> Version:
    return Version(
        kind=row["kind"],
        name=row["name"],
        version=row["version"],
        digest=row["digest"],
        definition=row["definition"],
        changes=tuple(row["changes"]),
        publication=Publication(
            at=row["published_at"],
            by=row["published_by"],
            as_of=row["as_of"],
            exceeded=tuple(row["exceeded"]),
            acknowledged=row["acknowledged"],
        ),
    )


def _overtaken(version: Version) -> str:
    return (
        f"{version.kind} {version.name}: version {version.version} was published by somebody else meanwhile; "
        "nothing was published now. Run it again to compare with what they published."
    )
