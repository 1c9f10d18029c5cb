"""What `engagement erase` does: the list, erasing at once, the check, and a receipt in words.

Here: the steps between the command's arguments and `erasure`. Not here: arguments and exit codes (`cli`).
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import dagster as dg

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.orchestration.clock import now
from engagement_pipeline.orchestration.erasure import Receipt, erase_requested, known_as, traces
from engagement_pipeline.orchestration.runner import name_dagster_home
from engagement_pipeline.orchestration.upkeep import dagster_traces
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage.erasures import ask
from engagement_pipeline.storage.settings import Settings
from engagement_pipeline.storage.tombstones import current_key


class NobodyAsked(Exception):  # noqa: N818  the words are what the reader sees
    """No id was given, or the file of ids cannot be read."""


def people_asked(people: Sequence[str], file: Path | None) -> list[str]:
    """The ids given, and those of the file, once each. Raises NobodyAsked."""
    lines: list[str] = []
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise NobodyAsked(f"{file} cannot be read: {error}") from None
    found = list(dict.fromkeys(each.strip() for each in [*people, *lines] if each.strip()))
    if not found:
        raise NobodyAsked("name at least one person, or a file with one id a line: --from FILE")
    return found


class Erase:
    """The command over one project."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.bench = Workbench(catalog, settings)
        name_dagster_home(settings)

    def later(self, people: Iterable[str]) -> str:
        """Puts people on the list; gives the requests' ids in words."""
        current_key(self.bench.database)
        return ", ".join(ask(self.bench.database, people, now()))

    def now(self, people: Iterable[str]) -> Receipt:
        """Erases them at once, and whoever else is on the list."""
        self.later(people)
        with dg.DagsterInstance.get() as instance:
            receipt = erase_requested(self.bench, now(), lambda search: dagster_traces(instance, search))
        assert receipt is not None  # noqa: S101  somebody was just put on the list
        return receipt

    def check(self, people: Iterable[str]) -> list[str]:
        """Where these ids, and those that are known to be the same people, still stand."""
        ids = {one for each in people for one in known_as(self.bench, each)}
        with dg.DagsterInstance.get() as instance:
            return traces(self.bench, ids, lambda search: dagster_traces(instance, search))


def in_words(receipt: Receipt, *, as_json: bool) -> str:
    """A receipt for people, or as JSON."""
    content = receipt.content
    if as_json:
        return json.dumps({"receipt": receipt.receipt, **content}, indent=2)
    lines = [f"receipt {receipt.receipt}"]
    lines += [f"  person {each['hash']} (request {each['request']})" for each in content["people"]]
    for table, counts in content["tables"].items():
        others = f", taken out of {counts['redacted']} rows of others" if counts["redacted"] else ""
        lines.append(f"  {table}: {counts['removed']} rows removed{others}")
    lines += [f"  database, {table}: {count} rows" for table, count in content["database"].items()]
    lines.append(f"  {sum(content['versions'].values())} old versions let go")
    lines.append(f"  {content['exports']} delivered files rewritten")
    for source, count in content["landing"].items():
        if count:
            lines.append(
                f"  {count} file(s) in the place of source {source} still name them, yours to delete: "
                "the rows will not land again"
            )
    return "\n".join(lines)
