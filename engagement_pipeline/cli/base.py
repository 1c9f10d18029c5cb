"""What the commands share: the application, its consoles, errors as words and exit codes.

Not here: any command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from engagement_pipeline.catalog.issues import CatalogError

if TYPE_CHECKING:
    from engagement_pipeline.orchestration.drafts import Tell

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
# No emoji either: `file.yaml:100: message` holds one.
out = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
err = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"engagement-pipeline {installed_version('engagement-pipeline')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Engagement scores, segments and campaign audiences from your own events."""


@contextmanager
def in_words() -> Iterator[None]:
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
        fail(str(error))
    except (DateOutside, NothingToScore, NoSuchSource, NothingToRestate, *stores) as error:
        fail(str(error))


@contextmanager
def in_plain_words() -> Iterator[None]:
    """As `in_words`, for commands that compute without Dagster, which that would import."""
    from engagement_pipeline.core.points import PointsOverflow
    from engagement_pipeline.orchestration.scoring import PointsOutdated
    from engagement_pipeline.orchestration.windows import MeasuresMissing
    from engagement_pipeline.storage.database import DatabaseDown, SchemaTooNew
    from engagement_pipeline.storage.locks import LockTimeout
    from engagement_pipeline.storage.settings import SettingsError
    from engagement_pipeline.storage.tables import StorageError

    stores = (SettingsError, StorageError, DatabaseDown, SchemaTooNew, LockTimeout)
    try:
        yield
    except (CatalogError, MeasuresMissing, PointsOutdated, PointsOverflow, *stores) as error:
        fail(str(error))


@contextmanager
def progress() -> Iterator["Tell"]:
    """A bar on stderr while it is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("reading", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield tell


def fail(message: str) -> NoReturn:
    """Says why on stderr and leaves with exit code 1."""
    err.print(message, style="red")
    raise typer.Exit(1)
