"""The job `preview`: a draft against the active catalog, its figures on the run's page.

Here: configuration in, metadata out. Not here: computing it (`comparing`); what Dagster itself calls preview
stands in `preview`.
"""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from engagement_pipeline.catalog.drafted import load_drafted
from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import catalog_folder
from engagement_pipeline.contracts.rules import masked
from engagement_pipeline.orchestration.comparing import preview
from engagement_pipeline.orchestration.describe_moves import matrix_markdown
from engagement_pipeline.orchestration.metadata import markdown, markdown_table
from engagement_pipeline.orchestration.windows import MeasuresMissing
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.reports.preview import Preview, ScoreChange, why
from engagement_pipeline.storage.tables import StorageError


class PreviewConfig(dg.Config):
    """What to preview."""

    path: str
    """A definition's YAML, or a catalog's folder, as this process finds it."""
    as_of: str = ""
    """2026-03-31; without it the date that was scored last."""
    catalog: str = ""
    """The folder that a single file's definition is put into; without it the one that is loaded."""


def preview_job(bench: Workbench) -> dg.JobDefinition:
    """`preview`; it stores nothing."""

    @dg.op(name="preview_draft", description="Compute a draft beside the active catalog, and compare them.")
    def preview_draft(context: dg.OpExecutionContext, config: PreviewConfig) -> dg.Output[None]:
        try:
            folder = Path(config.catalog) if config.catalog else catalog_folder()
            draft = load_drafted(Path(config.path), folder)
            found = preview(
                bench.catalog,
                draft,
                bench.settings,
                date.fromisoformat(config.as_of) if config.as_of else None,
                names=("the active catalog", config.path),
                tell=lambda what, done, total: context.log.info(f"{what} ({done} of {total})"),
            )
        except (CatalogError, StorageError, MeasuresMissing, ValueError) as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        return dg.Output(None, metadata=described(found, samples=bench.catalog.project.samples_in_metadata))

    @dg.job(
        name="preview",
        description="What a draft would change on a date: bands, segments, audiences. Stores nothing.",
        resource_defs={"io_manager": dg.mem_io_manager},
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        preview_draft()

    return job


def described(found: Preview, *, samples: bool) -> dict[str, Any]:
    """The preview's figures as metadata. samples: whether people may stand in it, their ids cut."""
    shown: dict[str, Any] = {
        "as of": found.as_of.isoformat(),
        "compared with": found.before,
        "limits": markdown("\n".join(f"- {line}" for line in found.exceeded))
        if found.exceeded
        else "within the limits for publishing",
    }
    if found.is_empty:
        return {**shown, "edits": "nothing changes for anybody"}
    edits = ((name, change) for name, changes in found.edits.items() for change in changes)
    shown["edits"] = markdown(markdown_table(("definition", "change"), edits))
    if found.scores:
        shown["scores"] = markdown(
            markdown_table(
                ("score", "people", "change band", "share", "rank correlation", "why"),
                (
                    (s.name, s.people, s.moved, f"{s.moved_share:.1%}", _rounded(s), why(s))
                    for s in found.scores
                ),
            )
        )
    for score in found.scores:
        shown[f"bands of {score.name}"] = markdown(_matrix(score))
        if samples and score.movers:
            shown[f"movers of {score.name}"] = markdown(_movers(score))
    for kind, changed in (("segments", found.segments), ("campaigns", found.campaigns)):
        if changed:
            header = (kind[:-1], "before", "after", "gained", "lost", "share moved", "why")
            rows = ((e.name, e.before, e.after, e.gained, e.lost, f"{e.share:.1%}", why(e)) for e in changed)
            shown[kind] = markdown(markdown_table(header, rows))
    for campaign in found.campaigns:
        steps = ((d.replace("_", " "), r or "", b, a) for d, r, b, a in campaign.steps.iter_rows())
        of_each = markdown_table(("decision", "variant or reason", "before", "after"), steps)
        shown[f"decisions of {campaign.name}"] = markdown(of_each)
    due = ((each.table, each.dates, each.why) for each in found.recomputed)
    shown["computed anew"] = markdown(markdown_table(("table", "stored dates", "why"), due))
    return shown


def _matrix(score: ScoreChange) -> str:
    return matrix_markdown(score.places, score.migration.iter_rows())


def _movers(score: ScoreChange) -> str:
    rows = (
        (
            masked("person_id", each.person),
            f"{each.before:.4g} → {each.after:.4g}",
            f"{each.place_before} → {each.place_after}",
            ", ".join(f"{reason.rule} {reason.after - reason.before:+.4g}" for reason in each.reasons),
        )
        for each in score.movers
    )
    return markdown_table(("person", "score", "band", "why, in points"), rows)


def _rounded(score: ScoreChange) -> str:
    return "" if score.correlation is None else f"{score.correlation:.3f}"
