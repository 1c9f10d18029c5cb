"""JSON documents: an array of records, a record that holds them under a path, or records one after another.

Here: cutting a document of any size into rows without ever holding it. Not here: where strings and brackets
are (`structure`), whether a row is JSON (`decode`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from engagement_pipeline.ingestion.readers.content import text_chunks
from engagement_pipeline.ingestion.readers.rows import ROW_BYTES, Unreadable, in_blocks
from engagement_pipeline.ingestion.readers.structure import (
    BRACKET_BIT,
    CLOSE,
    COLON,
    COMMA,
    OPEN,
    Flat,
    Flattener,
)

KEYS_SHOWN = 8
REMEDY = "Have it delivered again, or correct `format`"


def read_documents(path: Path, records: str | None) -> Iterator[pl.DataFrame]:
    """Blocks of RAW: the elements of the array at `records`, or of the document itself; a document that is
    one record is one row. Rows come without blanks between their tokens.

    Raises Unreadable for a text that ends too early or is no JSON around its rows.
    """
    yield from in_blocks(enumerate(_rows(path, records.split(".") if records else []), start=1))


def _rows(path: Path, keys: list[str]) -> Iterator[str]:
    flattener, cutter = Flattener(), Cutter(keys)
    for chunk in text_chunks(path):
        yield from cutter.feed(flattener.feed(chunk))
    # Nothing but blanks can be held back at the end of a whole document.
    cutter.finish(flattener.in_string or bool(flattener.held.strip()))


@dataclass
class Container:
    """An array or record that is open, as far down as rows can be."""

    is_array: bool
    matched: int
    """How many keys of the path led here; -1 off the path."""
    key: str | None = None
    """Of a record: the key whose value comes."""


@dataclass
class Cutter:
    """Cuts pieces of a document into its rows."""

    keys: list[str]
    depth: int = 0
    open: list[Container] = field(default_factory=list)
    span: bytes = b""
    """What came since the last token that mattered; not much more of it than a row may have."""
    after_comma: bool = False
    rows: int = 0
    found: bool = False
    seen: dict[str, None] = field(default_factory=dict)
    """Keys of the documents themselves, for a message."""

    def feed(self, flat: Flat) -> Iterator[str]:
        """Rows that end in this piece."""
        data, deepest = flat.data, len(self.keys) + 1
        folded = data | BRACKET_BIT
        opens, closes = (folded == OPEN) & flat.outside, (folded == CLOSE) & flat.outside
        depth = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32) + self.depth
        marks = ((data == COMMA) | (data == COLON)) & flat.outside
        places = np.flatnonzero(((opens | marks) & (depth <= deepest)) | (closes & (depth < deepest)))
        begin, text = 0, data.tobytes()
        for place in places.tolist():
            mark = text[place : place + 1]
            if self._goes_on(mark):
                continue
            row = self._token(mark, self.span + text[begin:place])
            self.span, begin = b"{" if self._in_row() else b"", place + 1
            if row is not None:
                self.rows += 1
                yield row.decode("utf-8", errors="backslashreplace")
        if data.size:
            self.depth = int(depth[-1])
        self.span = (self.span + text[begin:])[: ROW_BYTES + 1]

    def finish(self, in_string: bool) -> None:
        """To be called at the end of the text."""
        if in_string or self.open:
            raise Unreadable(f"the JSON document is cut off behind row {self.rows}", REMEDY)
        if self.span:
            raise self._broken(f"{_shown(self.span)} is neither a list nor a record")
        if self.keys and self.seen and not self.found:
            keys = ", ".join(list(self.seen)[:KEYS_SHOWN])
            raise Unreadable(
                f"it has nothing at {'.'.join(self.keys)!r}; its own keys are {keys}", "Correct `records`"
            )

    def _in_row(self) -> bool:
        """Whether a record that is a row as a whole has begun."""
        return bool(self.open) and self._is_target(self.open[-1]) and not self.open[-1].is_array

    def _is_target(self, container: Container) -> bool:
        return container.matched == len(self.keys)

    def _goes_on(self, mark: bytes) -> bool:
        """Whether a comma or colon is a part of a row."""
        if mark not in b",:" or not self.open or not self._is_target(self.open[-1]):
            return False
        return mark == b":" or not self.open[-1].is_array

    def _token(self, mark: bytes, before: bytes) -> bytes | None:
        """Takes in a bracket, comma or colon; the row that it ends, if it does."""
        if mark in b"[{":
            self._opened(mark, before)
            return None
        if not self.open:
            raise self._broken(f"{_shown(before + mark)} stands outside of any list or record")
        top = self.open[-1]
        if mark in b"]}":
            return self._closed(mark, before)
        if mark == b":" and not top.is_array:
            top.key = _key(before)
            if len(self.open) == 1 and len(self.seen) < KEYS_SHOWN:
                self.seen[top.key or ""] = None
        if not self._is_target(top):
            return None
        if not before:
            raise self._broken("nothing stands before a comma")
        self.after_comma = True
        return before

    def _opened(self, mark: bytes, before: bytes) -> None:
        if before:
            raise self._broken(f"{_shown(before)} stands before a bracket")
        self.open.append(Container(mark == b"[", self._matched()))
        self.after_comma = False
        self.found = self.found or self._is_target(self.open[-1])

    def _matched(self) -> int:
        """How much of the path leads to a container that opens here."""
        if not self.open:
            return 0
        above = self.open[-1]
        if above.is_array or above.matched < 0 or above.key != self.keys[above.matched]:
            return -1
        return above.matched + 1

    def _closed(self, mark: bytes, before: bytes) -> bytes | None:
        top = self.open.pop()
        if top.is_array != (mark == b"]"):
            raise self._broken(f"{mark.decode()!r} closes what it did not open")
        if not self._is_target(top):
            return None
        if not top.is_array:
            return before + mark
        if self.after_comma and not before:
            raise self._broken("nothing stands behind the last comma")
        return before or None

    def _broken(self, what: str) -> Unreadable:
        return Unreadable(f"it is no JSON document: {what}, behind row {self.rows}", REMEDY)


def _key(text: bytes) -> str | None:
    try:
        key = json.loads(text)
    except ValueError:
        return None
    return key if isinstance(key, str) else None


def _shown(text: bytes) -> str:
    return repr(text[:40].decode("utf-8", errors="replace"))
