"""What judged batches leave behind: rejected rows, what they say of people, and the event days they touch.

Here: storing it, and which days a replay makes anew. Not here: judging (`verdicts`), and the landed rows
themselves (`intake`).
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from functools import partial

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.rules import validate
from engagement_pipeline.contracts.tables import schema_for
from engagement_pipeline.core.frames import REJECTED
from engagement_pipeline.ingestion.people import store_people
from engagement_pipeline.ingestion.verdicts import Verdict
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.layout import table_spec
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline.storage.tables import Commit


class Settling:
    """Settles the batches of one run, and keeps what it came to."""

    def __init__(self, source: Source, catalog: Catalog, lake: Lake, ledger: Ledger) -> None:
        self.source, self.catalog, self.lake, self.ledger = source, catalog, lake, ledger
        self.rejected: Commit | None = None
        """The last one to `rejected/<source>`."""
        self.replayed = set[date]()

    def settle(self, verdicts: Collection[Verdict]) -> None:
        """Stores rejected rows, and last the event days, of judged batches: a run killed before that simply
        judges them again. Lets go of the verdicts' rows."""
        name = self.source.source
        if verdicts:
            table, landed = table_spec(f"rejected/{name}", self.catalog), f"landed/{name}"
            version = self.lake.version(landed)
            self.rejected = self.lake.replace(
                table,
                pl.concat([REJECTED.to_frame(), *(frame for each in verdicts for frame in each.rejected)]),
                [each.batch for each in verdicts],
                {} if version is None else {landed: version},
                partial(validate, schema=schema_for(table.name, self.catalog)),
            )
        accepted = [each for each in verdicts if not each.refusal]
        store_people(accepted, self.source, self.catalog, self.lake)
        days = {each.batch: each.days for each in accepted}
        replayed = self._replayed(days)
        self.replayed |= replayed
        number = self.ledger.next_replay(name, self.lake) if replayed else 0
        self.ledger.touch(name, days, replayed, number)
        for each in verdicts:
            each.release()

    def _replayed(self, days: Mapping[str, set[date]]) -> set[date]:
        """Days to make anew because batches were judged anew: those that they touch now and touched before,
        and those on which a conflict may be over because the claim before it is no longer there."""
        again = days.keys() & set(self.ledger.replays_requested(self.source.source))
        found = self.ledger.days_of(self.source.source, again).union(*(days[batch] for batch in again))
        if not found:
            return set()
        last = max(found) + timedelta(days=self.catalog.project.lateness_horizon + 1)
        stored = self.lake.partitions(f"conflicts/{self.source.source}")
        conflicts = {date.fromisoformat(day) for day, info in stored.items() if info.rows}
        return found | {day for day in conflicts if min(found) < day <= last}
