"""A source from its folder to the ledger: landed rows, rejected rows, and the event days that are touched.

Here: taking files in, each exactly once; a bad file never stops another. Not here: what a row is worth
(`verdicts`), what is stored of it beside the landed row (`settling`), what is told of a run (`outcome`), and
events, which are made day by day (`events`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.rules import TooManyRejected, validate
from engagement_pipeline.contracts.tables import schema_for
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion.databases.connection import DatabaseRefused
from engagement_pipeline.ingestion.erased import screened
from engagement_pipeline.ingestion.landing import (
    Found,
    Tally,
    discover,
    handed_over,
    in_pieces,
    landed_rows,
    oddities,
    weight,
)
from engagement_pipeline.ingestion.outcome import Intake, Landing
from engagement_pipeline.ingestion.people import never_stored
from engagement_pipeline.ingestion.places import Unusable, since_of
from engagement_pipeline.ingestion.pulling import Puller
from engagement_pipeline.ingestion.readers import UnreadableFile
from engagement_pipeline.ingestion.settling import Settling
from engagement_pipeline.ingestion.verdicts import Judge, Verdict, landed_blocks
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.layout import table_spec
from engagement_pipeline.storage.ledger import LandedFile, Ledger
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.objects import StoreUnreachable
from engagement_pipeline.storage.seen import Seen
from engagement_pipeline.storage.tombstones import tombstones

COMMIT_ROWS = 500_000
"""Files with fewer rows are landed together: a commit takes 50 ms, many deliveries are a few KB."""
JUDGED_ROWS = 65_536
"""Rows that are judged together, long ones counted as several: 2,000 files of a row each take 10 s, one by
one 79."""


def take_in(
    source: Source,
    landing: Path | str,
    received_at: datetime,
    catalog: Catalog,
    lake: Lake,
    ledger: Ledger,
    *,
    replay: Callable[[], Iterable[str]] | None = None,
) -> Intake:
    """Lands the source's new files in `landed/<source>`, stamped with `received_at`, their rejected rows in
    `rejected/<source>`, their event days in the ledger.

    Of a file that cannot be read, or has more rejected rows than `limits.reject_share`, nothing lands; the
    ledger keeps the reason, `rejected/<source>` the rows, and every run tries again. A run that was killed
    on the way is made good by the next, with the stamp it gave. `replay` chooses landed batches to be judged
    anew, after the tracking plan or a mapping changed, and is only asked when nobody else takes in: a run
    that still has the old mapping would judge them by that. Those of a replay that was killed are judged in
    any case. Nothing is raised for bad files: see `Intake.raise_problems`.
    """
    # Two runs at once would stamp one file twice: the second waits, and finds it landed.
    with lock(ledger.database, f"intake of {source.source}"):
        return _take_in(_Work(source, received_at, catalog, lake, ledger), landing, replay)


def _take_in(work: "_Work", landing: Path | str, replay: Callable[[], Iterable[str]] | None) -> Intake:
    source, ledger = work.source, work.ledger
    ledger.rebuild(source.source, work.lake)
    already = ledger.landed(source.source)
    if replay is not None:
        ledger.request_replay(source.source, replay())
    found = Tally(set(already))
    since = since_of(source, work.catalog.project)
    if source.database is None:
        seen, there = Seen(ledger.database), set[str]()
        try:
            for each in discover(source, landing, since=since, seen=seen, landed=found.fingerprints):
                there.add(each.fingerprint)
                if found.is_new(each):
                    work.take(each)
            ledger.forget_failed(source.source, there)
        except (Unusable, StoreUnreachable) as outage:
            work.outage = str(outage)
        work.commit()
    else:
        work.pull()
    again = {*ledger.untouched(source.source), *ledger.replays_requested(source.source)}
    again |= never_stored(source, already, work.lake)
    work.examine(sorted(again & already))
    return work.finish(found)


class _Read(NamedTuple):
    """A file that waits for its verdict."""

    blocks: list[pl.DataFrame]
    """Columns of `frames.LANDED`."""
    odd: list[str]


class _Work:
    """One run: files gathered until they are worth a commit, and what was found of them."""

    def __init__(
        self, source: Source, received_at: datetime, catalog: Catalog, lake: Lake, ledger: Ledger
    ) -> None:
        self.source, self.received_at, self.catalog = source, received_at, catalog
        self.lake, self.ledger = lake, ledger
        self.judge = Judge(source, catalog, lake)
        self.settling = Settling(source, catalog, lake, ledger)
        self.tombstones = tombstones(lake.database)
        self.erased = 0
        self.table = table_spec(f"landed/{source.source}", catalog)
        self.gathered: dict[Found, _Read] = {}
        self.held = 0
        """Rows gathered, long ones counted as several."""
        self.landed: list[LandedFile] = []
        self.failed: list[LandedFile] = []
        self.notes: list[str] = []
        self.outage = ""
        self.verdicts: list[Verdict] = []
        self.settled = 0
        """Verdicts of which everything is stored."""

    def pull(self) -> None:
        """Lands the new rows of the source's database batch by batch, each with all that belongs to it: a
        pull that is cut off goes on behind the last batch."""
        name, files = self.source.source, self.ledger.files(self.source.source).values()
        self.ledger.forget_failed(name)  # they are tried again, mostly with other rows beside them
        puller = Puller(self.source, [file for file in files if file.status == "landed"], self.lake)
        try:
            for found in puller.batches():
                self.take(found)
                self.commit()
                self.settle()
                if self.failed:
                    break  # the next batch would move the watermark past this one
        except DatabaseRefused as error:
            self.failed.append(puller.failed(error, self.received_at))
            self.ledger.record(self.failed[-1])
        self.notes += puller.notes

    def take(self, found: Found) -> None:
        """Reads a file; a big one is judged and landed at once, piece by piece."""
        first: list[pl.DataFrame] = []
        try:
            blocks = landed_rows(found, self.source, self.received_at)
            for block in blocks:
                first.append(block)
                if weight(first) >= COMMIT_ROWS:
                    self._take_big(found, chain(handed_over(first), blocks))
                    return
            self.gathered[found] = _Read(first, oddities(found, self.source))
        except UnreadableFile as error:
            self._refuse({found: str(error)})
            return  # half of it may have been judged; nothing is known of the whole
        self.held += weight(first)
        if self.held >= COMMIT_ROWS:
            self.commit()
            self.settle()  # so that a first load that is killed need not judge all of it again

    def commit(self) -> None:
        """Judges what was gathered and lands it, files with too many rejected rows apart."""
        gathered, self.gathered, self.held = self.gathered, {}, 0
        verdicts = {found.fingerprint: Verdict(found.fingerprint, found.file) for found in gathered}
        blocks = chain.from_iterable(read.blocks for read in gathered.values())
        rows = pl.concat([LANDED.to_frame(), *self._judged(in_pieces(blocks, JUDGED_ROWS), verdicts)])
        self.judge.conclude(verdicts.values())
        refused: dict[Found, str] = {}
        for found, read in gathered.items():
            self._note(found, verdicts[found.fingerprint], read.odd, refused)
        self._refuse(refused)
        good = [found for found in gathered if found not in refused]
        if good:
            bad = [found.fingerprint for found in refused]
            self._store(good, rows.filter(~pl.col("batch").is_in(bad)) if bad else rows)

    def examine(self, batches: list[str]) -> None:
        """Judges batches that landed in an earlier run."""
        files = self.ledger.files(self.source.source)
        verdicts = {batch: Verdict(batch, files[batch].file) for batch in batches}
        for block in landed_blocks(self.source, batches, self.lake):
            self.judge.weigh(block, verdicts)
        self.judge.conclude(verdicts.values())
        self.verdicts += verdicts.values()

    def settle(self) -> None:
        """Stores what belongs to the batches judged since the last time."""
        verdicts, self.settled = self.verdicts[self.settled :], len(self.verdicts)
        self.settling.settle(verdicts)

    def finish(self, found: Tally) -> Intake:
        """Stores what is left to store."""
        self.settle()
        place = found.place if self.source.database is None and not self.outage else None
        landed, failed, notes = tuple(self.landed), tuple(self.failed), tuple(self.notes)
        return Intake(
            Landing(landed, failed, found.known, notes, place, self.outage),
            tuple(self.verdicts),
            self.settling.rejected,
            frozenset(self.settling.replayed),
            self.erased,
        )

    def _take_big(self, found: Found, blocks: Iterable[pl.DataFrame]) -> None:
        verdict = Verdict(found.fingerprint, found.file)
        refused: dict[Found, str] = {}

        def whole() -> Iterator[pl.DataFrame]:
            """Raises at the end of the rows when too many were rejected, so that none of them lands."""
            yield from self._judged(in_pieces(blocks, JUDGED_ROWS), {found.fingerprint: verdict})
            self.judge.conclude([verdict])
            if verdict.refusal:
                raise verdict.refusal

        with suppress(TooManyRejected):
            self._store([found], in_pieces(whole()))
        self._note(found, verdict, oddities(found, self.source), refused)
        self._refuse(refused)

    def _judged(
        self, blocks: Iterable[pl.DataFrame], verdicts: Mapping[str, Verdict]
    ) -> Iterator[pl.DataFrame]:
        """The rows that may be stored, once they were judged."""
        for block in blocks:
            kept = screened(block, self.source, self.tombstones)
            self.erased += kept.erased
            self.judge.weigh(kept.rows, verdicts)
            yield kept.rows

    def _note(self, found: Found, verdict: Verdict, odd: list[str], refused: dict[Found, str]) -> None:
        """Keeps a verdict, and what is odd about the file: of a refused one with why it was."""
        self.verdicts.append(verdict)
        if verdict.refusal:
            refused[found] = " ".join([str(verdict.refusal), *(f"{note}." for note in odd)])
            return
        self.notes += odd
        self.notes += [] if verdict.rows else [f"{found.file} has no rows"]

    def _refuse(self, reasons: Mapping[Found, str]) -> None:
        if reasons:
            entries = [self._entry(found, 0, None, reason) for found, reason in reasons.items()]
            self.ledger.record(*entries)
            self.failed += entries

    def _store(self, files: list[Found], rows: pl.DataFrame | Iterator[pl.DataFrame]) -> None:
        batches = [found.fingerprint for found in files]
        check = partial(validate, schema=schema_for(self.table.name, self.catalog))
        commit = self.lake.replace(self.table, rows, batches, validate=check)
        entries = [
            self._entry(found, commit.partitions[found.fingerprint].rows, commit.delta_version)
            for found in files
        ]
        self.ledger.record(*entries)
        self.landed += entries

    def _entry(
        self, found: Found, rows: int, delta_version: int | None, reason: str | None = None
    ) -> LandedFile:
        return LandedFile(
            source=self.source.source,
            fingerprint=found.fingerprint,
            file=found.file,
            size=found.size,
            rows=rows,
            received_at=self.received_at,
            delta_version=delta_version,
            status="failed" if reason else "landed",
            reason=reason,
        )
