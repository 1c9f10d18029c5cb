"""What a source would make of a file, found without storing anything.

Here: the figures and samples. Not here: how they look (`tryout_text`), taking files in (`ingestion.intake`).
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import polars as pl

from engagement_pipeline.catalog.draft import read_draft
from engagement_pipeline.catalog.issues import CatalogError, did_you_mean
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.presets import preset_names
from engagement_pipeline.catalog.specs import Catalog, Source
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion.judging import Judged, judge_rows, read_all
from engagement_pipeline.ingestion.readers import read_raw
from engagement_pipeline.ingestion.routing import FROM, Rows, named_paths

SAMPLES = 3
"""Rejected rows shown of each rule."""
EVENT_COLUMNS = [
    *("occurred_at", "event", "channel", "person_id", "event_id", "value", "unit", "session_id"),
    *("campaign_id", "message_id", "is_machine"),
]
HIDDEN = ["batch", "row_number"]


class UnknownSource(Exception):  # noqa: N818  the words are what the reader sees
    """No source of the catalog has this name."""


@dataclass
class Rule:
    """Rows that were rejected for one reason."""

    rows: int = 0
    samples: list[dict[str, object]] = field(default_factory=list)
    """`row_number`, `reason`, `raw`."""


@dataclass
class Tryout:
    """What would come of a file."""

    file: str
    source: str
    rows: int = 0
    whole: bool = True
    """Whether all of the file was read."""
    ignored: int = 0
    rejected_rows: int = 0
    by_event: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    """Events whose own id stood before in the file."""
    machine: int = 0
    profiles: int = 0
    identities: int = 0
    first: datetime | None = None
    last: datetime | None = None
    rules: dict[str, Rule] = field(default_factory=dict)
    event_rows: list[dict[str, object]] = field(default_factory=list)
    profile_rows: list[dict[str, object]] = field(default_factory=list)
    identity_rows: list[dict[str, object]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    """Paths of the mapping at which nothing was ever found, with the field that reads them; of several for
    one field all, where none has anything."""
    hint: str | None = None
    """What to change in the source, where that is plain."""

    @property
    def events(self) -> int:
        """Valid events, repeated ones counted each time."""
        return self.by_event.total()

    def as_json(self) -> str:
        """The same for programs."""
        return json.dumps(
            {
                "file": self.file,
                "source": self.source,
                "rows": self.rows,
                "whole_file": self.whole,
                "events": dict(sorted(self.by_event.items())),
                "repeated_events": self.repeated,
                "machine_events": self.machine,
                "profiles": self.profiles,
                "identities": self.identities,
                "ignored_rows": self.ignored,
                "rejected_rows": self.rejected_rows,
                "rejected": {name: vars(rule) for name, rule in self.rules.items()},
                "first_event_at": self.first,
                "last_event_at": self.last,
                "paths_never_found": self.absent,
                "hint": self.hint,
                "first_events": self.event_rows,
                "first_profiles": self.profile_rows,
                "first_identities": self.identity_rows,
            },
            indent=2,
            ensure_ascii=False,
            default=str,
        )


def preset_alone(name: str) -> Catalog:
    """A catalog with nothing but a source that has the preset's name and mapping, for days since 2000.

    Raises UnknownSource.
    """
    if name not in preset_names():
        hint = did_you_mean(name, preset_names())
        raise UnknownSource(f"there is no preset '{name}'{hint}; presets: {', '.join(preset_names())}")
    files = {
        "project.yaml": "project: tryout\ntimezone: UTC\nstart_date: 2000-01-01\nlimits: {past_days: 9999}\n",
        "events.yaml": "events: {}\n",
        f"sources/{name}.yaml": f"source: {name}\nowner: team:tryout\npath: '*'\npreset: {name}\n",
    }
    with TemporaryDirectory() as folder:
        for file, text in files.items():
            path = Path(folder) / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        return load_catalog(Path(folder))


def catalog_of(folder: Path, source: str) -> Catalog:
    """The catalog, or what the source needs of it where only other definitions have mistakes.

    Raises CatalogError.
    """
    try:
        return load_catalog(folder)
    except CatalogError:
        own = [each.document.file for each in read_draft(folder).sources if each.name == source]
        if not own:
            raise
        with TemporaryDirectory() as alone:
            for file in ("project.yaml", "events.yaml", *own):
                if (folder / file).exists():
                    (Path(alone) / file).parent.mkdir(exist_ok=True)
                    (Path(alone) / file).write_bytes((folder / file).read_bytes())
            return load_catalog(Path(alone))


def try_file(
    file: Path, name: str, catalog: Catalog, received_at: datetime, shown: int, limit: int | None
) -> Tryout:
    """What the source of that name would make of a file, if it were received at that time; of its first
    `limit` rows where there are more. `shown`: how many events, profiles and identities to keep as samples.

    Raises UnknownSource, UnreadableFile.
    """
    source = catalog.sources.get(name)
    if source is None:
        known = ", ".join(catalog.sources) or "none"
        hint = did_you_mean(name, catalog.sources)
        raise UnknownSource(f"the catalog has no source '{name}'{hint}; its sources: {known}")
    found = Tryout(file.name, source.source)
    seen: list[pl.Series] = []
    present: set[str] = set()
    read: set[str] = set()
    for block in read_raw(file, source):
        if limit is not None and found.rows >= limit:
            found.whole = False
            break
        landed = block.select(
            pl.lit(file.name).alias("batch"),
            pl.lit(_landed_name(file, source)).alias("file"),
            "row_number",
            pl.lit(received_at, dtype=LANDED["received_at"]).alias("received_at"),
            "raw",
        )
        rows = read_all(landed if limit is None else landed.head(limit - found.rows), source, catalog)
        found.rows += rows.fields.height
        found.whole = found.whole and rows.fields.height == landed.height
        judged = judge_rows(rows, catalog)
        _add(found, judged, shown)
        # Equal rows without an id of their own are as many events.
        named = judged.events.filter(pl.col("event_id") != pl.col("content_hash"))
        seen.append(named["event_id"].hash())
        present |= _present(rows)
        read |= {path for paths in rows.paths.values() for path in paths}
    ids = pl.concat(seen) if seen else pl.Series(dtype=pl.UInt64)
    found.repeated = ids.len() - ids.n_unique()
    found.absent = [
        f"{' or '.join(paths)} ({name})"
        for paths, name in named_paths(source).items()
        if read.issuperset(paths) and not present.intersection(paths)
    ]
    if (
        source.format == "jsonl"
        and found.rows
        and found.rules.get("malformed_row", Rule()).rows == found.rows
    ):
        found.hint = "No line is a JSON object by itself. Is the file one JSON document? Then: format: json"
    return found


def _landed_name(file: Path, source: Source) -> str:
    """What the file would be called once landed: with as many of its folders as the source's path has."""
    depth = len(PurePosixPath(source.path).parts) if source.path else 1
    return "/".join(file.resolve().parts[-depth:])


