"""What changed between two definitions, in words for the people who wrote them.

Here: walking two models of `specs` field by field, whatever fields they have, so that a new word of the
catalog needs no new line here. Not here: whether a difference matters (`digests`) and what it does to
people's scores (`core.comparison`).
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from typing import Any, get_args

from pydantic import BeforeValidator

from engagement_pipeline.catalog.specs import Band, Catalog, Spec, Variant
from engagement_pipeline.catalog.specs.base import days_of, share_of

KINDS = ("score", "segment", "campaign")
"""The kinds of definitions that are published and previewed."""
TO = "→"
_WORDS = {
    "where": "condition",
    "when": "condition",
    "per_day": "daily cap",
    "from_": "from",
    "cap points": "cap",
    "cap daily cap": "daily cap",
    "inactive_for": "inactive for",
}
"""Fields, and paths of fields, that are called otherwise than they are written."""
_NAMES = ("label", "name", "event", "channel", "when", "score", "message", "path")
"""Two parts of a list that share one of these may be the same part before and after."""
_ITEMS = {"rules": "rule", "bands": "band", "variants": "variant", "groups": "group", "steps": "step"}
_PROSE = ("goal", "owner", "description")
_LONG = 40


def definitions(catalog: Catalog) -> dict[tuple[str, str], Spec]:
    """(kind, name) -> every score, segment and campaign of the catalog, in its order."""
    return {
        **{("score", name): spec for name, spec in catalog.scores.items()},
        **{("segment", name): spec for name, spec in catalog.segments.items()},
        **{("campaign", name): spec for name, spec in catalog.campaigns.items()},
    }


def differences(before: Spec | None, after: Spec | None) -> list[str]:
    """Every difference of two definitions as a phrase such as `weight of email_clicked 5 → 6`; none where
    they say the same. None is a definition that is not there."""
    if before is None or after is None:
        return [] if before is after else ["new" if before is None else "removed"]
    found = list(_model((), "", before, after))
    prose = [text for text in found if text.startswith(_PROSE)]
    return [text for text in found if text not in prose] + prose


def described(spec: Spec) -> str:
    """A part of a definition in one line: what it is called, then all that is not at its default."""
    if isinstance(spec, Band):
        low = "" if spec.from_ is None else f"from {_plain(spec.from_)}"
        high = "" if spec.to is None else f"to {_plain(spec.to)}"
        return " ".join(filter(None, [low, high])) or "without bounds"
    name = called(spec)
    skipped = {*_NAMES, "where"} if name else set()
    facts = list(_facts((), spec, skipped))
    if isinstance(spec, Variant):
        facts = ["for everyone else" if spec.when is None else f"when {spec.when}", *facts]
    return ", ".join([name, *facts] if name else facts) or "as usual"


def _facts(path: tuple[str, ...], spec: Spec, skipped: Set[str]) -> Iterator[str]:
    """Field and value of whatever is not at its default."""
    for field, value in spec:
        usual = type(spec).model_fields[field].get_default(call_default_factory=True)
        if field in skipped or value == usual:
            continue
        if isinstance(value, Spec) and not isinstance(value, Band):
            yield from _facts((*path, field), value, set())
        else:
            yield f"{_words((*path, field))} {_shown(value, spec, field)}"


def called(spec: Spec, *, briefly: bool = False) -> str:
    """What a rule or another part of a list is called; nothing where it has no name. briefly: without its
    condition."""
    said = {field: getattr(spec, field, None) for field in (*_NAMES, "where")}
    for field in ("label", "name"):
        if said[field]:
            return str(said[field])
    if said["event"] or said["channel"]:
        text = _joined(said["event"]) or "any event"
        text += f" on {_joined(said['channel'])}" if said["channel"] else ""
        return text + (f" where {said['where']}" if said["where"] and not briefly else "")
    for field in ("when", "score", "message", "path"):
        if said[field]:
            return f"score {said[field]}" if field == "score" else str(said[field])
    return ""


def _model(path: tuple[str, ...], item: str, before: Spec, after: Spec) -> Iterator[str]:
    for field in type(after).model_fields:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield from _value((*path, field), item, old, new, after, field)


def _value(path: tuple[str, ...], item: str, old: Any, new: Any, owner: Spec, field: str) -> Iterator[str]:
    words = _words(path) + (f" of {item}" if item else "")
    if isinstance(old, Spec) and isinstance(new, Spec) and type(old) is type(new):
        yield from _model(path, item, old, new)
    elif {type(old), type(new)} & {type(None)} and isinstance(old or new, Spec):
        for part, value in old or new:
            if value is not None:
                was, now = (
                    _shown(value, old or new, part) if side is not None else "none" for side in (old, new)
                )
                yield _was(_words((*path, part)) + (f" of {item}" if item else ""), was, now)
    elif isinstance(new, Mapping) and isinstance(old, Mapping):
        yield from _mapping(path, item, old, new, owner, field)
    elif _specs(old) and _specs(new) and (old or new):
        yield from _list(field, item, old, new)
    elif isinstance(old, list) and isinstance(new, list) and not _nested(old, new):
        yield from _names(
            words, [_shown(each, owner, field) for each in old], [_shown(each, owner, field) for each in new]
        )
    elif isinstance(owner, Band):
        yield _edge(item, field, old, new)
    else:
        yield _was(words, _shown(old, owner, field), _shown(new, owner, field))


def _mapping(
    path: tuple[str, ...], item: str, old: Mapping[str, Any], new: Mapping[str, Any], owner: Spec, field: str
) -> Iterator[str]:
    one = _ITEMS.get(field, _words(path))
    starts = {
        (old[name].from_, new[name].from_) for name in old.keys() & new.keys() if isinstance(new[name], Band)
    }
    for name in [*new, *(name for name in old if name not in new)]:
        called_so = f"{one} {name}" + (f" of {item}" if item else "")
        if name not in old:
            yield f"{called_so} added: {_shown(new[name], owner, field)}"
        elif name not in new:
            yield f"{called_so} removed: {_shown(old[name], owner, field)}"
        elif isinstance(new[name], Band) and isinstance(old[name], Band):
            for part, (was, now) in _parts(old[name], new[name]).items():
                # Where one band ends the next one starts; saying it once is enough.
                if part != "to" or (was, now) not in starts:
                    yield _edge(called_so, part, was, now)
        elif isinstance(new[name], Spec):
            yield from _model((), called_so, old[name], new[name])
        elif old[name] != new[name]:
            yield _was(called_so, _shown(old[name], owner, field), _shown(new[name], owner, field))
    if list(old) != list(new) and not starts and sorted(old) == sorted(new):
        yield f"{_words(path)} in another order"


def _list(field: str, item: str, old: Sequence[Spec], new: Sequence[Spec]) -> Iterator[str]:
    one, pairs = _ITEMS.get(field, field.rstrip("s")), _paired(old, new)
    for place, after in enumerate(new):
        if place not in pairs:
            yield f"{one} added: {described(after)}"
            continue
        before = old[pairs[place]]
        other = getattr(before, "where", None) != getattr(after, "where", None)
        yield from _model((), called(before, briefly=other) or f"{one} {place + 1}", before, after)
    for place, before in enumerate(old):
        if place not in pairs.values():
            yield f"{one} removed: {described(before)}"
    kept = [pairs[place] for place in sorted(pairs)]
    if kept != sorted(kept):
        yield f"{field} in another order: {', '.join(called(each) for each in new)}"


def _paired(old: Sequence[Spec], new: Sequence[Spec]) -> dict[int, int]:
    """Place in `new` -> place in `old` of what is probably the same part: the most alike first."""
    alike = []
    for here, after in enumerate(new):
        for there, before in enumerate(old):
            if type(before) is not type(after):
                continue
            same = [
                name for name in type(after).model_fields if getattr(before, name) == getattr(after, name)
            ]
            if any(getattr(after, name, None) is not None for name in _NAMES if name in same):
                alike.append((-len(same), abs(here - there), here, there))
    found: dict[int, int] = {}
    for _, _, here, there in sorted(alike):
        if here not in found and there not in found.values():
            found[here] = there
    return found


def _names(words: str, old: list[str], new: list[str]) -> Iterator[str]:
    added, removed = ([each for each in one if each not in other] for one, other in ((new, old), (old, new)))
    if added:
        yield f"{words}: {', '.join(added)} added"
    if removed:
        yield f"{words}: {', '.join(removed)} removed"
    if not added and not removed:
        yield f"{words} in another order: {', '.join(new)}"


def _edge(band: str, field: str, was: Any, now: Any) -> str:
    if field.startswith("include"):
        edge = "lower" if field == "include_from" else "upper"
        return f"{band} {'now includes' if now else 'no longer includes'} its {edge} edge"
    verb = "starts at" if field == "from_" else "ends at"
    old, new = ("no bound" if edge is None else _plain(edge) for edge in (was, now))
    return f"{band} {verb} {new}, was {old}"


def _was(words: str, old: str, new: str) -> str:
    """An arrow between short values; conditions and other sentences one after the other."""
    if max(len(old), len(new)) > _LONG or any(sign in old + new for sign in ("'", "=", "<", ">")):
        return f"{words} is now {new}, was {old}"
    return f"{words} {old} {TO} {new}"


def _parts(before: Spec, after: Spec) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in type(after).model_fields}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _shown(value: Any, owner: Spec, field: str) -> str:
    if value is None:
        return "none"
    if isinstance(value, Spec):
        return described(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        kind = _kind(type(owner), field)
        if kind == "days":
            return f"{value}d"
        return f"{100 * value:g}%" if kind == "share" else _plain(value)
    if isinstance(value, list | tuple):
        pair = isinstance(value, tuple)
        inside = [_shown(each, owner, field) for each in value]
        return (" to " if pair else ", ").join(inside) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(each, owner, field)}" for name, each in value.items()) or "none"
    return str(value)


def _plain(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)


@cache
def _kind(model: type[Spec], field: str) -> str:
    """Whether a field's numbers are `days` or a `share`, from the validator that reads them."""
    info = model.model_fields[field]
    readers = {days_of: "days", share_of: "share"}
    for each in (*info.metadata, *_annotations(info.annotation)):
        if isinstance(each, BeforeValidator) and each.func in readers:
            return readers[each.func]
    return ""


def _annotations(annotation: object) -> Iterator[object]:
    for each in get_args(annotation):
        yield each
        yield from _annotations(each)


def _words(path: tuple[str, ...]) -> str:
    text = " ".join(_WORDS.get(field, field.replace("_", " ")) for field in path)
    return _WORDS.get(text, text)


def _joined(said: Any) -> str:
    return " or ".join(said) if isinstance(said, list) else str(said or "")


def _specs(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Spec) for each in value)


def _nested(*lists: list[Any]) -> bool:
    return any(isinstance(each, list | tuple | Mapping) for part in lists for each in part)
