"""Commands on what is stored: `erase` and `maintain`."""

from pathlib import Path
from typing import Annotated

import typer

from engagement_pipeline.catalog.loader import catalog_folder, load_catalog
from engagement_pipeline.cli.base import app, fail, in_words, out


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

    with in_words():
        try:
            asked = command.people_asked(people or [], file)
        except command.NobodyAsked as error:
            fail(str(error))
        work = command.Erase(load_catalog(catalog_folder()), Settings.from_env())
        if check:
            left = work.check(asked)
        elif later:
            out.print(f"on the list: {work.later(asked)}")
            return
        else:
            receipt = work.now(asked)
            left = list(receipt.content["traces"])
            out.print(command.in_words(receipt, as_json=as_json))
    if left:
        listed = "\n".join(f"trace: {each}" for each in left)
        fail(f"{listed}\n{len(left)} traces are left")
    if not as_json:
        out.print("no trace", style="green")


@app.command()
def maintain() -> None:
    """Compact and vacuum every table, let go of old contributions; the last seven days' versions stay."""
    from engagement_pipeline.orchestration.retention import let_go
    from engagement_pipeline.orchestration.workbench import Workbench
    from engagement_pipeline.storage.maintenance import maintain as maintain_tables
    from engagement_pipeline.storage.settings import Settings

    with in_words():
        bench = Workbench(load_catalog(catalog_folder()), Settings.from_env())
        for table, dates in let_go(bench).items():
            out.print(f"{table}: contributions of {dates} old date{'' if dates == 1 else 's'} let go of")
        for each in maintain_tables(bench.lake):
            if each.worked:
                files = f"{each.files_before} files, now {each.files_after}"
                out.print(f"{each.table}: {files}; {each.deleted} old ones deleted")
