"""Commands on what scores are worth: `quality`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, fail, in_words


@app.command()
def quality(
    score: Annotated[
        str | None, typer.Argument(metavar="[SCORE]", help="Only this one; else all that an outcome judges.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--catalog", metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."
        ),
    ] = None,
    stored: Annotated[bool, typer.Option(help="Show what was found the last time; compute nothing.")] = False,
) -> None:
    """Judge scores by what people did next: AUC, lift, calibration, beside recency, count and RFM."""
    from engagement_pipeline.orchestration.quality_runs import NothingJudged, judge
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        catalog = load_catalog(folder or catalog_folder())
        try:
            problems = judge(catalog, Settings.from_env(), Console(), score, stored)
        except NothingJudged as error:
            fail(str(error))
    if problems:
        fail("\n".join(problems))
