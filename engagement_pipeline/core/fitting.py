"""Logistic regression with a sign for every weight: the only module that needs scipy (the extra `quality`).

Here: fitting, choosing the penalty, intervals. Not here: what is fitted to what (`weights`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
"""Tried one after the other; weights are of quantities over their spread."""
FOLDS = 5
REFITS = 50
"""Fits to people drawn anew, for the intervals of weights."""
SEED = 365


class ExtraMissing(ImportError):  # noqa: N818  the words are what the reader sees
    """What fits weights is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "weights are fitted with scipy, which is not installed: "
            "pip install 'engagement-pipeline[quality]'; everything else works without it"
        )


@dataclass(frozen=True)
class Fit:
    """What is known, rows that are alike taken together: most people did nothing, and are looked at once."""

    given: Floats
    """By kind of row and rule, over the rule's spread."""
    spread: Floats
    """By rule: the root of the mean square, for most people have nothing of it."""
    happened: Floats
    free: Floats
    """One column per date, so that dates may have rates of their own."""
    kinds: Ints
    """By row: which kind it is."""
    persons: Ints
    """By row: whose, from 0."""
    signs: Floats

    @classmethod
    def of(cls, given: Floats, happened: Bools, dates: Ints, persons: Ints, signs: Floats) -> "Fit":
        """given: by row and rule, finite. dates, persons: numbers from 0 on. signs: by rule, 1 or -1."""
        spread = np.sqrt((given**2).mean(axis=0))
        spread = np.where(spread > 0, spread, 1.0)
        kinds, rows = np.unique(
            np.column_stack([given / spread, dates, happened]), axis=0, return_inverse=True
        )
        day = kinds[:, given.shape[1]]
        free = (day[:, None] == np.arange(dates.max() + 1)).astype(np.float64)
        return cls(kinds[:, : given.shape[1]], spread, kinds[:, -1], free, rows.ravel(), persons, signs)

    def penalty(self) -> float:
        """The penalty with which people left out are foretold best; folds are of people."""
        people = int(self.persons.max()) + 1
        fold = np.random.Generator(np.random.PCG64(SEED)).integers(0, FOLDS, people)
        losses = []
        for penalty in PENALTIES:
            lost = 0.0
            for each in range(FOLDS):
                often, left_out = (self._often((fold == each) == held) for held in (False, True))
                lost += _loss(self._drive(*self._solve(often, penalty)), self.happened, left_out)
            losses.append(lost)
        return PENALTIES[int(np.argmin(losses))]

    def weights(self, penalty: float) -> Floats:
        """By rule, of one unit of its quantity."""
        everyone = np.ones(int(self.persons.max()) + 1)
        return self._solve(self._often(everyone), penalty)[0] / self.spread

    def drawn(self, penalty: float) -> Iterator[Floats]:
        """The same from people drawn anew, always the same draws."""
        generator, people = np.random.Generator(np.random.PCG64(SEED)), int(self.persons.max()) + 1
        for _ in range(REFITS):
            often = np.bincount(generator.integers(0, people, people), minlength=people)
            yield self._solve(self._often(often), penalty)[0] / self.spread

    def _often(self, people: npt.NDArray[Any]) -> Floats:
        """How often each kind of row counts, if people count so often."""
        each = people[self.persons].astype(np.float64)
        found = np.bincount(self.kinds, weights=each, minlength=len(self.happened))
        return found.astype(np.float64)

    def _solve(self, often: Floats, penalty: float) -> tuple[Floats, Floats]:
        return logistic(self.given, self.happened, often, self.signs, self.free, penalty)

    def _drive(self, weights: Floats, free: Floats) -> Floats:
        found: Floats = self.given @ weights + self.free @ free
        return found


def logistic(
    given: Floats, happened: Floats, often: Floats, signs: Floats, free: Floats, penalty: float
) -> tuple[Floats, Floats]:
    """Weights of `given` that never have the other sign than `signs`, and those of `free`, which have any:
    the maximum of the likelihood less penalty / 2 times the sum of the squares of the former.

    given: rows by rule, of comparable sizes. happened: 0 or 1 by row. often: how often each row counts. free:
    rows by column. Solved by a truncated Newton method within bounds (Nash 1984). Raises ExtraMissing.
    """
    minimize = _minimize()
    both, count = np.hstack([given, free]), given.shape[1]
    penalised, total = np.arange(both.shape[1]) < count, max(float(often.sum()), 1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        drive = both @ weights
        chance = 1.0 / (1.0 + np.exp(-np.clip(drive, -500, 500)))
        held = np.where(penalised, penalty * weights, 0.0)
        value = (_loss(drive, happened, often) + 0.5 * float(held @ weights)) / total
        return value, (both.T @ (often * (chance - happened)) + held) / total

    bounds: list[tuple[float | None, float | None]] = [(0, None) if sign > 0 else (None, 0) for sign in signs]
    bounds += [(None, None)] * free.shape[1]
    # L-BFGS-B calls LAPACK for a few numbers, whose threads waited for each other: seven times as long.
    exact = {"maxfun": 2000, "ftol": 1e-12, "gtol": 1e-9}
    found = minimize(loss, np.zeros(both.shape[1]), jac=True, bounds=bounds, method="TNC", options=exact)
    return found.x[:count], found.x[count:]


def _loss(drive: Floats, happened: Floats, often: Floats) -> float:
    """The log loss: the surprise at what happened, added up."""
    return float(often @ (np.logaddexp(0.0, drive) - happened * drive))


def _minimize() -> Callable[..., Any]:
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise ExtraMissing from None
    found: Callable[..., Any] = minimize
    return found
