"""Identities over several as-of dates: which ids mean the same person on all of them, and which do not.

Here: the split, so that rows of the first are stitched once and only those of the others date by date. Not
here: who is who, and mapping ids to people (`identity`).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl


class Changing(NamedTuple):
    """Who is who on several dates."""

    steady: pl.DataFrame
    """`frames.ALIASES` of the ids that are aliases of one person on all of the dates, and whose person has
    the same ids on all of them."""
    moving: pl.DataFrame
    """`frames.ALIASES` of the others that are aliases on any of the dates."""
    ids: pl.Series
    """Every id, of aliases and of people, that `moving` names: rows of all others are stitched alike on all
    of the dates. `id`, sorted."""

    def meaning(self) -> pl.DataFrame:
        """`id`, `person_id`: whom each of the moving ids means on any of the dates, itself included."""
        own = self.ids.to_frame().with_columns(pl.col("id").alias("person_id"))
        named = self.moving.select(pl.col("alias").alias("id"), "person_id")
        return pl.concat([own, named]).unique()

    def runs(self, days: Sequence[date]) -> list[list[date]]:
        """The ascending dates, those together on which everybody is the same."""
        turns = {*self.moving["valid_from"], *self.moving["valid_to"].drop_nulls()}
        found: list[list[date]] = []
        for day in days:
            same = found and not any(found[-1][0] < turn <= day for turn in turns)
            if same:
                found[-1].append(day)
            else:
                found.append([day])
        return found


def changing(aliases: pl.LazyFrame, days: Sequence[date]) -> Changing:
    """Split the identities known on the dates. aliases: `frames.ALIASES`."""
    first, last = min(days), max(days)
    known = aliases.filter(
        pl.col("valid_from") <= last, pl.col("valid_to").is_null() | (pl.col("valid_to") > first)
    ).collect()
    always = (pl.col("valid_from") <= first) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > last))
    turned = known.filter(~always)
    # Whoever an id turns to or from is another person before than after, with all that always was theirs: an
    # alias has one person at a time, so none of these aliases means anybody else.
    people = pl.concat([turned["alias"], turned["person_id"]]).unique()
    concerned = pl.col("person_id").is_in(people.implode()) | pl.col("alias").is_in(people.implode())
    moving = known.filter(concerned)
    ids = pl.concat([moving["alias"], moving["person_id"]]).unique().sort().alias("id")
    return Changing(known.filter(~concerned), moving, ids)
