"""The language of `path`: globs below the landing folder or below a URI, with dates.

Here: taking a path apart, and what is wrong with one. Not here: looking for files (`ingestion.places`).
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

STORES = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "file": "file",
}
"""URI scheme -> what kind of place it is, in the word that Dagster shows."""
DIRECTIVES = {"Y": "[0-9]{4}", "m": "[0-9]{2}", "d": "[0-9]{2}", "H": "(?:[01][0-9]|2[0-3])"}
DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2}
QUERY = re.compile(r"[?&][\w.%-]+=")
TOKEN = re.compile(r"\{date:([^{}]*)\}|\[!?\]?[^\]/]*\]|\*+|\?|.", re.DOTALL)


class BadPath(ValueError):  # noqa: N818  the words are what the reader sees
    """A path that cannot be meant; the message never shows what may be a password."""


@dataclass(frozen=True)
class SourcePath:
    """A path taken apart."""

    base: str
    """`s3://bucket` or `file://`; empty below the landing folder."""
    folder: str
    """The folders before the first wildcard, without slashes around them."""
    glob: str
    """All below `base`, with digits where dates stand: for `Path.glob`."""
    pattern: re.Pattern[str]
    """What a file's name below `base` must be like."""
    dated: bool
    first: str
    """`folder`/the first date's text up to what is not known of it, as a format for `begins`."""

    def takes(self, name: str, since: date | None = None) -> bool:
        """Whether a file of that name is meant: its dates are real, agree, and are not before `since`."""
        found = self.pattern.fullmatch(name)
        if found is None:
            return False
        last = _last_day(found.groupdict())
        return last is not None and not (self.dated and since is not None and last < since)

    def begins(self, since: date) -> str:
        """The smallest text that the name of a file dated `since` begins with; `folder` where dates do not
        stand first, or not with the year first."""
        return since.strftime(self.first)


@lru_cache(maxsize=1000)
def parse_path(text: str) -> SourcePath:
    """Takes a path apart. Raises BadPath, which says what is wrong in words."""
    base, below = split_uri(text)
    segments = _segments(below)
    if not base:
        segments = [each for each in segments if each not in ("", ".")]
        below = "/".join(segments)
    if not segments or any(each in ("", ".", "..") for each in segments):
        raise BadPath("names no file, or has an empty folder, `.` or `..` in it")
    if segments[-1] == "**" or any("**" in each and each != "**" for each in segments):
        raise BadPath("`**` stands for folders, alone between two slashes: write `**/*.jsonl`")
    seen: set[str] = set()
    pattern = "".join(
        "(?:[^/]+/)*" if each == "**" else _regex(each, seen) + "/" * (number < len(segments))
        for number, each in enumerate(segments, start=1)
    )
    dated = "{date:" in below
    if dated and "Y" not in seen:
        raise BadPath("a date needs its year: write {date:%Y-%m-%d} or {date:%Y/%m/%d}")
    if "d" in seen and "m" not in seen:
        raise BadPath("a date with a day needs its month")
    glob = re.sub(r"\{date:([^{}]*)\}", lambda match: _digits(match[1]), below)
    folder = _folder(below)
    return SourcePath(base, folder, glob, re.compile(pattern, re.DOTALL), dated, _first(below, folder))


def split_uri(text: str) -> tuple[str, str]:
    """(`scheme://place`, path within it) of a URI; ("", text) of anything else. Raises BadPath for a scheme
    that is not known and for a URI with credentials in it."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return "", text
    if scheme not in STORES:
        raise BadPath(f"has the scheme {scheme!r}; known are {', '.join(STORES)}")
    place, _, below = rest.partition("/")
    user, at, _ = place.rpartition("@")
    if QUERY.search(rest) or ":" in user or (at and not scheme.startswith("abfs")):
        raise BadPath(
            "holds credentials: they come from the environment alone (AWS_ACCESS_KEY_ID and such), "
            "a URI ends with the file's path"
        )
    if not place and scheme != "file":
        raise BadPath("names no bucket")
    if place and scheme == "file":
        raise BadPath("has a machine's name in it: write file:///folder/file, with three slashes")
    return f"{scheme}://{place}", below


def store_of(text: str) -> str:
    """What kind of place a path or a root lies in: `s3`, `gcs`, `azure` or `file`."""
    scheme, mark, _ = text.partition("://")
    return STORES.get(scheme, "file") if mark else "file"


def _segments(below: str) -> list[str]:
    """Parts between slashes; a slash within a date's format does not part."""
    return re.split(r"/(?![^{]*\})", below)


def _regex(segment: str, seen: set[str]) -> str:
    made = []
    for token in TOKEN.finditer(segment):
        text = token[0]
        if token[1] is not None:
            made.append(_date_regex(token[1], seen))
        elif text.startswith("*"):
            made.append("[^/]*")
        elif text == "?":
            made.append("[^/]")
        elif text.startswith("[") and len(text) > 2:
            inner = text[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            made.append(f"(?!/)[{'^' + inner[1:] if inner.startswith('!') else inner}]")
        elif text in "{}":
            raise BadPath("has braces that are no date: a date is written {date:%Y-%m-%d}")
        else:
            made.append(re.escape(text))
    return "".join(made)


def _date_regex(form: str, seen: set[str]) -> str:
    made = []
    for token in re.finditer(r"%(.?)|[^%]", form, re.DOTALL):
        letter = token[1]
        if letter is None:
            made.append(re.escape(token[0]))
        elif letter not in DIRECTIVES:
            raise BadPath(f"has %{letter} in a date; known are %Y, %m, %d and %H")
        elif letter in seen:
            made.append(f"(?P={letter})")
        else:
            seen.add(letter)
            made.append(f"(?P<{letter}>{DIRECTIVES[letter]})")
    return "".join(made)


def _digits(form: str) -> str:
    return re.sub(r"%([YmdH])", lambda match: "[0-9]" * DIGITS[match[1]], form)


def _folder(below: str) -> str:
    """The folders before the first that is not plainly written."""
    plain = []
    for segment in _segments(below)[:-1]:
        if re.search(r"[*?\[{]", segment):
            break
        plain.append(segment)
    return "/".join(plain)


def _first(below: str, folder: str) -> str:
    """The format of `begins`: only where what follows the folder is a date from its year downwards, so that
    the order of names is that of dates."""
    plain = folder.replace("%", "%%")
    rest = below.removeprefix(folder).removeprefix("/")
    date_first = re.match(r"([^*?\[{]*)\{date:(%Y(?:[^%]?%m(?:[^%]?%d)?)?)", rest)
    if date_first is None:
        return plain
    begin = date_first[1].replace("%", "%%") + date_first[2]
    return f"{plain}/{begin}" if plain else begin


def _last_day(found: dict[str, str | None]) -> date | None:
    """The last day that a name's date stands for; None for one that does not exist, the first of all days
    for a name without date."""
    if "Y" not in found:
        return date.min
    year, month = int(found["Y"] or 0), int(found.get("m") or 12)
    if not 1 <= year <= 9999 or not 1 <= month <= 12:
        return None
    days = calendar.monthrange(year, month)[1]
    day = int(found["d"]) if found.get("d") is not None else days  # type: ignore[arg-type]
    return date(year, month, day) if 1 <= day <= days else None
