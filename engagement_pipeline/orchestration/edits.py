"""An edit: the active catalog and a draft over the same stored tables, and what differs between them.

Here: what the edit touches, computing that much of both sides, and what it would make due. Nothing is stored,
and Dagster is not needed. Not here: one side (`drafts`), and the figures (`comparing`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from engagement_pipeline.catalog.differences import definitions, differences
from engagement_pipeline.catalog.digests import digest
from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.core.audiences import plan_campaign
from engagement_pipeline.core.facts import SCORE_PARTS
from engagement_pipeline.core.segments import plan_segment
from engagement_pipeline.orchestration.drafts import Measured, Tell, Trial, measure_missing
from engagement_pipeline.orchestration.standing import frozen, guard_on
from engagement_pipeline.reports.preview import ADDED, AFFECTED, EDITED, REMOVED, Recomputed
from engagement_pipeline.storage.tables import StorageError

Key = tuple[str, str]
"""(kind, name) of a definition."""
TABLES = {"score": "scores", "segment": "segments", "campaign": "audiences"}


class OtherProject(StorageError):  # noqa: N818  the words are what the reader sees
    """Catalogs that cannot be computed on the same stored tables."""


@dataclass(frozen=True)
class Edit:
    """Two catalogs of one project, and what differs between them."""

    before: Trial
    after: Trial

    @cached_property
    def how(self) -> dict[Key, str]:
        """Every definition that is touched -> `edited`, `new`, `removed` or `affected`, in the catalog's
        order."""
        old, new = definitions(self.before.catalog), definitions(self.after.catalog)
        found = {}
        for key in [*new, *(key for key in old if key not in new)]:
            if key not in old or key not in new:
                found[key] = ADDED if key in new else REMOVED
            elif _version(self.before, key) != _version(self.after, key):
                found[key] = EDITED if digest(old[key]) != digest(new[key]) else AFFECTED
        return found

    @cached_property
    def edited(self) -> frozenset[Key]:
        """The definitions whose own text differs."""
        return frozenset(key for key, how in self.how.items() if how != AFFECTED)

    def because(self, key: Key) -> tuple[str, ...]:
        """The edited definitions that a definition reads, over however many others."""
        found = set()
        for trial in (self.before, self.after):
            found |= closure([key], reads(trial.catalog)) & self.edited
        return tuple(f"{kind} {name}" for kind, name in sorted(found - {key}))

    def needed(self, trial: Trial) -> set[Key]:
        """What has to be computed of a side: whatever is touched, and what that reads."""
        known = definitions(trial.catalog)
        return closure([key for key in self.how if key in known], reads(trial.catalog))


def compute_both(edit: Edit, tell: Tell) -> Measured:
    """Fills the layers of both sides with what the edit touches and what that reads; what both sides have in
    common is computed once."""
    needed = {trial: edit.needed(trial) for trial in (edit.before, edit.after)}
    scores = {
        trial: [name for name in trial.catalog.scores if ("score", name) in keys]
        for trial, keys in needed.items()
    }
    own = {
        trial: keys if trial is edit.before else {key for key in keys if key in edit.how}
        for trial, keys in needed.items()
    }
    total, done = sum(map(len, own.values())) + 1, 0
    measured = Measured((), ())
    if any(scores.values()):
        measured = measure_missing(list(needed), scores, lambda what: tell(what, done, total))
    for trial, keys in needed.items():
        side = "before" if trial is edit.before else "after"
        made = [name for name in scores[trial] if ("score", name) in own[trial]]
        for key in definitions(trial.catalog):
            if key not in keys:
                continue
            kind, name = key
            if key not in own[trial]:
                for table in _tables(kind, name):
                    trial.layer.share(table, edit.before.layer)
                continue
            tell(f"{kind} {name}, {side}", done, total)
            done += 1
            if kind == "score":
                trial.score(name, made, refit=trial is edit.after and _refit(edit, name))
            elif kind == "segment":
                trial.segment(name)
            else:
                trial.campaign(name)
    tell("comparing", done, total)
    return measured


def _tables(kind: str, name: str) -> tuple[str, ...]:
    more = (f"points/{name}", f"references/{name}") if kind == "score" else ()
    return (*more, f"{TABLES[kind]}/{name}")


def _refit(edit: Edit, name: str) -> bool:
    """Whether a reference would be fitted with the edit: not where the score lacks one today."""
    if name not in edit.before.plans or not frozen(edit.before.plans[name]):
        return True
    plan = edit.before.plans[name]
    return edit.before.in_force(plan, guard_on(edit.before, plan, edit.before.as_of))


def recomputed(edit: Edit, measured: Measured) -> Iterator[Recomputed]:
    """What the edit makes due, in the order in which it is made."""
    before, after = edit.before, edit.after
    if measured.measures:
        count, days = len(measured.measures), len(measured.days)
        what = "a measure is" if count == 1 else f"{count} measures are"
        yield Recomputed("daily_measures", f"{what} not stored for {days} days of the window", days)
    for (kind, name), how in edit.how.items():
        if how == REMOVED:
            continue
        why = (
            "it is new"
            if how == ADDED
            else "it was edited"
            if how == EDITED
            else _reading(edit, (kind, name))
        )
        if kind == "score":
            plan, old, points = after.plans[name], before.plans.get(name), f"points/{name}"
            if before.code_versions.get(points) != after.code_versions[points]:
                yield Recomputed(points, why, _dates(before, points))
            if (old is None or old.points_digest != plan.points_digest) and frozen(plan):
                yield Recomputed(f"references/{name}", "its points are others: refit it with the edit", 0)
        table = f"{TABLES[kind]}/{name}"
        yield Recomputed(table, why, _dates(before, table))


def _reading(edit: Edit, key: Key) -> str:
    return (
        f"it reads {', '.join(edit.because(key))}" if edit.because(key) else "a setting that it reads changed"
    )


def _dates(trial: Trial, table: str) -> int:
    """Dates of the table that are stored."""
    return len(trial.layer.stored(table))


def aside(before: Catalog, after: Catalog) -> Iterator[str]:
    """Changes of the rest of the catalog, which take effect on what comes in later."""
    for change in differences(before.project, after.project):
        yield f"project: {change}"
    for kind, old, new in (
        ("event", before.events, after.events),
        ("source", before.sources, after.sources),
        ("outcome", before.outcomes, after.outcomes),
        ("alert", before.alerts, after.alerts),
    ):
        for name in [*new, *(name for name in old if name not in new)]:
            yield from (f"{kind} {name}: {change}" for change in differences(old.get(name), new.get(name)))


def check_same_project(active: Catalog, draft: Catalog) -> None:
    """Raises OtherProject where the draft cannot be computed on the active catalog's tables."""
    for setting in ("project", "timezone", "start_date"):
        old, new = getattr(active.project, setting), getattr(draft.project, setting)
        if old != new:
            raise OtherProject(
                f"project.yaml: {setting} is {new} in the draft and {old} in the active catalog; every "
                "stored day depends on it, so the two cannot be compared. Put it back in the draft."
            )


def _version(trial: Trial, key: Key) -> str:
    return trial.code_versions[f"{TABLES[key[0]]}/{key[1]}"]


def reads(catalog: Catalog) -> dict[Key, set[Key]]:
    """Definition -> those that it reads itself."""
    found: dict[Key, set[Key]] = {}
    for name, score in catalog.scores.items():
        found["score", name] = {("score", part.score) for part in score.part_rules}
    for name, segment in catalog.segments.items():
        found["segment", name] = _named(plan_segment(segment, catalog).where.columns)
    for name, campaign in catalog.campaigns.items():
        found["campaign", name] = _named(plan_campaign(campaign, catalog).columns)
    return found


def _named(columns: Iterable[str]) -> set[Key]:
    parts = [column.partition(".")[::2] for column in columns]
    return {("score", name) for part, name in parts if part in SCORE_PARTS} | {
        ("segment", name) for part, name in parts if part == "segment"
    }


def closure(start: Collection[Key], needs: Mapping[Key, set[Key]]) -> set[Key]:
    """These definitions, and whatever they read, directly or not."""
    found: set[Key] = set()
    waiting = [key for key in start if key in needs]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += needs.get(key, set())
    return found
