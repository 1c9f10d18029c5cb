"""Facts: what conditions on people read, one row per person.

Here: bringing profiles, scores and memberships of one date under the names that conditions use. Not here: the
conditions themselves (`segments`, `audiences`).
"""

from collections.abc import Collection, Mapping

import polars as pl

from engagement_pipeline.core.consents import PARTS as CONSENT_PARTS
from engagement_pipeline.core.exact import in_points

SCORE_PARTS = ("score", "points", "band", "state")


def profile_facts(people: pl.LazyFrame, columns: Collection[str]) -> pl.LazyFrame:
    """`person_id` and the `profile.`, `consent.` and `reachable.` columns asked for. people: `people.as_of` a
    date, for the last two with the columns of `consents.with_consents`."""
    wanted = sorted(column for column in columns if column.startswith("profile."))
    said = sorted(column for column in columns if column.partition(".")[0] in CONSENT_PARTS)
    return people.select(
        "person_id", *(pl.col(column.removeprefix("profile.")).alias(column) for column in wanted), *said
    )


def facts(
    people: pl.LazyFrame,
    columns: Collection[str],
    scores: Mapping[str, pl.LazyFrame],
    segments: Mapping[str, pl.LazyFrame],
) -> pl.LazyFrame:
    """`person_id` and the columns asked for, of everyone in `people` (see `profile_facts`).

    `score.s` and `points.s` are Float64 (points in points), `band.s` and `state.s` text, null for who has no
    row in that score; `segment.s` is never null. scores: `frames.SCORES`, segments: `frames.SEGMENTS`, of the
    same date and at least those that `columns` name; KeyError otherwise.
    """
    found = profile_facts(people, columns)
    named = sorted(column.partition(".")[::2] for column in columns)
    for score in sorted({name for part, name in named if part in SCORE_PARTS}):
        parts = [part for part, name in named if part in SCORE_PARTS and name == score]
        frame = scores[score].select(
            "person_id",
            *(
                (in_points(pl.col(part)) if part == "points" else pl.col(part)).alias(f"{part}.{score}")
                for part in parts
            ),
        )
        found = found.join(frame, on="person_id", how="left")
    for segment in [name for part, name in named if part == "segment"]:
        column = f"segment.{segment}"
        members = segments[segment].select("person_id", pl.lit(value=True).alias(column))
        found = found.join(members, on="person_id", how="left").with_columns(
            pl.col(column).fill_null(value=False)
        )
    return found
