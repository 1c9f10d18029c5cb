"""Plain data to a model, and what is wrong with it in words.

Here: how pydantic's errors read to someone who writes YAML: the line, the culprit, the nearest valid key.
Not here: what the models demand (`specs`), checks across files (`lint`).
"""

import json
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engagement_pipeline.catalog.issues import Issue, did_you_mean, nearest
from engagement_pipeline.catalog.reader import Document, Key
from engagement_pipeline.catalog.specs import AttributeRule, EventRule, Name, Owner, PartRule

S = TypeVar("S", bound=BaseModel)


def validate(model: type[S], document: Document) -> tuple[S | None, list[Issue]]:
    """The document's data as a model, or None and why not. Types are strict: a number in quotes is text."""
    try:
        return model.model_validate_json(json.dumps(document.data), strict=True), []
    except ValidationError as error:
        errors = [_named(each) for each in error.errors(include_url=False)]
        return None, sorted(set(_issues(model, document, errors)))


def _named(error: ErrorDetails) -> ErrorDetails:
    """The error with forms called by their model, also where that has a check of its own."""
    loc = (_CHECKED.sub(r"\1", part) if isinstance(part, str) else part for part in error["loc"])
    return {**error, "loc": tuple(loc)}


_CHECKED = re.compile(r"^function-(?:after|before|wrap)\[.*, (\w+)\]$")


def _issues(model: type[BaseModel], document: Document, errors: list[ErrorDetails]) -> Iterator[Issue]:
    """One issue an error; of the forms a value may take (`event: a` or `event: [a, b]`) pydantic reports
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
            yield _issue(model, document, error)
        meant = {form: found for form, found in forms.items() if not _other_form(found)}
        if len(meant) > 1:
            strange = {form: sum(e["type"] in _KEY_ERRORS for e in found) for form, found in meant.items()}
            meant = {form: found for form, found in meant.items() if strange[form] == min(strange.values())}
        if len(meant) == 1:
            yield from (_issue(model, document, error) for found in meant.values() for error in found)
        elif forms:
            hint = _FORMS.get(str(fork[-1]), "in another form")
            yield Issue(document.file, document.line(fork), f"{fork[-1]}: must be {hint}")


def choices_of(error: ErrorDetails) -> list[str]:
    """The words of which a value should have been one; none where the error is another."""
    return re.findall(r"'([^']*)'", error["ctx"]["expected"]) if error["type"] == "literal_error" else []


_FORM = re.compile(r"[A-Z]|list\[|literal\[|constrained")
"""How pydantic names a form: the model, or the type."""
_CHOSEN = frozenset(form.__name__ for form in (EventRule, AttributeRule, PartRule))
"""Forms that a key gives away: only their own errors are reported."""
_KEY_ERRORS = ("missing", "extra_forbidden")
_FORMS = {
    "decay": "none, {half_life: 30d}, {linear: 30d} or {s_curve: 30d}",
    "event": "the name of an event, or a list of them",
    "channel": "a channel, or a list of them",
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
        error["type"] in ("model_type", "list_type", "string_type")
        or (error["type"] == "literal_error" and (not isinstance(error["input"], str) or _single(error)))
        for error in errors
        if _FORM.match(str(error["loc"][-1]))
    )


def _meant(model: type[BaseModel], error: ErrorDetails) -> str | None:
    """The key that an unknown one probably is."""
    return nearest(str(error["loc"][-1]), keys_at(model, error["loc"][:-1]))


def _single(error: ErrorDetails) -> bool:
    return " or " not in error["ctx"]["expected"]


def _issue(model: type[BaseModel], document: Document, error: ErrorDetails) -> Issue:
    key = _real(document, error["loc"])
    return Issue(document.file, document.line(key), _words(model, key, error))


def _real(document: Document, loc: tuple[int | str, ...]) -> Key:
    """The error's place in the file: without the parts that name a form."""
    key: Key = ()
    for part in loc:
        if (*key, part) in document.lines:
            key = (*key, part)
    return key


def _words(model: type[BaseModel], key: Key, error: ErrorDetails) -> str:
    kind, value, last = error["type"], _shown(error["input"]), str(error["loc"][-1] if error["loc"] else "")
    if kind == "missing":
        return f"missing key '{last}'"
    if kind == "extra_forbidden":
        valid = keys_at(model, error["loc"][:-1])
        return f"unknown key '{last}'{did_you_mean(last, valid) or '; valid keys: ' + ', '.join(valid)}"
    subject = next((f"{part}: " for part in reversed(key) if isinstance(part, str)), "")
    if kind == "value_error":
        return subject + error["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        choices = choices_of(error)
        listed = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
        return f"{subject}{value} is not {listed}{did_you_mean(str(error['input']), choices)}"
    if kind == "string_pattern_mismatch":
        return f"{subject}{value} is not {_PATTERNS.get(error['ctx']['pattern'], 'written as it should be')}"
    if words := _KINDS.get(kind.split("_")[0]) if kind.endswith(("_type", "_parsing", "_number")) else None:
        return f"{subject}{value} is not {words}"
    return f"{subject}{value} {error['msg'][0].lower()}{error['msg'][1:]}".replace(" input should", " should")


def _pattern(annotated: object) -> str:
    return next(
        str(meta.pattern)
        for field in get_args(annotated)[1:]
        for meta in field.metadata
        if hasattr(meta, "pattern")
    )


_PATTERNS = {
    _pattern(Name): "a name; use lower-case letters, digits and _, beginning with a letter",
    _pattern(Owner): "an owner; write team:lifecycle or ada@example.com",
    r"^([01]\d|2[0-3]):[0-5]\d$": "a time of day; write 05:00",
}
_KINDS = {
    "string": "text; put it in quotes",
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys and values",
    "model": "keys and values",
    "date": "a date; write 2026-01-31",
}


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def keys_at(annotation: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The keys a model takes at this place, in the order of their declaration."""
    forms = list(_forms(annotation))
    models = [form for form in forms if isinstance(form, type) and issubclass(form, BaseModel)]
    if not loc:
        return [field.alias or name for form in models for name, field in form.model_fields.items()]
    part, rest = loc[0], loc[1:]
    for form in models:
        if form.__name__ == part:
            return keys_at(form, rest)
        for name, field in form.model_fields.items():
            if part == (field.alias or name):
                return keys_at(field.annotation, rest)
    inner = [get_args(form)[-1] for form in forms if get_origin(form) in (list, dict)]
    return keys_at(inner[0], rest) if inner else []


def _forms(annotation: Any) -> Iterator[Any]:
    """The types an annotation allows, None apart."""
    if get_origin(annotation) is Annotated:
        yield from _forms(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for form in get_args(annotation):
            yield from _forms(form)
    elif annotation is not NoneType:
        yield annotation
