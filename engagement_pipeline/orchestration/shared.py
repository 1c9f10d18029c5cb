"""What several scores of one run read, added up once for all of them.

Points of ten scores took 20 s of processor time when each read its own window, most of it to read and add up
the same measures. They stay steps of their own all the same: one that fails stops no other, and one can be
materialized alone. Here: keeping what the first of them computed for the next. It only saves time: a step
that finds nothing kept, in another process say, computes what it needs. Not here: how (`engines`).
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import polars as pl

from engagement_pipeline.core.plan import ScorePlan
from engagement_pipeline.engines.window import Window, read


class SharedWindows:
    """Windows of one key at a time, until every score that they were made for has had them.

    In memory when there is one of them (the engine's single bucket), else on disk, so that no more than one
    bucket is in memory.
    """

    def __init__(self) -> None:
        self._key: Hashable = None
        self._waiting: set[str] = set()
        self._kept: Sequence[Callable[[], Window]] = ()
        self._folder: _Folder | None = None

    def windows(
        self,
        key: Hashable,
        plan: ScorePlan,
        run: Sequence[ScorePlan],
        compute: Callable[[Sequence[ScorePlan]], Iterable[Window]],
    ) -> Iterator[Window]:
        """The windows of the plan, in the engine's order. `key` changes with everything but the plans that
        they are made from, `run` are the plans whose points the run makes, `compute` makes windows of plans.
        """
        if not any(each is plan for each in run) or len(run) == 1:
            yield from compute([plan])
            return
        wanted = (key, tuple(sorted((each.name, each.points_digest) for each in run)))
        if self._key != wanted:
            self._forget()
            self._keep(compute(run))
            self._key, self._waiting = wanted, {each.name for each in run}
        elif plan.name not in self._waiting:  # it is made again, the others are not
            yield from compute([plan])
            return
        self._waiting.discard(plan.name)
        kept, folder = self._kept, self._folder  # a folder goes with its object
        if not self._waiting:
            self._key, self._kept, self._folder = None, (), None
        for open_window in kept:
            yield open_window()
        del folder

    def _keep(self, windows: Iterable[Window]) -> None:
        found = iter(windows)
        first = next(found, None)
        second = next(found, None)
        if first is None or second is None:
            self._kept = [lambda: first] if first is not None else []
            return
        whole = _Folder()  # goes by itself when a window cannot be made
        kept: list[Callable[[], Window]] = []
        for number, window in enumerate(chain([first, second], found)):
            folder = whole.path / str(number)
            window.write(folder)
            as_of = window.as_of
            kept.append(lambda folder=folder, as_of=as_of: read(folder, as_of))  # type: ignore[misc]
        self._kept, self._folder = kept, whole

    def _forget(self) -> None:
        self._key, self._waiting, self._kept, self._folder = None, set(), (), None


class _Folder:
    """A folder for a while: it goes with the object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="engagement-windows-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class SharedRows:
    """Rows that every score of a run asks for, of one key at a time."""

    def __init__(self) -> None:
        self._kept: tuple[Hashable, pl.DataFrame] = None, pl.DataFrame()

    def rows(self, key: Hashable, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """`key` changes with everything that they are made from."""
        kept = self._kept  # as it is now: sensors look from threads of their own
        if kept[0] != key:
            kept = self._kept = key, compute()
        return kept[1]
