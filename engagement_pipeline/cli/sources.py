"""Commands that look at sources and change nothing: `source try` and `health`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engagement_pipeline.catalog.issues import CatalogError
from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, fail, in_words, sources


@sources.command("try")
def try_source(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file as the source delivers it.")],
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="The source whose mapping to apply.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="PRESET", help="Instead of a source: a provider's preset, without any catalog."),
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."),
    ] = None,
    shown: Annotated[int, typer.Option(min=0, help="How many events, profiles and the like to show.")] = 10,
    limit: Annotated[
        int, typer.Option(min=0, help="How many rows to read at most; 0 reads them all.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs.")] = False,
) -> None:
    """Show what a source would make of a file, and what it would reject and why. Nothing is stored."""
    from engagement_pipeline.ingestion.readers import UnreadableFile
    from engagement_pipeline.orchestration.clock import now
    from engagement_pipeline.reports.tryout import UnknownSource, catalog_of, preset_alone, try_file
    from engagement_pipeline.reports.tryout_text import shown as as_text

    if (source is None) == (preset is None):
        fail("say --source NAME for a source of the catalog, or --preset NAME for a provider's preset")
    try:
        known = preset_alone(preset) if preset else catalog_of(catalog or catalog_folder(), source or "")
        found = try_file(file, source or preset or "", known, now(), shown, limit or None)
    except (CatalogError, UnknownSource, UnreadableFile) as error:
        fail(str(error))
    if as_json:
        typer.echo(found.as_json())
    else:
        Console().print(as_text(found))


@app.command()
def health(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same for programs.")] = False,
) -> None:
    """Show how well each source delivers: days missing or thin, rejected rows, lateness. Changes nothing."""
    from engagement_pipeline.orchestration.clock import now, yesterday
    from engagement_pipeline.reports.health import health_of
    from engagement_pipeline.reports.health_text import shown as as_text
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        catalog, at = load_catalog(folder or catalog_folder()), now()
        found = health_of(catalog, Settings.from_env(), yesterday(catalog.project, at), at)
    if as_json:
        typer.echo(found.as_json())
    else:
        Console().print(as_text(found))
