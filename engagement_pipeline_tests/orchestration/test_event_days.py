"""The sensor that asks for event days, tick by tick on real stores, with the clock held."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from engagement_pipeline.orchestration import sensors
from engagement_pipeline.orchestration.partitions import contiguous
from engagement_pipeline_tests.orchestration.scenario import (
    DAYS,
    FIRST,
    LAST,
    PEOPLE,
    Scenario,
)
from engagement_pipeline_tests.orchestration.ticking import (
    MORNING,
    dates,
    deliver,
    failed,
    going_on,
    ranges,
    tick,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Landed, nothing made yet. Do not change it."""
    scenario = Scenario.new(tmp_path_factory.mktemp("landed"))
    scenario.run("landing")
    yield scenario
    scenario.close()


def test_landed_days_are_asked_for_as_ranges(landed: Scenario) -> None:
    requests, _, _ = tick(landed, "event_days")
    assert ranges(requests) == [(FIRST.isoformat(), LAST.isoformat())]


def test_days_that_are_made_are_not_asked_for(copied: Scenario) -> None:
    requests, why, _ = tick(copied, "event_days")
    assert requests == []
    assert why == "every day that files touched is made"


def test_a_late_file_asks_for_exactly_the_days_it_touches(copied: Scenario) -> None:
    deliver(copied, DAYS[1], DAYS[2], DAYS[6])
    requests, _, _ = tick(copied, "event_days")
    wanted = [(DAYS[1].isoformat(), DAYS[2].isoformat()), (DAYS[6].isoformat(), DAYS[6].isoformat())]
    assert ranges(requests) == wanted
    assert [each.run_key for each in tick(copied, "event_days")[0]] == [each.run_key for each in requests]

    copied.run("event_days", DAYS[1], DAYS[2])
    requests, _, _ = tick(copied, "event_days")
    assert ranges(requests) == wanted[1:]
    copied.run("event_days", DAYS[6], DAYS[6])
    assert tick(copied, "event_days")[0] == []


def test_days_that_yesterdays_scores_span_are_made_without_any_file(
    open_project: Callable[..., Scenario],
) -> None:
    project = open_project(landing={})
    span = (DAYS[-5], LAST)  # the longest window of a score is five days
    assert ranges(tick(project, "event_days")[0]) == [tuple(day.isoformat() for day in span)]
    project.run("event_days", *span)
    assert tick(project, "event_days")[0] == []
    assert project.table("daily_measures").is_empty()
    assert dates(tick(project, "as_of_dates")[0]) == [("as_of_dates", LAST.isoformat())]
    project.run("as_of_dates", LAST)
    assert project.table("scores/buying").is_empty()


def test_days_whose_measures_lag_behind_are_asked_for(copied: Scenario) -> None:
    """A run that was killed between events and measures."""
    deliver(copied, DAYS[4])
    copied.run("event_days", DAYS[4], only=["events/mail"])
    assert ranges(tick(copied, "event_days")[0]) == [(DAYS[4].isoformat(), DAYS[4].isoformat())]


def test_event_days_are_not_asked_for_while_some_are_made(copied: Scenario) -> None:
    deliver(copied, DAYS[4])
    going_on(copied, "event_days")
    requests, why, _ = tick(copied, "event_days")
    assert requests == []
    assert why == "a run that makes event days is still going on"


def test_a_new_rule_s_measure_is_computed_where_the_last_scores_need_it(copied: Scenario) -> None:
    before = tick(copied, "event_days")[0]
    copied.edit("scores/reading.yaml", "bands:", "  - {event: email_sent, weight: -1}\nbands:")
    requests, _, _ = tick(copied, "event_days")
    # Three days up to each of the two dates that are scored.
    assert (before, ranges(requests)) == ([], [(DAYS[-4].isoformat(), LAST.isoformat())])
    copied.run("event_days", DAYS[-4], LAST)
    assert tick(copied, "event_days")[0] == []


def test_a_day_that_is_still_to_come_waits(landed: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "now", lambda: MORNING - timedelta(days=2))
    requests, _, _ = tick(landed, "event_days")
    assert ranges(requests) == [(FIRST.isoformat(), DAYS[-2].isoformat())]


def test_profiles_that_were_landed_alone_remake_persons(copied: Scenario) -> None:
    copied.drop("crm/later.csv", f"person,plan\n{PEOPLE[0]},platinum\n".encode())
    copied.run("landing", only=["landed/crm", "rejected/crm", "profiles/crm"])
    assert ranges(tick(copied, "event_days")[0]) == [(LAST.isoformat(), LAST.isoformat())]
    copied.run("event_days", LAST)
    assert "platinum" in copied.table("persons")["plan"].to_list()
    assert tick(copied, "event_days")[0] == []


@pytest.mark.parametrize(
    ("days", "expected"),
    [([], []), ([0], [(0, 0)]), ([0, 1, 2], [(0, 2)]), ([0, 2, 3, 5], [(0, 0), (2, 3), (5, 5)])],
)
def test_days_become_ranges(days: list[int], expected: list[tuple[int, int]]) -> None:
    found = contiguous([DAYS[day] for day in days])
    assert found == [(DAYS[first], DAYS[last]) for first, last in expected]


@pytest.mark.parametrize("name", ["event_days", "as_of_dates"])
def test_what_failed_is_tried_three_times_until_its_input_changes(copied: Scenario, name: str) -> None:
    deliver(copied, LAST)
    if name == "as_of_dates":
        copied.run("event_days", LAST)
    keys = []
    for _ in range(3):
        (request,) = tick(copied, name)[0]
        keys.append(request.run_key)
        failed(copied, request, name)
    assert len(set(keys)) == 3
    requests, why, _ = tick(copied, name)
    assert requests == []
    assert why == "what is due failed 3 times; it is tried again when what it reads changes"
    deliver(copied, LAST, file="mail/later.csv")
    if name == "as_of_dates":
        copied.run("event_days", LAST)
    assert len(tick(copied, name)[0]) == 1
