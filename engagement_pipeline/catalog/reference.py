"""docs/reference.md: every key of every file of a catalog, and the rule language by example.

`python -m engagement_pipeline.catalog.reference [FILE]` writes the page from the models' own words; a test
keeps it fresh. Not here: those words (the docstrings of `specs`), the chapters that are no list of keys
(`reference_language`).
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from engagement_pipeline.catalog.constructs import constructs
from engagement_pipeline.catalog.reference_language import conditions, language
from engagement_pipeline.catalog.schemas import json_schemas
from engagement_pipeline.catalog.specs import Channel

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
PIPE = r"\|"
"""A pipe within a cell of a table."""
Schema = Mapping[str, Any]
_SCORES = (
    "The rules' words by example are in [the rule language](#the-rule-language), the ways from points to "
    "scores in [scales](scales.md), whole scores in [strategies](recipes/strategies.md) and "
    "[other products' scores](recipes/other-products.md)."
)
_INTRO = (
    "Every key of every file in a catalog, from the models that read them; `engagement lint` refuses all "
    "others. An example of a whole catalog is in `engagement_pipeline/example/catalog`.\n"
)
_KINDS = {
    "project": ("project.yaml", ""),
    "events": ("events.yaml", f"Channels are {', '.join(f'`{each}`' for each in get_args(Channel))}."),
    "source": ("sources/", "[Sources](sources.md) has formats, places, mappings and providers by example."),
    "score": ("scores/", _SCORES),
    "segment": ("segments/", "What a condition may say is in [conditions](#conditions)."),
    "campaign": ("campaigns/", ""),
    "outcome": ("outcomes/", "[What a score is worth](quality.md) tells how scores are judged by them."),
    "alert": ("alerts/", ""),
}
_PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "name",
    r"^\d+[dw]$": "days: `30d`, `4w` or `30`",
    r"^\d+(\.\d+)?\s*%$": "share: `10%` or `0.1`",
    r"^\d+[sm]$": "time: `5s`, `2m` or seconds",
    r"^\d+[smhd]$": "time: `1h`, or for numbers a number",
    r"^\d+[mhd]$": "time: `90m`, `36h` or `2d`",
    r"^[A-Z][A-Z0-9_]*$": "name of an environment variable",
    r"^([01]\d|2[0-3]):[0-5]\d$": "time of day: `05:00`",
}
"""Texts whose pattern says what they are; those that may be numbers too say so here."""
_NUMBER_TOO = ("days:", "share:", "time: `5s`", "time: `1h`")


def reference() -> str:
    """The page."""
    told = constructs()
    parts = [
        "# Reference\n",
        _INTRO,
        *(f"- [{title}](#{_anchor(title)}): {_first(_schema(kind))}" for kind, (title, _) in _KINDS.items()),
        "- [The rule language](#the-rule-language): every way to give points, by example",
        "- [Conditions](#conditions): what `where`, `when` and `applies_to` may say\n",
        *(line for kind in _KINDS for line in _kind(kind)),
        *language(told),
        *conditions(),
    ]
    return "\n".join(parts)


def _schema(kind: str) -> Schema:
    return json_schemas()[kind]


def _kind(kind: str) -> Iterator[str]:
    """A kind of file: its own keys, then those of what stands in it, each once."""
    title, more = _KINDS[kind]
    schema = _schema(kind)
    yield f"## {title}\n"
    yield f"{_plain(schema['description'])}{f' {more}' if more else ''}\n"
    yield from _table(schema)
    for name in _nested(schema, schema.get("$defs", {})):
        part = schema["$defs"][name]
        yield f"### {_heading(name)}\n"
        yield f"{_plain(_keys(part)['description'])}{_short(part)}\n"
        yield from _table(_keys(part))


def _short(part: Schema) -> str:
    return " Short: `[from, to]`." if "anyOf" in part else ""


def _keys(part: Schema) -> Schema:
    """The mapping of something that may also be written in short."""
    return next((each for each in part.get("anyOf", []) if "properties" in each), part)


def _nested(schema: Schema, defs: Mapping[str, Schema]) -> list[str]:
    """The models that a schema leads to, in the order in which a reader meets them."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if (name := _referred(node)) is not None:
                if name not in found:
                    found.append(name)
                    walk(defs[name])
                return
            for key, value in node.items():
                if key != "$defs":
                    walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(dict(schema))
    return found


