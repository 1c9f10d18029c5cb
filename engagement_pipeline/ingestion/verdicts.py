"""What a batch's rows are worth: which are rejected and why, and which event days the others touch.

Here: judging landed rows. Not here: landing them and storing the outcome (`intake`).
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.rules import TooManyRejected, enforce_limit
from engagement_pipeline.ingestion.judging import judge
from engagement_pipeline.storage.lake import Lake

BLOCK_ROWS = 131_072
OUTSIDE = ["before_start", "after_end"]
CLAIMED = pl.Schema({"event_id": pl.String(), "event_date": pl.Date()})


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
    """Judges the batches of one source, block by block."""

    def __init__(self, source: Source, catalog: Catalog, lake: Lake) -> None:
        self.source, self.catalog, self.lake = source, catalog, lake
        self.given_ids = any(mapping.event_id is not None for mapping in source.events)

    def weigh(self, block: pl.DataFrame, verdict: Verdict) -> None:
        """Adds a block of the batch's landed rows (columns of `frames.LANDED`)."""
        found = judge(block, self.source, self.catalog)
        claims, rejected = found.events.select(CLAIMED.names()), found.rejected
        if self.source.events:
            days = claims["event_date"]
        else:
            said = found.profiles["observed_at"].append(found.identities["observed_at"])
            days = said.dt.convert_time_zone(self.catalog.project.timezone).dt.date()
        for kept, part in ((verdict.profiles, found.profiles), (verdict.identities, found.identities)):
            if part.height:
                kept.append(part)
        verdict.ignored += found.ignored
        verdict.rows += block.height
        verdict.days.update(days.unique())
        if rejected.height:
            verdict.rejected.append(rejected)
            rows = rejected.group_by("row_number").agg(outside=pl.col("rule").is_in(OUTSIDE).all())
            verdict.rejected_rows += rows.height
            verdict.outside += int(rows["outside"].sum())
            verdict.by_rule.update(dict(rejected.group_by("rule").len().iter_rows()))
        # An id made of the content cannot be taken by other content.
        if self.given_ids and claims.height:
            verdict.claims.append(claims)

    def conclude(self, verdict: Verdict) -> None:
        """Holds the batch against the reject limit and finds the later days that it touches.

        History from before the project's start is no fault of the source: it counts for nothing here.
        """
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
        verdict.days |= self._later_days(verdict.claims)
        verdict.claims = []

    def _later_days(self, claims: list[pl.DataFrame]) -> set[date]:
        """Days stored already on which an id of this batch was used again: the earlier claim wins there, or
        is the one that a conflict names."""
        if not claims:
            return set()
        claimed = pl.concat(claims).unique()
        horizon = timedelta(days=self.catalog.project.lateness_horizon + 1)
        days = set(claimed["event_date"].unique())
        found: set[date] = set()
        for table in (f"events/{self.source.source}", f"conflicts/{self.source.source}"):
            near = [
                key
                for key, info in self.lake.partitions(table).items()
                if info.rows and min(days) < date.fromisoformat(key) <= max(days) + horizon
            ]
            if not near:
                continue
            same = (
                self.lake.scan(table, near)
                .select(CLAIMED.names())
                .join(claimed.lazy(), on="event_id", suffix="_claimed")
                .filter(
                    (pl.col("event_date") - pl.col("event_date_claimed")).is_between(
                        pl.duration(days=1), horizon
                    )
                )
            )
            found.update(same.select(pl.col("event_date").unique()).collect().to_series())
        return found


def landed_blocks(source: Source, batches: Collection[str], lake: Lake) -> Iterator[pl.DataFrame]:
    """Landed rows of these batches in bounded blocks, in no particular order."""
    if batches:
        rows = lake.scan(f"landed/{source.source}", sorted(batches))
        yield from rows.collect_batches(chunk_size=BLOCK_ROWS, maintain_order=False)
