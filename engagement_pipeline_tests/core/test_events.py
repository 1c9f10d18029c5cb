import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.core.events import settle
from engagement_pipeline_tests.core.build import instants


def claims(*rows):
    """Claims from (event_id, occurred_at, content, batch, row_number)."""
    ids, times, contents, batches, numbers = zip(*rows, strict=True)
    return pl.LazyFrame(
        {
            "event_id": ids,
            "occurred_at": instants(*times),
            "content_hash": contents,
            "properties": ["{}" for _ in rows],
            "received_at": instants(*("2026-01-31T00:00:00" for _ in rows)),
            "batch": batches,
            "row_number": numbers,
        }
    )


def ids(frame):
    return sorted(frame.select("event_id", "content_hash").collect().rows())


def test_a_redelivered_event_is_kept_once_as_first_received():
    given = claims(
        ("e", "2026-01-01T10:00:00", "x", "b2", 1),
        ("e", "2026-01-01T10:00:00", "x", "b1", 7),
        ("e", "2026-01-01T10:00:00", "x", "b1", 3),
    )
    kept, conflicts = settle(given, None, 30)
    assert kept.select("batch", "row_number").collect().rows() == [("b1", 3)]
    assert conflicts.collect().is_empty()


def test_a_later_redelivery_never_changes_when_an_event_was_received():
    first = claims(("e", "2026-01-01T10:00:00", "x", "b2", 1))
    again = claims(("e", "2026-01-01T10:00:00", "x", "b1", 1)).with_columns(
        received_at=pl.col("received_at") + pl.duration(days=1)
    )
    kept, _ = settle(pl.concat([again, first]), None, 30)
    assert_frame_equal(kept.collect(), first.collect())


def test_of_equal_claims_with_other_properties_any_order_of_delivery_keeps_the_same():
    short = claims(("e", "2026-01-01T10:00:00", "x", "b1", 1))
    wide = claims(("e", "2026-01-01T10:00:00", "x", "b2", 1)).with_columns(properties=pl.lit('{"a":1}'))
    later = pl.col("received_at") + pl.duration(days=1)
    for given in ([short, wide.with_columns(later)], [wide, short.with_columns(later)]):
        kept, conflicts = settle(pl.concat(given), None, 30)
        assert kept.select("properties", "batch").collect().rows() == [('{"a":1}', "b2")]
        assert conflicts.collect().is_empty()


def test_of_different_contents_the_earliest_wins():
    given = claims(
        ("e", "2026-01-01T10:00:01", "a", "b", 1),
        ("e", "2026-01-01T10:00:00", "z", "b", 2),
    )
    kept, conflicts = settle(given, None, 30)
    assert (ids(kept), ids(conflicts)) == ([("e", "z")], [("e", "a")])
    assert conflicts.select("earlier_at").collect().item() == instants("2026-01-01T10:00:00").item()


def test_at_the_same_instant_the_smallest_content_wins():
    given = claims(
        ("e", "2026-01-01T10:00:00", "b", "b", 1),
        ("e", "2026-01-01T10:00:00", "a", "b", 2),
        ("e", "2026-01-01T10:00:00", "c", "b", 3),
    )
    kept, conflicts = settle(given, None, 30)
    assert (ids(kept), ids(conflicts)) == ([("e", "a")], [("e", "b"), ("e", "c")])


def test_an_id_is_taken_for_the_horizon_only():
    given = claims(
        ("e", "2026-01-01T10:00:00", "a", "b", 1),
        ("e", "2026-01-08T10:00:00", "b", "b", 2),
    )
    assert ids(settle(given, None, 7).conflicts) == []
    assert ids(settle(given, None, 8).conflicts) == [("e", "b")]


def test_days_before_take_part_and_are_not_given_back():
    given = claims(("e", "2026-01-03T10:00:00", "a", "b", 1), ("f", "2026-01-03T10:00:00", "a", "b", 2))
    before = claims(("e", "2026-01-01T10:00:00", "q", "b", 1), ("g", "2026-01-01T10:00:00", "q", "b", 2))
    kept, conflicts = settle(given, before, 30)
    assert (ids(kept), ids(conflicts)) == ([("f", "a")], [("e", "a")])


def test_a_claim_that_stands_among_the_earlier_ones_does_not_conflict_with_itself():
    given = claims(("e", "2026-01-03T10:00:00", "a", "b", 1))
    assert ids(settle(given, given, 30).kept) == [("e", "a")]


def test_nothing_in_nothing_out():
    nothing = claims(("e", "2026-01-03T10:00:00", "a", "b", 1)).clear()
    kept, conflicts = settle(nothing, nothing, 30)
    assert kept.collect().is_empty()
    assert conflicts.collect().is_empty()


@pytest.mark.parametrize("seed", range(5))
def test_order_duplication_and_splitting_by_day_change_nothing(seed):
    rng = random.Random(seed)
    rows = [
        (
            f"e{rng.randrange(12)}",
            f"2026-01-{rng.randrange(1, 20):02}T{rng.randrange(24):02}:00:00",
            rng.choice("xyz"),
            "b",
            n,
        )
        for n in range(60)
    ]
    whole = claims(*rows)
    kept, conflicts = (frame.sort(pl.all()).collect() for frame in settle(whole, None, 5))
    mixed = claims(*(rng.sample(rows, len(rows)) + rng.sample(rows, 20)))
    assert_frame_equal(settle(mixed, None, 5).kept.sort(pl.all()).collect(), kept)
    assert_frame_equal(settle(mixed, None, 5).conflicts.sort(pl.all()).collect(), conflicts)
    cut = instants("2026-01-10T00:00:00").item()
    early, late = whole.filter(pl.col("occurred_at") < cut), whole.filter(pl.col("occurred_at") >= cut)
    parts = [settle(early, None, 5), settle(late, early, 5)]
    assert_frame_equal(pl.concat([p.kept for p in parts]).sort(pl.all()).collect(), kept)
    assert_frame_equal(pl.concat([p.conflicts for p in parts]).sort(pl.all()).collect(), conflicts)
    assert {*ids(kept.lazy()), *ids(conflicts.lazy())} == {(i, c) for i, _, c, _, _ in rows}


def test_the_same_content_at_another_time_is_the_same_event_received_again():
    given = claims(
        ("e", "2026-01-01T10:00:00", "a", "b", 1),
        ("e", "2026-01-02T10:00:00", "a", "b", 2),
        ("e", "2026-01-03T10:00:00", "b", "b", 3),
    )
    kept, conflicts = settle(given, None, 30)
    assert (ids(kept), ids(conflicts)) == ([("e", "a")], [("e", "b")])
    assert kept.collect()["occurred_at"].to_list() == instants("2026-01-01T10:00:00").to_list()
