"""How well a number puts people in order: the curve of outcomes found from the highest down, and what is read
off it, for everyone and for people drawn again and again.

Here: arithmetic on arrays, ties shared evenly so that the order of rows never matters. Not here: which
figures are kept, and what they mean (`quality`).

Formulas: the area under the ROC curve is the share of pairs, one person with the outcome and one without, in
which the former has the higher number, ties counting half (Hanley and McNeil 1982); KS is the largest
distance between the two groups' distributions; intervals are percentiles of the bootstrap over people
(Efron and Tibshirani 1993), who are drawn with all their dates, so that a person who is judged on several
dates does not count as several.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TENTHS = 10
SEED = 20_260_401
MOST_DRAWS, FEWEST_DRAWS = 400, 100
WORK = 40_000_000
"""Rows looked at in all draws together; it decides how many there are: 400 up to 100,000 rows, a hundred
from 400,000 on."""


@dataclass(frozen=True)
class Curve:
    """People of one date in the order of one number, from the highest down.

    Most draws look at most people in vain: where outcomes are rare the curve is read only where it bends.
    """

    order: Ints
    """The rows."""
    had: Ints
    """Of them those with the outcome, in that order."""
    bends: Ints
    """Places in the order at which a group of equal numbers ends that has outcomes, or comes before one that
    has; and the last."""
    had_by: Ints
    """How many of `had` stand up to each of the bends."""
    expected: Floats | None
    """The chance that was foretold for each, in that order."""
    ends: Ints
    """Where every group of equal numbers ends."""

    @classmethod
    def of(cls, values: Floats, outcomes: npt.NDArray[np.bool_], expected: Floats | None = None) -> "Curve":
        """values: finite numbers. expected: chances between 0 and 1."""
        order = np.argsort(-values, kind="stable")
        ordered, had = values[order], outcomes[order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(order) else order
        places = np.flatnonzero(had)
        with_outcomes = np.bincount(np.searchsorted(ends, places), minlength=len(ends)) > 0
        before_one = np.append(with_outcomes[1:], True) if len(ends) else with_outcomes
        bends = ends[with_outcomes | before_one]
        foretold = None if expected is None else expected[order]
        return cls(order, order[places], bends, np.searchsorted(places, bends, side="right"), foretold, ends)

    def read(self, weights: Floats) -> "Reading":
        """weights: by row, how often each person counts."""
        upto = np.cumsum(weights[self.order])
        people = np.concatenate(([0.0], upto[self.bends]))
        found = np.concatenate(([0.0], np.cumsum(weights[self.had])))[np.concatenate(([0], self.had_by))]
        others = people - found
        pairs = found[-1] * others[-1]
        distance = 0.0
        if pairs:
            distance = float(np.max(np.abs(found / found[-1] - others / others[-1])))
        cuts = np.arange(TENTHS + 1) * (people[-1] / TENTHS)
        return Reading(
            pairs=float(pairs),
            area=float(np.trapezoid(found, others)),
            distance=distance,
            people=float(people[-1]),
            found=np.diff(np.interp(cuts, people, found)),
            expected=self._expected(weights, upto, cuts),
        )

    def _expected(self, weights: Floats, upto: Floats, cuts: Floats) -> Floats:
        if self.expected is None:
            return np.zeros(TENTHS)
        foretold = np.cumsum(weights[self.order] * self.expected)[self.ends]
        people = np.concatenate(([0.0], upto[self.ends]))
        # Within a group it grows evenly: its people are alike.
        found: Floats = np.diff(np.interp(cuts, people, np.concatenate(([0.0], foretold))))
        return found


@dataclass(frozen=True)
class Reading:
    """What one curve says."""

    pairs: float
    """Of a person with and one without the outcome."""
    area: float
    """Those of them in the right order."""
    distance: float
    """KS."""
    people: float
    found: Floats
    """Outcomes in each tenth of the people, the highest numbers first."""
    expected: Floats
    """Outcomes that were foretold for each tenth."""


def draws(persons: int, rows: int) -> Iterator[Floats]:
    """How often each person counts: first everyone once, then people drawn anew, always the same draws."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    yield np.ones(persons)
    for _ in range(int(np.clip(WORK // max(rows, 1), FEWEST_DRAWS, MOST_DRAWS))):
        drawn = generator.integers(0, max(persons, 1), persons)
        yield np.bincount(drawn, minlength=persons).astype(np.float64)


def interval(values: Floats) -> tuple[float | None, float | None]:
    """The middle 95 in 100 of the draws; None where there are too few."""
    finite = values[np.isfinite(values)]
    if len(finite) < FEWEST_DRAWS // 2:
        return None, None
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)
