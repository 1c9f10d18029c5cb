"""The command that says why: `explain`. It runs without Dagster."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, in_plain_words, progress


@app.command()
def explain(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Any id of the person.")],
    score: Annotated[str | None, typer.Option(metavar="NAME", help="Only this score.")] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The as-of date; else the one scored last."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Say what changed since this earlier as-of date, and why."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--catalog", metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs.")] = False,
) -> None:
    """Explain a person's scores: what every rule gave, what caps and age took, what the scale made of it."""
    from engagement_pipeline.orchestration import explaining
    from engagement_pipeline.reports.changes_text import shown_change
    from engagement_pipeline.reports.explanations_json import as_text, change_as_text
    from engagement_pipeline.reports.explanations_text import shown
    from engagement_pipeline.storage.settings import Settings

    with in_plain_words():
        catalog, settings = load_catalog(folder or catalog_folder()), Settings.from_env()
        as_of = day.date() if day else None
        with progress() as tell:
            if since is not None:
                change = explaining.explain_change(catalog, settings, person, since.date(), score, as_of)
                text, look = change_as_text(change), shown_change(change)
            else:
                found = explaining.explain(catalog, settings, person, score, as_of, tell)
                text, look = as_text(found), shown(found)
    if as_json:
        typer.echo(text)
    else:
        Console().print(look)
