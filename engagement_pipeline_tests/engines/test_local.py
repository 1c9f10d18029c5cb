import os
import subprocess
import sys
from itertools import pairwise

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.core.frames import DAILY_MEASURES, POINTS
from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.words import as_text
from engagement_pipeline.engines.base import Engine
from engagement_pipeline.engines.local import LocalEngine
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, events, score

DEFINITIONS = catalog(
    score("counts", [{"event": "opened", "weight": 3, "cap": {"per_day": 2}}], decay={"half_life": 7}),
    score("values", [{"event": "ordered", "weight": 1, "per": 3}, {"event": "opened", "weight": 0.3}]),
)
MEASURES = measures_of(DEFINITIONS).values()
PLANS = list(plan_scores(DEFINITIONS).values())
EVENTS = events(
    *(
        {
            "person_id": f"p{n * 7 % 23:02}",
            "event_date": ago(n * 5 % 40),
            "event": ("opened", "ordered")[n % 2],
            "value": n * 1.37,
        }
        for n in range(500)
    )
)


def points(buckets, frame):
    engine: Engine = LocalEngine(buckets)
    parts = list(engine.points(frame, PLANS, AS_OF))
    return parts, {plan.name: pl.concat(part[plan.name] for part in parts) for plan in PLANS}


@pytest.mark.parametrize("buckets", [2, 3, 7, 23, 1000])
def test_the_number_of_buckets_changes_nothing_but_the_parts(buckets):
    daily = daily_measures(EVENTS, MEASURES)
    parts, found = points(buckets, daily)
    _, whole = points(1, daily)
    for name, frame in found.items():
        assert as_text(frame).schema == POINTS
        assert frame["person_id"].is_sorted()
        assert_frame_equal(frame, whole[name])
    assert len(parts) == min(buckets, 23), "23 people"


def test_a_busy_person_weighs_as_much_as_several_others():
    busy = [{"person_id": "p0", "event_date": ago(day), "event": "opened"} for day in range(30)]
    others = [{"person_id": f"p{n}", "event_date": ago(0), "event": "opened"} for n in (1, 2, 3)]
    parts, _ = points(2, daily_measures(events(*busy, *others), MEASURES))
    assert [part["counts"]["person_id"].to_list() for part in parts] == [["p0"], ["p1", "p2", "p3"]]


@pytest.mark.parametrize("buckets", [1, 2, 5, 1000])
def test_measures_come_in_parts_of_ascending_days_that_are_the_whole(buckets):
    parts = list(LocalEngine(buckets).measures(EVENTS, MEASURES))
    found, whole = pl.concat(parts), daily_measures(EVENTS, MEASURES).collect()
    assert found.schema == DAILY_MEASURES
    assert_frame_equal(found, whole, check_row_order=False)
    for before, after in pairwise(parts):
        assert before["event_date"].max() < after["event_date"].min()


@pytest.mark.parametrize("buckets", [1, 3])
def test_events_are_read_once_however_many_measures_there_are(buckets):
    rules = [{"event": "opened", "weight": 1, "where": f"category = '{n}'"} for n in range(30)]
    more = {"event": "ordered", "weight": 1, "per": 1, "unit": "EUR", "machine": "exclude", "ceiling": 9}
    rules += [more, {"channel": "email", "weight": 1}, {"event": "opened", "count": "messages", "weight": 1}]
    measures = measures_of(catalog(score("many", rules))).values()
    reads = []

    def noticed(frame: pl.DataFrame) -> pl.DataFrame:
        reads.append(frame.height)
        return frame

    whole = daily_measures(EVENTS, measures).collect()
    counted = EVENTS.map_batches(noticed, schema=EVENTS.collect_schema())
    engine = LocalEngine(buckets)
    assert_frame_equal(pl.concat(engine.measures(counted, measures)), whole, check_row_order=False)
    assert len(reads) == (1 if buckets == 1 else 1 + buckets), "once to cut it, once a bucket"
    assert not any(part.height for part in engine.messages(EVENTS, measures)), "nothing names a message"


@pytest.mark.parametrize("buckets", [1, 4])
def test_nothing_to_do_gives_one_empty_part(buckets):
    nothing = EVENTS.clear()
    assert [part.is_empty() for part in LocalEngine(buckets).measures(nothing, MEASURES)] == [True]
    parts, found = points(buckets, daily_measures(nothing, MEASURES))
    assert len(parts) == 1
    assert {as_text(frame).schema == POINTS for frame in found.values()} == {True}


_DIGEST = """
import hashlib
from engagement_pipeline_tests.engines.test_local import EVENTS, MEASURES, points
from engagement_pipeline.core.measures import daily_measures
found = points(1, daily_measures(EVENTS, MEASURES))[1]
print(hashlib.sha256("".join(frame.write_json() for frame in found.values()).encode()).hexdigest())
"""


def test_the_number_of_threads_changes_nothing():
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "3")
    }
    assert len(digests) == 1
