"""Commands on a catalog's files alone: `lint` and `init`. They run without Dagster."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from engagement_pipeline.catalog.issues import Issue
from engagement_pipeline.catalog.lint import lint as lint_catalog
from engagement_pipeline.catalog.loader import catalog_folder
from engagement_pipeline.cli.base import app, fail, out


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
        out.print(str(issue), style="red" if issue.level == "error" else "yellow")
    errors = _count(issues, "error")
    if not issues:
        out.print(f"{catalog}: no issues", style="green")
    else:
        out.print(f"{catalog}: {errors}, {_count(issues, 'warning')}")
    if any(issue.level == "error" for issue in issues):
        raise typer.Exit(1)


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Write a small catalog to start from: one score, one segment, one campaign over three sources."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        fail(f"{folder} is not empty; give a folder that does not exist yet, nothing is ever overwritten")
    # Written anew, not copied with their modes: an installed package may be read-only.
    for name, content in _starter(files("engagement_pipeline.example") / "starter"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for path in sorted(folder.rglob("*.yaml")):
        out.print(str(path))
    out.print(f"\nCheck it with: engagement lint {folder}")


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
