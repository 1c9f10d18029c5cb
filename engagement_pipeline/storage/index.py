"""What each table's partitions hold, kept in SQL so that it is read at once, made good from Delta's log.

Every commit carries the same facts in its metadata (`describe`), so the rows here may lag behind after a
crash, or be lost with the database: `partitions` then reads the commits that are missing.
Here: that bookkeeping. Not here: deciding what to write (`lake`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import sqlalchemy as sa
from deltalake import DeltaTable

from engagement_pipeline.storage.database import METADATA, Database, again_if_overtaken
from engagement_pipeline.storage.tables import PartitionInfo

COMMIT_KEY = "engagement"

TABLES = sa.Table(
    "tables",
    METADATA,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("delta_id", sa.String(64), nullable=False),  # another id: the table was made anew
    sa.Column("delta_version", sa.BigInteger, nullable=False),  # the rows below are true up to here
)
PARTITIONS = sa.Table(
    "partitions",
    METADATA,
    sa.Column("table_name", sa.String(200), primary_key=True),
    sa.Column("partition", sa.String(200), primary_key=True),
    sa.Column("delta_version", sa.BigInteger, nullable=False),
    sa.Column("data_version", sa.String(64), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
)


def describe(
    changed: Mapping[str, tuple[str, int]], confirmed: Iterable[str], inputs: Mapping[str, int]
) -> dict[str, str]:
    """A commit's metadata: partition -> (data version, rows) written, partitions found unchanged, inputs."""
    return {
        COMMIT_KEY: json.dumps(
            {"partitions": dict(changed), "confirmed": sorted(confirmed), "inputs": dict(inputs)}
        )
    }


def describe_anew(infos: Mapping[str, PartitionInfo]) -> dict[str, str]:
    """A commit's metadata where partitions were rewritten without being made anew, as by an erasure: all that
    is known of them, so that commits before it are not needed, and what was made from them stays in step."""
    known = {
        key: (info.delta_version, info.data_version, info.rows, dict(info.inputs))
        for key, info in infos.items()
    }
    return {COMMIT_KEY: json.dumps({"known": known})}


def partitions(database: Database, name: str, table: DeltaTable) -> dict[str, PartitionInfo]:
    """Partition -> what it holds at the table's newest version."""
    delta_id, version = str(table.metadata().id), table.version()
    known_to, stored = _load(database, name, delta_id)
    if known_to >= version:  # another may have committed since the table was opened
        return stored
    missed = table.history(version - known_to)
    for commit in sorted(missed, key=lambda each: each["version"]):
        if commit["version"] > known_to:
            stored |= _read(commit, stored)
    record(database, name, delta_id, version, stored, only_newer=True)
    return stored


@again_if_overtaken
def record(
    database: Database,
    name: str,
    delta_id: str,
    version: int,
    infos: Mapping[str, PartitionInfo],
    *,
    only_newer: bool = False,
) -> None:
    """Stores what is known of these partitions; others of the same table stay.

    Never goes back to an older version; with `only_newer` not over the same version either.
    """
    mine = TABLES.c.name == name
    with database.write() as connection:
        row = connection.execute(sa.select(TABLES).where(mine)).one_or_none()
        if row is None or row.delta_id != delta_id:
            connection.execute(sa.delete(PARTITIONS).where(PARTITIONS.c.table_name == name))
            connection.execute(sa.delete(TABLES).where(mine))
            connection.execute(sa.insert(TABLES).values(name=name, delta_id=delta_id, delta_version=version))
        elif row.delta_version > version or (only_newer and row.delta_version == version):
            return  # another was here in between and knew more
        else:
            connection.execute(sa.update(TABLES).where(mine).values(delta_version=version))
        keys = list(infos)
        for start in range(0, len(keys), 500):  # SQLite bounds the number of parameters
            some = keys[start : start + 500]
            old = (PARTITIONS.c.table_name == name) & PARTITIONS.c.partition.in_(some)
            connection.execute(sa.delete(PARTITIONS).where(old))
            connection.execute(sa.insert(PARTITIONS), [_row(name, key, infos[key]) for key in some])


def _load(database: Database, name: str, delta_id: str) -> tuple[int, dict[str, PartitionInfo]]:
    """The version up to which the index is true (-1: nothing known), and its partitions."""
    with database.read() as connection:
        row = connection.execute(sa.select(TABLES).where(TABLES.c.name == name)).one_or_none()
        if row is None or row.delta_id != delta_id:
            return -1, {}
        kept = PARTITIONS.c
        inputs = sa.cast(kept.inputs, sa.Text)
        columns = (kept.partition, kept.delta_version, kept.data_version, kept.rows, inputs)
        found = connection.execute(sa.select(*columns).where(kept.table_name == name))
        return row.delta_version, {
            key: PartitionInfo(version, data_version, rows, _inputs(text))
            for key, version, data_version, rows, text in found
        }


@lru_cache(maxsize=4096)
def _inputs(text: str) -> Mapping[str, int]:
    """Of a year of days most have the same: they are read once."""
    found: dict[str, int] = json.loads(text)
    return found


def _read(commit: Mapping[str, object], stored: Mapping[str, PartitionInfo]) -> dict[str, PartitionInfo]:
    """What one commit says; nothing for commits of other tools, such as a compaction."""
    text = commit.get(COMMIT_KEY)
    if not isinstance(text, str):
        return {}
    said = json.loads(text)
    version = commit["version"]
    assert isinstance(version, int)  # noqa: S101  Delta's protocol
    if "known" in said:
        return {key: PartitionInfo(*info) for key, info in said["known"].items()}
    written = {
        key: PartitionInfo(version, data_version, rows, said["inputs"])
        for key, (data_version, rows) in said["partitions"].items()
    }
    confirmed = {
        key: replace(stored[key], inputs=said["inputs"]) for key in said["confirmed"] if key in stored
    }
    return written | confirmed


def _row(name: str, key: str, info: PartitionInfo) -> dict[str, object]:
    return {
        "table_name": name,
        "partition": key,
        "delta_version": info.delta_version,
        "data_version": info.data_version,
        "rows": info.rows,
        "inputs": dict(info.inputs),
    }
