"""Figures of scores, segments and audiences about to be committed, as metadata on the asset's page.

Here: small aggregates of staged rows. Not here: raw identifiers, counts are enough; and files, events and
people (`describe_intake`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Limits, Scale, Score
from engagement_pipeline.core.audiences import CampaignPlan, waterfall
from engagement_pipeline.core.coverage import Guard
from engagement_pipeline.core.drift import Drift
from engagement_pipeline.core.frames import POINT
from engagement_pipeline.core.points import LOSSES
from engagement_pipeline.core.scales import edges
from engagement_pipeline.core.unverified import Unverified
from engagement_pipeline.orchestration.metadata import markdown, markdown_table, picture
from engagement_pipeline.orchestration.preview import Finding
from engagement_pipeline.reports.bands import band_counts
from engagement_pipeline.reports.plots import histogram_png

Metadata = Mapping[str, Any]


def describe_points(staged: pl.LazyFrame, days: list[date]) -> Metadata:
    """What each rule gave on the newest of the dates."""
    newest = staged.filter(pl.col("as_of") == max(days))
    rules = (
        newest.select(pl.col("contributions").explode())
        .unnest("contributions")
        .group_by("rule")
        .agg(
            people=pl.len(),
            quantity=pl.col("quantity").sum(),
            capped_off=pl.col("capped_off").sum(),
            **{name: pl.col(name).cast(pl.Int128).sum() for name in ("decay_loss", *LOSSES)},
            points=pl.col("points").cast(pl.Int128).sum(),
        )
        .sort("points", descending=True)
        .collect()
    )
    table = markdown_table(
        ("rule", "people", "quantity", "capped off", "points lost to age", "to caps", "points"),
        (
            (
                row["rule"],
                row["people"],
                row["quantity"],
                row["capped_off"],
                _points(row["decay_loss"]),
                _points(lost) if (lost := sum(row[name] for name in LOSSES)) else "",
                _points(row["points"]),
            )
            for row in rules.iter_rows(named=True)
        ),
    )
    return {"people with points": newest.select(pl.len()).collect().item(), "points by rule": markdown(table)}


def describe_reference(staged: pl.LazyFrame, scale: Scale) -> Metadata:
    """Which population was frozen, and which points it makes the lowest and the highest score."""
    found = staged.select(
        pl.col("effective_from").first(),
        pl.col("version").first(),
        people=pl.col("persons").sum(),
        steps=pl.len(),
        low=pl.col("points").min(),
        high=pl.col("points").max(),
    ).collect()
    row = found.row(0, named=True)
    if not row["steps"]:
        return {"people": 0}
    shown = {
        "effective from": str(row["effective_from"]),
        "version": row["version"],
        "people": row["people"],
        "distinct points": row["steps"],
        "points": f"{_points(row['low'])} to {_points(row['high'])}",
    }
    if scale.method != "percentile":
        bottom, top = edges(scale, staged).collect().row(0)
        shown["the range is"] = f"{_points(bottom)} to {_points(top)} points"
        if bottom >= top:
            shown["no spread"] = (
                "nearly all have the same points, so that hardly anybody lies within the range: choose "
                "another pin, or population: active"
            )
    return shown


def describe_guard(guard: Guard) -> Metadata:
    """Why scores of a date are stale or provisional; nothing of those that are not."""
    found: dict[str, Any] = {}
    if guard.stale:
        found["stale because of"] = markdown("\n".join(f"- {each}" for each in guard.stale))
    if guard.provisional:
        found["provisional because"] = guard.provisional
    return found


def describe_fit(staged: pl.LazyFrame, guard: Guard, limits: Limits) -> Metadata:
    """What speaks against a reference that is fitted by hand all the same."""
    people = staged.select(pl.col("persons").sum()).collect().item()
    found: dict[str, Any] = {}
    if guard.stale:
        found["fitted on a stale date"] = markdown("\n".join(f"- {each}" for each in guard.stale))
    if guard.provisional:
        found["not in force"] = f"{guard.provisional}: fit it again from {guard.covered_from} on"
    elif people < limits.reference_people:
        found["not in force"] = f"{people} people; limits.reference_people asks for {limits.reference_people}"
    return found


def drift_finding(found: Drift | None) -> Finding:
    """How far the frozen reference is from today's people; it warns where it should be refitted."""
    if found is None:
        return Finding(
            True, {"drift": "not judged: no frozen reference was read, or the date is not reliable"}
        )
    shown = {
        "drift": found.words,
        "drift (PSI)": round(found.psi, 4),
        "drift by chance (PSI)": round(found.chance, 4),
        "moved by a refit": round(found.moved, 4),
    }
    return Finding(found.verdict != "refit", shown, dg.AssetCheckSeverity.WARN)


def describe_scores(staged: pl.LazyFrame, days: list[date], score: Score) -> Metadata:
    """Bands, states and a histogram on the newest of the dates."""
    newest = (
        staged.filter(pl.col("as_of") == max(days)).select("score", "band", "state", "reference").collect()
    )
    states = newest.group_by("state").agg(people=pl.len()).sort("people", descending=True)
    shown: dict[str, Any] = {
        "people": newest.height,
        "states": markdown(markdown_table(("state", "people"), states.iter_rows())),
    }
    if score.bands:
        counted = band_counts(newest, score).select("band", "people", "share").iter_rows()
        rows = ((band, people, f"{share:.1%}") for band, people, share in counted)
        shown["bands"] = markdown(markdown_table(("band", "people", "share of those with a score"), rows))
    if (reference := newest["reference"].drop_nulls()).len():
        shown["reference"] = reference[0]
    scores = newest["score"].drop_nulls()
    if scores.len():
        shown["mean score"] = round(float(scores.mean()), 3)  # type: ignore[arg-type]
        shown["distribution"] = picture(histogram_png(scores, score.bands, score.scale.range))
    return shown


def describe_unverified(found: Unverified | None) -> Metadata:
    """How much of a score rests on machine events; nothing for one that counts none."""
    if found is None:
        return {}
    shown: dict[str, Any] = {}
    if found.share is not None:
        rows = ((rule, f"{share:.1%}") for rule, share in found.by_rule.items())
        shown["share of machine events"] = round(found.share, 4)
        shown["machine events by rule"] = markdown(markdown_table(("rule", "share of its quantity"), rows))
    if found.lacking:
        shown["days without a count of machine events"] = found.lacking
    return shown


def describe_segment(staged: pl.LazyFrame, days: list[date]) -> Metadata:
    """Members by date."""
    counted = dict(staged.group_by("as_of").agg(pl.len()).collect().iter_rows())
    return {"members": counted.get(max(days), 0)}


def describe_audience(staged: pl.LazyFrame, days: list[date], plan: CampaignPlan) -> Metadata:
    """The waterfall of the newest of the dates."""
    steps = waterfall(staged.filter(pl.col("as_of") == max(days)), plan)
    sent = steps.filter(pl.col("step").str.starts_with("send: "))["people"].sum()
    table = markdown_table(("step", "people"), steps.iter_rows())
    return {"waterfall": markdown(table), "candidates": steps["people"][0], "sent": sent}


def _points(value: int) -> str:
    return f"{value / POINT:,.1f}"
