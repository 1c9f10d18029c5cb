"""Two tables per judged score, made by one step: `score_quality/<score>` and `score_deciles/<score>`.

Here: what they are made from, what their page says, and the check that a score beats recency. Not here: who
is judged when (`judging`), the figures (`core.quality`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.digests import digest
from engagement_pipeline.catalog.judging import judged_by
from engagement_pipeline.catalog.specs import Outcome, Score
from engagement_pipeline.core.quality_frames import DECILES, QUALITY
from engagement_pipeline.orchestration.assets.table import materialized, stored_output
from engagement_pipeline.orchestration.judging import Judgement, judgements, reads_of
from engagement_pipeline.orchestration.keys import asset_key
from engagement_pipeline.orchestration.measured import MESSAGES
from engagement_pipeline.orchestration.metadata import column_schema, markdown, markdown_table, picture
from engagement_pipeline.orchestration.preview import Finding, check_result, check_spec
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports import quality as words
from engagement_pipeline.reports.quality_plot import quality_png
from engagement_pipeline.storage.staging import StagedTable

QUALITY_OF, DECILES_OF = "score_quality", "score_deciles"
CHECK = "beats_recency"


def quality_assets(score: Score, bench: Workbench) -> dg.AssetsDefinition:
    """The quality of a score that at least one outcome judges. Without partitions: the dates that can be
    judged follow from the data, and a new look at all of them replaces the last one."""
    name, project = score.score, bench.catalog.project
    tables = {kind: f"{kind}/{name}" for kind in (QUALITY_OF, DECILES_OF)}
    reads = reads_of(bench)
    specs = {kind: _spec(kind, table, score, bench) for kind, table in tables.items()}
    key = asset_key(project, tables[QUALITY_OF])

    @dg.multi_asset(
        name=f"judge_{name}",
        outs={kind: stored_output(spec) for kind, spec in specs.items()},
        deps=[asset_key(project, each) for each in reads if each != MESSAGES],  # which has no asset
        check_specs=[
            check_spec(CHECK, key, "It foretells every outcome better than the day of the last event.", None)
        ],
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[StagedTable]]:
        inputs = bench.versions([*reads, f"scores/{name}"])
        found = judgements(bench, name, context.log.info)
        figures = pl.concat([QUALITY.to_frame(), *(each.quality.figures for each in found)])
        deciles = pl.concat([DECILES.to_frame(), *(each.quality.deciles for each in found)])
        staged = bench.stage(tables[QUALITY_OF], figures, inputs=inputs)
        finding = _finding(found)
        check = check_result(
            context, key, CHECK, finding.passed, finding.metadata, [], findings={"all": finding}
        )
        yield materialized(context, bench, staged, describe_quality(found), [check])
        yield materialized(context, bench, bench.stage(tables[DECILES_OF], deciles, inputs=inputs), {})

    return step


def describe_quality(found: Sequence[Judgement]) -> dict[str, Any]:
    """For each outcome: the verdict, the figures beside the baselines, the dates, a picture, and what to bear
    in mind."""
    shown: dict[str, Any] = {}
    for each in found:
        name, figures = each.outcome.outcome, each.quality.figures
        shown[f"{name}: verdict"] = each.quality.verdict.words
        if rows := list(words.models(figures, each.score)):
            shown[name] = markdown(markdown_table(words.HEADER, rows))
        if rows := list(words.dates(figures)):
            shown[f"{name}: dates"] = markdown(markdown_table(words.DATES, rows))
            shown[f"{name}: picture"] = picture(quality_png(figures, each.quality.deciles, each.score))
        shown[f"{name}: notes"] = markdown("\n".join(f"- {line}" for line in remarks(each)))
    return shown


def remarks(found: Judgement) -> Iterator[str]:
    """What to bear in mind with the figures."""
    outcome, days = found.outcome, found.days
    yield f"outcome: {words.in_words(outcome)}; the higher the score, the {_likely(outcome)} it should be"
    if found.counts:
        own = " and ".join(found.counts)
        yield f"**the score itself counts {own}**, the outcome, on the days up to the date"
    if not days:
        return
    yield (
        f"judged on {len(days)} as-of dates, each {outcome.within} days before the next, the latest "
        f"{outcome.within} days before the last day that is known entirely"
        if len(days) > 1
        else f"judged on one as-of date, {outcome.within} days before the last day that is known entirely"
    )
    anew = sum(not day.stored for day in days)
    if anew:
        which = "all of them" if anew == len(days) else f"{anew} of them"
        yield f"for {which} no score of this definition was stored: it was computed anew, and not stored"
    short = [day for day in days if day.history < max(other.history for other in days)]
    if short:
        yield f"on {', '.join(str(day.as_of) for day in short)} the score's window was covered in part only"
    if calibration := words.calibration(found.quality.figures):
        yield calibration
    left = {
        "do not apply": sum(day.left_out.does_not_apply for day in days),
        "did it before": sum(day.left_out.did_it_before for day in days),
        "were gone before": sum(day.left_out.was_gone for day in days),
        "have no score": sum(day.left_out.unscored for day in days),
    }
    if any(left.values()):
        said = ", ".join(f"{number:,} {why}" for why, number in left.items() if number)
        yield f"not judged, over all dates: {said}"
    for model in found.quality.turned:
        yield f"{words.named(model, '')} points the other way here and was turned round"


def _likely(outcome: Outcome) -> str:
    return "less likely" if outcome.likely_when_low else "likelier"


def _finding(found: Sequence[Judgement]) -> Finding:
    """Whether all outcomes are foretold better than by recency; what nobody can tell is not proven."""
    verdicts = {each.outcome.outcome: each.quality.verdict for each in found}
    passed = all(each.beats is True for each in verdicts.values())
    said = {name: each.words for name, each in verdicts.items()}
    return Finding(passed, said, dg.AssetCheckSeverity.WARN)


def _spec(kind: str, table: str, score: Score, bench: Workbench) -> dg.AssetSpec:
    outcomes = judged_by(bench.catalog, score.score)
    versions = [bench.plans[score.score].definition, *(digest(each) for each in outcomes)]
    listed = "\n".join(f"- **{each.outcome}**: {words.in_words(each)}. {each.goal}" for each in outcomes)
    said = {
        QUALITY_OF: (
            f"How well {score.score} foretold what people did next, on past dates, beside days since the "
            f"last event, event count and RFM:\n\n{listed}"
        ),
        DECILES_OF: f"Outcomes by tenth of {score.score} and of its baselines.",
    }
    return dg.AssetSpec(
        asset_key(bench.catalog.project, table),
        group_name="quality",
        description=said[kind],
        owners=[score.owner],
        code_version=hashlib.sha256("\n".join(versions).encode()).hexdigest()[:12],
        kinds={"polars", "deltalake"},
        metadata={
            "dagster/table_name": table,
            "dagster/uri": bench.uri(table),
            "dagster/column_schema": column_schema(bench.table(table)),
        },
    )
