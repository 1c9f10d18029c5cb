"""Where this project's data lies, as the environment says.

Here: reading and checking the four settings. Not here: opening anything (`lake`, `database`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from engagement_pipeline.catalog.paths import BadPath, split_uri


class SettingsError(Exception):
    """A setting is missing or cannot be understood."""


@dataclass(frozen=True)
class Settings:
    """Paths and URLs; relative paths count from the working directory."""

    lake: str
    """Root of the Delta tables: an absolute folder, or an object-store URI such as s3://bucket/lake."""
    database_url: str = field(repr=False)  # it may hold a password
    landing: Path | str
    """Where sources' paths begin: a folder, or an object-store URI such as s3://bucket/landing."""
    exports: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """From ENGAGEMENT_LAKE, ENGAGEMENT_DATABASE_URL, ENGAGEMENT_LANDING and ENGAGEMENT_EXPORTS.

        Raises SettingsError for a URL that cannot be read or has credentials in it, or none beside an
        object-store lake.
        """
        env = os.environ if env is None else env
        lake = _uri(env, "ENGAGEMENT_LAKE") or ".engagement/lake"
        if lake.startswith("file://"):
            lake = lake.removeprefix("file://")
        if not is_remote(lake):
            lake = str(Path(lake).expanduser().absolute())
        return cls(
            lake=lake.rstrip("/"),
            database_url=_database_url(env.get("ENGAGEMENT_DATABASE_URL"), lake),
            landing=_landing(env),
            exports=_folder(env, "ENGAGEMENT_EXPORTS", ".engagement/exports"),
        )


def is_remote(root: str) -> bool:
    """Whether a lake root is an object-store URI and not a folder."""
    return "://" in root


def _landing(env: Mapping[str, str]) -> Path | str:
    given = _uri(env, "ENGAGEMENT_LANDING")
    if is_remote(given) and not given.startswith("file://"):
        return given.rstrip("/")
    folder = given.removeprefix("file://") or ".engagement/landing"
    return Path(folder).expanduser().absolute()


def _uri(env: Mapping[str, str], name: str) -> str:
    """A folder or URI as given. Raises SettingsError, without showing it, for one with credentials in it."""
    given = env.get(name) or ""
    try:
        split_uri(given)
    except BadPath as error:
        raise SettingsError(f"{name} {error}") from None
    return given


def _folder(env: Mapping[str, str], name: str, default: str) -> Path:
    return Path(env.get(name) or default).expanduser().absolute()


def _database_url(given: str | None, lake: str) -> str:
    if not given:
        if is_remote(lake):
            raise SettingsError(
                f"the lake is {lake}, so the database cannot lie beside it: "
                "set ENGAGEMENT_DATABASE_URL, such as postgresql+psycopg://user@host/engagement"
            )
        return f"sqlite:///{Path(lake).parent / 'engagement.db'}"
    try:
        make_url(given)
    except ArgumentError:
        # Not shown: whatever it is, it may hold a password.
        raise SettingsError(
            "ENGAGEMENT_DATABASE_URL is not a database URL: "
            "write it like postgresql+psycopg://user@host:5432/engagement or sqlite:////folder/engagement.db"
        ) from None
    return given
