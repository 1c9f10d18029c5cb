"""Letting go of a table's past: versions before the newest, and what Delta's log says of them.

Here: one table, at once and for good, as an erasure needs it. Not here: taking rows out of the newest version
(`rewriting`), and upkeep, after which a week of versions stays readable (`maintenance`).
"""

import re

from deltalake import DeltaTable

from engagement_pipeline.storage import index
from engagement_pipeline.storage.actions import amend, stored_files
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.plain import delete, files_below

LOG = "_delta_log/"


def has_past(lake: Lake, name: str) -> bool:
    """Whether there is more than the newest version: older ones, or files that no version names."""
    return bool(_past(lake.uri(name), DeltaTable(lake.uri(name))))


def forget(lake: Lake, name: str, newest: int) -> int:
    """Lets go of every version before the newest; gives how many there were up to that one (the others are of
    the purge itself). Hold the table's lock.

    The log begins anew with a checkpoint and one commit, which says all that is known of the partitions. Not
    by Delta's `vacuum`: that leaves files whose removal a clock that is ahead dated later than now.
    """
    uri = lake.uri(name)
    table = DeltaTable(uri)
    amend(table, [], index.describe_anew(index.partitions(lake.database, name, table)))
    index.record(lake.database, name, str(table.metadata().id), table.version(), {})
    table.create_checkpoint()
    old = _past(uri, table)
    for path in old:
        delete(uri, path)
    commits = [path.removeprefix(LOG) for path in old if re.fullmatch(rf"{LOG}\d{{20}}\.json", path)]
    return sum(int(each[:20]) <= newest for each in commits)


def _past(uri: str, table: DeltaTable) -> list[str]:
    """Files of older versions and of runs that were killed; the log's come last, so that whoever is cut off
    finds them again."""
    live, newest = {each.path for each in stored_files(table)}, table.version()
    below = files_below(uri)
    rows = [path for path in below if not path.startswith("_") and path not in live]
    return rows + [path for path in below if path.startswith(LOG) and _is_old(path, newest)]


def _is_old(path: str, newest: int) -> bool:
    """Whether a file of the log is of an older version, or was left by a commit that was killed."""
    name = path.removeprefix(LOG)
    match = re.match(r"(\d{20})\.", name)
    return name != "_last_checkpoint" and (match is None or int(match[1]) < newest)
