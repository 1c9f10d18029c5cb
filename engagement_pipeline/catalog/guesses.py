"""What a broken definition probably says, so that lint tells at once what else is wrong with it.

Here: definitions with what their model refuses put right or left out. Not here: what is wrong (`validation`,
`lint`). A guess is looked at for its own file's errors only: nothing is loaded from one, and nobody is told
that it lacks what was left out here. What has no safe guess (groups of a score, most of a source) is left
broken.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.issues import Issue, nearest
from engagement_pipeline.catalog.reader import Key
from engagement_pipeline.catalog.specs import Campaign, Score, Segment, Source, Spec
from engagement_pipeline.catalog.validation import choices_of, keys_at

S = TypeVar("S", bound=Spec)
ROUNDS = 10
"""What is put right may show what else is wrong."""
STAND_INS: Mapping[str, object] = {"owner": "team:unknown", "goal": "unknown", "window": 3650}
"""For keys that must be there and decide nothing that lint looks at."""
ITEMS = ("rules", "variants", "destinations")
"""Lists whose items are looked at one by one: a broken one is left out."""
ITEM_DROPPED = ("cap", "decay", "label", "window")
"""Keys that may be left out of a rule."""
SCALE = ("scale", "bands", "hysteresis")
"""Of no use without each other."""
DROPPED = ("decay", "cap", "missing_parts", "applies_to", "holdout", "outcome", "description", *SCALE)
"""Keys that may be left out of any definition without a word from lint."""


def guessed(draft: Draft) -> Draft:
    """The draft with a guess at each broken definition that allows one."""
    return replace(
        draft,
        sources=[_guess(each, Source) for each in draft.sources],
        scores=[_guess(each, Score) for each in draft.scores],
        segments=[_guess(each, Segment) for each in draft.segments],
        campaigns=[_guess(each, Campaign) for each in draft.campaigns],
    )


def _guess(declared: Declared[S], model: type[S]) -> Declared[S]:
    document = declared.document
    if declared.spec is not None or document.data is None or any(map(_loses, document.issues)):
        return declared
    text = _Text(deepcopy(document.data), dict(document.lines))
    for _ in range(ROUNDS):
        try:
            spec = model.model_validate_json(json.dumps(text.data), strict=True)
        except ValidationError as error:
            if not _put_right(text, model, error.errors(include_url=False)):
                return declared
        else:
            return replace(declared, spec=spec, document=replace(document, data=text.data, lines=text.lines))
    return declared


def _loses(issue: Issue) -> bool:
    """Whether what the file says is not all there; of keys that stand twice the first is."""
    return "stands twice" not in issue.message


class _Text:
    """A file's data and the lines of its parts, to be changed together."""

    def __init__(self, data: dict[str, Any], lines: dict[Key, int]) -> None:
        self.data, self.lines = data, lines

    def within(self, key: Key) -> Any:
        found: Any = self.data
        for part in key:
            found = found[part]
        return found

    def real(self, loc: tuple[int | str, ...]) -> Key:
        """The place of an error, without the parts that name a form a value may take."""
        key: Key = ()
        for part in loc:
            if (*key, part) in self.lines:
                key = (*key, part)
        return key

    def rename(self, key: Key, name: str) -> None:
        record = self.within(key[:-1])
        record[name] = record.pop(key[-1])
        self._move(key, (*key[:-1], name))

    def leave_out(self, key: Key) -> None:
        holder, last = self.within(key[:-1]), key[-1]
        del holder[last]
        self._move(key, None)
        if isinstance(holder, list) and isinstance(last, int):
            for later in range(last, len(holder)):
                self._move((*key[:-1], later + 1), (*key[:-1], later))

    def _move(self, key: Key, to: Key | None) -> None:
        for each in [each for each in self.lines if each[: len(key)] == key]:
            line = self.lines.pop(each)
            if to is not None:
                self.lines[(*to, *each[len(key) :])] = line


def _put_right(text: _Text, model: type[Spec], errors: list[ErrorDetails]) -> bool:
    """Puts right what the errors are about; False where one of them allows no guess."""
    unknown = [error for error in errors if error["type"] == "extra_forbidden"]
    named = [error for error in unknown if _as_meant(text, model, error)]
    broken_items: set[Key] = set()
    for error in errors:
        key = text.real(error["loc"])
        if error in named or (error["type"] == "missing" and key[-1:] == error["loc"][-1:]):
            continue  # what is missing was there, under a name that was unknown
        if len(key) > 1 and key[0] in ITEMS and isinstance(key[1], int):
            if error in unknown or not _part_of_item(text, key):
                broken_items.add(key[:2])
        elif error in unknown or not _part(text, key, error):
            return False
    for item in sorted(broken_items, key=_number, reverse=True):
        text.leave_out(item)
    return True


def _number(item: Key) -> int:
    return int(item[1])


def _part(text: _Text, key: Key, error: ErrorDetails) -> bool:
    """Puts right a key of the definition itself."""
    if len(error["loc"]) <= 1 and (name := _stands_in(error, text.data)):
        text.data[name] = STAND_INS[name]
    elif key == error["loc"] and (meant := nearest(str(error["input"]), choices_of(error))):
        text.within(key[:-1])[key[-1]] = meant
    elif key and key[0] in DROPPED:
        for part in SCALE if key[0] in SCALE else (str(key[0]),):
            if part in text.data:
                text.leave_out((part,))
    else:
        return False
    return True


def _part_of_item(text: _Text, key: Key) -> bool:
    """Puts right a key of one rule, where the rest of the rule can be looked at without it."""
    if key[2:3] == ("weight",):
        text.within(key[:2])["weight"] = -1
    elif key[2:3] and key[2] in ITEM_DROPPED and key[2] in text.within(key[:2]):
        text.leave_out(key[:3])
    else:
        return False
    return True


def _as_meant(text: _Text, model: type[Spec], error: ErrorDetails) -> bool:
    """Calls an unknown key as it was probably meant; one of the definition itself is left out where nothing
    is like it. False where neither can be done: in a rule it may have said much, and a key that is unknown to
    one form of a record may be known to that which was meant."""
    loc, key = error["loc"], text.real(error["loc"])
    in_item = key[:1] and key[0] in ITEMS and key[-1] == loc[-1]
    if key != loc and not in_item:
        return False
    meant = nearest(str(key[-1]), keys_at(model, loc[:-1]))
    if meant and meant not in text.within(key[:-1]):
        text.rename(key, meant)
    elif not in_item:
        text.leave_out(key)
    return bool(meant or not in_item)


def _stands_in(error: ErrorDetails, data: dict[str, Any]) -> str | None:
    """The key that a stand-in puts right."""
    name = str(error["loc"][0]) if error["loc"] else "window"
    wanted = bool(error["loc"]) or name not in data
    return name if wanted and name in STAND_INS else None
