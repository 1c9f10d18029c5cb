"""What came of a run, from what is stored: events in, scores, segments, audiences out.

Here: reading the figures that `terminal` shows. Not here: how they look.
"""

from collections.abc import Iterator
from datetime import date

import polars as pl
from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from engagement_pipeline.catalog.specs import Catalog, Score
from engagement_pipeline.core.audiences import plan_campaign, waterfall
from engagement_pipeline.core.drift import Drift, drift_on
from engagement_pipeline.core.measures import shadows_of
from engagement_pipeline.core.people import as_of as people_as_of
from engagement_pipeline.core.plan import plan_score
from engagement_pipeline.core.unverified import Unverified, by_day, unverified
from engagement_pipeline.ingestion.coverage import Deliveries
from engagement_pipeline.reports import terminal
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.ledger import Ledger


def summary(catalog: Catalog, lake: Lake, ledger: Ledger, as_of: date) -> Iterator[RenderableType]:
    """Tables and bars for the terminal, top to bottom; what was not made for the date is left out."""
    day = [as_of.isoformat()]
    yield _title("Events")
    yield terminal.events_by_source(_sources(catalog, lake, ledger))
    for name, source in catalog.sources.items():
        if source.path is not None and not ledger.landed(name):
            yield Text(f"{name}: no file of {source.path} has landed", style="yellow")
    yield terminal.rejected_by_rule(_rejected(catalog, lake))
    if not lake.exists("persons"):
        return
    persons = people_as_of(lake.scan("persons"), as_of).select(pl.len()).collect().item()
    yield _title(f"Scores of {terminal.count(persons)} persons as of {as_of}")
    found = Deliveries(catalog, lake)
    yield terminal.side_by_side(
        terminal.score_block(
            score,
            lake.scan(f"scores/{name}", day).collect(),
            _unverified(catalog, lake, score, as_of),
            found.guard(name, as_of),
            _drift(catalog, lake, score, as_of),
        )
        for name, score in catalog.scores.items()
        if _made(lake, f"scores/{name}", as_of)
    )
    yield _title("Segments")
    yield terminal.segment_sizes(
        pl.DataFrame(
            [
                (name, _rows(lake, f"segments/{name}", as_of))
                for name in catalog.segments
                if _made(lake, f"segments/{name}", as_of)
            ],
            schema={"segment": pl.String, "people": pl.Int64},
            orient="row",
        ),
        persons,
    )
    yield _title("Campaigns")
    yield terminal.side_by_side(
        terminal.waterfall_block(
            campaign, waterfall(lake.scan(f"audiences/{name}", day), plan_campaign(campaign, catalog))
        )
        for name, campaign in catalog.campaigns.items()
        if _made(lake, f"audiences/{name}", as_of)
    )

    yield from _alerts(catalog, lake, as_of)


def _alerts(catalog: Catalog, lake: Lake, as_of: date) -> Iterator[RenderableType]:
    """A line per alert that was made for the date."""
    made = [
        (alert, lake.scan(f"alerts/{name}", [as_of.isoformat()]).collect())
        for name, alert in catalog.alerts.items()
        if _made(lake, f"alerts/{name}", as_of)
    ]
    if made:
        yield _title("Alerts")
        yield terminal.alert_lines(made)


def _unverified(catalog: Catalog, lake: Lake, score: Score, as_of: date) -> Unverified | None:
    if not (shadows := shadows_of(catalog)) or not lake.exists("measure_coverage"):
        return None
    tables = ["daily_measures", *(["daily_messages"] if lake.exists("daily_messages") else [])]
    plan, start = plan_score(score, catalog), catalog.project.start_date
    daily = by_day(*(lake.scan(table).filter(pl.col("event_date") <= as_of) for table in tables))
    return unverified(daily, lake.scan("measure_coverage"), plan, shadows, start, as_of)


def _drift(catalog: Catalog, lake: Lake, score: Score, as_of: date) -> Drift | None:
    table = f"references/{score.score}"
    if not score.scale.needs_reference or not lake.exists(table):
        return None
    scores = lake.scan(f"scores/{score.score}", [as_of.isoformat()])
    return drift_on(lake.scan(table), scores, plan_score(score, catalog))


def _title(text: str) -> RenderableType:
    return Rule(text, align="left", style="dim")


def _made(lake: Lake, table: str, as_of: date) -> bool:
    return as_of.isoformat() in lake.partitions(table)


def _rows(lake: Lake, table: str, as_of: date | None = None) -> int:
    stored = lake.partitions(table)
    if as_of is not None:
        return stored[as_of.isoformat()].rows
    return sum(info.rows for info in stored.values())


def _sources(catalog: Catalog, lake: Lake, ledger: Ledger) -> pl.DataFrame:
    """`source`, `files`, `landed`, `events`, `rejected`; profile rows are no events."""
    rows = []
    for name, source in catalog.sources.items():
        rejected = lake.scan(f"rejected/{name}") if lake.exists(f"rejected/{name}") else None
        refused = 0 if rejected is None else rejected.select("batch", "row_number").unique().select(pl.len())
        events = bool(source.events)
        rows.append(
            {
                "source": name,
                "files": len(ledger.landed(name)),
                "landed": _rows(lake, f"landed/{name}"),
                "events": _rows(lake, f"events/{name}") if events else None,
                "rejected": (refused if isinstance(refused, int) else refused.collect().item())
                + (_rows(lake, f"conflicts/{name}") if events else 0),
            }
        )
    return pl.DataFrame(rows)


def _rejected(catalog: Catalog, lake: Lake) -> pl.DataFrame:
    """`source`, `rule`, `rows`, and one `reason` each."""
    frames = []
    for name in catalog.sources:
        for table in (f"rejected/{name}", f"conflicts/{name}"):
            if lake.exists(table):
                counted = lake.scan(table).group_by("rule").agg(rows=pl.len(), reason=pl.col("reason").min())
                frames.append(counted.select(pl.lit(name).alias("source"), "rule", "rows", "reason"))
    return pl.concat(frames).collect()
