"""What scores of one run have in common is computed once, and by nobody who does not need it."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.core.plan import ScorePlan, plan_scores
from engagement_pipeline.engines import local
from engagement_pipeline.engines.window import Window
from engagement_pipeline.orchestration.measured import COVERAGE
from engagement_pipeline.orchestration.shared import SharedRows, SharedWindows
from engagement_pipeline.orchestration.windows import stored_coverage
from engagement_pipeline_tests.core.build import AS_OF, catalog, score
from engagement_pipeline_tests.orchestration.scenario import DAYS, LAST, PROJECT, Scenario

PLANS = list(plan_scores(catalog(*(score(name, window=30) for name in "abc"))).values())
A, B, C = PLANS


class Computed:
    """Makes as many windows as buckets, and remembers for which plans."""

    def __init__(self, buckets: int = 1) -> None:
        self.buckets, self.calls = buckets, list[str]()

    def __call__(self, plans: Sequence[ScorePlan]) -> Iterator[Window]:
        self.calls.append("".join(plan.name for plan in plans))
        for bucket in range(self.buckets):
            yield Window(AS_OF, pl.Series("person_id", [f"p{bucket}"]), {})


def people(windows: Iterator[Window]) -> list[str]:
    return [name for window in windows for name in window.people]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("buckets", [0, 1, 3])
def test_the_first_of_a_run_computes_for_all_and_the_last_leaves_nothing(
    buckets: int, temporary: Path
) -> None:
    shared, computed = SharedWindows(), Computed(buckets)
    expected = [f"p{bucket}" for bucket in range(buckets)]
    for plan in (B, A):
        assert people(shared.windows("date 1", plan, PLANS, computed)) == expected
        assert bool(list(temporary.iterdir())) == (buckets > 1)
    assert people(shared.windows("date 1", C, PLANS, computed)) == expected
    assert computed.calls == ["abc"]
    assert not list(temporary.iterdir())


def test_other_input_is_read_anew(temporary: Path) -> None:
    shared, computed = SharedWindows(), Computed(2)
    people(shared.windows("version 1", A, PLANS, computed))
    people(shared.windows("version 2", B, PLANS, computed))
    assert computed.calls == ["abc", "abc"]
    assert len(list(temporary.iterdir())) == 1, "what nobody asks for any more is gone"


def test_a_score_alone_and_one_made_again_compute_their_own(temporary: Path) -> None:
    shared, computed = SharedWindows(), Computed()
    people(shared.windows("key", A, [A], computed))
    people(shared.windows("key", A, [B, C], computed))
    people(shared.windows("key", A, PLANS, computed))
    people(shared.windows("key", A, PLANS, computed))
    people(shared.windows("key", B, PLANS, computed))
    assert computed.calls == ["a", "a", "abc", "a"]


def test_a_reader_that_stops_half_way_leaves_the_others_theirs() -> None:
    shared, computed = SharedWindows(), Computed(3)
    broken = shared.windows("key", A, PLANS, computed)
    next(broken)
    broken.close()
    assert people(shared.windows("key", B, PLANS, computed)) == ["p0", "p1", "p2"]
    assert computed.calls == ["abc"]


def test_windows_that_cannot_be_made_leave_nothing(temporary: Path) -> None:
    def broken(plans: Sequence[ScorePlan]) -> Iterator[Window]:
        yield from Computed(2)(plans)
        raise OSError("no space")

    shared, computed = SharedWindows(), Computed(2)
    with pytest.raises(OSError, match="no space"):
        people(shared.windows("key", A, PLANS, broken))
    assert not list(temporary.iterdir())
    assert people(shared.windows("key", B, PLANS, computed)) == ["p0", "p1"]
    assert computed.calls == ["abc"]


def test_totals_of_one_key_are_computed_once() -> None:
    shared, calls = SharedRows(), list[int]()

    def compute() -> pl.DataFrame:
        calls.append(len(calls))
        return pl.DataFrame({"call": [calls[-1]]})

    assert [shared.rows(key, compute).item() for key in (1, 1, 2, 1)] == [0, 0, 1, 2]


def test_a_table_made_anew_with_as_many_versions_is_another(copied: Scenario) -> None:
    """As where somebody begins afresh beside a daemon, whose sensors keep what they read."""
    bench, some = copied.bench, 0
    rows, version = copied.table(COVERAGE, LAST), bench.lake.version(COVERAGE)
    assert set(stored_coverage(bench).collect()["event_date"]) == set(DAYS)
    shutil.rmtree(bench.uri(COVERAGE))
    while bench.lake.version(COVERAGE) != version:
        some += 1
        bench.lake.replace(bench.table(COVERAGE), rows.head(some), [LAST.isoformat()])
    assert stored_coverage(bench).collect().height == some


@pytest.mark.parametrize("buckets", [1, 3])
def test_a_run_reads_its_window_once_whatever_it_makes(
    copied: Scenario, monkeypatch: pytest.MonkeyPatch, buckets: int
) -> None:
    copied.write("project.yaml", PROJECT + f"engine: {{buckets: {buckets}}}\n")
    read: list[tuple[date, set[str]]] = []
    whole = local.LocalEngine.windows

    def windows(
        engine: local.LocalEngine, daily: pl.LazyFrame, plans: Sequence[ScorePlan], as_of: date, *said
    ):  # type: ignore[no-untyped-def]
        read.append((as_of, {plan.name for plan in plans}))
        return whole(engine, daily, plans, as_of, *said)

    monkeypatch.setattr(local.LocalEngine, "windows", windows)
    tables = ["points/reading", "points/buying"]
    copied.run("as_of_dates", LAST, only=tables)
    assert read == [(LAST, {"reading", "buying"})]
    together = [copied.table(table, LAST) for table in tables]

    read.clear()
    for table in tables:
        copied.run("as_of_dates", LAST, only=[table])
    assert read == [(LAST, {"reading"}), (LAST, {"buying"})], "one alone costs nothing for others"
    for table, before in zip(tables, together, strict=True):
        assert_frame_equal(copied.table(table, LAST), before)

    read.clear()
    several, ranges = local.LocalEngine.dates, list[tuple[list[date], list[str]]]()

    def dates(
        engine: local.LocalEngine, daily: pl.LazyFrame, plans: Sequence[ScorePlan], days: list[date], *said
    ):  # type: ignore[no-untyped-def]
        ranges.append((days, [plan.name for plan in plans]))
        return several(engine, daily, plans, days, *said)

    monkeypatch.setattr(local.LocalEngine, "dates", dates)
    copied.run("as_of_dates", DAYS[-3], LAST, only=tables)
    assert not read
    assert sorted(ranges, key=lambda each: each[1]) == [
        (DAYS[-3:], ["buying"]),
        (DAYS[-3:], ["reading"]),
    ], "a score reads once, however many dates there are"
    for table, before in zip(tables, together, strict=True):
        assert_frame_equal(copied.table(table, LAST), before)
