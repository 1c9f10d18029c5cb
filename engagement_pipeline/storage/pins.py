"""What a project may not change once it has data: its name says whose tables the lake holds, its time zone
and start date decide every stored day.

Here: pinning them in the lake at first use and refusing a change. Not here: other settings, which may change.
"""

import polars as pl

from engagement_pipeline.catalog.specs import Project
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.tables import StorageError, TableSpec

PINS = TableSpec("project", pl.Schema({"setting": pl.String, "value": pl.String}), sort_by=("setting",))


class PinChanged(StorageError):  # noqa: N818  the words are what the reader sees
    """A setting that stored data depends on was edited."""


def pin_calendar(lake: Lake, project: Project) -> None:
    """Pins the project's name, time zone and start date at first use.

    Raises PinChanged when they differ later. A lake begun before names were pinned gains its project's.
    """
    given = {
        "project": project.project,
        "start_date": project.start_date.isoformat(),
        "timezone": project.timezone,
    }
    stored = pinned(lake)
    elsewhere = (
        f"set ENGAGEMENT_LAKE to a new folder (and ENGAGEMENT_DATABASE_URL to a new database), instead of "
        f"{lake.root}"
    )
    if stored.get("project", project.project) != project.project:
        raise PinChanged(
            f"project.yaml: the lake holds the tables of the project {stored['project']!r}, which those of "
            f"{project.project!r} would overwrite: {elsewhere}; was the project renamed, put its name back."
        )
    changed = [
        f"{name} was {stored[name]} when the lake was begun and is {value} now"
        for name, value in given.items()
        if stored.get(name, value) != value
    ]
    if changed:
        raise PinChanged(
            f"project.yaml: {'; '.join(changed)}. Every stored day depends on it: put it back, or "
            f"{elsewhere}."
        )
    if given.keys() - stored.keys():
        lake.replace(PINS, pl.DataFrame({"setting": list(given), "value": list(given.values())}))


def pinned(lake: Lake) -> dict[str, str]:
    """Setting -> value as pinned; empty before the first use."""
    if not lake.exists(PINS.name):
        return {}
    return dict(lake.scan(PINS.name).collect().rows())
