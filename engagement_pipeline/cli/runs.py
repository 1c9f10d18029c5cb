"""Commands that materialize, through Dagster: `demo`, `run`, `load`, `replay` and `restate`."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, err, fail, in_words


@app.command()
def demo(
    dataset: Annotated[
        str, typer.Option(help="example (made-up sample data), or recorded: complete-journey, ds365.")
    ] = "example",
    path: Annotated[Path | None, typer.Option(help="The folder with the recorded data's files.")] = None,
) -> None:
    """Land a dataset, materialize every asset through Dagster and show what came of it. Safe to run again."""
    from engagement_pipeline.orchestration.demo import run_demo

    with in_words():
        run_demo(dataset, path)


@app.command()
def run(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The last day whose events count; else the project's end_date, or the last with events.",
        ),
    ] = None,
    refit: Annotated[
        bool, typer.Option(help="Fit every frozen reference anew; scores then move as the population did.")
    ] = False,
) -> None:
    """Land what is new, make events, score, decide and deliver audiences, through Dagster."""
    from engagement_pipeline.orchestration.runs import run_all
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        catalog = load_catalog(folder or catalog_folder())
        problems = run_all(catalog, Settings.from_env(), Console(), as_of.date() if as_of else None, refit)
    if problems:
        fail("\n".join(problems))


@app.command()
def load(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]…", help="Only these; else every one.", show_default=False),
    ] = None,
    days_per_run: Annotated[
        int, typer.Option(min=1, max=3660, help="Event days made in one run of Dagster.")
    ] = 30,
) -> None:
    """Take in years of history: land what is new, then make the event days, range by range. Safe to stop."""
    from engagement_pipeline.orchestration.load import load as load_history
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        catalog = load_catalog(catalog_folder())
        try:
            problems = load_history(catalog, Settings.from_env(), Console(), sources or [], days_per_run)
        except KeyboardInterrupt:
            err.print("stopped; nothing is lost: engagement load goes on from here", style="yellow")
            raise typer.Exit(130) from None
    if problems:
        fail("\n".join(problems))


@app.command()
def replay(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Whose landed rows are judged anew.")],
    dates: Annotated[
        str | None,
        typer.Option(metavar="A..B", help="Only what concerns these event days, as 2026-03-01..2026-03-31."),
    ] = None,
) -> None:
    """Judge landed rows anew, after a mapping or the plan was mended, and make their days anew."""
    from engagement_pipeline.orchestration.replay import replay_source
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        span = None if dates is None else _span(dates)
        catalog = load_catalog(catalog_folder())
        problems = replay_source(catalog, Settings.from_env(), Console(), source, span)
    if problems:
        fail("\n".join(problems))


@app.command()
def restate(
    dates: Annotated[str, typer.Argument(metavar="A..B", help="As-of dates, as 2026-03-01..2026-03-31.")],
) -> None:
    """Compute scores and segments anew for as-of dates that late or replayed events changed."""
    from engagement_pipeline.orchestration import replay as work
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        span = _span(dates)
        problems = work.restate(load_catalog(catalog_folder()), Settings.from_env(), Console(), span)
    if problems:
        fail("\n".join(problems))


def _span(text: str) -> tuple[date, date]:
    from engagement_pipeline.ingestion.replay import parse_dates

    try:
        return parse_dates(text)
    except ValueError as error:
        fail(str(error))