def _add(found: Tryout, judged: Judged, shown: int) -> None:
    events = judged.events
    found.ignored += judged.ignored.height
    found.rejected_rows += judged.rejected_rows
    found.by_event.update(dict(events["event"].value_counts().iter_rows()))
    found.machine += int(events["is_machine"].sum())
    found.profiles += judged.profiles.height
    found.identities += judged.identities.height
    days = [day for day in (found.first, found.last) if day is not None]
    times = [*days, *events.select(pl.min("occurred_at").alias("a"), pl.max("occurred_at").alias("b")).row(0)]
    known = [time for time in times if time is not None]
    found.first, found.last = min(known, default=None), max(known, default=None)
    for (rule,), rows in judged.rejected.group_by("rule", maintain_order=True):
        kept = found.rules.setdefault(str(rule), Rule())
        kept.rows += rows.height
        kept.samples += (
            rows.select("row_number", "reason", "raw").head(SAMPLES - len(kept.samples)).to_dicts()
        )
    properties = [
        name for name in events.columns if name not in EVENT_COLUMNS and name in _properties(events)
    ]
    _sample(found.event_rows, events.select(*EVENT_COLUMNS, *properties), shown)
    _sample(found.profile_rows, judged.profiles.drop(HIDDEN), shown)
    _sample(found.identity_rows, judged.identities.drop(HIDDEN), shown)


def _properties(events: pl.DataFrame) -> list[str]:
    """The columns between what every event has and where it came from."""
    names = events.columns
    return names[names.index("machine_reason") + 1 : names.index("properties")]


def _sample(kept: list[dict[str, object]], rows: pl.DataFrame, shown: int) -> None:
    first = rows.head(max(0, shown - len(kept))).to_dicts()
    kept += [{name: value for name, value in row.items() if value is not None} for row in first]


def _present(rows: Rows) -> set[str]:
    """Paths, as mappings write them, at which something was found."""
    there = set()
    for name, kind in rows.fields.schema.items():
        if name.startswith(FROM):
            texts = rows.fields[name]
            said = texts.list.drop_nulls().list.len() > 0 if kind == pl.List else texts.is_not_null()
            if said.any():
                there.update(name.removeprefix(FROM).split("\0"))
    return there
