"""`weight_proposal/<score>`: the weights that outcomes would have given, beside those that people chose.

Here: the asset and its page. It never changes a definition: who likes a proposal pastes it. Not here: fitting
(`core.weights`), who is judged when (`judging`).
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from engagement_pipeline.catalog.specs import Outcome, Score
from engagement_pipeline.core.fitting import ExtraMissing
from engagement_pipeline.core.quality_frames import PROPOSALS
from engagement_pipeline.core.weights import Proposal
from engagement_pipeline.orchestration.assets.table import Frames, Reads, TableAsset, table_asset
from engagement_pipeline.orchestration.judging import proposals, reads_of
from engagement_pipeline.orchestration.measured import MESSAGES
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports import proposals as words
from engagement_pipeline.reports.quality import in_words

PROPOSAL_OF = "weight_proposal"


def proposal_asset(score: Score, bench: Workbench) -> dg.AssetsDefinition:
    """The proposals of every outcome of a score. Without partitions: a new look replaces the last one."""
    name = score.score
    found: list[tuple[Outcome, Proposal]] = []

    def compute(frames: Frames, days: list[date]) -> pl.LazyFrame:
        try:
            found[:] = proposals(bench, name)
        except ExtraMissing as missing:
            raise dg.Failure(description=str(missing), allow_retries=False) from None
        return pl.concat([PROPOSALS.to_frame(), *(each.frame for _, each in found)]).lazy()

    return table_asset(
        TableAsset(
            table=f"{PROPOSAL_OF}/{name}",
            group="quality",
            description=(
                f"Weights for the rules of {name}, fitted to its outcomes on past dates with the signs "
                "that are declared, from 1 to 10, and how both foretell the latest date. Never applied by "
                "itself."
            ),
            owner=score.owner,
            reads=tuple(Reads(table, loaded=False, has_asset=table != MESSAGES) for table in reads_of(bench)),
            compute=compute,
            describe=lambda staged, days: describe_proposals(score, bench.plans[name].keys, found),
        ),
        bench,
    )


def describe_proposals(
    score: Score, keys: tuple[str, ...], found: Iterable[tuple[Outcome, Proposal]]
) -> dict[str, Any]:
    """For each outcome: which weights foretell better, both side by side, and YAML to paste."""
    shown: dict[str, Any] = {}
    for outcome, each in found:
        name = outcome.outcome
        if each.why_not:
            shown[name] = f"nothing is proposed: {each.why_not}"
            continue
        frame = each.frame
        until = frame["fitted_until"][0]
        shown[name] = words.compared(frame)
        shown[f"{name}: weights"] = markdown(
            markdown_table(words.HEADER, words.rows(frame))
            + f"\n\n*Fitted to {in_words(outcome)}, on as-of dates up to {until}; tested on "
            f"{frame['tested_on'][0]}. The last column is the 95 % interval before rounding.*"
        )
        shown[f"{name}: to paste"] = markdown(f"```yaml\n{words.snippet(score, keys, frame)}\n```")
    return shown
