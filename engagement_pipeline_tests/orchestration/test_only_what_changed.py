"""What is computed after an edit: the measures that are new, on the days on which they count, and no more."""

import io
import shutil
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from polars.testing import assert_frame_equal
from rich.console import Console

from engagement_pipeline.core.measures import ACTIVITY, Measure
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.assets.measures import only_as_of
from engagement_pipeline.orchestration.measured import covered
from engagement_pipeline.orchestration.pending import due_event_days
from engagement_pipeline.orchestration.runs import run_all
from engagement_pipeline_tests.orchestration.scenario import DAYS, FIRST, LAST, Scenario, key, orders
from engagement_pipeline_tests.orchestration.test_alerts import COOLING
from engagement_pipeline_tests.orchestration.ticking import MORNING, ranges, tick

pytestmark = pytest.mark.slow
Computed = dict[tuple[str, ...], list[date]]
OLD = "  - {event: email_opened, weight: 2, cap: {per_day: 1}}\n"
NEWS = OLD + "  - {event: email_opened, weight: 1, where: \"category = 'news'\"}\n"
"""A rule with a new condition beside it."""
OUTCOME = """\
outcome: buys
owner: team:shop
goal: Does this person order?
event: order_completed
within: 2d
scores: [reading]
"""


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Computed:
    """Measures -> the days of the events from which they were computed."""
    found, whole = Computed(), LocalEngine.measures

    def measures(
        engine: LocalEngine, events: pl.LazyFrame, given: Collection[Measure]
    ) -> Iterator[pl.DataFrame]:
        days = events.select(pl.col("event_date").unique().sort()).collect()["event_date"]
        found[tuple(each.id for each in given)] = days.to_list()
        return whole(engine, events, given)

    monkeypatch.setattr(LocalEngine, "measures", measures)
    return found


def measure(scenario: Scenario, *as_of: date) -> None:
    """Makes the measures of every day of the project, for these dates where there are any."""
    ops = only_as_of(as_of) if as_of else {}
    tags = {ASSET_PARTITION_RANGE_START_TAG: f"{FIRST}", ASSET_PARTITION_RANGE_END_TAG: f"{LAST}"}
    result = scenario.definitions.resolve_job_def("event_days").execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": ops},
        instance=scenario.instance,
        tags=tags,
        asset_selection=[key("daily_measures")],
    )
    assert result.success


def test_an_edit_costs_the_measures_that_are_new_on_the_days_of_their_window(
    copied: Scenario, computed: Computed
) -> None:
    copied.edit("scores/reading.yaml", "weight: 5", "weight: 4")
    assert due_event_days(copied.bench, LAST) == ([], [])
    measure(copied, LAST)
    assert not computed, "a weight is no part of a measure"

    before = set(copied.bench.plans["reading"].measures)
    copied.edit("scores/reading.yaml", OLD, NEWS)
    (new,) = set(copied.bench.plans["reading"].measures) - before
    assert due_event_days(copied.bench, LAST).measures == DAYS[-4:], "as of both dates that were scored"
    measure(copied, LAST)
    assert computed == {(new,): DAYS[-3:]}
    assert days_of(copied, new) == DAYS[-3:]
    assert days_of(copied, *before) == DAYS, "what was measured stays"
    copied.run("as_of_dates", LAST, only=["points/reading"])
    points = copied.table("points/reading", LAST)

    computed.clear()
    copied.edit("scores/reading.yaml", "window: 3d", "window: 6d")
    measure(copied, LAST)
    assert computed == {(new,): DAYS[-6:-3]}
    copied.run("as_of_dates", LAST, only=["points/reading"])

    copied.edit("scores/reading.yaml", "window: 6d", "window: 3d")
    computed.clear()
    copied.run("as_of_dates", LAST, only=["points/reading"])
    assert not computed
    assert_frame_equal(copied.table("points/reading", LAST), points)

    measure(copied)
    assert computed == {(new,): DAYS[:4]}, "asked for without any date, the rest is computed as well"
    assert days_of(copied, new) == DAYS


def test_days_whose_events_are_read_anyway_get_every_measure(copied: Scenario, computed: Computed) -> None:
    copied.edit("scores/reading.yaml", OLD, NEWS)
    copied.arrive("shop/late.jsonl", orders([("late", "kunde-ada-71", f"{DAYS[1]}T10:00:00Z", 7.0)]))
    copied.run("event_days", DAYS[1], only=["events/shop"])
    measure(copied, LAST)
    everything = [days for measures, days in computed.items() if ACTIVITY.id in measures]
    assert everything == [[DAYS[1]]]
    assert sorted(day for days in computed.values() for day in days) == [DAYS[1], *DAYS[-3:]]


def test_a_score_that_is_judged_on_past_dates_is_measured_there(copied: Scenario, computed: Computed) -> None:
    copied.write("outcomes/buys.yaml", OUTCOME)
    copied.edit("scores/reading.yaml", OLD, NEWS)
    measure(copied, LAST)
    assert [day for days in computed.values() for day in days] == DAYS


def longer(scenario: Scenario) -> str:
    """Adds a rule with a new condition and a window that is twice as long as any; gives its measure."""
    before = scenario.bench.plans["reading"].measures
    scenario.edit("scores/reading.yaml", OLD, NEWS.replace("'news'\"}", "'news'\", window: 6d}"))
    (new,) = scenario.bench.plans["reading"].measures - before
    return new


def test_the_sensor_asks_for_what_the_dates_need_that_are_kept_up_to_date(
    copied: Scenario, computed: Computed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING)
    new = longer(copied)
    (request,) = tick(copied, "event_days")[0]
    assert request.run_config["ops"] == only_as_of([LAST, DAYS[-2], DAYS[-3]])
    assert ranges([request]) == [(f"{DAYS[-7]}", f"{LAST}")], "the two dates that were ever scored"
    result = copied.definitions.resolve_job_def("event_days").execute_in_process(
        run_config=request.run_config,
        instance=copied.instance,
        tags=request.tags,
        asset_selection=request.asset_selection,
    )
    assert result.success
    assert computed == {(new,): DAYS[-7:]}
    assert days_of(copied, new) == DAYS[-7:]
    assert not tick(copied, "event_days")[0]
    copied.run("as_of_dates", DAYS[-2], LAST, only=["points/reading"])


def test_engagement_run_asks_for_what_the_dates_that_it_scores_need(
    copied: Scenario, computed: Computed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    # What stands on scores, and the other score, is no part of this and most of what a run takes.
    for room in ("campaigns", "segments"):
        shutil.rmtree(copied.folder / "catalog" / room)
    (copied.folder / "catalog/scores/buying.yaml").unlink()
    console, new = Console(file=io.StringIO()), longer(copied)
    assert run_all(copied.catalog, copied.settings, console, LAST) == []
    assert computed == {(new,): DAYS[-6:]}
    assert days_of(copied, new) == DAYS[-6:]

    # An alert compares with a date that has days of its own.
    copied.write("alerts/cooling.yaml", COOLING)
    computed.clear()
    assert run_all(copied.catalog, copied.settings, console, LAST, days_before=2) == []
    assert computed == {(new,): DAYS[-8:-6]}


def days_of(scenario: Scenario, *measures: str) -> list[date]:
    """The days on which all of them are computed."""
    rows = covered(scenario.bench).filter(pl.col("measure").is_in(measures)).collect()
    counted = rows.group_by("event_date").len().filter(pl.col("len") == len(measures))
    return counted["event_date"].sort().to_list()
