"""The command that shows how a score moves: `trend`. It runs without Dagster."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, in_plain_words


@app.command()
def trend(
    score: Annotated[str, typer.Argument(metavar="SCORE", help="The score's name.")],
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The as-of date to compare with; else about a week before."),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The as-of date; else the one scored last."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--catalog", metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs.")] = False,
) -> None:
    """Show a score's last dates, who moved from band to band between two of them, and who moved most."""
    from engagement_pipeline.orchestration.moving import moved
    from engagement_pipeline.reports.trend_text import shown
    from engagement_pipeline.storage.settings import Settings

    with in_plain_words():
        dates = (each.date() if each else None for each in (day, since))
        found = moved(load_catalog(folder or catalog_folder()), Settings.from_env(), score, *dates)
    if as_json:
        typer.echo(found.as_json())
    else:
        Console().print(shown(found))
