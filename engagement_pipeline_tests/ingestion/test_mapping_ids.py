"""Ids of events whose rows bring none: stable, and apart for elements, repeats and mappings."""

import json
import random
from datetime import date

import polars as pl
import pytest

from engagement_pipeline.core.events import settle
from engagement_pipeline.ingestion.canonical import canonical_events, mapped_paths
from engagement_pipeline.ingestion.event_ids import number_repeats
from engagement_pipeline_tests.ingestion.mapped import (
    LINES,
    ORDER,
    VIEW,
    ids,
    judged,
    known,
    of,
    view,
)
from engagement_pipeline_tests.ingestion.shop import landed


def test_content_ids_of_elements_are_stable_and_repeats_stay_apart() -> None:
    source = of({key: value for key, value in LINES.items() if key != "event_id"})
    row = view(1, lines=[{"price": 1}, {"price": 1}])
    one, two, again, twice = ids(source, row, row)
    assert two == one.removesuffix("-1") + "-2"
    assert (again, twice) == (f"{one}#2", f"{two}#2")
    assert ids(source, view(2), row, batch="other") == [one, two]


def test_the_content_may_be_the_id_of_rows_without_one() -> None:
    source = of({**VIEW, "event_id": {"path": "id", "default": "content"}})
    plain = {key: value for key, value in view().items() if key != "id"}
    given, content, again = ids(source, view(1), plain, plain)
    assert given == "e1"
    assert (len(content), again) == (32, f"{content}#2")
    assert ids(source, plain, batch="other") == [content]


def test_what_is_left_out_for_lacking_a_field_is_a_record() -> None:
    source = of(VIEW, ignore={"type": {"present": False}})
    found = judged(source, view(1), view(2, type="view"), "{broken")
    assert found.ignored["row_number"].to_list() == [1]
    assert found.rejected.select("row_number", "rule").rows() == [(3, "malformed_row")]


def test_a_repeated_row_and_an_element_of_it_do_not_share_an_id() -> None:
    whole = {key: value for key, value in VIEW.items() if key != "event_id"}
    each = {key: value for key, value in LINES.items() if key != "event_id"}
    row = view(1, lines=[{"price": 1}, {"price": 2}])
    found = ids(of([whole, each]), row, row)
    assert len(set(found)) == 6


@pytest.mark.parametrize("given", [True, False])
def test_two_mappings_of_one_row_do_not_share_an_id(given: bool) -> None:
    two = [{**VIEW}, {**ORDER, "occurred_at": "paid_at"}]
    source = of([{k: v for k, v in each.items() if given or k != "event_id"} for each in two])
    row = view(1, paid_at="2026-04-09T10:00:00Z")
    one, other = ids(source, row)
    assert (one, other) == (one, f"{one}/2")
    assert ids(source, row, days=[date(2026, 4, 9)]) == [other]
    repeated = [one, other] if given else [f"{one}#2", f"{other}#2"]
    assert sorted(ids(source, row, row)) == sorted([one, other, *repeated])


def test_the_order_and_the_splitting_of_rows_change_nothing() -> None:
    source = of([{**LINES, "only": {"t": "a"}}, {**VIEW, "only": {"t": ["a", "b"]}}])
    rows = [
        json.dumps(view(n % 7, t="ab"[n % 2], lines=[{"price": p} for p in range(n % 4)])) for n in range(40)
    ]

    def settled(*files: list[str]) -> pl.DataFrame:
        found = [
            canonical_events(landed(*file, batch=f"b{n}"), source, known(source))
            for n, file in enumerate(files)
        ]
        numbered = number_repeats(pl.concat(found), source)
        kept, _ = settle(numbered.lazy(), None, 30)
        identity = ["event_id", "event", "person_id", "value", "content_hash", "occurred_at"]
        return kept.select(identity).sort(identity).collect()

    whole = settled(rows)
    assert whole.height == whole["event_id"].n_unique()
    shuffled = random.Random(3).sample(rows, len(rows))
    assert settled(shuffled).equals(whole)
    assert settled(shuffled[:9], shuffled[9:], rows[3:20]).equals(whole)


def test_paths_that_all_mappings_read() -> None:
    found = mapped_paths(of([{**LINES, "only": {"t": "a"}}, VIEW]))
    assert found == {
        "t": "only",
        "lines": "explode",
        "id": "event_id",
        "who": "person_id",
        "at": "occurred_at",
        "coupon": "coupon",
    }
