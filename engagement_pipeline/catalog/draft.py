"""A catalog's folder as read: what is fine, what is broken, and which names the broken parts declare.

Here: finding files, reading each by itself, keeping lines for `lint`. A broken file never hides the
issues of another, and a name it declares counts as declared. Not here: checks across files (`lint`).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from engagement_pipeline.catalog.issues import Issue, as_name, did_you_mean, nearest
from engagement_pipeline.catalog.presets import with_preset
from engagement_pipeline.catalog.reader import Document, Key, read
from engagement_pipeline.catalog.specs import (
    Alert,
    Campaign,
    Event,
    Outcome,
    Project,
    Score,
    Segment,
    Source,
    Spec,
    TrackingPlan,
)
from engagement_pipeline.catalog.validation import validate

S = TypeVar("S", bound=Spec)
S_co = TypeVar("S_co", bound=Spec, covariant=True)

FOLDERS: dict[str, type[Spec]] = {
    "sources": Source,
    "scores": Score,
    "segments": Segment,
    "campaigns": Campaign,
    "outcomes": Outcome,
    "alerts": Alert,
}
"""The folders of a catalog; a file in one declares one definition, its name under the singular."""


@dataclass(frozen=True)
class Declared(Generic[S_co]):
    """One definition: where it stands, and what it says unless that is broken."""

    name: str
    spec: S_co | None
    document: Document
    at: Key = ()

    def line(self, *key: str | int) -> int:
        """The line of a part of the definition."""
        return self.document.line((*self.at, *key))

    def issue(self, message: str, *key: str | int, level: Literal["error", "warning"] = "error") -> Issue:
        """An issue with a part of the definition."""
        return Issue(self.document.file, self.line(*key), message, level)


@dataclass(frozen=True)
class Draft:
    """All of a folder; `issues` are those of single files."""

    project: Declared[Project]
    plan: Declared[TrackingPlan]
    """events.yaml as a whole."""
    events: Sequence[Declared[Event]]
    """Of events.yaml, then of the sources' plans."""
    events_known: bool
    """False where events.yaml cannot be read: then any event may be in it."""
    sources: Sequence[Declared[Source]]
    scores: Sequence[Declared[Score]]
    segments: Sequence[Declared[Segment]]
    campaigns: Sequence[Declared[Campaign]]
    outcomes: Sequence[Declared[Outcome]]
    alerts: Sequence[Declared[Alert]]
    issues: Sequence[Issue]


def read_draft(folder: Path) -> Draft:
    """Read every file of a catalog. Never raises for what is in the folder, or missing from it."""
    if wrong := _no_catalog(folder):
        missing = Issue(
            folder.as_posix(), 1, f"{wrong}; `engagement init DIR` writes a catalog to start from"
        )
        nothing: Declared[Project] = Declared("project", None, Document(missing.file))
        no_plan: Declared[TrackingPlan] = Declared("events", None, Document(missing.file))
        return Draft(nothing, no_plan, [], False, [], [], [], [], [], [], [missing])
    issues: list[Issue] = []
    project_file, project = _read(folder, "project.yaml", Project, issues)
    events_file, plan = _read(folder, "events.yaml", TrackingPlan, issues)
    found: dict[str, list[Declared[Any]]] = {kind: [] for kind in FOLDERS}
    for file in sorted(_yaml_files(folder)):
        kind = file.rpartition("/")[0]
        if kind in FOLDERS:
            document = read(folder / file, file)
            belongs = _kind(document, kind)
            if belongs != kind:
                message = f"'{belongs[:-1]}' belongs in {belongs}/, not in {kind}/: move the file"
                issues.append(Issue(file, document.line((belongs[:-1],)), message))
            document, spec = _checked(document, FOLDERS[belongs], issues)
            found[belongs].append(Declared(_name(document, belongs[:-1]), spec, document))
        elif file not in ("project.yaml", "events.yaml"):
            issues.append(Issue(file, 1, _misplaced(kind)))
    return Draft(
        project=Declared("project", project, project_file),
        plan=Declared("events", plan, events_file),
        events=with_plans(events_of(events_file, plan), found["sources"]),
        events_known=isinstance((events_file.data or {}).get("events"), dict),
        **found,
        issues=issues,
    )


