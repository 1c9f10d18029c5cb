"""The `engagement` command.

Here: arguments, exit codes and the words around them. Not here: the work itself. `lint` and `init` run
without Dagster; the commands that materialize import it when they are called.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.metadata import version as installed_version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from engagement_pipeline.catalog.issues import CatalogError, Issue
from engagement_pipeline.catalog.lint import lint as lint_catalog
from engagement_pipeline.catalog.loader import catalog_folder, load_catalog

app = typer.Typer(
    name="engagement",
    help="Engagement scores, segments and campaign audiences from your own events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
sources = typer.Typer(help="Work on the sources of a catalog.", no_args_is_help=True)
app.add_typer(sources, name="source")
# Plain text: paths and the words of issues are no markup, and a line stays one line when piped.
_out = Console(markup=False, highlight=False, soft_wrap=True)
_err = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def _version(wanted: bool) -> None:
    if wanted:
        _out.print(f"engagement-pipeline {installed_version('engagement-pipeline')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Engagement scores, segments and campaign audiences from your own events."""


@app.command()
def lint(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."),
    ] = None,
) -> None:
    """Check a catalog: every mistake at once, as file:line: message. Exit code 1 if there is an error."""
    catalog = folder or catalog_folder()
    issues = lint_catalog(catalog)
    for issue in issues:
        _out.print(str(issue), style="red" if issue.level == "error" else "yellow")
    errors = _count(issues, "error")
    if not issues:
        _out.print(f"{catalog}: no issues", style="green")
    else:
        _out.print(f"{catalog}: {errors}, {_count(issues, 'warning')}")
    if any(issue.level == "error" for issue in issues):
        raise typer.Exit(1)


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Write a small catalog to start from: one score, one segment, one campaign over three sources."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        _fail(f"{folder} is not empty; give a folder that does not exist yet, nothing is ever overwritten")
    # Written anew, not copied with their modes: an installed package may be read-only.
    for name, content in _starter(files("engagement_pipeline.example") / "starter"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for path in sorted(folder.rglob("*.yaml")):
        _out.print(str(path))
    _out.print(f"\nCheck it with: engagement lint {folder}")


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
    from engagement_pipeline.reports.tryout import UnknownSource, preset_alone, try_file
    from engagement_pipeline.reports.tryout_text import shown as as_text

    if (source is None) == (preset is None):
        _fail("say --source NAME for a source of the catalog, or --preset NAME for a provider's preset")
    try:
        known = load_catalog(catalog or catalog_folder()) if preset is None else preset_alone(preset)
        found = try_file(file, source or preset or "", known, now(), shown, limit or None)
    except (CatalogError, UnknownSource, UnreadableFile) as error:
        _fail(str(error))
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

    with _in_words():
        catalog, at = load_catalog(folder or catalog_folder()), now()
        found = health_of(catalog, Settings.from_env(), yesterday(catalog.project, at), at)
    if as_json:
        typer.echo(found.as_json())
    else:
        Console().print(as_text(found))


@app.command()
def demo(
    dataset: Annotated[
        str, typer.Option(help="example (made-up sample data) or complete-journey (recorded data).")
    ] = "example",
    path: Annotated[
        Path | None, typer.Option(help="The folder with the recorded data's parquet files.")
    ] = None,
) -> None:
    """Land a dataset, materialize every asset through Dagster and show what came of it. Safe to run again."""
    from engagement_pipeline.orchestration.demo import run_demo

    with _in_words():
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
            formats=["%Y-%m-%d"], help="The last day whose events count; else the last with events."
        ),
    ] = None,
    refit: Annotated[
        bool, typer.Option(help="Fit every frozen reference anew; scores then move as the population did.")
    ] = False,
) -> None:
    """Land what is new, make events, score, decide and deliver audiences, through Dagster."""
    from engagement_pipeline.orchestration.runs import run_all
    from engagement_pipeline.storage.settings import Settings

    with _in_words():
        catalog = load_catalog(folder or catalog_folder())
        problems = run_all(catalog, Settings.from_env(), Console(), as_of.date() if as_of else None, refit)
    if problems:
        _fail("\n".join(problems))


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

    with _in_words():
        catalog = load_catalog(catalog_folder())
        try:
            problems = load_history(catalog, Settings.from_env(), Console(), sources or [], days_per_run)
        except KeyboardInterrupt:
            _err.print("stopped; nothing is lost: engagement load goes on from here", style="yellow")
            raise typer.Exit(130) from None
    if problems:
        _fail("\n".join(problems))


