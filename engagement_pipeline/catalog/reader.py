"""YAML text to plain data that remembers its lines.

Here: one file, its syntax and its duplicate keys. Not here: what the data must look like (`validation`).

The scalars are YAML 1.2's: only `true` and `false` are booleans, so an event may be called `on` and a
time may be `05:00`; dates stay text until a model asks for one. Anchors and tags are refused: a file says
what it says where it says it, and nothing in it can construct an object or grow without bound.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from engagement_pipeline.catalog.issues import Issue

Key = tuple[str | int, ...]
"""The way to a value: keys and list positions from the top of the file."""


@dataclass(frozen=True)
class Document:
    """One file: `data` is None where it could not be read, `issues` say why."""

    file: str
    text: str = ""
    data: dict[str, object] | None = None
    lines: dict[Key, int] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()

    def line(self, key: Key) -> int:
        """The line of the value, or of the closest part of the file that holds it."""
        return next((self.lines[key[:end]] for end in range(len(key), -1, -1) if key[:end] in self.lines), 1)


def read(path: Path, file: str) -> Document:
    """Read one YAML file; `file` is how issues name it. Never raises for what is in the file."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(file, 1, f"is not UTF-8 text (byte {error.start}); save it as UTF-8")
    except FileNotFoundError:
        return _unreadable(file, 1, "is missing")
    except OSError as error:
        return _unreadable(file, 1, f"cannot be opened: {error.strerror}")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line, problem = _syntax(error)
        return _unreadable(file, line, f"is not YAML: {problem}", text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _unreadable(file, line, f"is not YAML: it holds the character {error.character:#x}", text)
    except RecursionError:
        return _unreadable(file, 1, "is nested too deeply", text)
    if root is None:
        return _unreadable(file, 1, "is empty", text)
    found = _Plain(file)
    found.lines[()] = root.start_mark.line + 1
    if not isinstance(root, yaml.MappingNode):
        return _unreadable(file, 1, "must hold keys and values, such as 'owner: team:lifecycle'", text)
    return Document(file, text, found.mapping(root, ()), found.lines, tuple(found.issues))


def _unreadable(file: str, line: int, message: str, text: str = "") -> Document:
    return Document(file, text, issues=(Issue(file, line, message),))


_NO_ANCHORS = "anchors (&) and aliases (*) are not supported; write the value out, or put it in quotes"


_SYNTAX = (
    (r"expected ',' or '(.)'", "a bracket that ends with {} is not closed, or a comma is missing"),
    ("unexpected end of stream", "a quotation mark is not closed"),
    (r"character '\\t'", "a tab; indent with spaces"),
    (r"character '(.)' that cannot start", "text cannot begin with {}; put it in quotes"),
    ("mapping values", "a colon too many: put text that holds one in quotes, and look at the indentation"),
    ("another document", "--- begins another document; a file is one"),
    (r"escape character '(.)'", "\\{} means nothing in double quotes; use single quotes"),
    ("<block end>|node content", "this does not belong here: look at the indentation, quotes and brackets"),
    ("expected alphabetic", _NO_ANCHORS),
)
"""What PyYAML says, and what an author can do about it."""


def _syntax(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """The line of a syntax error and what is wrong, in words; what is never closed is where it begins."""
    said = str(error.problem)
    found = next(((match, words) for form, words in _SYNTAX if (match := re.search(form, said))), None)
    problem = found[1].format(*found[0].groups()) if found else said
    unclosed = problem.endswith(("not closed", "a comma is missing"))
    mark = (error.context_mark if unclosed else None) or error.problem_mark
    return mark.line + 1 if mark else 1, problem


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 PyYAML declares it so

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(None, None, _NO_ANCHORS, event.start_mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]{1,18}", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


class _Plain:
    """Nodes to dicts, lists and scalars, with the line of every key and item."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Key, int] = {}
        self.issues: list[Issue] = []

    def issue(self, node: yaml.Node, message: str) -> None:
        self.issues.append(Issue(self.file, node.start_mark.line + 1, message))

    def value(self, node: yaml.Node, key: Key) -> object:
        self.lines.setdefault(key, node.start_mark.line + 1)
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.value(item, (*key, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            return _SCALARS[kind](node.value)
        self.issue(node, f"the tag {node.tag} is not supported; write the value without it")
        return None

    def mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, object]:
        data: dict[str, object] = {}
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                self.issue(name, "a key must be a single word")
            elif name.value in data:
                first = self.lines[*key, name.value]
                self.issue(name, f"key '{name.value}' stands twice, first in line {first}")
            else:
                self.lines[*key, name.value] = name.start_mark.line + 1
                data[name.value] = self.value(value, (*key, name.value))
        return data


_SCALARS: dict[str, Callable[[str], object]] = {
    "str": str,
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
    "int": int,
    "float": float,
}