def _no_catalog(folder: Path) -> str | None:
    """Why a folder cannot be meant as a catalog."""
    if not folder.is_dir():
        return "is no folder"
    if any((folder / part).exists() for part in ("project.yaml", "events.yaml", *FOLDERS)):
        return None
    inside = [path.parent.name for path in folder.glob("*/project.yaml")]
    found = f"; {inside[0]} below it has" if len(inside) == 1 else ""
    return f"is no catalog: it has no project.yaml and no events.yaml{found}"


def _kind(document: Document, folder: str) -> str:
    """The folder where a definition belongs: its first key says it where it lies in that of another kind."""
    keys = document.data or {}
    others = (other for other in FOLDERS if other[:-1] == next(iter(keys), None))
    return folder if folder[:-1] in keys else next(others, folder)


def _yaml_files(folder: Path) -> Iterator[str]:
    for path in (*folder.rglob("*.yaml"), *folder.rglob("*.yml")):
        file = path.relative_to(folder)
        if not any(part.startswith(".") for part in file.parts):
            yield file.as_posix()


def _misplaced(folder: str) -> str:
    if not folder:
        return "is not read; a catalog has project.yaml, events.yaml and the folders " + ", ".join(FOLDERS)
    inside = folder.partition("/")[0]
    if inside in FOLDERS:
        return f"is not read; definitions stand directly in {inside}/"
    return f"is not read; the folders are {', '.join(FOLDERS)}{did_you_mean(inside, FOLDERS)}"


def _read(folder: Path, file: str, model: type[S], issues: list[Issue]) -> tuple[Document, S | None]:
    return _checked(read(folder / file, file), model, issues)


def _checked(document: Document, model: type[S], issues: list[Issue]) -> tuple[Document, S | None]:
    if model is Source:
        document = with_preset(document)
    issues += document.issues
    if document.data is None or _without_preset(document):
        return document, None
    spec, wrong = validate(model, document)
    issues += wrong
    return document, None if document.issues else spec


def _without_preset(document: Document) -> bool:
    """Whether there is no such preset: then nothing can be said of keys that may be missing."""
    return any(issue.message.startswith("unknown preset") for issue in document.issues)


def _name(document: Document, key: str) -> str:
    """What a definition is called, or probably is where it cannot be read."""
    if document.data is None:
        found = re.search(rf"^{key}:\s*([a-z][a-z0-9_]*)\s*(#|$)", document.text, re.MULTILINE)
        return found[1] if found else PurePath(document.file).stem
    name = document.data.get(key) or document.data.get(nearest(key, document.data) or "")
    return (as_name(name) if isinstance(name, str) else "") or PurePath(document.file).stem


def events_of(document: Document, plan: TrackingPlan | None) -> list[Declared[Event]]:
    """Every event of the plan; where one is broken the others still count."""
    written = (document.data or {}).get("events")
    names = written if isinstance(written, dict) else {}
    return [
        Declared(as_name(name), plan.events[name] if plan else _event(said), document, ("events", name))
        for name, said in names.items()
    ]


def planned(source: Declared[Source]) -> list[Declared[Event]]:
    """The events that a source brings along."""
    written = (source.document.data or {}).get("plan")
    plan = source.spec.plan if source.spec else {}
    return [
        Declared(as_name(name), plan.get(name) or _event(data), source.document, ("plan", name))
        for name, data in (written.items() if isinstance(written, dict) else ())
    ]


def with_plans(events: list[Declared[Event]], sources: Sequence[Declared[Source]]) -> list[Declared[Event]]:
    """The events of events.yaml, then those that only sources bring along, each once."""
    every = [*events, *(event for source in sources for event in planned(source))]
    return list({event.name: event for event in reversed(every)}.values())[::-1]


def _event(data: object) -> Event | None:
    try:
        return Event.model_validate_json(json.dumps(data), strict=True)
    except ValidationError:
        return None  # validating the whole file told what is wrong
