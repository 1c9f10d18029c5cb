"""What files looked like when their bytes were last read, so that what has not changed is not read again.

A listing gives a file's size, time and mark (an ETag); while these are the same, so is the fingerprint.
Here: that memory, which may be lost: files are then read once more. Not here: what was landed (`ledger`).
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from engagement_pipeline.storage.database import METADATA, Database, again_if_overtaken

SEEN = sa.Table(
    "seen_files",
    METADATA,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("file", sa.Text, primary_key=True),
    sa.Column("looks", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
)
SOME = 400


class Seen:
    """File -> how it looked, and its fingerprint."""

    def __init__(self, database: Database):
        self.database = database

    def files(self, source: str) -> dict[str, tuple[str, str]]:
        """File -> (looks, fingerprint)."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(SEEN).where(SEEN.c.source == source))
            return {row.file: (row.looks, row.fingerprint) for row in rows}

    @again_if_overtaken
    def record(self, source: str, files: Mapping[str, tuple[str, str]]) -> None:
        """Writes or replaces what is known of these files."""
        rows = [
            {"source": source, "file": file, "looks": looks, "fingerprint": fingerprint}
            for file, (looks, fingerprint) in files.items()
        ]
        with self.database.write() as connection:
            for start in range(0, len(rows), SOME):
                some = rows[start : start + SOME]
                _delete(connection, source, [row["file"] for row in some])
                connection.execute(sa.insert(SEEN), some)

    def forget(self, source: str, files: Iterable[str]) -> None:
        """Removes files that are not there any more."""
        gone = list(files)
        if gone:
            with self.database.write() as connection:
                for start in range(0, len(gone), SOME):
                    _delete(connection, source, gone[start : start + SOME])


def _delete(connection: sa.Connection, source: str, files: list[str]) -> None:
    connection.execute(sa.delete(SEEN).where(SEEN.c.source == source, SEEN.c.file.in_(files)))
