"""The way into a raw row that a mapping writes: `mail.headers[0].value`, `items[-1].sku`,
`event_params[key=page_location].value.string_value`, `properties."a.b"`.

Here: its syntax. Not here: where a source's files lie (`paths`) and reading rows by it (`ingestion.decode`).
"""

import re
from typing import NamedTuple, TypeAlias

EACH = "each"
"""What paths call the element of an exploded list."""
FILE = "@file"
"""The path that is the name of the row's file."""


class Where(NamedTuple):
    """The first record of a list whose field at `field` has this text."""

    field: tuple[str, ...]
    text: str


Step: TypeAlias = "str | int | Where"
"""A field's name, an element's place (from the end when negative), or a record chosen by its text."""
Steps: TypeAlias = "tuple[Step, ...]"


class PathError(ValueError):
    """A path that cannot be read; the message names the place."""


_PLAIN = re.compile(r'[^.\[\]"][^.\[\]]*')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_INDEX = re.compile(r"\[(-?\d{1,9})\]")
_CHOSEN = re.compile(r'\[([^=\]]+)=(?:("(?:[^"\\]|\\.)*")|([^"\]][^\]]*))\]')


def parse_path(path: str) -> Steps:
    r"""The steps of a path. Raises PathError.

    A key is written as it is; in quotes where it has `.`, `[` or `]` or begins with a quote, which within
    quotes is `\"`, as a backslash is `\\`.
    """
    steps: list[Step] = []
    at = 0
    while True:
        step, at = _key(path, at)
        steps.append(step)
        while at < len(path) and path[at] == "[":
            chosen, at = _bracket(path, at)
            steps.append(chosen)
        if at == len(path):
            return tuple(steps)
        if path[at] != ".":
            raise _error(path, at, f"'{path[at]}' is out of place; a step ends with '.' or '['")
        at += 1


def root_of(path: str) -> str:
    """The field or column in which a path begins; all of it where it is no path (`a [b]`)."""
    try:
        return str(parse_path(path)[0])
    except PathError:
        return path


def _key(path: str, at: int) -> tuple[str, int]:
    if match := _QUOTED.match(path, at):
        return _unquoted(match[1]), match.end()
    if match := _PLAIN.match(path, at):
        return match[0], match.end()
    if at < len(path) and path[at] == '"':
        raise _error(path, at, "the quote is never closed")
    if at < len(path) and path[at] in "[]":
        raise _error(path, at, f"'{path[at]}' where a key should be; put a key that has one in quotes")
    raise _error(path, at, "a key is missing")


def _bracket(path: str, at: int) -> tuple[Step, int]:
    if match := _INDEX.match(path, at):
        return int(match[1]), match.end()
    if match := _CHOSEN.match(path, at):
        try:
            field = parse_path(match[1])
        except PathError:
            field = ()
        keys = tuple(step for step in field if isinstance(step, str))
        if keys and len(keys) == len(field):
            return Where(keys, _unquoted(match[2][1:-1]) if match[2] else match[3]), match.end()
    if "]" not in path[at:]:
        raise _error(path, at, "the bracket is never closed")
    raise _error(
        path,
        at,
        "brackets hold an element's number ([0], [-1]) or a field and its text ([key=page]); "
        "put a key that has brackets in quotes",
    )


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _error(path: str, at: int, message: str) -> PathError:
    return PathError(f"the path '{path}' cannot be read at character {at + 1}: {message}")
