"""Which files were landed, and which event days each one touches.

An index of `landed/<source>`, in which every file is one partition named by its fingerprint: lost rows can
be rebuilt from the table (`rebuild`). Here: that index. Not here: reading files (`ingestion`).
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

import polars as pl
import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database, Instant, again_if_overtaken
from engagement_pipeline.storage.lake import Lake

FILES = sa.Table(
    "landed_files",
    METADATA,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("delta_version", sa.BigInteger),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("days_known", sa.Boolean, nullable=False),
)
TOUCHED = sa.Table(
    "touched_days",
    METADATA,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("batch", sa.String(64), primary_key=True),
    sa.Column("event_date", sa.Date, primary_key=True),
    sa.Index("touched_days_by_date", "source", "event_date"),
)
REPLAYED = sa.Table(
    "replayed_days",
    METADATA,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("event_date", sa.Date, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),  # of the replay that last touched the day
)
REQUESTED = sa.Table(
    "requested_replays",
    METADATA,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("batch", sa.String(64), primary_key=True),
)
SOME = 500
"""Values in one IN list; SQLite bounds the number of parameters."""


@dataclass(frozen=True)
class LandedFile:
    """One file of a source, landed or refused."""

    source: str
    fingerprint: str
    """SHA-256 of its bytes; also the batch in `landed/<source>`."""
    file: str
    size: int | None
    """In bytes; None where it was rebuilt from the lake."""
    rows: int
    received_at: datetime
    delta_version: int | None = None
    """Version of `landed/<source>` that brought it; None when it failed."""
    status: Literal["landed", "failed"] = "landed"
    reason: str | None = None
    """Why it failed, in words."""


@dataclass(frozen=True)
class Tally:
    """How much of a source has landed."""

    files: int
    rows: int


class Ledger:
    """The index of landed files."""

    def __init__(self, database: Database):
        self.database = database

    def files(self, source: str) -> dict[str, LandedFile]:
        """Fingerprint -> file, landed and failed, in order of fingerprint."""
        return self._files(FILES.c.source == source)

    def failed(self, source: str) -> dict[str, LandedFile]:
        """Those that failed at the last landing."""
        return self._files((FILES.c.source == source) & (FILES.c.status == "failed"))

    def landed(self, source: str) -> set[str]:
        """Fingerprints that need not be landed again; a failed file may be tried again."""
        return {key for key, file in self.files(source).items() if file.status == "landed"}

    def tally(self, source: str) -> Tally:
        """How much has landed, at a glance: for a progress bar."""
        mine = (FILES.c.source == source) & (FILES.c.status == "landed")
        counted = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(FILES.c.rows), 0)).where(mine)
        with self.database.read() as connection:
            files, rows = connection.execute(counted).one()
        return Tally(int(files), int(rows))

    @again_if_overtaken
    def record(self, *files: LandedFile) -> None:
        """Writes or replaces the files' rows at once; the first `received_at` of a landed file stays.

        A later failure of a file that did land changes nothing.
        """
        with self.database.write() as connection:
            for file in files:
                _record(connection, file)

    def forget_failed(self, source: str, found: Container[str] = frozenset()) -> None:
        """Forgets the files of a source that failed, but for those `found` again: what is tried again under
        other names, or was taken away or delivered anew since."""
        gone = [key for key in self.failed(source) if key not in found]
        if not gone:
            return
        mine = (FILES.c.source == source) & (FILES.c.status == "failed")
        with self.database.write() as connection:
            for start in range(0, len(gone), SOME):
                some = FILES.c.fingerprint.in_(gone[start : start + SOME])
                connection.execute(sa.delete(FILES).where(mine, some))

    @again_if_overtaken
    def touch(
        self,
        source: str,
        days: Mapping[str, Iterable[date]],
        replayed: Iterable[date] = (),
        number: int = 0,
    ) -> None:
        """Records the event days that each batch touches, in place of what was recorded of these batches.

        Requests to replay these batches are fulfilled by it: `replayed` are the days to be made anew because
        of that, marked with the replay's `number` (see `next_replay`).
        """
        with self.database.write() as connection:
            for day in sorted(set(replayed)):
                mine = (REPLAYED.c.source == source) & (REPLAYED.c.event_date == day)
                connection.execute(sa.delete(REPLAYED).where(mine))
                connection.execute(sa.insert(REPLAYED).values(source=source, event_date=day, number=number))
            for batch, dates in days.items():
                wanted = (REQUESTED.c.source == source) & (REQUESTED.c.batch == batch)
                connection.execute(sa.delete(REQUESTED).where(wanted))
                connection.execute(
                    sa.delete(TOUCHED).where(TOUCHED.c.source == source, TOUCHED.c.batch == batch)
                )
                rows = [{"source": source, "batch": batch, "event_date": day} for day in sorted(set(dates))]
                if rows:
                    connection.execute(sa.insert(TOUCHED), rows)
                mine = (FILES.c.source == source) & (FILES.c.fingerprint == batch)
                connection.execute(sa.update(FILES).where(mine).values(days_known=True))

    def untouched(self, source: str) -> list[str]:
        """Landed batches whose event days were never recorded (a run was killed, or the ledger rebuilt)."""
        statement = sa.select(FILES.c.fingerprint).where(
            FILES.c.source == source, FILES.c.status == "landed", sa.not_(FILES.c.days_known)
        )
        with self.database.read() as connection:
            return sorted(connection.scalars(statement))

    def batches(self, source: str, days: Sequence[date]) -> list[str]:
        """Batches that touch any of these event days, sorted."""
        found: set[str] = set()
        with self.database.read() as connection:
            for start in range(0, len(days), SOME):
                some = TOUCHED.c.event_date.in_(days[start : start + SOME])
                found.update(
                    connection.scalars(sa.select(TOUCHED.c.batch).where(TOUCHED.c.source == source, some))
                )
        return sorted(found)

    def touched(self, source: str, after_version: int = -1) -> dict[date, int]:
        """Event day -> newest version of `landed/<source>` that touched it, for batches landed after one."""
        statement = (
            sa.select(TOUCHED.c.event_date, sa.func.max(FILES.c.delta_version))
            .join(FILES, (FILES.c.source == TOUCHED.c.source) & (FILES.c.fingerprint == TOUCHED.c.batch))
            .where(TOUCHED.c.source == source, FILES.c.delta_version > after_version)
            .group_by(TOUCHED.c.event_date)
            .order_by(TOUCHED.c.event_date)
        )
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def needed(self, source: str) -> dict[date, dict[str, int]]:
        """Event day -> what its events must at least have been made from: the newest version of
        `landed/<source>` that touched it, and as `replays/<source>` the last replay that did."""
        found = {day: {f"landed/{source}": version} for day, version in self.touched(source).items()}
        statement = sa.select(REPLAYED.c.event_date, REPLAYED.c.number).where(REPLAYED.c.source == source)
        with self.database.read() as connection:
            for day, number in connection.execute(statement):
                found.setdefault(day, {})[f"replays/{source}"] = number
        return dict(sorted(found.items()))

    def read_replays(self, source: str) -> dict[str, int]:
        """What a step that makes events notes as read, before it reads: the replays finished so far."""
        statement = sa.select(sa.func.max(REPLAYED.c.number)).where(REPLAYED.c.source == source)
        with self.database.read() as connection:
            number = connection.scalar(statement)
        return {} if number is None else {f"replays/{source}": number}

    def next_replay(self, source: str, lake: Lake) -> int:
        """The number of a new replay: above all that events were made from, also if the ledger was lost."""
        made = lake.partitions(f"events/{source}").values()
        stored = max((info.inputs.get(f"replays/{source}", 0) for info in made), default=0)
        return 1 + max(stored, *self.read_replays(source).values(), 0)

    @again_if_overtaken
    def request_replay(self, source: str, batches: Iterable[str]) -> None:
        """Notes landed batches to be judged anew by the next intake; it stands until one did."""
        with self.database.write() as connection:
            known = connection.scalars(sa.select(REQUESTED.c.batch).where(REQUESTED.c.source == source))
            rows = [{"source": source, "batch": batch} for batch in sorted(set(batches) - set(known))]
            if rows:
                connection.execute(sa.insert(REQUESTED), rows)

    def replays_requested(self, source: str) -> list[str]:
        """Landed batches that wait to be judged anew."""
        statement = sa.select(REQUESTED.c.batch).where(REQUESTED.c.source == source)
        with self.database.read() as connection:
            return sorted(connection.scalars(statement))

    def days_of(self, source: str, batches: Iterable[str]) -> set[date]:
        """Event days that these batches touch."""
        found: set[date] = set()
        keys = sorted(set(batches))
        with self.database.read() as connection:
            for start in range(0, len(keys), SOME):
                some = (TOUCHED.c.source == source) & TOUCHED.c.batch.in_(keys[start : start + SOME])
                found.update(connection.scalars(sa.select(TOUCHED.c.event_date).where(some)))
        return found

    def rebuild(self, source: str, lake: Lake) -> list[str]:
        """Adds the files that the lake holds and the ledger does not know; gives their fingerprints.

        Sizes are not known then, nor the name of a file without rows; the event days are to be recorded
        anew (`untouched`).
        """
        table = f"landed/{source}"
        landed = self.landed(source)
        unknown = {key: info for key, info in lake.partitions(table).items() if key not in landed}
        if not unknown:
            return []
        found = (
            lake.scan(table, sorted(unknown))
            .group_by("batch")
            .agg(pl.col("file").min(), pl.col("received_at").min())
            .collect()
        )
        rows = {row["batch"]: row for row in found.to_dicts()}
        empty = {"file": "(no rows)", "received_at": datetime.fromisoformat("1970-01-01T00:00:00+00:00")}
        found_again = ((key, info, rows.get(key, empty)) for key, info in unknown.items())
        self.record(
            *(
                LandedFile(
                    source, key, said["file"], None, info.rows, said["received_at"], info.delta_version
                )
                for key, info, said in found_again
            )
        )
        return sorted(unknown)

    def _files(self, mine: sa.ColumnElement[bool]) -> dict[str, LandedFile]:
        with self.database.read() as connection:
            found = connection.execute(sa.select(FILES).where(mine).order_by(FILES.c.fingerprint))
            return {row.fingerprint: _file(row) for row in found}


def _record(connection: sa.Connection, file: LandedFile) -> None:
    mine = (FILES.c.source == file.source) & (FILES.c.fingerprint == file.fingerprint)
    old = connection.execute(sa.select(FILES).where(mine)).one_or_none()
    if old is not None and old.status == "landed":
        if file.status == "landed":
            values = {"delta_version": file.delta_version, "rows": file.rows}
            connection.execute(sa.update(FILES).where(mine).values(values))
        return
    connection.execute(sa.delete(FILES).where(mine))
    connection.execute(sa.insert(FILES).values(**asdict(file), days_known=False))


def _file(row: sa.Row[tuple[object, ...]]) -> LandedFile:
    values = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it
    values.pop("days_known")
    return LandedFile(**values)
