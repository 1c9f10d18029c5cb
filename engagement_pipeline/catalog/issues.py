"""What is wrong with a catalog, in words an analyst understands, and where.

Here: the issue, the error that carries all of them, and the search for the name that was meant.
Not here: what counts as wrong (`validation` for one file, `lint` across files).
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, order=True)
class Issue:
    """One mistake; issues sort by file, then line. `file` is relative to the catalog's folder."""

    file: str
    line: int
    message: str
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning: ' if self.level == 'warning' else ''}{self.message}"


class CatalogError(Exception):
    """The catalog cannot be used; `issues` are all of its errors, the message is one a line."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = sorted(issues)
        super().__init__("\n".join(map(str, self.issues)))


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like `name`, if any is alike. Of dotted names the last parts must be alike:
    `profile.age` is not what `profile.tariff` meant."""
    tail = name.rpartition(".")[2]
    alike = [choice for choice in sorted(choices) if _alike(tail, choice.rpartition(".")[2])]
    return next(iter(difflib.get_close_matches(name, alike, n=1)), None)


def _alike(name: str, choice: str) -> bool:
    return bool(difflib.get_close_matches(name, [choice]))


def as_name(text: str) -> str:
    """A name as it was probably meant: `Cart-added` as `cart_added`."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", text):
        return text
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?` to end a message with, or nothing."""
    found = nearest(name, choices)
    return f"; did you mean '{found}'?" if found else ""
