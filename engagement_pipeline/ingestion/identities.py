"""Landed rows to statements that two ids are one person.

Here: mapping and judging them. Not here: who is who once all is said (`core`).
"""

from typing import NamedTuple

import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.core.frames import REJECTED, UTC_MICROS

IDENTITIES = pl.Schema(
    {
        "batch": pl.String(),
        "row_number": pl.Int64(),
        "alias": pl.String(),
        "person_id": pl.String(),
        "merges": pl.Boolean(),
        "observed_at": UTC_MICROS,
    }
)


class SplitIdentities(NamedTuple):
    """`identities` as IDENTITIES; `rejected` as `frames.REJECTED`."""

    identities: pl.DataFrame
    rejected: pl.DataFrame


def split_identities(landed: pl.DataFrame, source: Source, catalog: Catalog) -> SplitIdentities:
    """What landed rows (columns of `frames.LANDED`) say of who is who.

    A statement without a time of its own was made when its file was received. A row that lacks one of the
    ids, or whose ids are equal, states nothing and is no mistake.
    """
    return SplitIdentities(IDENTITIES.to_frame(), REJECTED.to_frame())
