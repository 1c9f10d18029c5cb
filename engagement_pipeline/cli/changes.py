"""Commands that keep changes of definitions under control: `preview`, `publish` and `versions`. They run
without Dagster."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, err, fail, in_plain_words, out, progress

AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The date to compute; else the one that was scored last."),
]
Catalog = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The active catalog; else $ENGAGEMENT_CATALOG, else the example."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same for programs.")]


@app.command()
def preview(
    path: Annotated[
        Path, typer.Argument(metavar="DRAFT", help="One definition's YAML, or a catalog's folder.")
    ],
    as_of: AsOf = None,
    catalog: Catalog = None,
    published: Annotated[
        bool, typer.Option("--published", help="Compare with what is published, not with the active catalog.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as one self-contained page, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a draft would do: who changes band, segment or audience, and why. Nothing is stored."""
    from engagement_pipeline.catalog.drafted import load_drafted
    from engagement_pipeline.orchestration.comparing import preview as compare
    from engagement_pipeline.orchestration.publishing import published_catalog
    from engagement_pipeline.reports.preview_page import page
    from engagement_pipeline.reports.preview_text import shown
    from engagement_pipeline.storage.settings import Settings

    with in_plain_words():
        folder, settings = catalog or catalog_folder(), Settings.from_env()
        draft = load_drafted(path, folder)
        active, name = load_catalog(folder), "the active catalog"
        # The folder that is active differs from itself in nothing, from what is published perhaps.
        if published or path.resolve() == folder.resolve():
            before = published_catalog(folder, settings)
            if before is None and published:
                fail("nothing was published yet; engagement publish records the first versions")
            active, name = (before, "what is published") if before is not None else (active, name)
        with progress() as tell:
            day = as_of.date() if as_of else None
            found = compare(active, draft, settings, day, names=(name, str(path)), tell=tell)
    if html is not None:
        html.write_text(page(found), encoding="utf-8")
        err.print(f"written: {html}")
    if as_json:
        typer.echo(found.as_json())
    else:
        Console().print(shown(found))


@app.command()
def publish(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The catalog; else $ENGAGEMENT_CATALOG, else the example."),
    ] = None,
    acknowledge: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Publish above the limits; your words say why, and are stored."),
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Record new versions of definitions that changed, unless more people move than the limits allow."""
    from engagement_pipeline.orchestration.clock import now
    from engagement_pipeline.orchestration.publishing import publish as record
    from engagement_pipeline.orchestration.publishing import who
    from engagement_pipeline.reports.versions_text import listed
    from engagement_pipeline.storage.settings import Settings

    if acknowledge is not None and not acknowledge.strip():
        fail('say why in words: --acknowledge "the new weights were agreed on with the lifecycle team"')
    with in_plain_words():
        chosen, settings = folder or catalog_folder(), Settings.from_env()
        day = as_of.date() if as_of else None
        with progress() as tell:
            done = record(chosen, settings, now(), who(chosen), acknowledge, day, tell)
    if not done.versions:
        out.print("everything is published as it stands", style="green")
        return
    Console().print(listed(done.versions, whole=False))
    if done.preview is not None:
        days = f"compared on {done.preview.as_of}"
        over = done.versions[0].publication.exceeded
        out.print(
            f"published; {days}, {'acknowledged above' if over else 'within'} the limits", style="green"
        )
    else:
        out.print("published; there was nothing to compare with", style="green")


@app.command()
def versions(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A score, segment or campaign; else all of them.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Compute this version of a score, beside the active one.")
    ] = None,
    as_of: AsOf = None,
    catalog: Catalog = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --version: write its scores as .csv, .parquet or .jsonl."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List published versions and what changed; or compute an old one again. Stored tables stay untouched."""
    from engagement_pipeline.storage.database import Database
    from engagement_pipeline.storage.published import versions as stored
    from engagement_pipeline.storage.settings import Settings

    with in_plain_words():
        settings = Settings.from_env()
        if version is not None:
            if name is None:
                fail("say which score: engagement versions SCORE --version N")
            _one_version(catalog or catalog_folder(), settings, name, version, as_of, save, as_json)
            return
        if save is not None:
            fail("--save writes the scores of one version: say which with --version N")
        database = Database(settings.database_url)
        try:
            every = stored(database)
        finally:
            database.close()
    found = [each for each in every if name is None or each.name == name]
    if as_json:
        typer.echo(json.dumps([_as_data(each) for each in found], indent=2, ensure_ascii=False))
    elif not found:
        what = "nothing" if name is None else f"nothing called {name}"
        near = did_you_mean(name, {each.name for each in every}) if name else ""
        out.print(f"{what} was published yet{near or '; engagement publish records the first versions'}")
    else:
        from engagement_pipeline.reports.versions_text import listed

        Console().print(listed(found, whole=name is not None))


def _one_version(
    folder: Path,
    settings: Any,
    score: str,
    version: int,
    as_of: datetime | None,
    save: Path | None,
    as_json: bool,
) -> None:
    from engagement_pipeline.orchestration.old_versions import beside_active
    from engagement_pipeline.reports.versions_text import bands_of

    if save is not None and save.suffix not in (".csv", ".parquet", ".jsonl"):
        fail(f"{save}: write .csv, .parquet or .jsonl")
    with progress() as tell:
        found, active = beside_active(
            folder, settings, score, version, as_of.date() if as_of else None, tell=tell
        )
    scores = found.scores
    if save is not None:
        write = {".csv": scores.write_csv, ".parquet": scores.write_parquet}.get(
            save.suffix, scores.write_ndjson
        )
        write(save)  # type: ignore[operator]
        err.print(f"written: {save}")
    if as_json:
        typer.echo(
            json.dumps(
                {
                    **_as_data(found.version),
                    "as_of": found.as_of.isoformat(),
                    "not_stored": {"measures": list(found.not_stored), "days": found.days},
                    "scores": scores.to_dicts() if save is None else len(scores),
                },
                indent=2,
                ensure_ascii=False,
                default=str,
            )
        )
        return
    out.print(f"score {score}, version {version}, as of {found.as_of}")
    if found.not_stored:
        out.print(
            f"{len(found.not_stored)} of its measures are not stored on {found.days} days and were "
            f"computed from events for this only: {', '.join(found.not_stored)}",
            style="dark_orange",
        )
    sides = [(f"version {version}", scores, found.score)]
    if active is not None:
        sides.append(("active", active.scores, active.score))
    Console().print(bands_of(sides))


def _as_data(version: Any) -> dict[str, Any]:
    said = version.publication
    return {
        "kind": version.kind,
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "published_at": said.at.isoformat(),
        "published_by": said.by,
        "compared_on": said.as_of and said.as_of.isoformat(),
        "changes": list(version.changes),
        "exceeded": list(said.exceeded),
        "acknowledged": said.acknowledged,
        "definition": version.definition,
    }
