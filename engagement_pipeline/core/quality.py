"""Quality: how well a score foretold an outcome on past dates, beside the baselines it has to beat.

Here: figures, deciles and the verdict, from people whose outcome is known. Not here: who they are
(`outcomes`), and the arithmetic (`readings`, `ranking`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from engagement_pipeline.core.outcomes import COUNT, MODELS, RECENCY, RFM, SCORE
from engagement_pipeline.core.quality_frames import DECILES, QUALITY
from engagement_pipeline.core.ranking import Floats, interval
from engagement_pipeline.core.readings import FEWEST, Readings

EVERYONE = "everyone"
AUC, KS, LIFT, LEAD = "auc", "ks", "top_decile_lift", "lead"
CALIBRATION, RATIO, BEATS = "calibration_error", "expected_over_observed", "beats_recency"
COUNTS = ("people", "outcomes", "rate")
METRICS = (*COUNTS, AUC, KS, LIFT, LEAD, CALIBRATION, RATIO, BEATS)

NAMES = {RECENCY: "days since last event", COUNT: "event count", RFM: "RFM"}
"""Baselines, in words."""

Row = dict[str, object]


class Verdict(NamedTuple):
    """Whether a score says more than the day of the last event."""

    beats: bool | None
    """None: nobody can tell."""
    words: str


@dataclass(frozen=True)
class Quality:
    """What judging a score by an outcome came to."""

    figures: pl.DataFrame
    """`quality_frames.QUALITY`"""
    deciles: pl.DataFrame
    """`quality_frames.DECILES`"""
    verdict: Verdict
    turned: tuple[str, ...] = ()
    """Baselines that point the other way, and were turned round to be as strong as they can be."""


def quality(judged: pl.DataFrame, score: str, outcome: str) -> Quality:
    """judged: `outcomes.JUDGED`, any number of dates, also none.

    AUC compares people of the same date only. A baseline that points the wrong way is turned round: that can
    only make it harder to beat. Calibration is out of time: the rates of the earlier dates, by tenths of the
    prediction, are what is expected on the latest.
    """
    counts = _counts(judged)
    figures = list(_of_everyone(counts))
    if (why_not := _too_few(judged)) is not None:
        return _quality(score, outcome, figures, [], Verdict(None, why_not))
    read = Readings.of(judged)
    enough = counts.filter(pl.min_horizontal("outcomes", pl.col("people") - pl.col("outcomes")) >= FEWEST)
    scopes: list[tuple[date | None, list[int]]] = [(None, list(range(len(read.dates))))]
    scopes += [(day, [read.dates.index(day)]) for day in enough["as_of"]]
    for day, places in scopes:
        figures += _figures(read, day, places)
    deciles = [row for day, places in scopes for row in _deciles(read, day, places)]
    verdict = _judge(judged, read)
    return _quality(score, outcome, figures, deciles, verdict, read.turned)


def untold(score: str, outcome: str, why: str) -> Quality:
    """Where nobody can be judged at all, and why."""
    return _quality(score, outcome, [], [], Verdict(None, f"cannot tell: {why}"))


def _figures(read: Readings, day: date | None, places: Sequence[int]) -> Iterator[Row]:
    mine = read.auc(SCORE, places)
    for model in MODELS:
        auc = read.auc(model, places)
        by_draw = {
            AUC: auc,
            KS: read.ks(model, places),
            LIFT: read.lifts(model, places)[:, 0],
            # Draw by draw, so that what both have in common cancels out.
            **({} if model == SCORE else {LEAD: mine - auc}),
        }
        if read.foretells(places):
            found, expected, people = read.tenths(model, places)
            every = found.sum(axis=1)
            by_draw[CALIBRATION] = np.abs(expected - found).sum(axis=1) / people.sum(axis=1)
            by_draw[RATIO] = expected.sum(axis=1) / np.where(every > 0, every, np.nan)
        for metric, values in by_draw.items():
            yield _row(day, model, metric, *_summary(values))


def _deciles(read: Readings, day: date | None, places: Sequence[int]) -> Iterator[Row]:
    foretold = read.foretells(places)
    for model in MODELS:
        found, expected, people = read.tenths(model, places)
        lifts = read.lifts(model, places)
        for tenth in range(found.shape[1]):
            rate, low, high = _summary(found[:, tenth] / people[:, tenth])
            yield {
                "as_of": day,
                "model": model,
                "decile": tenth + 1,
                "people": float(people[0, tenth]),
                "outcomes": float(found[0, tenth]),
                "rate": rate,
                "low": low,
                "high": high,
                "lift": float(lifts[0, tenth]),
                "expected": float(expected[0, tenth] / people[0, tenth]) if foretold else None,
            }


def _judge(judged: pl.DataFrame, read: Readings) -> Verdict:
    every = range(len(read.dates))
    mine, others = read.auc(SCORE, list(every)), read.auc(RECENCY, list(every))
    lead, low, high = _summary(mine - others)
    if lead is None or low is None or high is None:
        return Verdict(None, f"cannot tell: no date has both {FEWEST} people with the outcome and without")
    compared = f"AUC {mine[0]:.3f} against {others[0]:.3f}"
    ahead = f"{compared}, {'ahead' if lead >= 0 else 'behind'} by {abs(lead):.3f} ({low:+.3f} to {high:+.3f})"
    if judged[SCORE].n_unique() == 1:
        return Verdict(False, f"does not beat recency: everyone has the same score ({compared})")
    if low > 0:
        return Verdict(True, f"beats recency: {ahead}{_as_good(judged, read, float(mine[0]))}")
    top = _summary(mine)[2]
    wrong = " and points the wrong way" if top is not None and top < 0.5 else ""
    return Verdict(False, f"does not beat recency{wrong}: {ahead}")


def _as_good(judged: pl.DataFrame, read: Readings, mine: float) -> str:
    """What takes the shine off beating recency."""
    every = list(range(len(read.dates)))
    found = {name: read.auc(model, every)[0] for model, name in NAMES.items() if model != RECENCY}
    others = [f"{name} foretells it as well (AUC {auc:.3f})" for name, auc in found.items() if auc >= mine]
    # Not by its AUC: people whom it tells apart for nothing have one half as well.
    if judged.group_by("as_of").agg(pl.col(RECENCY).n_unique())[RECENCY].max() == 1:
        others.insert(0, "recency tells nobody apart here")
    return "".join(f"; {each}" for each in others)


def _summary(by_draw: Floats) -> tuple[float | None, float | None, float | None]:
    """With everyone, and the interval of the draws."""
    if not np.isfinite(by_draw[0]):
        return None, None, None
    value = float(by_draw[0])
    low, high = interval(by_draw[1:])
    # Drawing people anew adds noise, which a distance shows as more of it: the interval holds the figure.
    return value, None if low is None else min(low, value), None if high is None else max(high, value)


def _counts(judged: pl.DataFrame) -> pl.DataFrame:
    """`as_of`, `people`, `outcomes`."""
    had = pl.col("outcome").sum().cast(pl.Int64)
    return judged.group_by("as_of").agg(people=pl.len().cast(pl.Int64), outcomes=had).sort("as_of")


def _of_everyone(counts: pl.DataFrame) -> Iterator[Row]:
    total = counts.select(pl.lit(None, pl.Date).alias("as_of"), pl.col("people", "outcomes").sum())
    for day, people, had in pl.concat([counts, total]).iter_rows():
        found = (float(people), float(had), had / people if people else None)
        yield from (_row(day, EVERYONE, name, value) for name, value in zip(COUNTS, found, strict=True))


def _too_few(judged: pl.DataFrame) -> str | None:
    """Why nothing can be told of so few: people, however many dates they are judged on, for the draws are of
    people. None where there are enough."""
    if judged.is_empty():
        return "cannot tell: nobody can be judged"
    person, outcome = pl.col("person_id"), pl.col("outcome")
    people, had, had_not = judged.select(
        people=person.n_unique(),
        had=person.filter(outcome).n_unique(),
        had_not=person.filter(~outcome).n_unique(),
    ).row(0)
    fewer, who = min((had, "had the outcome"), (had_not, "did not have the outcome"))
    if fewer >= FEWEST:
        return None
    return f"cannot tell: only {fewer:,} of {people:,} {who}, {FEWEST} are needed"


def _row(
    day: date | None,
    model: str,
    metric: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    says: str | None = None,
) -> Row:
    figure: Row = {"as_of": day, "model": model, "metric": metric, "value": value}
    return {**figure, "low": low, "high": high, "says": says}


def _quality(
    score: str,
    outcome: str,
    figures: Sequence[Row],
    deciles: Sequence[Row],
    verdict: Verdict,
    turned: tuple[str, ...] = (),
) -> Quality:
    names = {"score": score, "outcome": outcome}
    beats = None if verdict.beats is None else float(verdict.beats)
    rows = [*figures, _row(None, SCORE, BEATS, beats, says=verdict.words)]
    return Quality(
        pl.DataFrame([{**names, **row} for row in rows], schema=QUALITY),
        pl.DataFrame([{**names, **row} for row in deciles], schema=DECILES),
        verdict,
        turned,
    )
