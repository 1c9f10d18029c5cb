"""Where strings and brackets stand in JSON text, found for megabytes at once.

Here: a stream of JSON text freed of what is between its tokens, with its strings marked. Not here: which
part of it is a row (`document`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

QUOTE, BACKSLASH, COMMA, COLON = b'"\\,:'
OPEN, CLOSE = b"{}"
BRACKET_BIT = 0x20
"""`[` and `]` are `{` and `}` without it."""
SPACE = 0x20
SPACES = np.zeros(256, dtype=bool)
SPACES[list(b" \t\r\n")] = True
STRUCTURAL = np.zeros(256, dtype=bool)
STRUCTURAL[list(b"{}[],:")] = True


class Flat(NamedTuple):
    """A piece of JSON text: its bytes, and which stand outside of strings."""

    data: npt.NDArray[np.uint8]
    outside: npt.NDArray[np.bool_]


@dataclass
class Flattener:
    """Takes a JSON text in chunks and gives it back without blanks between its tokens.

    A blank that parts two scalars (`1 2`, which is no JSON) stays as one space: broken text stays broken.
    """

    held: bytes = b""
    """The end of the last chunk, whose meaning depends on what follows: a backslash or a space."""
    in_string: bool = False
    last: int = COMMA

    def feed(self, chunk: bytes) -> Flat:
        """The next piece of the text."""
        chunk = self.held + chunk
        chunk, self.held = self._holding_back(chunk)
        data = np.frombuffer(chunk, dtype=np.uint8)
        quotes = data == QUOTE
        if b"\\" in chunk:
            quotes[_escaped(data)] = False
        # Bytes wrap around at 256, which leaves odd and even alone.
        inside = np.cumsum(quotes, dtype=np.uint8) & 1 != self.in_string
        flat = self._without_blanks(data, ~inside)
        if data.size:
            self.in_string = bool(inside[-1])
        if flat.data.size and flat.outside[-1] and flat.data[-1] == SPACE:
            self.held = b" " + self.held
            flat = Flat(flat.data[:-1], flat.outside[:-1])
        if flat.data.size:
            self.last = int(flat.data[-1])
        return flat

    def _holding_back(self, chunk: bytes) -> tuple[bytes, bytes]:
        kept = chunk.rstrip(b"\\")
        if (len(chunk) - len(kept)) % 2:
            return chunk[:-1], chunk[-1:]
        return chunk, b""

    def _without_blanks(self, data: npt.NDArray[np.uint8], outside: npt.NDArray[np.bool_]) -> Flat:
        blank = SPACES[data] & outside
        if not blank.any():
            return Flat(data, outside)
        # Of a run of blanks the first is looked at, and becomes a space.
        keep = ~blank
        keep[1:] |= ~blank[:-1]
        data, outside = data[keep].copy(), outside[keep]
        blank = SPACES[data] & outside
        data[blank] = SPACE
        tight = STRUCTURAL[data] & outside
        before = np.concatenate(([STRUCTURAL[self.last]], tight[:-1]))
        after = np.concatenate((tight[1:], [False]))
        keep = ~(blank & (before | after))
        return Flat(data[keep], outside[keep])


def _escaped(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Positions behind an odd number of backslashes."""
    marks = np.flatnonzero(data == BACKSLASH)
    breaks = np.flatnonzero(np.diff(marks) != 1)
    firsts = marks[np.concatenate(([0], breaks + 1))]
    lasts = marks[np.concatenate((breaks, [marks.size - 1]))]
    behind: npt.NDArray[np.intp] = lasts[(lasts - firsts) % 2 == 0] + 1
    return behind[behind < data.size]
