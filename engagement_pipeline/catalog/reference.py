"""docs/reference.md: every key of every file of a catalog, and the rule language by example.

`python -m engagement_pipeline.catalog.reference [FILE]` writes the page from the models' own words; a test
keeps it fresh. Not here: those words (the docstrings of `specs`), the examples (`constructs`).
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from engagement_pipeline.catalog.constructs import Construct, Constructs, constructs
from engagement_pipeline.catalog.namespaces import CANONICAL
from engagement_pipeline.catalog.schemas import json_schemas
from engagement_pipeline.catalog.specs import Channel
from engagement_pipeline.catalog.translation import FUNCTIONS

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
_LANGUAGE = (
    "A score's rules, one way of saying something at a time, and what it gives one person. Where nothing is "
    "said, the window is 30 days and nothing decays. Days are counted back from the as-of date, which is "
    "*today*. How ways combine: what matches is counted day by day, cut by the cap per day, multiplied by "
    "weight and decay, and added up; then come the cap of the rule, of its group, and of the score. The "
    "events:\n"
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
        *_language(told),
        *_conditions(),
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


def _language(told: Constructs) -> Iterator[str]:
    yield "## The rule language\n"
    yield _LANGUAGE
    yield f"```yaml\n{told.plan}```\n"
    for heading, several in told.language.items():
        yield f"### {heading}\n"
        for each in several:
            yield from _construct(each)


def _construct(each: Construct) -> Iterator[str]:
    yield f"#### {each.title}\n"
    yield f"{each.line}{f' See {each.see}.' if each.see else ''}\n"
    yield f"```yaml\n{each.score}```\n"
    yield f"{_story(each)}: **{_figure(each.points)}**, {each.because}.\n"


def _story(each: Construct) -> str:
    """What the person did and what is known of them, in words."""
    said = [f"{key.partition('.')[2]} is {_number(value)}" for key, value in each.known.items() if "." in key]
    if days := each.known.get("days"):
        said.append(f"known for {days} days")
    by_day: dict[int, list[str]] = {}
    for event, ago, times, *more in each.did:
        also = "".join(f" ({key} {_number(value)})" for one in more for key, value in one.items())
        by_day.setdefault(ago, []).append(f"{times} × {event}{also}")  # noqa: RUF001  as on the page
    done = [f"{_day(ago)} {', '.join(events)}" for ago, events in sorted(by_day.items())]
    text = "; ".join([*said, *done])
    return text[0].upper() + text[1:]


def _day(ago: int) -> str:
    return {0: "today", 1: "yesterday"}.get(ago, f"{ago} days ago")


def _number(value: object) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _figure(points: float | None) -> str:
    return "unscored" if points is None else f"{points:g} points"


def _conditions() -> Iterator[str]:
    yield "## Conditions\n"
    functions = ", ".join(f"`{name}`" for name in sorted(FUNCTIONS))
    yield (
        "`where`, `when` and `applies_to` are SQL: `and`, `or`, `not`, `=`, `<>`, `<`, `<=`, `>`, `>=`, "
        "`between`, `in`, `like`, `is null`, `+`, `-`, `*`, texts in single quotes, dates as `'2026-01-31'`. "
        f"Functions: {functions}. What is not known fits nothing, as in SQL.\n"
    )
    people = "`profile.<fact>`, `consent.<channel>` (`in`, `out`), `reachable.<channel>`"
    scores = "`score.<score>`, `points.<score>`, `band.<score>`, `state.<score>`, `segment.<segment>`"
    columns = ", ".join(f"`{name}`" for name in CANONICAL)
    yield "| where it stands | what it may name |"
    yield "| --- | --- |"
    yield f"| `where` of a rule or an outcome | the event's properties, {columns} |"
    yield f"| `applies_to`, and `when` of a rule | {people} |"
    yield f"| `where` of a segment or an alert, `when` of a variant | the same, and {scores} |\n"


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
