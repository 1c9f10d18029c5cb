"""The quality of a score in rows of words: the same for the terminal, Dagster's pages and whoever else asks.

Here: stored figures (`quality_frames.QUALITY`) as cells. Not here: computing them (`core.quality`), and
pictures (`quality_plot`).
"""

from collections.abc import Iterator

import polars as pl

from engagement_pipeline.catalog.specs import Outcome
from engagement_pipeline.core.outcomes import MODELS, RECENCY, SCORE
from engagement_pipeline.core.quality import (
    AUC,
    BEATS,
    CALIBRATION,
    EVERYONE,
    KS,
    LEAD,
    LIFT,
    NAMES,
    RATIO,
)

HEADER = ("", "AUC", "score ahead by", "KS", "lift")


def named(model: str, score: str) -> str:
    """What people call a model."""
    return score if model == SCORE else NAMES.get(model, model)


def in_words(outcome: Outcome) -> str:
    """`order_completed within 30 days`; `nothing on app for 28 days`."""
    named = " or ".join(outcome.event_names)
    channels = [outcome.channel] if isinstance(outcome.channel, str) else outcome.channel or []
    where = (f" on {' or '.join(channels)}" if channels else "") + (
        f" where {outcome.where}" if outcome.where else ""
    )
    if outcome.absent:
        return f"{f'no {named}' if named else 'nothing'}{where} for {outcome.within} days"
    return (
        f"{'the first ' if outcome.not_yet else ''}{named or 'anything'}{where} within {outcome.within} days"
    )


def verdict(figures: pl.DataFrame) -> tuple[bool | None, str]:
    """Whether the score beats recency, None where nobody can tell; and the words. figures: of one outcome."""
    row = figures.filter(pl.col("metric") == BEATS).row(0, named=True)
    return (None if row["value"] is None else row["value"] == 1), row["says"]


def models(figures: pl.DataFrame, score: str, *, brief: bool = False) -> Iterator[tuple[str, ...]]:
    """A row per model under `HEADER`, all dates together; none where nobody can tell. brief: fewer intervals,
    to fit a terminal."""
    every = figures.filter(pl.col("as_of").is_null())
    for model in MODELS:
        found = {row["metric"]: row for row in every.filter(pl.col("model") == model).iter_rows(named=True)}
        if AUC in found:
            yield (
                named(model, score),
                _figure(found[AUC], "{:.3f}"),
                _figure(found[LEAD], "{:+.3f}") if LEAD in found else "",
                _figure(found[KS], "{:.2f}", alone=brief),
                _figure(found[LIFT], "{:.1f}", alone=brief),
            )


def leads(figures: pl.DataFrame) -> tuple[str, str, str] | None:
    """AUC of the score, of recency, and by how much the former is ahead; None where nobody can tell."""
    every = figures.filter(pl.col("as_of").is_null())
    found = {(row["model"], row["metric"]): row for row in every.iter_rows(named=True)}
    if (RECENCY, LEAD) not in found:
        return None
    mine, others = (_figure(found[model, AUC], "{:.3f}", alone=True) for model in (SCORE, RECENCY))
    return mine, others, _figure(found[RECENCY, LEAD], "{:+.3f}")


def dates(figures: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """A row per date: the date, people, outcomes, their rate, and the AUC of the score and of recency."""
    for (day,), part in (
        figures.filter(pl.col("as_of").is_not_null())
        .sort("as_of")
        .partition_by("as_of", as_dict=True, maintain_order=True)
        .items()
    ):
        found = {(row["model"], row["metric"]): row for row in part.iter_rows(named=True)}
        rate = found[EVERYONE, "rate"]["value"]
        aucs = (found.get((model, AUC)) for model in (SCORE, RECENCY))
        yield (
            str(day),
            f"{found[EVERYONE, 'people']['value']:,.0f}",
            f"{found[EVERYONE, 'outcomes']['value']:,.0f}",
            "" if rate is None else f"{rate:.2%}",
            *("too few" if each is None else _figure(each, "{:.3f}") for each in aucs),
        )


DATES = ("as of", "people", "outcomes", "rate", "AUC", "AUC of recency")


def calibration(figures: pl.DataFrame) -> str:
    """How far the earlier dates foretold the latest one's rates; empty where they could not."""
    found = {
        row["metric"]: row
        for row in figures.filter(
            pl.col("model") == SCORE, pl.col("metric").is_in([CALIBRATION, RATIO])
        ).iter_rows(named=True)
    }
    if not found or found[RATIO]["value"] is None:
        return ""
    return (
        f"by the rates of the earlier dates {_figure(found[RATIO], '{:.2f}')} times as many outcomes were "
        f"expected on {found[RATIO]['as_of']} as there were; tenth by tenth the rates were wrong by "
        f"{_figure(found[CALIBRATION], '{:.2%}')} of the people"
    )


def _figure(row: dict[str, object], form: str, *, alone: bool = False) -> str:
    """A number with its interval."""
    if row["value"] is None:
        return "?"
    number = form.format(row["value"])
    if row["low"] is None or alone:
        return number
    return f"{number} ({form.format(row['low'])} to {form.format(row['high'])})"
