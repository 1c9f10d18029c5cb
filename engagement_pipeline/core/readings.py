"""Readings: every model's curve on every date, with everyone and with people drawn anew.

Here: figures from them, adding dates up, and foretelling the latest date from the earlier ones. Not here:
which figures are told, and the verdict (`quality`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from engagement_pipeline.core.outcomes import MODELS, SCORE
from engagement_pipeline.core.ranking import TENTHS, Curve, Floats, draws

FEWEST = 20
"""With fewer people who had the outcome, or who had it not, nothing is said of how well it was foretold."""


def expected_rates(before: Floats, outcomes: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """The chance of each of `values`, from people whose outcome is known: the rate among those in the same
    tenth of `before`, or in the nearest where equal numbers leave fewer than ten."""
    edges = np.unique(np.quantile(before, np.arange(1, TENTHS) / TENTHS, method="lower"))
    groups = np.searchsorted(edges, before, side="left")
    people = np.bincount(groups, minlength=len(edges) + 1)
    had = np.bincount(groups, weights=outcomes.astype(np.float64), minlength=len(edges) + 1)
    known = np.flatnonzero(people)
    rates = np.interp(np.arange(len(people)), known, had[known] / people[known])
    found: Floats = rates[np.searchsorted(edges, values, side="left")]
    return found


@dataclass(frozen=True)
class Readings:
    """Every curve, read with everyone and with people drawn anew. Dates are named by their places."""

    dates: list[date]
    turned: tuple[str, ...]
    """Baselines that point the other way, and were turned round to be as strong as they can be."""
    pairs: Floats
    """By draw, date and model, as are the others; the last two also by tenth."""
    areas: Floats
    distances: Floats
    people: Floats
    found: Floats
    expected: Floats
    calibrated: bool
    """Whether `expected` is known on the latest date."""

    @classmethod
    def of(cls, judged: pl.DataFrame) -> "Readings":
        """judged: `outcomes.JUDGED`, at least one row."""
        number = pl.col("person_id").rank("dense").cast(pl.Int64) - 1
        numbered = judged.with_columns(number=number).sort("as_of", "number")
        parts: dict[date, pl.DataFrame] = {
            part["as_of"][0]: part for part in numbered.partition_by("as_of", maintain_order=True)
        }
        turned = tuple(model for model in MODELS if model != SCORE and _auc_of(parts, model) < 0.5)
        persons = [part["number"].to_numpy() for part in parts.values()]
        curves, calibrated = _curves(parts, turned)
        read = [
            [[curve.read(weights[mine]) for curve in row] for mine, row in zip(persons, curves, strict=True)]
            for weights in draws(numbered["number"].n_unique(), numbered.height)
        ]

        def stack(name: str) -> Floats:
            return np.array([[[getattr(one, name) for one in row] for row in draw] for draw in read])

        return cls(
            dates=list(parts),
            turned=turned,
            pairs=stack("pairs"),
            areas=stack("area"),
            distances=stack("distance"),
            people=stack("people"),
            found=stack("found"),
            expected=stack("expected"),
            calibrated=calibrated,
        )

    def auc(self, model: str, places: Sequence[int]) -> Floats:
        """By draw; only people of the same date are compared."""
        return self._weighed(self.areas / np.maximum(self.pairs, 1), model, places)

    def ks(self, model: str, places: Sequence[int]) -> Floats:
        """By draw: the dates' mean, each as heavy as it has pairs."""
        return self._weighed(self.distances, model, places)

    def tenths(self, model: str, places: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """By draw and tenth: outcomes, outcomes foretold, people."""
        at = MODELS.index(model)
        people = self.people[:, places, at].sum(axis=1, keepdims=True) / TENTHS
        found, expected = self.found[:, places, at].sum(axis=1), self.expected[:, places, at].sum(axis=1)
        return found, expected, np.repeat(people, TENTHS, axis=1)

    def lifts(self, model: str, places: Sequence[int]) -> Floats:
        """By draw and tenth: how many times as many outcomes as in all."""
        found, _, _ = self.tenths(model, places)
        every = found.sum(axis=1, keepdims=True)
        lifts: Floats = TENTHS * found / np.where(every > 0, every, np.nan)
        return lifts

    def foretells(self, places: Sequence[int]) -> bool:
        """Whether earlier dates say what to expect on these."""
        return self.calibrated and list(places) == [len(self.dates) - 1]

    def _weighed(self, values: Floats, model: str, places: Sequence[int]) -> Floats:
        at = MODELS.index(model)
        pairs = self.pairs[:, places, at]
        total = pairs.sum(axis=1)
        found: Floats = (values[:, places, at] * pairs).sum(axis=1) / np.where(total > 0, total, np.nan)
        return found


def _curves(parts: Mapping[date, pl.DataFrame], turned: tuple[str, ...]) -> tuple[list[list[Curve]], bool]:
    """Date × model; the latest date's with what the earlier ones foretell, if they can."""
    frames = list(parts.values())
    earlier = pl.concat(frames[:-1]) if len(frames) > 1 else frames[0].clear()
    had = int(earlier["outcome"].sum())
    calibrated = min(had, earlier.height - had) >= FEWEST
    found = []
    for place, part in enumerate(frames):
        row = []
        for model in MODELS:
            sign = -1.0 if model in turned else 1.0
            values, expected = part[model].to_numpy() * sign, None
            if calibrated and place == len(frames) - 1:
                before = earlier[model].to_numpy() * sign
                expected = expected_rates(before, earlier["outcome"].to_numpy(), values)
            row.append(Curve.of(values, part["outcome"].to_numpy(), expected))
        found.append(row)
    return found, calibrated


def _auc_of(parts: Mapping[date, pl.DataFrame], model: str) -> float:
    read = [
        Curve.of(part[model].to_numpy(), part["outcome"].to_numpy()).read(np.ones(part.height))
        for part in parts.values()
    ]
    return sum(each.area for each in read) / max(sum(each.pairs for each in read), 1)
