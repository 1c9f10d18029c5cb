"""One asset per score: whose score is another than on the day before, and why.

Here: what it is made from, and what its page says. Not here: its rows (`changing`, `core.changes`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.expressions import columns_of
from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.contracts.rules import masked
from engagement_pipeline.core.changes import by_cause, moved, movers
from engagement_pipeline.core.frames import CHANGES, POINT
from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.orchestration.assets.people import consent_reads
from engagement_pipeline.orchestration.assets.table import Frames, Reads, TableAsset, table_asset
from engagement_pipeline.orchestration.changing import changed, comparable
from engagement_pipeline.orchestration.measured import MEASURES, MESSAGES
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.orchestration.partitions import as_of_days
from engagement_pipeline.orchestration.preview import lookback
from engagement_pipeline.orchestration.scoring import points_tables
from engagement_pipeline.orchestration.standing import frozen
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.changes import CAUSES_IN_WORDS

DAY = timedelta(days=1)
MOST = 5
"""People who are shown each way."""


def changes_asset(score: Score, plan: ScorePlan, bench: Workbench) -> dg.AssetsDefinition:
    """Changes by cause since the day before, of everyone for whom there are any."""
    table = f"score_changes/{plan.name}"

    def compute(frames: Frames, days: list[date]) -> Iterator[pl.DataFrame]:
        made = [each.removeprefix("score_changes/") for each in frames.made]
        for as_of in days:
            if not comparable(bench, plan.name, as_of - DAY, as_of):
                yield CHANGES.to_frame()
                continue
            # Links that scores share are shared for one date only: those of more are too much to keep.
            found = changed(bench, plan.name, as_of - DAY, as_of, made=made if len(days) == 1 else ())
            yield moved(found.rows.lazy()).collect()

    return table_asset(
        TableAsset(
            table=table,
            group="scores",
            description=(
                f"Whose {plan.name} is another than on the day before, and how much of that is new "
                "behaviour, age, late data, an edit, another reference, other ids, or facts about the "
                "person. The parts add up to the change. Empty where the day before was not scored."
            ),
            owner=score.owner,
            reads=tuple(_reads(plan, bench)),
            partitions=as_of_days(bench.catalog.project),
            code_version=bench.code_versions[f"scores/{plan.name}"],
            compute=compute,
            describe=lambda staged, days: describe_changes(
                staged.filter(pl.col("as_of") == max(days)),
                samples=bench.catalog.project.samples_in_metadata,
                compared=comparable(bench, plan.name, max(days) - DAY, max(days)),
            ),
        ),
        bench,
    )


def describe_changes(rows: pl.LazyFrame, *, samples: bool, compared: bool) -> dict[str, Any]:
    """Sums by cause, and who moved most, of one date; ids cut to their first letters, as the event log keeps
    them for ever, and none without samples."""
    if not compared:
        return {"compared": "the day before was not scored: nothing to compare with"}
    causes = [row for row in by_cause(rows).collect().iter_rows(named=True) if row["people"]]
    sums = [
        (
            CAUSES_IN_WORDS[row["cause"]],
            f"{row['people']:,}",
            *(_signed(row[each]) for each in ("points_up", "points_down", "score_up", "score_down")),
        )
        for row in causes
    ]
    counted = rows.select(
        people=pl.len(),
        up=(pl.col("score_change") > 0).sum(),
        down=(pl.col("score_change") < 0).sum(),
        bands=pl.col("band_before").ne_missing(pl.col("band_after")).sum(),
        says=pl.col("says").drop_nulls().first(),
    )
    found = counted.collect().row(0, named=True)
    shown: dict[str, Any] = {
        "people with a change": found["people"],
        "scores up": found["up"],
        "scores down": found["down"],
        "other band": found["bands"],
    }
    if sums:
        header = ("cause", "people", "points up", "points down", "score up", "score down")
        shown["by cause"] = markdown(
            markdown_table(header, sums)
            + "\n\n*Sums over all these people: of points, and on the score's scale.*"
        )
    if samples and (most := list(_most(rows))):
        shown["moved most"] = markdown(markdown_table(("person", "score", "change", "mostly"), most))
    if found["says"]:
        shown["bear in mind"] = found["says"]
    return shown


def _most(rows: pl.LazyFrame) -> Iterator[tuple[str, ...]]:
    for row in movers(rows, MOST).collect().iter_rows(named=True):
        went = f"{_plain(row['score_before'])} to {_plain(row['score_after'])}"
        part = row[f"score_{row['cause']}"] if row["cause"] else None
        why = "" if part is None else f"{CAUSES_IN_WORDS[row['cause']]} {_signed(part)}"
        yield str(masked("person_id", row["person_id"])), went, _signed(row["score_change"]), why


def _reads(plan: ScorePlan, bench: Workbench) -> Iterator[Reads]:
    """Everything is read by the step itself: of both dates, and of the windows of both."""
    name, both = plan.name, lookback(2)
    yield Reads(f"points/{name}", both, loaded=False)
    yield Reads(f"scores/{name}", both, loaded=False)
    if frozen(plan):
        yield Reads(f"references/{name}", loaded=False)
    named = {*points_tables(bench, plan), "persons"}
    named |= {read.table for read in consent_reads(bench.catalog, columns_of(plan.applies_to))}
    window = lookback(None if plan.lookback is None else plan.lookback + 1)
    for table in sorted(named):
        mapping = window if table == MEASURES else both if table.startswith("scores/") else None
        yield Reads(table, mapping, loaded=False, has_asset=table != MESSAGES)


def _plain(value: int) -> str:
    return f"{value / POINT:,.2f}"


def _signed(value: int) -> str:
    return f"{value / POINT:+,.2f}" if value else ""
