"""Adding up by people's places: a total per person, where people are numbers.

Here: the sums of `core.sums` in 64 bits, each row added where its person stands. Not here: which sums there
are and whether 64 bits hold them (`sums`), and who has which number (`engines.numbering`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Whole = npt.NDArray[np.int64]

AT_ONCE = 1 << 16
"""Rows, so that what is computed of them stays in the processor's cache."""


@dataclass(frozen=True)
class Term:
    """What of a row is added to a total: its quantity, no more than `cap`, times a factor for its age."""

    cap: int | None = None
    factors: str | None = None
    """The name of a table of factors by age; 1 without."""


def added(
    rows: pl.DataFrame,
    people: int,
    totals: Mapping[str, Term],
    tables: Mapping[str, pl.Series],
    found: Mapping[str, str],
) -> pl.DataFrame:
    """A row per person who has any, in the order of people: `person_id`, the totals (Int64), and under the
    names of `found` whether the table named there is 1 for any of their rows.

    rows: `person_id` (a number below `people`), `age` (an integer) and `quantity` (Int64), in any order;
    quickest where rows of people with near numbers stand together. tables: Int64, as long as ages need.
    """
    seen = np.zeros(people, dtype=np.bool_)
    terms = {term: np.zeros(people, dtype=np.int64) for term in totals.values()}
    inside = {table: np.zeros(people, dtype=np.bool_) for table in found.values()}
    factors = {name: table.to_numpy() for name, table in tables.items()}
    for block in rows.iter_slices(AT_ONCE):
        place = block["person_id"].to_numpy().astype(np.intp)
        age, quantity = block["age"].to_numpy(), block["quantity"].to_numpy()
        seen[place] = True
        capped: dict[int | None, Whole] = {None: quantity}
        by_age: dict[str, Whole] = {name: table[age] for name, table in factors.items()}
        for name, flags in inside.items():
            flags[place[by_age[name] == 1]] = True
        for term, total in terms.items():
            if term.cap is not None and term.cap not in capped:
                capped[term.cap] = np.minimum(quantity, term.cap)
            given = capped[term.cap]
            if term.factors is not None:
                given = given * by_age[term.factors]
            np.add.at(total, place, given)  # also right where a person stands twice in a block
    places = np.flatnonzero(seen)
    return pl.DataFrame(
        {
            "person_id": pl.Series(places).cast(rows.schema["person_id"]).set_sorted(),
            **{name: terms[term][places] for name, term in totals.items()},
            **{name: inside[table][places] for name, table in found.items()},
        }
    )
