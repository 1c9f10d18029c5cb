"""A catalog in which some definitions are replaced: by a draft's file, or by versions that were published.

Everything is checked together, as if the files stood in the folder. Here: putting files together for reading.
Not here: the checks (`lint`), and what a change comes to (`orchestration.comparing`).
"""

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from engagement_pipeline.catalog.draft import FOLDERS
from engagement_pipeline.catalog.issues import CatalogError, Issue
from engagement_pipeline.catalog.loader import load_catalog
from engagement_pipeline.catalog.reader import read
from engagement_pipeline.catalog.specs import Catalog, Spec

_KINDS = {folder[:-1]: folder for folder in FOLDERS}
"""What a definition's file begins with -> the folder it stands in."""
_SINGLE = {"project": "project.yaml", "events": "events.yaml"}


def load_drafted(path: Path, active: Path) -> Catalog:
    """The catalog as it would be: a folder's own, or the active one with the file's definition in it, which
    replaces the one of the same kind and name. Raises CatalogError, with issues of the draft under its path.
    """
    if path.is_dir():
        return load_catalog(path)
    if not path.is_file():
        raise CatalogError(
            [Issue(str(path), 1, "is no file and no folder; give a draft's YAML or a catalog")]
        )
    document = read(path, str(path))
    if document.issues or not isinstance(document.data, dict):
        raise CatalogError(list(document.issues) or [Issue(str(path), 1, "is empty")])
    # Other definitions may name a score, and a score names none of them; a source has `events`, too.
    kinds = sorted(_KINDS, key=lambda each: each == "score")
    kind = next((each for each in kinds if isinstance(document.data.get(each), str)), None)
    if kind is None:
        for key, file in _SINGLE.items():
            if key in document.data:
                return _loaded(active, {file: path.read_bytes()}, {file: str(path)})
        named = ", ".join(f"{each}:" for each in _KINDS)
        raise CatalogError(
            [Issue(str(path), 1, f"does not say what it defines; it begins with one of {named}")]
        )
    file = _file_of(active, kind, str(document.data[kind]))
    return _loaded(active, {file: path.read_bytes()}, {file: str(path)})


def with_definitions(
    active: Path, given: Mapping[tuple[str, str], Mapping[str, Any]], *, alone: bool
) -> Catalog:
    """The active catalog with other definitions. given: (kind, name) -> what `as_data` gave of each. alone:
    without any other of the scores, segments and campaigns that the folder has, and then without outcomes and
    alerts that name one of those. Raises CatalogError."""
    files = {
        _file_of(active, kind, name): yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True).encode()
        for (kind, name), data in given.items()
    }
    names = {_file_of(active, kind, name): f"the published {kind} {name}" for kind, name in given}
    without = ("scores", "segments", "campaigns") if alone else ()
    try:
        return _loaded(active, files, names, without)
    except CatalogError as error:
        unversioned = [each.file for each in error.issues if each.file.startswith(("outcomes/", "alerts/"))]
        if not alone or not unversioned:
            raise
    return _loaded(active, files, names, (*without, *unversioned))


def as_data(spec: Spec) -> dict[str, Any]:
    """A definition as plain data that reads back as the same definition."""
    data: dict[str, Any] = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return data


def _loaded(
    active: Path, files: Mapping[str, bytes], names: Mapping[str, str], without: tuple[str, ...] = ()
) -> Catalog:
    with tempfile.TemporaryDirectory(prefix="engagement-draft-") as made:
        folder = Path(made)
        for path in (*active.rglob("*.yaml"), *active.rglob("*.yml")):
            relative = path.relative_to(active)
            if relative.parts[0] not in without and relative.as_posix() not in without:
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / relative)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        try:
            return load_catalog(folder)
        except CatalogError as error:
            issues = [replace(each, file=names.get(each.file, each.file)) for each in error.issues]
            raise CatalogError(issues) from None


def _file_of(folder: Path, kind: str, name: str) -> str:
    """The file that declares it, else the one that a new definition would be in."""
    inside = folder / _KINDS[kind]
    taken = {}
    for path in sorted((*inside.glob("*.yaml"), *inside.glob("*.yml"))):
        data = read(path, path.name).data
        taken[path.name] = data.get(kind) if isinstance(data, dict) else None
    for file, declared in taken.items():
        if declared == name:
            return f"{_KINDS[kind]}/{file}"
    # What is no name is refused by the checks; it must not lead out of the folder before.
    file = f"{name}.yaml" if re.fullmatch(r"\w+", name) else "draft.yaml"
    while file in taken:
        file = f"_{file}"
    return f"{_KINDS[kind]}/{file}"
