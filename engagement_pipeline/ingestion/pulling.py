"""A database source's new rows as batches to land, as files are.

Here: where a pull begins, which of its rows landed before, and what a batch is called. Nothing of it is kept
but in the landed batches themselves: a batch's name says which watermarks it spans, its rows are in the lake.
Not here: statements (`databases`) and landing (`intake`).

A pull begins a little behind the newest watermark that landed, for rows that were committed late, and leaves
out the rows of that range which landed already: rows are the same when their text is. So every row lands
once, however often it is seen, and an updated row lands again.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

import polars as pl
import polars_hash as plh

from engagement_pipeline.catalog.specs import DatabaseRows, Source
from engagement_pipeline.ingestion.databases.connection import DatabaseRefused
from engagement_pipeline.ingestion.databases.pull import Pull, PulledRows
from engagement_pipeline.ingestion.databases.watermarks import (
    Watermark,
    WrongWatermark,
    as_text,
    begin,
    from_text,
)
from engagement_pipeline.ingestion.landing import Found, lacking
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import LandedFile

COPY = "_copy"
"""Key that the second and later of rows that are equal in every column get, with their number: a table
without a key may hold two equal rows, and both count, in whichever batches they come."""
HASH_CHARACTERS = 32


class Puller:
    """One pull of a source. `known` and `notes` fill on the way."""

    def __init__(self, source: Source, landed: Iterable[LandedFile], lake: Lake) -> None:
        assert source.database is not None  # noqa: S101  the caller asked
        self.source, self.rows, self.lake = source, source.database, lake
        self.subject = f"source {source.source!r}"
        self.landed = list(landed)
        self.known = 0
        """Rows of the overlap that had landed before."""
        self.notes: list[str] = []
        self.carried = _no_counts()

    def batches(self) -> Iterator[Found]:
        """Batches with the rows that did not land yet, in the order of the watermark. Each must be landed
        before the next is asked for, or a run that ends there leaves a gap. Raises DatabaseRefused."""
        since = self._since()
        before = self._hashes(since)
        pull = Pull(self.rows, self.subject, since)
        for pulled in pull.batches():
            rows = self._numbered(pulled)
            new = rows.join(before, on="hash", how="anti", maintain_order="left")
            self.known += rows.height - new.height
            if new.height:
                yield self._found(pulled, new)
        self._note(pull)

    def failed(self, error: DatabaseRefused, received_at: datetime) -> LandedFile:
        """The ledger's entry of a pull that could not be made, or not to its end."""
        return LandedFile(
            source=self.source.source,
            fingerprint=hashlib.sha256(f"pull of {self.source.source}".encode()).hexdigest(),
            file=self.rows.label,
            size=None,
            rows=0,
            received_at=received_at,
            status="failed",
            reason=str(error),
        )

    def _since(self) -> Watermark | None:
        """Where this pull begins; None for the very beginning."""
        begins: list[Watermark] = []
        try:
            begins += [
                begin(reached, self.rows.overlap, file.received_at)
                for file in self.landed
                if (reached := _reached(file.file, self.rows)) is not None
            ]
        except WrongWatermark as wrong:
            why = f"its watermark {self.rows.watermark!r} {wrong}"
            raise DatabaseRefused(self.subject, why) from None
        return max(begins, default=None)  # of one kind: a pull refuses others

    def _hashes(self, since: Watermark | None) -> pl.DataFrame:
        """Hashes of the landed rows that this pull may see again."""
        reached = {file.fingerprint: _reached(file.file, self.rows) for file in self.landed}
        near = [
            batch
            for batch, last in reached.items()
            if since is None or (last is not None and last >= since)  # type: ignore[operator]
        ]
        if not near:
            return pl.DataFrame(schema={"hash": pl.String()})
        landed = self.lake.scan(f"landed/{self.source.source}", sorted(near))
        return landed.select(hash=_hash(pl.col("raw"))).unique().collect(engine="streaming")

    def _numbered(self, pulled: PulledRows) -> pl.DataFrame:
        """`raw` and its `hash`; copies are told apart by number, also across batches of one watermark."""
        rows = pulled.rows.select("raw", hash=_hash(pl.col("raw")))
        earlier, self.carried = self.carried, _no_counts()
        if pulled.cut:
            counted = pl.concat([earlier, rows.group_by("hash").agg(copies=pl.len().cast(pl.Int64))])
            self.carried = counted.group_by("hash").agg(pl.col("copies").sum())
        if earlier.is_empty() and not rows["hash"].is_duplicated().any():
            return rows
        number = pl.int_range(1, pl.len() + 1).over("hash") + pl.col("copies").fill_null(0)
        numbered = rows.join(earlier, on="hash", how="left", maintain_order="left").with_columns(
            number=number
        )
        marked = pl.concat_str(pl.col("raw").str.head(-1), pl.lit(f',"{COPY}":'), "number", pl.lit("}"))
        raw = pl.when(pl.col("number") > 1).then(marked).otherwise("raw")
        return numbered.select(raw=raw).with_columns(hash=_hash(pl.col("raw")))

    def _found(self, pulled: PulledRows, new: pl.DataFrame) -> Found:
        content = hashlib.sha256("\n".join(new["hash"].sort()).encode())
        name = f"{_prefix(self.rows)}{as_text(pulled.first)} to {as_text(pulled.last)}"
        rows = new.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row_number"), "raw")
        size = int(new["raw"].str.len_bytes().sum())
        return Found(name, None, size, content.hexdigest(), rows=rows)

    def _note(self, pull: Pull) -> None:
        if pull.without_watermark:
            self.notes.append(
                f"{pull.without_watermark} rows of {self.rows.label} have no {self.rows.watermark}: they are "
                "not pulled before it is filled in"
            )
        self.notes += [f"{self.rows.label} has {each}" for each in lacking(self.source, pull.columns)]


def newest_watermark(source: Source, landed: Iterable[LandedFile]) -> Watermark | None:
    """How far a source's database was read; None for files, and before the first batch."""
    if source.database is None:
        return None
    reached = [each for file in landed if (each := _reached(file.file, source.database)) is not None]
    return max(reached, default=None)  # of one kind: a pull refuses others


def _prefix(rows: DatabaseRows) -> str:
    """How the names of a source's batches begin."""
    return f"{rows.label}, {' '.join(rows.watermark.split())} "


def _reached(name: str, rows: DatabaseRows) -> Watermark | None:
    """The last watermark of a batch, by its name; None for a batch of another watermark."""
    column = re.escape(" ".join(rows.watermark.split()))
    match = re.fullmatch(rf".*, {column} ('[^']+'|\S+) to ('[^']+'|\S+)", name)
    if match is None:
        return None
    try:
        return from_text(match[2])
    except (ValueError, ArithmeticError):
        return None


def _hash(text: pl.Expr) -> pl.Expr:
    return plh.concat_str(text).chash.sha2_256().str.head(HASH_CHARACTERS)


def _no_counts() -> pl.DataFrame:
    return pl.DataFrame(schema={"hash": pl.String(), "copies": pl.Int64()})
