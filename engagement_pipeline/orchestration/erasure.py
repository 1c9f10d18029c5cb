"""People erased from everything that is stored, and the proof of it.

Here: the order of the steps, and what the receipt says. Not here: each step (`storage.rewriting`,
`storage.named`, `ingestion.erased`, `delivery.withdrawal`, `following`). No Dagster: the command line erases
without it.

The order makes it safe to be cut off anywhere and begun again: who is asked for, with every alias, is stored
first and taken away last; tombstones stand before the first row goes; and every table is gone through twice,
because after the first time nothing that was read before can be stored any more.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from engagement_pipeline.delivery.withdrawal import withdraw
from engagement_pipeline.ingestion.erased import change_of
from engagement_pipeline.ingestion.landing import listing
from engagement_pipeline.ingestion.naming import Names, telling
from engagement_pipeline.orchestration.following import cover_anew, deliveries_follow, held_follow
from engagement_pipeline.orchestration.measured import COVERAGE
from engagement_pipeline.orchestration.workbench import Workbench
from engagement_pipeline.storage import erasures
from engagement_pipeline.storage.erasures import Rewritten
from engagement_pipeline.storage.locks import lock
from engagement_pipeline.storage.named import Spelling, erase_rows
from engagement_pipeline.storage.rewriting import columns_in_files, purge, stored_tables
from engagement_pipeline.storage.scratch import scratch_folders
from engagement_pipeline.storage.tombstones import bury, current_key
from engagement_pipeline.storage.traces import Search, in_database, in_folder

Elsewhere = Callable[[Search], Iterable[str]]
RAW = ("landed", "rejected", "conflicts")
JUDGED = ("score_quality", "score_deciles", "weight_proposal")
WITHOUT_PEOPLE = ("project", COVERAGE, "references", "held", *JUDGED)
INTAKE_WAIT = 3600.0
"""Seconds to wait for a landing that began before the tombstones stood."""


@dataclass(frozen=True)
class Receipt:
    """What was done, without any id."""

    receipt: str
    content: Mapping[str, Any]

    @property
    def proven(self) -> bool:
        """Whether no trace was found afterwards."""
        return self.content.get("traces") == []


def erase_requested(bench: Workbench, at: datetime, also: Elsewhere | None = None) -> Receipt | None:
    """Erases everyone who is on the list, all at once; None when nobody is.

    also: looks for traces elsewhere, as in Dagster's own storage. Raises SettingsError
    without a key where one is needed, LockTimeout when something holds a table or a source for too long.
    """
    with lock(bench.database, "erasure"):
        waiting = erasures.requested(bench.database)
        if not waiting:
            return None
        current_key(bench.database)
        hashes = {}
        for each in waiting:
            ids = set(each.ids) or known_as(bench, each.person)
            buried = bury(bench.database, ids, at)
            hashes[each.request] = buried[each.person]
            erasures.identified(bench.database, each.request, ids, buried[each.person])
        ids = {one for each in erasures.requested(bench.database) for one in each.ids}
        return _erase(bench, frozenset(ids), hashes, at, also)


def known_as(bench: Workbench, person: str) -> set[str]:
    """The id itself, the person it belongs to and every other id of theirs, at any time."""
    found = {person}
    if not bench.lake.exists("aliases"):
        return found
    rows = bench.lake.scan("aliases").select("alias", "person_id").unique().collect()
    while True:
        asked = pl.Series(sorted(found)).implode()
        near = rows.filter(pl.col("alias").is_in(asked) | pl.col("person_id").is_in(asked))
        more = found | set(near["alias"]) | set(near["person_id"])
        if more == found:
            return found
        found = more


def _erase(
    bench: Workbench,
    ids: frozenset[str],
    hashes: Mapping[str, str],
    at: datetime,
    also: Elsewhere | None,
) -> Receipt:
    for name in bench.catalog.sources:  # from here on, whatever lands has seen the tombstones
        with lock(bench.database, f"intake of {name}", wait=INTAKE_WAIT):
            pass
    versions: dict[str, int] = {}
    for _ in range(2):
        for table in stored_tables(bench.lake):
            versions[table] = versions.get(table, 0) + _purge(bench, table, ids)
    work = erasures.work_done(bench.database, _data_versions(bench))
    versions[COVERAGE] = cover_anew(bench, work)
    held_follow(bench)
    deliveries_follow(bench, work)
    rows = erase_rows(bench.database, ids, _spelling(ids))
    with ExitStack() as held:
        for table in (
            *(f"audiences/{name}" for name in bench.catalog.campaigns),
            *(f"alerts/{name}" for name in bench.catalog.alerts),
        ):
            held.enter_context(lock(bench.database, f"table {table}"))
        exports = withdraw(bench.settings.exports, ids)
    _clear_leftovers(bench, ids)
    content = {
        "people": [{"request": request, "hash": hashed} for request, hashed in hashes.items()],
        "finished_at": at.isoformat(),
        "tables": _by_table(work),
        "versions": {table: count for table, count in versions.items() if count},
        "database": rows,
        "exports": exports,
        "landing": _still_landing(bench, work),
    }
    receipt = erasures.finish(bench.database, list(hashes), content, at)
    bench.database.compact()
    content["traces"] = traces(bench, ids, also)
    erasures.amend(bench.database, receipt, content)
    return Receipt(receipt, content)


def _purge(bench: Workbench, name: str, ids: frozenset[str]) -> int:
    kind, _, rest = name.partition("/")
    if kind in WITHOUT_PEOPLE:
        return 0
    source = bench.catalog.sources.get(rest) if kind in RAW else None
    change = change_of(columns_in_files(bench.lake, name), ids, source)
    if change is None:
        return 0
    return purge(bench.lake, name, _spec(bench, name), change, _announced(bench)).versions


def _spec(bench: Workbench, name: str) -> Any:
    try:
        return bench.table(name)
    except KeyError:
        return None  # of a kind, or a source, that is no more


def _announced(bench: Workbench) -> Any:
    return lambda work: erasures.announce(bench.database, work)


def _data_versions(bench: Workbench) -> dict[tuple[str, str], str]:
    return {
        (table, key): info.data_version
        for table in stored_tables(bench.lake)
        for key, info in bench.lake.partitions(table).items()
    }


# --- what lies outside of tables ----------------------------------------------------------------------


def _clear_leftovers(bench: Workbench, ids: frozenset[str]) -> None:
    """What runs have staged with these people in it: a run that lives fails for it, and is made again."""
    search = _search(ids)
    for folder in scratch_folders(bench.lake.root):
        if any(True for _ in in_folder(str(folder), search)):
            shutil.rmtree(folder, ignore_errors=True)


def _still_landing(bench: Workbench, work: list[Rewritten]) -> dict[str, int]:
    """Source -> files still in its place that brought the erased rows. Nobody but their owner may change
    those; the tombstones keep them out."""
    found = {}
    for name, source in bench.catalog.sources.items():
        batches = {each.partition for each in work if each.table == f"landed/{name}"}
        if not batches or getattr(source, "database", None) is not None:
            continue
        named = {file.file for key, file in bench.ledger.files(name).items() if key in batches}
        there = {each.file for each in listing(source, bench.settings.landing)}
        found[name] = len(named & there)
    return found


def _by_table(work: list[Rewritten]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for each in work:
        counts = found.setdefault(each.table, {"removed": 0, "redacted": 0})
        counts["removed"] += each.removed
        counts["redacted"] += each.redacted
    return found


# --- the proof ----------------------------------------------------------------------------------------


def traces(bench: Workbench, ids: Iterable[str], also: Elsewhere | None = None) -> list[str]:
    """Where any of the ids still stands: files of the lake, tables of the database, exports, and elsewhere.
    The landing folder is not ours and not looked at."""
    search = _search(frozenset(ids))
    found = [f"lake: {path}" for path in in_folder(bench.lake.root, search)]
    found += [f"database: {table}" for table in in_database(bench.database, search)]
    if bench.settings.exports.is_dir():
        found += [f"exports: {path}" for path in in_folder(str(bench.settings.exports), search)]
    return [*found, *(also(search) if also is not None else [])]


def _search(ids: frozenset[str]) -> Search:
    return Search(ids, [each for each in ids if not telling(each)])


def _spelling(ids: frozenset[str]) -> Spelling:
    names = Names(ids)
    return Spelling(names.telling, names.out_of_text)
