"""How an id stands in text: where it begins and ends, and how JSON may write it.

Here: what erasing and proving must see alike. Not here: either of them.
"""

import json
import re
from collections.abc import Iterable

ENDINGS = "csv|tsv|jsonl?|ndjson|parquet|avro|txt|xml|html?|pdf|png|jpe?g|gz|zst|zip"
"""What may follow an id as a file's ending; any other `.x` belongs to a longer id."""
AFTER = rf"(?![\w@+|-])(?!:\w)(?!\.(?!(?:{ENDINGS})\b)\w)"
NOTHING = "(?!)"


def within_text(ids: Iterable[str]) -> str:
    """A pattern for any of the ids that is not part of a longer one: `ada-7` is not in `ada-71`, `x.ada-7`,
    `de:ada-7` or `ada-7.de`, but is in `/ada-7.csv` and `?u=ada-7&v=1`."""
    wanted = [spelt for each in ids for spelt in spellings(each)]
    addresses = [each for each in wanted if "@" in each]  # `mailto:` stands before them
    others = [each for each in wanted if "@" not in each]
    parts = [
        rf"(?<![\w.@+|{before}-]){either(some)}{AFTER}"
        for before, some in (("", addresses), (":", others))
        if some
    ]
    return "|".join(f"(?:{each})" for each in parts) or NOTHING


def either(texts: Iterable[str]) -> str:
    """A pattern for any of the texts, the longest first: one may be part of another."""
    ordered = sorted(set(texts), key=lambda each: (-len(each), each))
    return f"(?:{'|'.join(map(re.escape, ordered)) or NOTHING})"


def spellings(person: str) -> set[str]:
    """An id as it may stand between quotes in JSON, or as it is."""
    written = {json.dumps(person)[1:-1], json.dumps(person, ensure_ascii=False)[1:-1]}
    return {person, *written, *(each.replace("/", "\\/") for each in written)}
