"""Plain data to a model, and what is wrong with it: where it stands in the file, and in words.

Here: which of pydantic's errors are told, and the lines that they are about. Not here: the words themselves
(`wording`), what the models demand (`specs`), checks across files (`lint`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engagement_pipeline.catalog.issues import Issue, nearest
from engagement_pipeline.catalog.reader import Document, Key
from engagement_pipeline.catalog.specs import AttributeRule, EventRule, PartRule
from engagement_pipeline.catalog.wording import keys_at, subject_of, words

S = TypeVar("S", bound=BaseModel)


def validate(model: type[S], document: Document) -> tuple[S | None, list[Issue]]:
    """The document's data as a model, or None and why not. Types are strict: a number in quotes is text."""
    spec, wrong = faults(model, document)
    return spec, sorted({fault.issue(document) for fault in wrong})


@dataclass(frozen=True)
class Fault:
    """Something that a model refuses: where it stands in the file, what is wrong with it in words, and how
    pydantic tells it, which is None where a value has none of the forms that it may take."""

    key: Key
    words: str
    error: ErrorDetails | None = None

    @property
    def kind(self) -> str:
        """pydantic's name of the error."""
        return self.error["type"] if self.error else "form"

    @property
    def is_key(self) -> bool:
        """Whether the key itself is wrong, and not its value."""
        return self.kind == "extra_forbidden" or bool(self.error and self.error["loc"][-1:] == ("[key]",))

    @property
    def context(self) -> dict[str, Any]:
        """What pydantic says beside: bounds, choices."""
        return self.error.get("ctx", {}) if self.error else {}

    @property
    def lacking(self) -> list[str]:
        """The keys that are missing."""
        named = self.words.removeprefix(subject_of(self.key)).partition("missing key ")
        return re.findall(r"'(\w+)'", named[2].partition("(")[0]) if not named[0] else []

    def culprits(self, document: Document) -> list[Key]:
        """Of what is wrong with a whole record, its keys that the words name; else the part that is wrong."""
        said = self.words.removeprefix(subject_of(self.key))
        named = [(*self.key, word) for word in dict.fromkeys(re.findall(r"\w+", said))]
        known = [key for key in named if key in document.lines]
        return known if known and self.kind == "value_error" and not self.lacking else [self.key]

    def issue(self, document: Document) -> Issue:
        """What is told."""
        return Issue(document.file, document.line(self.culprits(document)[0]), self.words)


def faults(model: type[S], document: Document) -> tuple[S | None, list[Fault]]:
    """The document's data as a model, or None and all that it refuses."""
    try:
        return model.model_validate_json(json.dumps(document.data), strict=True), []
    except ValidationError as error:
        return None, list(_faults(model, document, [_named(e) for e in error.errors(include_url=False)]))


def _named(error: ErrorDetails) -> ErrorDetails:
    """The error with forms called by their model, also where that has a check of its own."""
    loc = (_CHECKED.sub(r"\1", part) if isinstance(part, str) else part for part in error["loc"])
    return {**error, "loc": tuple(loc)}


_CHECKED = re.compile(r"^function-(?:after|before|wrap)\[.*, (\w+)\]$")


def _faults(model: type[BaseModel], document: Document, errors: list[ErrorDetails]) -> Iterator[Fault]:
    """One an error; of the forms a value may take (`event: a` or `event: [a, b]`) pydantic reports
    all, and only the form that was meant is reported on."""
    forks: dict[Key, dict[str, list[ErrorDetails]]] = {}
    misspelt = {(*e["loc"][:-1], _meant(model, e)) for e in errors if e["type"] == "extra_forbidden"}
    for error in errors:
        if error["type"] == "missing" and error["loc"] in misspelt:
            continue
        fork, form = _fork(document, error)
        forks.setdefault(fork, {}).setdefault(form, []).append(error)
    for fork, forms in forks.items():
        for error in forms.pop("", []):
            yield _fault(model, document, error)
        meant = {form: found for form, found in forms.items() if not _other_form(found)}
        if len(meant) > 1:
            strange = {form: sum(e["type"] in _KEY_ERRORS for e in found) for form, found in meant.items()}
            meant = {form: found for form, found in meant.items() if strange[form] == min(strange.values())}
        if len(meant) == 1:
            yield from (_fault(model, document, error) for found in meant.values() for error in found)
        elif forms:
            hint = _FORMS.get(str(fork[-1]), "in another form")
            yield Fault(fork, f"{subject_of(fork)}must be {hint}")


_FORM = re.compile(r"[A-Z]|list\[|literal\[|constrained|float$")
"""How pydantic names a form: the model, or the type."""
_CHOSEN = frozenset(form.__name__ for form in (EventRule, AttributeRule, PartRule))
"""Forms that a key gives away: only their own errors are reported."""
_KEY_ERRORS = ("missing", "extra_forbidden")
_FORMS = {
    "decay": "none, {half_life: 30d}, {linear: 30d} or {s_curve: 30d}",
    "event": "the name of an event, or a list of them",
    "channel": "a channel, or a list of them",
    "multiply": "a number, or {path: currency, factors: {EUR: 1}}",
    "per": "the name of an event, or a list of them",
    "implied_by": "the name of an event, or a list of them",
    "monetary": "the name of an event, or a list of them",
}


def _fork(document: Document, error: ErrorDetails) -> tuple[Key, str]:
    """Where a value could take several forms, and the form this error is about; "" elsewhere."""
    loc = error["loc"][:-1] if error["type"] in _KEY_ERRORS else error["loc"]
    key: Key = ()
    for part in loc:
        if (*key, part) in document.lines:
            key = (*key, part)
        elif part in _CHOSEN:
            continue
        elif isinstance(part, str):  # a number is the place in a list of one, which was not written as one
            return key, part if _FORM.match(part) else ""
    return key, ""


def _other_form(errors: list[ErrorDetails]) -> bool:
    """Whether the errors only say that the value has not this form at all."""
    return any(
        error["type"] in ("model_type", "list_type", "string_type", "float_type")
        or (error["type"] == "literal_error" and (not isinstance(error["input"], str) or _single(error)))
        for error in errors
        if _FORM.match(str(error["loc"][-1]))
    )


def _meant(model: type[BaseModel], error: ErrorDetails) -> str | None:
    """The key that an unknown one probably is."""
    return nearest(str(error["loc"][-1]), keys_at(model, error["loc"][:-1]))


def _single(error: ErrorDetails) -> bool:
    return " or " not in error["ctx"]["expected"]


def _fault(model: type[BaseModel], document: Document, error: ErrorDetails) -> Fault:
    key = _real(document, error["loc"])
    return Fault(key, words(model, document, key, error), error)


def _real(document: Document, loc: tuple[int | str, ...]) -> Key:
    """The error's place in the file: without the parts that name a form."""
    key: Key = ()
    for part in loc:
        if (*key, part) in document.lines:
            key = (*key, part)
    return key
