"""A block of landed rows through every mapping of its source at once.

Here: what a row gives to events, profiles and identities, which rows no mapping takes, and every reason for
which one was rejected. Not here: what each mapping does (`canonical`, `profiles`, `identities`) and what
becomes of a whole batch (`verdicts`).
"""

from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.contracts.events import split
from engagement_pipeline.core.frames import REJECTED, event_schema
from engagement_pipeline.ingestion.canonical import canonical_events
from engagement_pipeline.ingestion.identities import IDENTITIES, split_identities
from engagement_pipeline.ingestion.profiles import profile_schema, split_profiles


class Judged(NamedTuple):
    """What a block of landed rows gave."""

    events: pl.DataFrame
    """Valid events, columns of `frames.event_schema`; exploded rows give several with one `row_number`."""
    profiles: pl.DataFrame
    """Columns of `profiles.profile_schema`: `batch`, `row_number`, `person_id`, `observed_at`, the facts,
    and `consent.<channel>` for every channel that the mapping says something of."""
    identities: pl.DataFrame
    """Columns of `identities.IDENTITIES`."""
    rejected: pl.DataFrame
    """Columns of `frames.REJECTED`, one row per raw row and rule; a raw row may be rejected by one mapping
    and taken by another."""
    ignored: int
    """Rows that the source leaves out on purpose."""

    @property
    def rejected_rows(self) -> int:
        """Raw rows with at least one broken rule."""
        return self.rejected.select("batch", "row_number").n_unique()


def judge(landed: pl.DataFrame, source: Source, catalog: Catalog) -> Judged:
    """All that landed rows (columns of `frames.LANDED`) give, and why some of them do not count."""
    events, profiles = event_schema(catalog).to_frame(), profile_schema(source).to_frame()
    identities, rejected = IDENTITIES.to_frame(), [REJECTED.to_frame()]
    if source.events:
        valid = split(canonical_events(landed, source, catalog), catalog)
        events = valid.valid
        rejected.append(valid.rejected)
    if source.profiles:
        found = split_profiles(landed, source, catalog)
        profiles = found.snapshots
        rejected.append(found.rejected)
    if source.aliases:
        said = split_identities(landed, source, catalog)
        identities = said.identities
        rejected.append(said.rejected)
    return Judged(events, profiles, identities, pl.concat(rejected), 0)
