"""One pandera schema per stored table: what its rows promise to whoever reads them.

Here: columns, types, grain, ranges, allowed words, of all tables but those about people (`people`), changes
(`changes`) and quality (`quality`). Not here: which raw rows become events (`events`), and what one row
cannot show (that a waterfall adds up, that every measure was computed).
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import get_args

import pandera.polars as pa
import polars as pl

from engagement_pipeline.catalog.specs import Catalog, Channel, Score
from engagement_pipeline.contracts import people
from engagement_pipeline.contracts.changes import changes
from engagement_pipeline.contracts.quality import deciles, proposals, quality
from engagement_pipeline.contracts.rules import Contract, rule, said
from engagement_pipeline.core import frames
from engagement_pipeline.core.alerts import BECAUSE, HOLD_BACK, TELL
from engagement_pipeline.core.machine import REASONS
from engagement_pipeline.core.scales import within
from engagement_pipeline.core.words import STATE

DECISIONS = ["send", "hold_out", "suppress"]


def schema_for(table: str, catalog: Catalog) -> pa.DataFrameSchema:
    """The contract of a stored table, such as `events/web` or `persons`. KeyError where there is none.

    Its checks need rows in memory: use it through `rules.validate`.
    """
    kind, _, name = table.partition("/")
    schema, grain, nullable, rules = _KINDS[kind](name, catalog)
    columns = {
        column: pa.Column(dtype, nullable=column in nullable, name=column) for column, dtype in schema.items()
    }
    return pa.DataFrameSchema(
        columns,
        checks=[rule(label, holds) for label, holds in rules.items()],
        unique=list(grain) or None,
        strict=True,
        name=table,
    )


def _landed(_name: str, _catalog: Catalog) -> Contract:
    return frames.LANDED, ["batch", "row_number"], [], {"row_number: from 1": pl.col("row_number") >= 1}


def _rejected(_name: str, _catalog: Catalog) -> Contract:
    rules = {
        "rule: said": said("rule"),
        "reason: said": said("reason"),
        "row_number: from 1": pl.col("row_number") >= 1,
    }
    return frames.REJECTED, ["batch", "row_number", "rule"], [], rules


def _events(_name: str, catalog: Catalog) -> Contract:
    project = catalog.project
    needed = {
        "event_date",
        "event_id",
        "person_id",
        "event",
        "channel",
        "occurred_at",
        "received_at",
        "is_machine",
        *frames.EVENT_PROVENANCE,
    }
    schema = frames.event_schema(catalog)
    local = pl.col("occurred_at").dt.convert_time_zone(project.timezone).dt.date()
    rules = {
        **{f"{column}: said": said(column) for column in ("event_id", "person_id")},
        "channel: known": pl.col("channel").is_in(list(get_args(Channel))),
        "value: finite and within limits.value": pl.col("value").abs() <= project.limits.value,
        "event_date: day of occurred_at in the project's zone": pl.col("event_date") == local,
        "event_date: within the project": _within(project.start_date, project.end_date),
        "machine_reason: known": pl.col("machine_reason").is_in(list(REASONS)),
        "machine_reason: given exactly for machines": pl.col("machine_reason").is_not_null()
        == pl.col("is_machine"),
        **{
            f"{column}: finite": pl.col(column).is_finite()
            for column, kind in catalog.properties.items()
            if kind == "number"
        },
    }
    if not project.keep_unknown_events:
        rules["event: in the plan"] = pl.col("event").is_in(sorted(catalog.events))
    # Repeats of an id beyond the horizon are different events, but never on one day.
    return schema, ["event_date", "event_id"], set(schema) - needed, rules


def _conflicts(_name: str, _catalog: Catalog) -> Contract:
    schema = frames.CONFLICTS
    return schema, ["event_id", "occurred_at", "content_hash"], set(schema) - set(_CLAIM), {}


def _daily_measures(_name: str, _catalog: Catalog) -> Contract:
    rules = {"quantity: not zero": pl.col("quantity") != 0, "person_id: said": said("person_id")}
    return frames.DAILY_MEASURES, ["event_date", "person_id", "measure"], [], rules


def _daily_messages(_name: str, _catalog: Catalog) -> Contract:
    # A message id is the source's own and may be any text.
    rules = {"person_id: said": said("person_id")}
    return frames.DAILY_MESSAGES, frames.DAILY_MESSAGES.names(), [], rules


def _measure_coverage(_name: str, _catalog: Catalog) -> Contract:
    return frames.MEASURE_COVERAGE, ["event_date", "measure"], [], {"measure: said": said("measure")}


def _points(_name: str, _catalog: Catalog) -> Contract:
    parts = pl.col("contributions").list
    rules = {
        # Of dates long past they were let go of; that none are stored so, `core.points.check_points` sees to.
        "points: sum of the contributions": (parts.len() == 0) | (_sum_of("points") == pl.col("points")),
        "contributions: a rule once": parts.eval(pl.element().struct.field("rule")).list.n_unique()
        == parts.len(),
        "contributions: complete": ~parts.eval(
            pl.any_horizontal(pl.element().struct.field(name).is_null() for name in frames.CONTRIBUTION)
        ).list.any(),
    }
    return frames.POINTS, ["as_of", "person_id"], [], rules


def _references(_name: str, _catalog: Catalog) -> Contract:
    rules = {
        "persons: at least one": pl.col("persons") >= 1,
        "version: one a date": pl.col("version").n_unique().over("effective_from") == 1,
    }
    return frames.REFERENCES, ["effective_from", "points_digest", "points"], [], rules


def _scores(name: str, catalog: Catalog) -> Contract:
    score: Score = catalog.scores[name]
    unscored = pl.col("state") == "unscored"
    rules = {
        "state: known": pl.col("state").is_in(STATE.categories.to_list()),
        "points: null exactly when unscored": pl.col("points").is_null() == unscored,
        "score: null exactly when unscored": pl.col("score").is_null() == unscored,
        "score: finite": pl.col("score").is_finite(),
        "band: of the definition": pl.col("band").is_in(list(score.bands)),
        "band: none when unscored": ~unscored | pl.col("band").is_null(),
    }
    if score.bands:
        rules["band: one for every score"] = unscored | pl.col("band").is_not_null()
        # Outside of it by hysteresis at most.
        holds = (
            (pl.col("band") == band) & within(edges, score.hysteresis or 0.0)
            for band, edges in score.bands.items()
        )
        rules["band: holds the score"] = unscored | pl.any_horizontal(holds)
    if score.scale.range is not None:
        low, high = score.scale.range
        rules["score: within the scale's range"] = pl.col("score").is_between(low, high)
    return frames.SCORES, ["as_of", "person_id"], ["points", "score", "band", "reference"], rules


def _segments(_name: str, _catalog: Catalog) -> Contract:
    return frames.SEGMENTS, ["as_of", "person_id"], [], {"person_id: said": said("person_id")}


def _audiences(name: str, catalog: Catalog) -> Contract:
    labels = [variant.label for variant in catalog.campaigns[name].variants]
    sent, held = pl.col("decision") == "send", pl.col("decision") == "hold_out"
    rules = {
        "decision: known": pl.col("decision").is_in(DECISIONS),
        "reason: given exactly when not sent": pl.col("reason").is_null() == sent,
        "variant: of the definition": pl.col("variant").is_in(labels),
        "variant: given when sent or held out": ~(sent | held) | pl.col("variant").is_not_null(),
        "message: given with the variant": pl.col("message").is_null() == pl.col("variant").is_null(),
    }
    return frames.AUDIENCES, ["as_of", "person_id"], ["reason", "variant", "message"], rules


def _alerts(_name: str, _catalog: Catalog) -> Contract:
    # Nothing of the thresholds: what was told stays as it is when they are edited.
    held = pl.col("because").is_not_null()
    rules = {
        "person_id: said": said("person_id"),
        "decision: known": pl.col("decision").is_in([TELL, HOLD_BACK]),
        "because: known": pl.col("because").is_in(list(BECAUSE)),
        "because: given exactly when held back": held == (pl.col("decision") == HOLD_BACK),
        "drop: difference of the scores": pl.col("drop") == pl.col("score_before") - pl.col("score_after"),
        "drop: down, by score or by band": (pl.col("drop") > 0) | (pl.col("bands") > 0),
        "compared_with: before the date": pl.col("compared_with") < pl.col("as_of"),
        "why: given with the cause": pl.col("why").is_null() == pl.col("cause").is_null(),
        "bands: given with the bands": pl.col("bands").is_null()
        == (pl.col("band_before").is_null() | pl.col("band_after").is_null()),
    }
    nullable = ["because", "band_before", "band_after", "bands", "cause", "why"]
    return frames.ALERTS, ["as_of", "person_id"], nullable, rules


def _within(start: date, end: date | None) -> pl.Expr:
    day = pl.col("event_date")
    return (day >= start) if end is None else (day >= start) & (day <= end)


def _sum_of(part: str) -> pl.Expr:
    """In 128 bits: a sum that left 64 could seem right."""
    field = pl.element().struct.field(part).cast(pl.Int128)
    return pl.col("contributions").list.eval(field).list.sum()


_CLAIM = ("event_date", "event_id", "occurred_at", "content_hash")

_KINDS: Mapping[str, Callable[[str, Catalog], Contract]] = {
    "landed": _landed,
    "rejected": _rejected,
    "events": _events,
    "conflicts": _conflicts,
    "profiles": people.profiles,
    "identities": people.identities,
    "aliases": people.aliases,
    "persons": people.persons,
    "consents": people.consents,
    "held": people.held,
    "daily_measures": _daily_measures,
    "daily_messages": _daily_messages,
    "measure_coverage": _measure_coverage,
    "points": _points,
    "references": _references,
    "scores": _scores,
    "score_changes": changes,
    "segments": _segments,
    "audiences": _audiences,
    "alerts": _alerts,
    "score_quality": quality,
    "score_deciles": deciles,
    "weight_proposal": proposals,
}
