"""What made rows that are stored: the definition, and the population that they were read against.

Stored scores say both by digest. Here: finding them again. Dagster is not needed. Not here: computing
anything with them (`explaining`, `changing`).
"""

from datetime import date
from typing import NamedTuple

import polars as pl
from pydantic import ValidationError

from engagement_pipeline.catalog.digests import score_digest
from engagement_pipeline.catalog.expressions import ExpressionError
from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.core.frames import SCORES
from engagement_pipeline.core.plan import ScorePlan, plan_score
from engagement_pipeline.core.scores import LIVE
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.published import versions


class Definition(NamedTuple):
    """A score as it was declared when rows were made."""

    score: Score
    plan: ScorePlan
    version: int | None
    """The published version; None for the one in the catalog."""


class Population(NamedTuple):
    """What a relative scale was read against."""

    histogram: pl.LazyFrame
    effective_from: date | None
    """None for the people of the date itself."""


def definition_of(bench: Workbench, name: str, digest: str) -> Definition | None:
    """The definition with this digest (`catalog.digests.score_digest`): the catalog's own, or one that was
    published. None where it is neither, or does not fit today's catalog."""
    if name in bench.plans and bench.plans[name].definition == digest:
        return Definition(bench.catalog.scores[name], bench.plans[name], None)
    for each in reversed(versions(bench.database, "score", name)):
        if each.definition is None:
            continue
        try:
            score = Score.model_validate(dict(each.definition))
            if score_digest(score) == digest:
                scores = {**bench.catalog.scores, name: score}
                catalog = bench.catalog.model_copy(update={"scores": scores})
                return Definition(score, plan_score(score, catalog), each.version)
        except (ValidationError, ExpressionError, ValueError, KeyError):
            continue  # it speaks of what is no longer declared
    return None


def other_version(rows: pl.LazyFrame, column: str, present: str) -> str | None:
    """A version other than the present one that stored rows say they were made by, in this column; None where
    they say none."""
    other = rows.select(pl.col(column).filter(pl.col(column) != present).first())
    found: str | None = other.collect().item()
    return found


def stored_scores(bench: Workbench, name: str, as_of: date) -> pl.LazyFrame:
    """`frames.SCORES` of one date as stored; no rows where it was not scored."""
    table, key = f"scores/{name}", as_of.isoformat()
    if key not in bench.lake.partitions(table):
        return SCORES.to_frame().lazy()
    return bench.lake.scan(table, [key])


def population_of(
    bench: Workbench, name: str, as_of: date, reference: str | None, population: str
) -> Population | None:
    """The population that stored scores of the date say they were read against: `reference` of their rows,
    `population` of their scale. None where there is none, or it is no longer stored."""
    if reference is None:
        return None
    if reference == LIVE:
        return Population(_live(bench, name, as_of, population), None)
    table = f"references/{name}"
    if not bench.lake.exists(table):
        return None
    fitted = bench.lake.scan(table).filter(pl.col("version") == reference)
    latest = fitted.filter(pl.col("effective_from") == pl.col("effective_from").max()).collect()
    if latest.is_empty():
        return None
    return Population(latest.lazy().select("points", "persons"), latest["effective_from"][0])


def _live(bench: Workbench, name: str, as_of: date, population: str) -> pl.LazyFrame:
    """The people of the date, as `references.fit` took them: states say more than who was active there."""
    everyone = stored_scores(bench, name, as_of).filter(pl.col("points").is_not_null())
    key = as_of.isoformat()
    if population == "active" and key in bench.lake.partitions(f"points/{name}"):
        given = bench.lake.scan(f"points/{name}", [key])
        if "active" in given.collect_schema():
            given = given.filter(pl.col("active").fill_null(value=True))
        everyone = everyone.join(given.select("person_id"), on="person_id", how="semi")
    return everyone.group_by("points").agg(persons=pl.len().cast(pl.Int64)).sort("points")
