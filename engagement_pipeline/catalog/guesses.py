"""What broken definitions probably say, so that lint tells at once what else is wrong.

Here: definitions with what their model refuses put right, replaced or left out. Not here: what is wrong
(`validation`, `lint`). Nothing is loaded from a guess, and nobody is told of what was left out here: other
files see a guess only where it says what they read of it, and else take the definition as unknown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from engagement_pipeline.catalog.draft import FOLDERS, Declared, Draft, events_of, with_plans
from engagement_pipeline.catalog.issues import Issue, as_name, nearest
from engagement_pipeline.catalog.presets import keys_in
from engagement_pipeline.catalog.reader import Document, Key
from engagement_pipeline.catalog.specs import Event, Project, Spec, TrackingPlan
from engagement_pipeline.catalog.stand_ins import EVERYWHERE, ITEMS, SEEN, STAND_INS, WHOLE, WITH
from engagement_pipeline.catalog.validation import Fault, faults
from engagement_pipeline.catalog.wording import choices_of, keys_at, name_meant

ROUNDS = 50
"""What is put right may show what else is wrong."""
HOPELESS: Key = ()
"""The definition itself: where it would have to be left out, there is no guess."""


@dataclass(frozen=True)
class Guesses:
    """What `draft` probably says. `partial` are files of which something is lost in it; `own` has, by file,
    drafts by which only that file may be judged. `issues` are what else single files get wrong."""

    draft: Draft
    partial: frozenset[str]
    own: Mapping[str, Draft]
    issues: Sequence[Issue]


def guessed(draft: Draft) -> Guesses:
    """A guess at each broken definition that allows one."""
    found = {each.document.file: each for each in _guesses(draft)}
    unseen = [file for file, guess in found.items() if guess.unseen]
    return Guesses(
        _with(draft, found),
        frozenset(file for file, guess in found.items() if guess.lost),
        {file: _with(draft, found, file) for file in unseen},
        [issue for guess in found.values() for issue in guess.issues],
    )


@dataclass(frozen=True)
class _Guess:
    model: type[Spec]
    spec: Spec | None
    document: Document
    lost: Sequence[Key]
    issues: Sequence[Issue]

    @property
    def unseen(self) -> bool:
        """Whether others must not be judged by it."""
        seen = SEEN.get(self.model, ())
        return any(key[0] in seen for key in self.lost)


def _guesses(draft: Draft) -> Iterator[_Guess]:
    folders = [(getattr(draft, kind), model) for kind, model in FOLDERS.items()]
    kinds: list[tuple[Sequence[Declared[Any]], type[Spec]]]
    kinds = [([draft.project], Project), ([draft.plan], TrackingPlan), *folders]
    for definitions, model in kinds:
        for each in definitions:
            readable = each.document.data is not None and not any(map(_loses, each.document.issues))
            if each.spec is None and readable:
                yield _guess(each, model)


def _loses(issue: Issue) -> bool:
    """Whether what the file says is not all there; of keys that stand twice the first is."""
    return "stands twice" not in issue.message


def _with(draft: Draft, guesses: Mapping[str, _Guess], own: str | None = None) -> Draft:
    """The draft with guesses, those that others must not see only for the file that is looked at."""

    def put(declared: Declared[Any]) -> Declared[Any]:
        guess = guesses.get(declared.document.file)
        if guess is None or guess.spec is None or (guess.unseen and guess.document.file != own):
            return declared
        return replace(declared, spec=guess.spec, document=guess.document)

    plan = put(draft.plan)
    events = events_of(plan.document, plan.spec)
    guess = guesses.get(plan.document.file)
    if guess is not None and guess.spec is not None:
        lost = dict.fromkeys(str(key[1]) for key in guess.lost if key[1:])
        whole = [each for each in events if own == plan.document.file or each.at[1] not in lost]
        named = {each.name for each in whole}  # what is lost is still declared
        rest: list[Declared[Event]] = [
            Declared(as_name(name), None, plan.document, ("events", name)) for name in lost
        ]
        events = [*whole, *(each for each in rest if each.name not in named)]
    kinds: dict[str, Any] = {kind: [put(each) for each in getattr(draft, kind)] for kind in FOLDERS}
    return replace(
        draft,
        project=put(draft.project),
        plan=plan,
        events=with_plans(events, kinds["sources"]),
        events_known=draft.events_known or bool(events),
        **kinds,
    )


def _guess(declared: Declared[Any], model: type[Spec]) -> _Guess:
    text = _Text(declared, model)
    issues: list[Issue] = []
    for _ in range(ROUNDS):
        document = replace(declared.document, data=text.data, lines=text.lines)
        spec, wrong = faults(model, document)
        if spec is not None:
            return _Guess(model, spec, document, text.lost, issues)
        issues += [fault.issue(document) for fault in wrong if text.shows(fault)]
        text.opened, text.moved = [], []
        for fault in wrong:
            if not text.is_moved(fault.key):
                text.put_right(fault, fault.culprits(document))
        if HOPELESS in text.lost:
            break
    return _Guess(model, None, declared.document, [], issues)


class _Text:
    """A file's data and the lines of its parts, to be changed together."""

    def __init__(self, declared: Declared[Any], model: type[Spec]) -> None:
        # Not a deep copy, which keeps shared what a preset's mappings share.
        self.data: dict[str, Any] = json.loads(json.dumps(declared.document.data or {}))
        # Where a preset is laid below, some lines are of parts that what was made of both does not have.
        own = declared.document.lines
        self.lines = {key: own[key] for key in keys_in(self.data, ()) if key in own}
        self.model = model
        name: Mapping[Key, object] = {(next(iter(model.model_fields)),): declared.name}
        self.stand_ins = {**EVERYWHERE, **name, **STAND_INS.get(model, {})}
        self.lost: list[Key] = []
        self.touched: list[object] = []
        """Records that have not all that they had."""
        self.opened: list[Key] = []
        """Parts that could not be looked into until now."""
        self.moved: list[Key] = []
        """Parts that are elsewhere by now, or nowhere."""

    def shows(self, fault: Fault) -> bool:
        """Whether an error was there before, and could not be seen."""
        if any(fault.key[: len(key)] == key for key in self.opened):
            return True
        record = self.within(fault.key)
        return (
            fault.kind == "value_error"
            and isinstance(record, dict)
            and not any(each is record for each in self.touched)
        )

    def is_moved(self, key: Key) -> bool:
        return any(key[: len(each)] == each for each in self.moved)

    def within(self, key: Key) -> Any:
        found: Any = self.data
        for part in key:
            found = found[part]
        return found

    def put_right(self, fault: Fault, culprits: Sequence[Key]) -> None:
        """Has what was probably meant instead of something wrong; else something that can be read, or
        nothing."""
        key, meant = fault.key, self._meant(fault)
        if fault.is_key:
            if meant is not None and meant not in self.within(key[:-1]):
                self.rename(key, meant)
            else:  # in a rule or variant it may have said much
                self.lose(key[:2] if key[0] in ITEMS and fault.kind == "extra_forbidden" else key)
        elif meant is not None and fault.kind == "union_tag_invalid":
            self.within(key)[fault.context["discriminator"].strip("'")] = meant
            self.opened.append(key)
        elif meant is not None:
            self.within(key[:-1])[key[-1]] = meant
        elif fault.kind == "list_type" and isinstance(self.within(key), str):
            self.within(key[:-1])[key[-1]] = [self.within(key)]
            self.lines[*key, 0] = self.lines[key]
        elif fault.lacking:
            if not all(self.stand_in((*key, name)) for name in fault.lacking):
                self.lose(key)
        elif key in culprits or _plain(key) == ("scale",):
            self.lose(key)
        else:
            for each in culprits:
                self._leave_out(each)

    def _meant(self, fault: Fault) -> str | None:
        """The key, name or word that is probably meant."""
        if fault.error is None:
            return None
        if fault.kind == "extra_forbidden":
            return nearest(str(fault.key[-1]), keys_at(self.model, fault.error["loc"][:-1]))
        said = fault.context.get("tag", fault.key[-1] if fault.is_key else fault.error["input"])
        return name_meant(fault.error) or nearest(str(said), choices_of(fault.error))

    def stand_in(self, key: Key) -> bool:
        """Puts the stand-in of a part in its place, where it has one that is not there yet."""
        plain = _plain(key)
        value = self.stand_ins.get(plain, self.stand_ins.get((*plain[:-1], "*")))
        holder, last = self.within(key[:-1]), key[-1]
        if value is None or isinstance(last, int) or holder.get(last) == value:
            return False
        self._forget(key)
        holder[last] = deepcopy(value)
        self.moved.append(key)
        for each in [each for each in self.lines if each[: len(key)] == key and each != key]:
            del self.lines[each]
        return True

    def lose(self, key: Key) -> None:
        """Has a stand-in instead of a part, or leaves it out, and with it what cannot do without."""
        plain = _plain(key)
        whole = next(
            (up for part, up in WHOLE.get(self.model, {}).items() if plain[: len(part)] == part), plain
        )
        while _plain(key) != whole[: len(_plain(key))]:
            key = key[:-1]
        if key == HOPELESS:
            self.lost.append(key)
            return
        if not self.stand_in(key):
            self._leave_out(key)
        for part in WITH.get(self.model, {}).get(_plain(key), ()):
            while each := next((each for each in self.lines if _plain(each) == part), None):
                self._leave_out(each)

    def rename(self, key: Key, name: str) -> None:
        record = self.within(key[:-1])
        record[name] = record.pop(key[-1])
        self._move(key, (*key[:-1], name))
        self.opened.append((*key[:-1], name))
        self.moved.append(key)

    def _leave_out(self, key: Key) -> None:
        holder, last = self.within(key[:-1]), key[-1]
        self._forget(key)
        del holder[last]
        self.moved.append(key[:-1] if isinstance(last, int) else key)
        self._move(key, None)
        if isinstance(holder, list) and isinstance(last, int):
            for later in range(last, len(holder)):
                self._move((*key[:-1], later + 1), (*key[:-1], later))

    def _forget(self, key: Key) -> None:
        if _plain(key) not in EVERYWHERE:
            self.lost.append(key)
            self.touched.append(self.within(key[:-1]))

    def _move(self, key: Key, to: Key | None) -> None:
        for each in [each for each in self.lines if each[: len(key)] == key]:
            line = self.lines.pop(each)
            if to is not None:
                self.lines[(*to, *each[len(key) :])] = line


def _plain(key: Key) -> Key:
    """The keys to a part, whichever of a list it is in."""
    return tuple(part for part in key if isinstance(part, str))