def _referred(node: Schema) -> str | None:
    return str(node["$ref"]).rpartition("/")[2] if "$ref" in node else None


def _table(schema: Schema) -> Iterator[str]:
    yield "| key | what it takes | without it | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, field in schema["properties"].items():
        needed = key in schema.get("required", ())
        cells = (f"`{key}`", _takes(field), "required" if needed else _default(field), _said(field))
        yield f"| {' | '.join(cell.replace('|', PIPE) for cell in cells)} |"
    yield ""


def _said(field: Schema) -> str:
    return _plain(field.get("description", ""))


def _takes(field: Schema) -> str:
    """A field's type, in words."""
    if (name := _referred(field)) is not None:
        return f"[{_heading(name).lower()}](#{_anchor(_heading(name))})"
    for several in ("anyOf", "oneOf"):
        if several in field:
            return _either([each for each in field[several] if each.get("type") != "null"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        named = tuple(field["enum"])
        return "[channel](#eventsyaml)" if named == get_args(Channel) else ", ".join(f"`{e}`" for e in named)
    return _of_type(field)


def _of_type(field: Schema) -> str:
    match field.get("type"):
        case "array" if "prefixItems" in field:
            return f"[{', '.join(_takes(each) for each in field['prefixItems'])}]"
        case "array":
            return f"list of {_takes(field['items'])}"
        case "object":
            values = next(iter(field.get("patternProperties", {}).values()), None)
            values = values or field.get("additionalProperties")
            return f"names, each with {_takes(values)}" if isinstance(values, dict) else "keys and values"
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number" as kind:
            return ("whole number" if kind == "integer" else "number") + _bounds(field)
        case "string":
            if (pattern := field.get("pattern")) in _PATTERNS:
                return _PATTERNS[pattern]
            if "team:" in field.get("pattern", ""):
                return "`team:name` or an email address"
            if field.get("format") == "date":
                return "date: `2026-01-31`"
            return f"text: `{field['examples'][0]}`" if "examples" in field else "text"
    return "anything"


def _either(options: list[Schema]) -> str:
    words = list(dict.fromkeys(_takes(each) for each in options))
    if any(word.startswith(_NUMBER_TOO) for word in words):
        words = [word for word in words if "number" not in word or word.startswith(_NUMBER_TOO)]
    return " or ".join(words)


def _bounds(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if "exclusiveMinimum" in field:
        upto = "" if high is None else f" up to {high:,.10g}"
        return f" above {field['exclusiveMinimum']:g}{upto}"
    if low is not None and high is not None:
        return f", {low:,.10g} to {high:,.10g}"
    return "" if low is None else f", {low:g} or more"


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None or value == "" or value == [] or isinstance(value, dict):
        return ""
    return (
        f"`{yaml.safe_dump(value, default_flow_style=True, width=200).removesuffix('...' + chr(10)).strip()}`"
    )


def _heading(name: str) -> str:
    """`HalfLife` as `Half life`."""
    words = re.findall(r"[A-Z][a-z]*", name)
    return " ".join(words).capitalize()


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


def _plain(text: str) -> str:
    """A docstring as one line; `scores/<name>.yaml: one score.` keeps what stands behind the file."""
    line = " ".join(text.split())
    told = re.sub(r"^[a-z]+(/<name>)?\.yaml: ?", "", line)
    return told[:1].upper() + told[1:] if told != line else line


def _first(schema: Schema) -> str:
    return _plain(schema["description"]).split(". ")[0].rstrip(".").replace("events.yaml: ", "")


def write(path: Path = PAGE) -> None:
    """Writes the page."""
    path.write_text(reference(), "utf-8")


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:2]))
