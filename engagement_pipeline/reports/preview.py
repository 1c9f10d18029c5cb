"""What an edit of the catalog would do to people on one date: the figures of a preview.

Here: what is known of every score, segment and campaign that changes, the limits it goes over, and all of it
as JSON. Not here: computing it (`orchestration.comparing`) and how it looks (`preview_text`, `preview_page`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any

import polars as pl

from engagement_pipeline.catalog.specs import Publish

EDITED, ADDED, REMOVED, AFFECTED = "edited", "new", "removed", "affected"
"""How a definition takes part: by its own text, or only because of what it reads."""
STATES = ("scored", "inactive", "provisional", "stale", "unscored", "absent")
"""Where people are who are in no band."""


@dataclass(frozen=True)
class Reason:
    """A rule that gives a person other points than before. Points in points."""

    rule: str
    before: float
    after: float


@dataclass(frozen=True)
class Mover:
    """A person whose score moves far, and why."""

    person: str
    """As far as it may be shown."""
    before: float
    after: float
    place_before: str
    place_after: str
    reasons: tuple[Reason, ...]
    """The largest first; none where only the scale reads the same points differently."""


@dataclass(frozen=True)
class Changed:
    """What every kind of definition has in common."""

    name: str
    how: str
    """`edited`, `new`, `removed` or `affected`."""
    changes: tuple[str, ...]
    """Of its own text, in words."""
    because: tuple[str, ...] = ()
    """The edited definitions that it reads, such as `score reading`."""


@dataclass(frozen=True)
class ScoreChange(Changed):
    """A score before and after. Frames as `core.comparison` gives them; empty for one that is new or gone."""

    places: tuple[str, ...] = ()
    """Bands in the order of the scale, then the states of who has none."""
    migration: pl.DataFrame = field(default_factory=pl.DataFrame)
    people: int = 0
    """To whom it applies, before or after."""
    other: int = 0
    """Who gets another score."""
    moved: int = 0
    """Who changes band; of a score without bands, state."""
    moved_share: float = 0.0
    correlation: float | None = None
    distribution: pl.DataFrame = field(default_factory=pl.DataFrame)
    quantiles: pl.DataFrame = field(default_factory=pl.DataFrame)
    rules: pl.DataFrame = field(default_factory=pl.DataFrame)
    movers: tuple[Mover, ...] = ()
    idle: tuple[str, ...] = ()
    """Rules of an edited or new definition that give nobody anything on the date."""
    refitted: int | None = None
    """People in the reference that was fitted for the preview, as a refit would; None where none was."""

    @property
    def rises_and_falls(self) -> tuple[int, int]:
        """How many people move to a higher, and to a lower band."""
        rank = {place: number for number, place in enumerate(self.places) if place not in STATES}
        up = down = 0
        for before, after, people in self.migration.iter_rows():
            if before in rank and after in rank:
                up += people if rank[after] > rank[before] else 0
                down += people if rank[after] < rank[before] else 0
        return up, down


@dataclass(frozen=True)
class SegmentChange(Changed):
    """A segment's members before and after."""

    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0
    stayed: int = 0
    share: float = 0.0
    """Gained and lost, of those who were in it."""


@dataclass(frozen=True)
class CampaignChange(Changed):
    """A campaign's audience before and after: who is sent something, and every decision."""

    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0
    stayed: int = 0
    share: float = 0.0
    decisions: pl.DataFrame = field(default_factory=pl.DataFrame)
    steps: pl.DataFrame = field(default_factory=pl.DataFrame)


@dataclass(frozen=True)
class Recomputed:
    """A table that the edit makes due."""

    table: str
    why: str
    dates: int
    """As-of dates that are stored of it, from the definition before."""


@dataclass(frozen=True)
class Preview:
    """An edit, and what it would do on one date."""

    project: str
    as_of: date
    before: str
    """What it is compared with, in words."""
    after: str
    people: int
    """Everyone known on the date."""
    scores: tuple[ScoreChange, ...]
    segments: tuple[SegmentChange, ...]
    campaigns: tuple[CampaignChange, ...]
    recomputed: tuple[Recomputed, ...]
    measured: tuple[int, int]
    """Measures, and days, that were computed from events because they are not stored."""
    aside: tuple[str, ...]
    """Changes of what a preview does not compute: sources, events, settings."""
    limits: Publish

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes for anybody."""
        return not (self.scores or self.segments or self.campaigns)

    @property
    def exceeded(self) -> list[str]:
        """Every limit that the edit goes over, with its figures, in words."""
        return [*self._scores_over(), *self._people_over("segment"), *self._people_over("campaign")]

    @property
    def edits(self) -> dict[str, tuple[str, ...]]:
        """`score reading` -> what was changed in its text."""
        kinds = (("score", self.scores), ("segment", self.segments), ("campaign", self.campaigns))
        return {
            f"{kind} {each.name}": each.changes
            for kind, changed in kinds
            for each in changed
            if each.how != AFFECTED
        }

    def _scores_over(self) -> Iterator[str]:
        limits = self.limits
        for each in self.scores:
            if each.how in (ADDED, REMOVED):
                continue
            if limits.moved_bands is not None and each.moved_share > limits.moved_bands:
                yield (
                    f"score {each.name}: {_percent(each.moved_share)} of {people(each.people)} change band, "
                    f"the limit is {_percent(limits.moved_bands)} (moved_bands)"
                )
            least, found = limits.rank_correlation, each.correlation
            if least is not None and found is not None and found < least:
                yield (
                    f"score {each.name}: rank correlation with before is {found:.3f}, "
                    f"the limit is {least:g} (rank_correlation)"
                )

    def _people_over(self, kind: str) -> Iterator[str]:
        segments = kind == "segment"
        limit = self.limits.segment_change if segments else self.limits.audience_change
        changed: Sequence[SegmentChange | CampaignChange] = self.segments if segments else self.campaigns
        for each in changed:
            if limit is not None and each.how not in (ADDED, REMOVED) and each.share > limit:
                what = f"of {people(each.before)}" + ("" if segments else " sent it")
                yield (
                    f"{kind} {each.name}: {each.gained:,} gained and {each.lost:,} lost {what}, "
                    f"{_percent(each.share)}; the limit is {_percent(limit)} "
                    f"({'segment_change' if segments else 'audience_change'})"
                )

    def as_data(self) -> dict[str, Any]:
        """Everything as plain data; frames as lists of rows."""
        found = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        found["measured"] = {"measures": self.measured[0], "days": self.measured[1]}
        return {**found, "empty": self.is_empty, "exceeded": self.exceeded}

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(self.as_data(), indent=2, ensure_ascii=False, default=str)


def why(each: Changed) -> str:
    """How a definition takes part, in words."""
    if each.how != AFFECTED:
        return each.how
    return f"reads {', '.join(each.because)}" if each.because else "a setting changed"


def figure(value: float) -> str:
    """A score or points, short: `7.25`, `1,204`."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def people(number: int) -> str:
    """`1 person`, `1,204 people`."""
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _plain(value: Any) -> Any:
    if isinstance(value, pl.DataFrame):
        return value.to_dicts()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Publish):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Reason):
        return asdict(value)
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _percent(share: float) -> str:
    return f"{share:.1%}"
