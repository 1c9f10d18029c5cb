"""Ids that are looked for in raw rows: which of them speak for themselves, and text without them.

Here: text. Not here: whose a row is (`erased`), and where an id begins and ends (`storage.spelling`).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from engagement_pipeline.storage.spelling import either, spellings, within_text

TELLING = 6
"""Characters from which on an id is one wherever it stands; a mix of letters and digits from SHORTEST on."""
SHORTEST = 3
ERASED = "erased"


def telling(person: str) -> bool:
    """Whether an id says by itself that it is one."""
    mixed = any(each.isalpha() for each in person) and any(each.isdigit() for each in person)
    return len(person) >= TELLING or (len(person) >= SHORTEST and mixed)


@dataclass(frozen=True)
class Names:
    """The ids that are looked for, and how they may be written."""

    ids: frozenset[str]

    @cached_property
    def telling(self) -> list[str]:
        """Ids that count wherever they stand, longest first: one may be part of another."""
        return sorted(filter(telling, self.ids), key=lambda each: (-len(each), each))

    @cached_property
    def written(self) -> list[str]:
        """How any of the ids may stand in JSON."""
        return sorted({spelt for each in self.ids for spelt in spellings(each)})

    def named_in(self, text: pl.Expr) -> pl.Expr:
        """Whether text may name one of the telling ids."""
        return contains_any(text, sorted({spelt for each in self.telling for spelt in spellings(each)}))

    @cached_property
    def mention(self) -> re.Pattern[str]:
        """A telling id, as such or within longer text."""
        return re.compile(within_text(self.telling), re.IGNORECASE)

    @cached_property
    def values(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """A telling id as a whole text, and as a whole number, of JSON."""
        return _as_values(self.telling)

    def out_of_json(self, text: str, also: Collection[str] = (), keep: Collection[str] = ()) -> str:
        """JSON text without the ids. `also`: short ones that are known to stand in it; `keep`: ids of others,
        which may hold one of them as a part."""
        for texts, numbers in [self.values, *([_as_values(also)] if also else [])]:
            text = numbers.sub("null", texts.sub(_no_value, text))
        return self.out_of_text(text, keep)

    def named(self, text: str, keep: Collection[str] = ()) -> bool:
        """Whether text names one of the telling ids otherwise than as a part of ids of others."""
        return bool(self.telling) and self.out_of_json(text, (), keep) != text

    def out_of_text(self, text: str, keep: Collection[str] = ()) -> str:
        """Text without the telling ids."""
        if not self.telling:
            return text
        if not keep or not any(map(self.mention.search, keep)):
            return self.mention.sub(ERASED, text)
        others = {spelt for each in keep for spelt in spellings(each)}
        pattern = rf"(?P<keep>(?<!\w){either(others)}(?!\w))|{self.mention.pattern}"
        return re.sub(pattern, lambda match: match["keep"] or ERASED, text, flags=re.IGNORECASE)


def _as_values(ids: Collection[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    numbers = [each for each in ids if each.isdigit()]
    texts = either(spelt for each in ids for spelt in spellings(each))
    return (
        re.compile(rf'"{texts}"(\s*:)?', re.IGNORECASE),
        re.compile(rf"(?<=[:\[,\s]){either(numbers)}(?=\s*[,}}\]])"),
    )


def _no_value(match: re.Match[str]) -> str:
    return f'"{ERASED}"{match[1]}' if match[1] else "null"


def contains_any(text: pl.Expr, patterns: list[str]) -> pl.Expr:
    """Whether one of the patterns stands in the text, in any case; not where there is none of either."""
    if not patterns:
        return pl.lit(value=False)
    return text.str.contains_any(patterns, ascii_case_insensitive=True).fill_null(value=False)
