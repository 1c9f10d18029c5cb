"""Figures of what a step is about to commit, as metadata that people read on the asset's page.

Here: small aggregates of staged rows. Not here: raw identifiers; counts are enough.
"""

from collections.abc import Iterable, Mapping
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
from engagement_pipeline.ingestion.events import DayEvents
from engagement_pipeline.ingestion.outcome import Intake
from engagement_pipeline.orchestration.metadata import markdown, markdown_table, picture
from engagement_pipeline.orchestration.preview import Finding
from engagement_pipeline.reports.bands import band_counts
from engagement_pipeline.reports.plots import histogram_png

Metadata = Mapping[str, Any]
BATCHES = 50
"""Landed files that are listed one by one."""
LATENESS = {"1 hour": 1, "1 day": 24, "3 days": 72, "30 days": 720}
"""In hours: older events than these are counted apart."""


def describe_intake(took: Intake) -> Metadata:
    """Files and rows of one landing, and why rows were rejected."""
    shown: dict[str, Any] = {
        "files landed": len(took.landing.landed),
        "rows landed": sum(file.rows for file in took.landing.landed),
        "files known already": took.landing.known,
        "rows rejected": sum(verdict.rejected_rows for verdict in took.verdicts),
        "days touched": len(took.touched),
    }
    if took.landing.landed:
        landed = took.landing.landed
        shown["by batch"] = markdown(
            markdown_table(("file", "rows"), ((file.file, file.rows) for file in landed[:BATCHES]))
            + (f"\n\n*and {len(landed) - BATCHES} more*" if len(landed) > BATCHES else "")
        )
    if took.by_rule:
        shown["rejected by rule"] = markdown(markdown_table(("rule", "rows"), took.by_rule.items()))
    if took.erased:
        shown["rows of erased people left out"] = took.erased
    if took.landing.notes:
        shown["notes"] = markdown("\n".join(f"- {note}" for note in took.landing.notes[:20]))
    return shown


def describe_accepted(took: Intake) -> Metadata:
    """What became of the rows that a landing judged, beside the files."""
    judged = sum(verdict.rows for verdict in took.verdicts)
    refused = sum(verdict.rejected_rows for verdict in took.verdicts)
    shown: dict[str, Any] = {
        "rows judged": judged,
        "rows rejected": refused,
        "rejected share": round(refused / max(1, judged), 4),
        "rows left out on purpose": sum(verdict.ignored for verdict in took.verdicts),
        "rows of erased people left out": took.erased,
    }
    if took.by_rule:
        shown["rejected by rule"] = markdown(markdown_table(("rule", "rows"), took.by_rule.items()))
    return shown


def describe_events(staged: pl.LazyFrame, found: Iterable[DayEvents]) -> Metadata:
    """Events by name, how many are a machine's and how one knows, how late they came, what was left out."""
    found = list(found)
    counted = (
        staged.group_by("event", "channel")
        .agg(events=pl.len(), people=pl.col("person_id").n_unique(), machine=pl.col("is_machine").sum())
        .sort("events", "event", descending=[True, False])
        .collect()
    )
    total, machine = int(counted["events"].sum()), int(counted["machine"].sum())
    shown = {
        "events": total,
        "machine share": round(machine / max(1, total), 4),
        "duplicates collapsed": sum(sum(each.duplicates.values()) for each in found),
        "conflicts": sum(each.conflicts.height for each in found),
        "by event": markdown(
            markdown_table(("event", "channel", "events", "people", "by machines"), counted.iter_rows())
        ),
        "received after": markdown(markdown_table(("after", "events"), _lateness(staged))),
    }
    if machine:
        reasons = (
            staged.filter("is_machine").group_by("machine_reason").len().sort("machine_reason").collect()
        )
        shown["machine reasons"] = markdown(markdown_table(("reason", "events"), reasons.iter_rows()))
    return shown


def _lateness(staged: pl.LazyFrame) -> list[tuple[str, int]]:
    """How long after they happened events were received."""
    late = pl.col("received_at") - pl.col("occurred_at")
    bounds = [(name, pl.duration(hours=hours)) for name, hours in LATENESS.items()]
    counts = staged.select((late > bound).sum().alias(name) for name, bound in bounds).collect().row(0)
    return list(zip(LATENESS, counts, strict=True))


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
        shown["bands"] = markdown(markdown_table(("band", "people", "share of the scored"), rows))
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


def describe_persons(staged: pl.LazyFrame) -> Metadata:
    """Who is known."""
    found = staged.select(
        people=pl.col("person_id").n_unique(),
        periods=pl.len(),
        first=pl.col("first_seen").min(),
        last=pl.col("first_seen").max(),
    ).collect()
    row = found.row(0, named=True)
    return {
        "people": row["people"],
        "profile periods": row["periods"],
        "first seen": f"{row['first']} to {row['last']}",
    }


def describe_aliases(staged: pl.LazyFrame, counts: Mapping[str, int]) -> Metadata:
    """Who is who at the end, and how much was said of it. counts: `statements`, `merges`, `shared`."""
    now = staged.filter(pl.col("valid_to").is_null())
    found = now.select(ids=pl.len(), people=pl.col("person_id").n_unique()).collect().row(0, named=True)
    return {
        "ids of somebody else": found["ids"],
        "people with several ids": found["people"],
        "statements": counts["statements"],
        "of them merges": counts["merges"],
        "shared devices": counts["shared"],
    }


def describe_consents(staged: pl.LazyFrame) -> Metadata:
    """How many people are in and out by channel, and because of what."""
    now = staged.filter(pl.col("valid_to").is_null())
    counted = (
        now.group_by("channel")
        .agg(opted_in=(pl.col("state") == "in").sum(), opted_out=(pl.col("state") == "out").sum())
        .sort("channel")
        .collect()
    )
    reasons = now.group_by("channel", "state", "reason").agg(people=pl.len())
    by_reason = reasons.sort("channel", "state", "people", "reason", descending=[False, False, True, False])
    return {
        "consents": int(counted["opted_in"].sum()) + int(counted["opted_out"].sum()),
        "by channel": markdown(markdown_table(("channel", "in", "out"), counted.iter_rows())),
        "by reason": markdown(
            markdown_table(("channel", "state", "because of", "people"), by_reason.collect().iter_rows())
        ),
    }


def _points(value: int) -> str:
    return f"{value / POINT:,.1f}"
