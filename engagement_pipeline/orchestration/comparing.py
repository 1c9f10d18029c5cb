"""A draft beside the active catalog, both computed on the same stored measures for the same date.

Here: the figures of an edit, brought together. Nothing is stored, and Dagster is not needed. Not here: what
the edit touches (`edits`), the comparison itself (`core.comparison`), how it looks (`reports`).
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import polars as pl

from engagement_pipeline.catalog.differences import definitions, differences
from engagement_pipeline.catalog.specs import Catalog, Score
from engagement_pipeline.contracts.rules import masked
from engagement_pipeline.core import comparison
from engagement_pipeline.core.people import as_of as known_on
from engagement_pipeline.orchestration.drafts import (
    Measured,
    Tell,
    Trial,
    check_day,
    newest_date,
    scratch,
    stored_lake,
)
from engagement_pipeline.orchestration.edits import (
    TABLES,
    Edit,
    aside,
    check_same_project,
    compute_both,
    recomputed,
)
from engagement_pipeline.reports.preview import (
    ADDED,
    EDITED,
    REMOVED,
    STATES,
    CampaignChange,
    Mover,
    Preview,
    Reason,
    ScoreChange,
    SegmentChange,
)
from engagement_pipeline.storage.settings import Settings

MOVERS = 5
"""People shown each way."""
REASONS = 4


def preview(
    active: Catalog,
    draft: Catalog,
    settings: Settings,
    as_of: date | None = None,
    *,
    names: tuple[str, str] = ("the active catalog", "the draft"),
    tell: Tell = lambda *_: None,
) -> Preview:
    """What the draft would change on a date, by default the one scored last.

    tell: is told what is computed next. Raises NothingToPreview, OtherProject, MeasuresMissing where days in
    a window were never measured, and what computing the assets raises.
    """
    check_same_project(active, draft)
    lake = stored_lake(active, settings)
    try:
        day = as_of or newest_date(active, lake)
        check_day(active.project, day)
        with scratch(lake) as folder:
            sides = [
                Trial(catalog, settings, lake, day, folder / side)
                for side, catalog in (("before", active), ("after", draft))
            ]
            edit = Edit(*sides)
            measured = compute_both(edit, tell)
            return _compared(edit, measured, names)
    finally:
        lake.database.close()


def _compared(edit: Edit, measured: Measured, names: tuple[str, str]) -> Preview:
    before, after = edit.before, edit.after
    everyone = (
        known_on(after.lake.scan("persons"), after.as_of) if after.lake.exists("persons") else pl.LazyFrame()
    )
    return Preview(
        project=after.catalog.project.project,
        as_of=after.as_of,
        before=names[0],
        after=names[1],
        people=everyone.select(pl.len()).collect().item(),
        scores=tuple(_score(edit, name) for kind, name in edit.how if kind == "score"),
        segments=tuple(_segment(edit, name) for kind, name in edit.how if kind == "segment"),
        campaigns=tuple(_campaign(edit, name) for kind, name in edit.how if kind == "campaign"),
        recomputed=tuple(recomputed(edit, measured)),
        measured=(len(measured.measures), len(measured.days)),
        aside=tuple(aside(before.catalog, after.catalog)),
        limits=after.catalog.project.publish,
    )


def _score(edit: Edit, name: str) -> ScoreChange:
    given = _common(edit, "score", name)
    if given["how"] in (ADDED, REMOVED):
        trial = edit.after if given["how"] == ADDED else edit.before
        rows = trial.rows(f"scores/{name}")
        none = rows.filter(pl.lit(value=False))
        pair = (none, rows) if given["how"] == ADDED else (rows, none)
        pair_of_points = None
    else:
        pair = (edit.before.rows(f"scores/{name}"), edit.after.rows(f"scores/{name}"))
        pair_of_points = (edit.before.rows(f"points/{name}"), edit.after.rows(f"points/{name}"))
    sides = comparison.sides(*pair).collect().lazy()
    specs = [
        trial.catalog.scores[name] for trial in (edit.before, edit.after) if name in trial.catalog.scores
    ]
    spans = [spec.scale.range for spec in specs]
    span = None if None in spans else (min(s[0] for s in spans if s), max(s[1] for s in spans if s))
    migration, moved, correlation, distribution, quantiles, movers = pl.collect_all(
        [
            comparison.migration(sides),
            comparison.moved(sides),
            comparison.rank_correlation(sides),
            comparison.distribution(sides, span),
            comparison.quantiles(sides),
            comparison.movers(sides, MOVERS),
        ]
    )
    facts = moved.row(0, named=True)
    return ScoreChange(
        **given,
        places=_places(specs, migration),
        migration=migration,
        people=facts["people"],
        other=facts["other"],
        moved=facts["moved"],
        moved_share=facts["share"],
        correlation=correlation["correlation"][0] if pair_of_points else None,
        distribution=distribution,
        quantiles=quantiles,
        rules=comparison.rule_effects(*pair_of_points).collect() if pair_of_points else pl.DataFrame(),
        movers=with_reasons(movers, pair_of_points, edit.after.catalog) if pair_of_points else (),
        idle=_idle(edit, name) if given["how"] in (ADDED, EDITED) else (),
        refitted=edit.after.refitted.get(name),
    )


def _idle(edit: Edit, name: str) -> tuple[str, ...]:
    """A slip in a condition shows here first."""
    points = edit.after.rows(f"points/{name}")
    found = set(comparison.rule_effects(points, points).collect()["rule"])
    return tuple(key for key in edit.after.plans[name].keys if key not in found)


def with_reasons(
    found: pl.DataFrame, points: tuple[pl.LazyFrame, pl.LazyFrame], catalog: Catalog
) -> tuple[Mover, ...]:
    """The people with the rules that moved them. found: what `comparison.movers` gives; points: before and
    after."""
    reasons: dict[str, list[Reason]] = {}
    rows = comparison.reasons(*points, found["person_id"].to_list()).collect()
    for person, rule, before, after in rows.select("person_id", "rule", "before", "after").iter_rows():
        reasons.setdefault(person, []).append(Reason(rule, before, after))
    return tuple(
        Mover(
            person=shown_person(row["person_id"], catalog),
            before=row["score_before"],
            after=row["score_after"],
            place_before=row["place_before"],
            place_after=row["place_after"],
            reasons=tuple(reasons.get(row["person_id"], [])[:REASONS]),
        )
        for row in found.iter_rows(named=True)
    )


def shown_person(person: str, catalog: Catalog) -> str:
    """The id, cut to its first letters where the project shows no samples."""
    return person if catalog.project.samples_in_metadata else str(masked("person_id", person))


def _segment(edit: Edit, name: str) -> SegmentChange:
    pair = _pair(edit, "segment", name)
    facts = comparison.membership(*pair).collect().row(0, named=True)
    return SegmentChange(**_common(edit, "segment", name), **facts)


def _campaign(edit: Edit, name: str) -> CampaignChange:
    pair = _pair(edit, "campaign", name)
    decisions = comparison.decisions(*pair).collect()
    facts = comparison.sent(decisions.lazy()).collect().row(0, named=True)
    steps = comparison.steps(*pair).collect()
    return CampaignChange(**_common(edit, "campaign", name), **facts, decisions=decisions, steps=steps)


def _common(edit: Edit, kind: str, name: str) -> dict[str, Any]:
    key = (kind, name)
    old, new = (definitions(trial.catalog).get(key) for trial in (edit.before, edit.after))
    return {
        "name": name,
        "how": edit.how[key],
        "changes": tuple(differences(old, new)),
        "because": edit.because(key),
    }


def _pair(edit: Edit, kind: str, name: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both sides' rows of the date; none where the definition is not there."""
    table = f"{TABLES[kind]}/{name}"
    empty = edit.after.table(table).schema.to_frame().lazy()
    before, after = (
        trial.rows(table) if (kind, name) in definitions(trial.catalog) else empty
        for trial in (edit.before, edit.after)
    )
    return before, after


def _places(specs: Iterable[Score], migration: pl.DataFrame) -> tuple[str, ...]:
    """Bands in the order of the scale, then the states that anybody is in."""
    edges = {name: band.from_ for spec in specs for name, band in spec.bands.items()}
    bands = sorted(edges, key=lambda name: float("-inf") if edges[name] is None else float(edges[name] or 0))
    seen = {*migration["before"], *migration["after"]}
    return (*bands, *(state for state in STATES if state in seen and state not in edges))
