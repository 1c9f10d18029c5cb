"""pydantic's errors in words that somebody who writes YAML understands.

Here: the culprit, what would be right, the nearest valid key or word. Not here: which errors are told and
where they stand (`validation`).
"""

import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engagement_pipeline.catalog.issues import as_name, did_you_mean
from engagement_pipeline.catalog.reader import Document, Key
from engagement_pipeline.catalog.specs import Name, Owner


def words(model: type[BaseModel], document: Document, key: Key, error: ErrorDetails) -> str:
    """What is wrong with the part at `key`."""
    kind, value, last = error["type"], _shown(error["input"]), str(error["loc"][-1] if error["loc"] else "")
    if kind == "union_tag_not_found":
        return f"missing key {error['ctx']['discriminator']}"
    if kind == "missing" and not last.isdigit():
        return f"missing key '{last}'"
    if kind == "extra_forbidden":
        valid = keys_at(model, error["loc"][:-1])
        return f"unknown key '{last}'{did_you_mean(last, valid) or '; valid keys: ' + ', '.join(valid)}"
    subject = "" if last == "[key]" else subject_of(key)
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return subject + re.sub("^(True|False|None) is", lambda found: f"{_YAML[found[1]]} is", said)
    if choices := choices_of(error):
        listed = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
        said = error["input"]
        if "tag" in error["ctx"]:
            kind = error["ctx"]["discriminator"].strip("'")
            said, subject = said[kind], f"{kind}: "
        return f"{subject}{_shown(said)} is not {listed}{did_you_mean(str(said), choices)}"
    if kind == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        hint = f"; did you mean '{meant}'?" if (meant := name_meant(error)) else ""
        return f"{subject}{value} is not {_PATTERNS.get(pattern, 'written as it should be')}{hint}"
    if wanted := _KINDS.get(kind.split("_")[0]) if kind.endswith(_OTHER_TYPE) else None:
        if error["input"] is None:
            return f"{subject}nothing stands here; it must be {wanted}"
        remedy = (
            "; put it in quotes" if wanted == "text" and not isinstance(error["input"], list | dict) else ""
        )
        return f"{subject}{value} is not {wanted}{remedy}"
    return subject + _beyond(kind, _shown(_written(document, key, error)), error)


def _beyond(kind: str, value: str, error: ErrorDetails) -> str:
    """What is said of a value that is too much, too little, too long or too short."""
    found = error.get("ctx", {})
    bound = next((found[each] for each in ("ge", "gt", "le", "lt") if each in found), None)
    if bound is not None:
        unit = value.strip("'")[-1:]
        at = f"{bound * 100:g}%" if unit == "%" else f"{bound:g}d" if unit in "dw" else _plainly(bound)
        too_much = "le" in found or "lt" in found
        most = ("at most" if "le" in found else "less than") if too_much else ""
        least = "" if too_much else "at least" if "ge" in found else "more than"
        return f"{value} is too {'large' if too_much else 'small'}; it must be {most or least} {at}"
    if kind == "string_too_short":
        few = found["min_length"]
        return "must not be empty" if few == 1 else f"{value} is too short; write {few} characters or more"
    if kind == "string_too_long":
        return f"{value} is too long; it may have {found['max_length']} characters"
    if kind == "missing" or kind.startswith("too_"):
        wanted = found.get("min_length", found.get("max_length"))
        count = "" if wanted is None else f"; it needs {wanted}"
        return f"{value} has too {'many' if kind == 'too_long' else 'few'} entries{count}"
    return f"{value} {error['msg'][0].lower()}{error['msg'][1:]}"


def _plainly(bound: float | str) -> str:
    """A bound without an exponent; one in time is words already."""
    if isinstance(bound, str):
        return bound
    return f"{bound:f}".rstrip("0").rstrip(".") if bound % 1 else f"{bound:.0f}"


def _written(document: Document, key: Key, error: ErrorDetails) -> object:
    """The value as the file has it, where pydantic tells what was read of it: 200% and not 2.0."""
    found: Any = document.data
    for part in key:
        found = found[part]
    return found if isinstance(found, str | int | float) else error["input"]


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
    r"^[A-Z][A-Z0-9_]*$": "the name of an environment variable; write one such as ALERT_URL",
    r"^[^/\s]+$": "part of an asset's key; write dbt/orders",
    r"^([01]\d|2[0-3]):[0-5]\d$": "a time of day; write 05:00",
}
_OTHER_TYPE = ("_type", "_parsing", "_number", "_inexact")
_YAML = {"True": "true", "False": "false", "None": "nothing"}
_KINDS = {
    "string": "text",
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
    if isinstance(value, dict | list | bool):  # {kind: log} and not {'kind': 'log'}, true and not True
        text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
        text = text.removesuffix("...\n").strip()
    return text if len(text) <= 60 else f"{text[:57]}..."


def choices_of(error: ErrorDetails) -> list[str]:
    """The words of which a value should have been one; none where the error is another."""
    named = {"literal_error": "expected", "union_tag_invalid": "expected_tags"}.get(error["type"])
    return re.findall(r"'([^']*)'", error["ctx"][named]) if named else []


def name_meant(error: ErrorDetails) -> str | None:
    """A name that differs from what is said only in how it is written."""
    if error["type"] != "string_pattern_mismatch" or error["ctx"]["pattern"] != _pattern(Name):
        return None
    meant = as_name(error["input"])
    return meant if re.match(error["ctx"]["pattern"], meant) else None


def subject_of(key: Key) -> str:
    """What a message begins with: the key that it is about."""
    return next((f"{part}: " for part in reversed(key) if isinstance(part, str)), "")


def keys_at(annotation: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The keys a model takes at this place, in the order of their declaration."""
    forms = list(_forms(annotation))
    models = [form for form in forms if isinstance(form, type) and issubclass(form, BaseModel)]
    if not loc:
        return [field.alias or name for form in models for name, field in form.model_fields.items()]
    part, rest = loc[0], loc[1:]
    for form in models:
        if part in (form.__name__, *_tags(form)):
            return keys_at(form, rest)
        for name, field in form.model_fields.items():
            if part == (field.alias or name):
                return keys_at(field.annotation, rest)
    inner = [get_args(form)[-1] for form in forms if get_origin(form) in (list, dict)]
    return keys_at(inner[0], rest) if inner else []


def _tags(form: type[BaseModel]) -> tuple[Any, ...]:
    """The words by which a key of the form tells it from others."""
    kind = form.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _forms(annotation: Any) -> Iterator[Any]:
    """The types an annotation allows, None apart."""
    if get_origin(annotation) is Annotated:
        yield from _forms(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for form in get_args(annotation):
            yield from _forms(form)
    elif annotation is not NoneType:
        yield annotation