@app.command()
def replay(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Whose landed rows are judged anew.")],
    dates: Annotated[
        str | None,
        typer.Option(metavar="A..B", help="Only what concerns these event days, as 2026-03-01..2026-03-31."),
    ] = None,
) -> None:
    """Judge landed rows anew, after a mapping or the plan was mended, and make the days that change."""
    from engagement_pipeline.orchestration.replay import replay_source
    from engagement_pipeline.storage.settings import Settings

    with _in_words():
        span = None if dates is None else _span(dates)
        catalog = load_catalog(catalog_folder())
        problems = replay_source(catalog, Settings.from_env(), Console(), source, span)
    if problems:
        _fail("\n".join(problems))


@app.command()
def restate(
    dates: Annotated[str, typer.Argument(metavar="A..B", help="As-of dates, as 2026-03-01..2026-03-31.")],
) -> None:
    """Compute scores and segments anew for as-of dates that late or replayed events changed."""
    from engagement_pipeline.orchestration import replay as work
    from engagement_pipeline.storage.settings import Settings

    with _in_words():
        span = _span(dates)
        problems = work.restate(load_catalog(catalog_folder()), Settings.from_env(), Console(), span)
    if problems:
        _fail("\n".join(problems))


def _span(text: str) -> tuple[date, date]:
    from engagement_pipeline.ingestion.replay import parse_dates

    try:
        return parse_dates(text)
    except ValueError as error:
        _fail(str(error))


@app.command()
def erase(
    people: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PERSON]…", help="Any id of each person.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A file with one id a line.")
    ] = None,
    later: Annotated[
        bool, typer.Option(help="Only put them on the list; the job `erasure` takes it.")
    ] = False,
    check: Annotated[bool, typer.Option(help="Erase nobody: say where the ids still stand.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The receipt as JSON.")] = False,
) -> None:
    """Erase people, with every alias, from all that is stored; writes a receipt and proves it."""
    from engagement_pipeline.orchestration import erase as command
    from engagement_pipeline.storage.settings import Settings

    with _in_words():
        try:
            asked = command.people_asked(people or [], file)
        except command.NobodyAsked as error:
            _fail(str(error))
        work = command.Erase(load_catalog(catalog_folder()), Settings.from_env())
        if check:
            left = work.check(asked)
        elif later:
            _out.print(f"on the list: {work.later(asked)}")
            return
        else:
            receipt = work.now(asked)
            left = list(receipt.content["traces"])
            _out.print(command.in_words(receipt, as_json=as_json))
    if left:
        _fail("\n".join(f"trace: {each}" for each in left))
    if not as_json:
        _out.print("no trace", style="green")


@app.command()
def maintain() -> None:
    """Compact, checkpoint and vacuum every table; versions of the last seven days stay readable."""
    from engagement_pipeline.orchestration.workbench import Workbench
    from engagement_pipeline.storage.maintenance import maintain as maintain_tables
    from engagement_pipeline.storage.settings import Settings

    with _in_words():
        bench = Workbench(load_catalog(catalog_folder()), Settings.from_env())
        for each in maintain_tables(bench.lake):
            if each.worked:
                files = f"{each.files_before} files, now {each.files_after}"
                _out.print(f"{each.table}: {files}; {each.deleted} old ones deleted")


@contextmanager
def _in_words() -> Iterator[None]:
    """Known errors as their message and exit code 1; anything else is ours, and keeps its traceback."""
    from engagement_pipeline.example.complete_journey.prepare import MissingDataError
    from engagement_pipeline.orchestration.demo import DemoFailed, UnknownDataset
    from engagement_pipeline.orchestration.replay import NoSuchSource, NothingToRestate
    from engagement_pipeline.orchestration.runs import DateOutside, NothingToScore
    from engagement_pipeline.storage.database import DatabaseDown, SchemaTooNew
    from engagement_pipeline.storage.locks import LockTimeout
    from engagement_pipeline.storage.settings import SettingsError
    from engagement_pipeline.storage.tables import StorageError

    stores = (SettingsError, StorageError, DatabaseDown, SchemaTooNew, LockTimeout)
    try:
        yield
    except (CatalogError, MissingDataError, UnknownDataset, DemoFailed) as error:
        _fail(str(error))
    except (DateOutside, NothingToScore, NoSuchSource, NothingToRestate, *stores) as error:
        _fail(str(error))


def _starter(folder: Traversable, below: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file of the packaged starter: path below it, content."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _starter(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(".yaml"):
            yield f"{below}{entry.name}", entry.read_bytes()


def _count(issues: list[Issue], level: str) -> str:
    number = sum(issue.level == level for issue in issues)
    return f"{number} {level}{'' if number == 1 else 's'}"


def _fail(message: str) -> NoReturn:
    """Says why on stderr and leaves with exit code 1."""
    _err.print(message, style="red")
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
