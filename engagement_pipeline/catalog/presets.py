"""What is known of a provider's rows, so that a source needs only its name: `preset: sendgrid`.

Here: presets, and laying a source's own keys over one. Not here: what the keys mean (`specs`), and the
presets themselves, which are YAML files in `presets/`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.reader import Document, Key, read
from engagement_pipeline.catalog.specs import Origin

FOLDER = Path(__file__).with_suffix("")
OWN = frozenset(("source", "owner", "path", "preset"))
"""Keys that a preset cannot know."""
OF_FILES = frozenset(("format", "csv", "records"))
"""Keys that say nothing where the provider's rows are read from a database."""
ORIGINS = frozenset(("path", "constant", "join"))
"""Of these a field has one; saying another takes the preset's away."""
ASIDE = frozenset(Origin.model_fields) - ORIGINS
"""What a field may say beside its origin."""


def preset_names() -> list[str]:
    """Every preset there is."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def preset(name: str) -> Document:
    """The file of a preset."""
    return read(FOLDER / f"{name}.yaml", f"presets/{name}.yaml")


def with_preset(document: Document) -> Document:
    """The source's own keys over those of the preset it names; an issue where there is no such preset.

    Records are merged key by key, also with every record of a list (one line changes a field in all of a
    preset's mappings); anything else replaces what the preset says, and `null` takes it away. What the preset
    says stands, for issues, in the line that names it.
    """
    name = (document.data or {}).get("preset")
    if document.data is None or name is None:
        return document
    if name not in preset_names():
        message = f"unknown preset '{name}'{did_you_mean(str(name), preset_names())}"
        known = "" if "did you mean" in message else f"; there are: {', '.join(preset_names())}"
        wrong = Issue(document.file, document.line(("preset",)), message + known)
        return replace(document, issues=(*document.issues, wrong))
    unused = OWN | OF_FILES if "database" in document.data else OWN
    below = {key: value for key, value in (preset(str(name)).data or {}).items() if key not in unused}
    lines = dict(document.lines)
    merged = _merged(document.data, below, (), (), lines, document)
    assert isinstance(merged, dict)  # noqa: S101 - both are records
    return replace(document, data=merged, lines=lines)


def _merged(
    own: object, below: object, at: Key, own_at: Key, lines: dict[Key, int], said: Document
) -> object:
    """`own`, which stands at `own_at`, over `below`; `lines` gets the lines of the result, which stands at
    `at`."""
    lines[at] = said.line(own_at)
    if isinstance(own, dict) and isinstance(below, list) and all(isinstance(each, dict) for each in below):
        return [_merged(own, each, (*at, n), own_at, lines, said) for n, each in enumerate(below)]
    if isinstance(own, dict) and own and own.keys() <= ASIDE and _is_path(below):
        below = {"path": below}
    if isinstance(own, dict) and isinstance(below, dict):
        if ORIGINS & own.keys():
            below = {key: value for key, value in below.items() if key not in ORIGINS}
        result: dict[str, object] = {}
        for key in dict.fromkeys([*below, *own]):
            if key not in own:
                result[key] = below[key]
                lines |= dict.fromkeys(keys_in(below[key], (*at, key)), said.line(("preset",)))
            elif own[key] is not None:
                result[key] = _merged(own[key], below.get(key), (*at, key), (*own_at, key), lines, said)
        return result
    lines |= {(*at, *key): said.line((*own_at, *key)) for key in keys_in(own, ())}
    return own


def _is_path(value: object) -> bool:
    """Whether a preset says no more of a field than its path, or several."""
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def keys_in(value: object, at: Key) -> Iterator[Key]:
    """The place of a value and of all in it."""
    yield at
    parts: Mapping[str | int, object] = {}
    if isinstance(value, dict):
        parts = value
    elif isinstance(value, list):
        parts = dict(enumerate(value))
    for key, part in parts.items():
        yield from keys_in(part, (*at, key))
