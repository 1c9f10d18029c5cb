"""What one run took in: which files landed, which did not and why, and which event days they touch.

Here: what is told of it. Not here: taking files in (`intake`).
"""

from dataclasses import dataclass
from datetime import date

from engagement_pipeline.ingestion.landing import PlaceState
from engagement_pipeline.ingestion.verdicts import Verdict, count_rules
from engagement_pipeline.storage.ledger import LandedFile
from engagement_pipeline.storage.tables import Commit


class IntakeIncomplete(Exception):  # noqa: N818  the words are what the reader sees
    """Some files of a source were refused; the others were taken in."""


@dataclass(frozen=True)
class Landing:
    """What became of the files that were found."""

    landed: tuple[LandedFile, ...]
    failed: tuple[LandedFile, ...]
    """Files of which nothing landed, with the reason: unreadable, or too many rejected rows."""
    known: int
    """Files that had landed before, or are another of this run under a second name."""
    notes: tuple[str, ...]
    """What is odd about files that landed: no rows, a mapped column that is missing."""
    place: PlaceState | None = None
    """What lies in the place; None for a source that reads no files, and for a place out of reach."""
    outage: str = ""
    """Why the place could not be read, or not to its end."""


@dataclass(frozen=True)
class Intake:
    """What one run took in."""

    landing: Landing
    verdicts: tuple[Verdict, ...]
    """One per batch examined: those that landed now, were refused, or were never examined to the end."""
    rejected: Commit | None
    """The commit of `rejected/<source>`; None when nothing was examined."""
    replayed: frozenset[date] = frozenset()
    """Days that batches which were judged anew touch now, or touched before, or may have held an id from."""
    erased: int = 0
    """Rows of people who were erased, left out before anything was stored."""

    @property
    def touched(self) -> list[date]:
        """Event days to make anew, ascending."""
        return sorted(self.replayed.union(*(each.days for each in self.verdicts if not each.refusal)))

    @property
    def by_rule(self) -> dict[str, int]:
        """Rejected rows by rule; a row that breaks two rules counts for both."""
        return count_rules(self.verdicts)

    @property
    def problems(self) -> list[str]:
        """Why files were refused, each with its remedy."""
        failed = {file.fingerprint: file.reason or file.file for file in self.landing.failed}
        refused = [str(v.refusal) for v in self.verdicts if v.refusal and v.batch not in failed]
        outage = [self.landing.outage] if self.landing.outage else []
        return [*failed.values(), *refused, *outage]

    def raise_problems(self) -> None:
        """Raises IntakeIncomplete naming every refused file; call it once everything else is stored."""
        if self.problems:
            raise IntakeIncomplete("\n".join(self.problems))
