"""What is kept of erased people: a keyed hash of each of their ids, by which they are kept out.

Here: the key, the hashes and recognizing an id by them. Not here: which ids rows hold (`ingestion.erased`).
The hash is HMAC-SHA256 with the key of ENGAGEMENT_ERASURE_KEY. Without it a database file gets a key of its
own, made once and kept beside the hashes: whoever has that file can then test whether an id they know was
erased. A database server is shared by more eyes and refuses to go without the variable.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database, Instant, again_if_overtaken
from engagement_pipeline.storage.settings import SettingsError

VARIABLE = "ENGAGEMENT_ERASURE_KEY"
SHORTEST_KEY = 16

KEYS = sa.Table(
    "erasure_keys",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
)
TOMBSTONES = sa.Table(
    "tombstones",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("key_name", sa.String(16), nullable=False),
    # How many characters the id has: only texts of these lengths are hashed when rows land.
    sa.Column("length", sa.Integer, nullable=False),
    sa.Column("erased_at", Instant, nullable=False),
)


@dataclass(frozen=True)
class Tombstones:
    """Everyone who was erased, as far as an id can be asked about."""

    hashes: Mapping[str, frozenset[str]]
    """By name of the key."""
    keys: Mapping[str, bytes]
    lengths: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def erased(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that were erased; 1.5 µs each, and none that no erased id is as long as."""
        asked = [each for each in ids if len(each) in self.lengths]
        return {
            each
            for name, hashes in self.hashes.items()
            for each in asked
            if keyed_hash(self.keys[name], each) in hashes
        }


def keyed_hash(key: bytes, person: str) -> str:
    """HMAC-SHA256 of an id, in hexadecimal."""
    return hmac.digest(key, person.encode(), hashlib.sha256).hex()


def current_key(database: Database, env: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """Name and key for new tombstones. Raises SettingsError where the environment must name one."""
    given = (os.environ if env is None else env).get(VARIABLE)
    if given is not None and len(given) < SHORTEST_KEY:
        raise SettingsError(
            f"{VARIABLE} has {len(given)} characters: give at least {SHORTEST_KEY} random ones, such as "
            "`openssl rand -hex 32` prints, and keep them as long as the database"
        )
    if given is not None:
        return _named(given.encode())
    if not database.is_file:
        raise SettingsError(
            f"set {VARIABLE} before people are erased: their ids are kept as hashes with this key, and on a "
            "database server it must not lie beside them. `openssl rand -hex 32` prints a good one; keep it "
            "as long as the database"
        )
    return _own_key(database)


@again_if_overtaken
def _own_key(database: Database) -> tuple[str, bytes]:
    with database.write() as connection:
        stored = connection.scalar(sa.select(KEYS.c.key))
        if stored is None:
            stored = secrets.token_hex(32)
            name, _ = _named(stored.encode())
            connection.execute(sa.insert(KEYS).values(name=name, key=stored))
    return _named(stored.encode())


def _named(key: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(b"engagement key name" + key).hexdigest()[:16], key


@again_if_overtaken
def bury(database: Database, ids: Iterable[str], at: datetime) -> dict[str, str]:
    """Id -> its keyed hash, stored as a tombstone from here on."""
    name, key = current_key(database)
    found = {each: keyed_hash(key, each) for each in sorted(set(ids))}
    with database.write() as connection:
        for each, hashed in found.items():
            if connection.scalar(sa.select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash == hashed)) is None:
                row = {"hash": hashed, "key_name": name, "length": len(each), "erased_at": at}
                connection.execute(sa.insert(TOMBSTONES).values(row))
    return found


def tombstones(database: Database, env: Mapping[str, str] | None = None) -> Tombstones:
    """All tombstones. Raises SettingsError when some were made with a key that is not at hand."""
    with database.read() as connection:
        rows = connection.execute(sa.select(TOMBSTONES)).all()
        stored = {row.name: row.key for row in connection.execute(sa.select(KEYS))} if rows else {}
    keys = {name: key.encode() for name, key in stored.items()}
    given = (os.environ if env is None else env).get(VARIABLE)
    if given:
        name, key = _named(given.encode())
        keys[name] = key
    hashes: dict[str, set[str]] = {}
    for row in rows:
        hashes.setdefault(row.key_name, set()).add(row.hash)
    if missing := hashes.keys() - keys.keys():
        count = sum(len(hashes[name]) for name in missing)
        raise SettingsError(
            f"{count} tombstones of erased people were made with another key than {VARIABLE} holds now: "
            "without it they would come back with the next file. Put the key back that was set when they "
            "were erased"
        )
    return Tombstones(
        {name: frozenset(values) for name, values in hashes.items()},
        keys,
        frozenset(row.length for row in rows),
    )
