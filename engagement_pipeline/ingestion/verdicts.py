"""What a batch's rows are worth: which are rejected and why, and which event days the others touch.

Here: judging landed rows. Not here: landing them and storing the outcome (`intake`).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.rules import TooManyRejected, enforce_limit
from engagement_pipeline.ingestion.judging import Judged, judge
from engagement_pipeline.ingestion.landing import in_pieces
from engagement_pipeline.storage.lake import Lake

BLOCK_ROWS = 65_536
"""Landed rows that are judged together, long ones counted as several."""
OUTSIDE = ["before_start", "after_end"]
CLAIMED = pl.Schema({"batch": pl.String(), "event_id": pl.String(), "event_date": pl.Date()})


@dataclass
class Verdict:
    """What became of one batch's rows."""

    batch: str
    file: str
    rows: int = 0
    rejected: list[pl.DataFrame] = field(default_factory=list)
    """Columns of `frames.REJECTED`."""
    rejected_rows: int = 0
    outside: int = 0
    """Of these, rows with nothing else against them than that they lie outside the project's days."""
    by_rule: Counter[str] = field(default_factory=Counter)
    """Rejected rows by rule; a row that breaks two rules counts for both."""
    ignored: int = 0
    """Rows that the source leaves out on purpose."""
    profiles: list[pl.DataFrame] = field(default_factory=list)
    """Columns of `frames.profile_schema`."""
    identities: list[pl.DataFrame] = field(default_factory=list)
    """Columns of `frames.IDENTITIES`."""
    days: set[date] = field(default_factory=set)
    """Days of its valid rows, and later days on which stored events have the same ids."""
    refusal: TooManyRejected | None = None
    """Why its valid rows do not count either."""
    claims: list[pl.DataFrame] = field(default_factory=list)

    def release(self) -> None:
        """Lets go of the rows once they are stored; the counts stay."""
        self.rejected, self.profiles, self.identities = [], [], []


def count_rules(verdicts: Collection[Verdict]) -> dict[str, int]:
    """Rejected rows by rule over several batches."""
    total: Counter[str] = Counter()
    for each in verdicts:
        total.update(each.by_rule)
    return dict(sorted(total.items()))


class Judge:
    """Judges the batches of one source, block by block. A block of one row takes 30 ms, one of 10,000 three
    times that: small batches are judged together."""

    def __init__(self, source: Source, catalog: Catalog, lake: Lake) -> None:
        self.source, self.catalog, self.lake = source, catalog, lake
        self.given_ids = any(mapping.event_id is not None for mapping in source.events)

    def weigh(self, block: pl.DataFrame, verdicts: Mapping[str, Verdict]) -> None:
        """Adds a block of landed rows (columns of `frames.LANDED`) to the verdicts on their batches."""
        found = judge(block, self.source, self.catalog)
        claims = found.events.select(CLAIMED.names())
        for batch, rows in _counts(block):
            verdicts[batch].rows += rows
        for batch, rows in _counts(found.ignored):
            verdicts[batch].ignored += rows
        for batch, part in _by_batch(found.profiles):
            verdicts[batch].profiles.append(part)
        for batch, part in _by_batch(found.identities):
            verdicts[batch].identities.append(part)
        for batch, day in self._days(found).iter_rows():
            verdicts[batch].days.add(day)
        # Few rows of a block would hold the text of all in memory, were theirs not copied.
        for batch, part in _by_batch(found.rejected.with_columns(pl.concat_str("raw", pl.lit("")))):
            verdicts[batch].rejected.append(part)
        broken = found.rejected.group_by("batch", "row_number").agg(pl.col("rule").is_in(OUTSIDE).all())
        for batch, rows, outside in broken.group_by("batch").agg(pl.len(), pl.col("rule").sum()).iter_rows():
            verdicts[batch].rejected_rows += rows
            verdicts[batch].outside += outside
        for batch, rule, rows in found.rejected.group_by("batch", "rule").len().iter_rows():
            verdicts[batch].by_rule[rule] += rows
        # An id made of the content cannot be taken by other content.
        for batch, part in _by_batch(claims) if self.given_ids else ():
            verdicts[batch].claims.append(part)

    def _days(self, found: Judged) -> pl.DataFrame:
        """`batch` and each day that its rows touch."""
        if self.source.events:
            return found.events.select("batch", "event_date").unique()
        said = pl.concat(each.select("batch", "observed_at") for each in (found.profiles, found.identities))
        on = pl.col("observed_at").dt.convert_time_zone(self.catalog.project.timezone).dt.date()
        return said.select("batch", on).unique()

    def conclude(self, verdicts: Collection[Verdict]) -> None:
        """Holds each batch against the reject limit and finds the later days that it touches.

        History from before the project's start is no fault of the source: it counts for nothing here.
        """
        for verdict in verdicts:
            try:
                enforce_limit(
                    verdict.rejected_rows - verdict.outside,
                    verdict.rows - verdict.outside,
                    self.catalog.project.limits.reject_share,
                    f"{verdict.file} of source {self.source.source!r}",
                    dict(sorted(verdict.by_rule.items())),
                )
            except TooManyRejected as error:
                verdict.refusal = error
        later = self._later_days([claims for verdict in verdicts for claims in verdict.claims])
        for verdict in verdicts:
            verdict.days |= later.get(verdict.batch, set())
            verdict.claims = []

    def _later_days(self, claims: list[pl.DataFrame]) -> dict[str, set[date]]:
        """By batch, days stored already on which an id of it was used again: the earlier claim wins there, or
        is the one that a conflict names."""
        found: dict[str, set[date]] = {}
        days = {day for each in claims for day in each["event_date"].unique()}
        horizon = timedelta(days=self.catalog.project.lateness_horizon + 1)
        for table in (f"events/{self.source.source}", f"conflicts/{self.source.source}"):
            near = [
                key
                for key, info in self.lake.partitions(table).items()
                if info.rows and days and min(days) < date.fromisoformat(key) <= max(days) + horizon
            ]
            if not near:
                continue
            claimed = pl.concat(claims).unique()
            same = (
                self.lake.scan(table, near)
                .select("event_id", "event_date")
                .join(claimed.lazy(), on="event_id", suffix="_claimed")
                .filter(
                    (pl.col("event_date") - pl.col("event_date_claimed")).is_between(
                        pl.duration(days=1), horizon
                    )
                )
            )
            for batch, day in same.select("batch", "event_date").unique().collect().iter_rows():
                found.setdefault(batch, set()).add(day)
        return found


def _counts(rows: pl.DataFrame) -> Iterator[tuple[str, int]]:
    yield from rows.group_by("batch").len().iter_rows()


def _by_batch(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    for (batch,), part in rows.partition_by("batch", as_dict=True, maintain_order=True).items():
        yield batch, part


def landed_blocks(source: Source, batches: Collection[str], lake: Lake) -> Iterator[pl.DataFrame]:
    """Landed rows of these batches in bounded blocks, in no particular order."""
    if batches:
        rows = lake.scan(f"landed/{source.source}", sorted(batches))
        # Asked for blocks of so many rows polars would gather them however long they are; as they come they
        # are no larger than what landed at once.
        stored = rows.collect_batches(maintain_order=False)
        parts = (each.slice(at, BLOCK_ROWS) for each in stored for at in range(0, each.height, BLOCK_ROWS))
        yield from in_pieces(parts, BLOCK_ROWS)
