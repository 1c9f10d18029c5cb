"""What the pages of files, events and people say of a run.

Here: materialization metadata. Not here: that of scores and what is made of them (`describe`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from engagement_pipeline.ingestion.events import DayEvents
from engagement_pipeline.ingestion.outcome import Intake
from engagement_pipeline.orchestration.metadata import markdown, markdown_table

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
