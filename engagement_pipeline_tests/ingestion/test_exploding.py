"""Lists in rows: an event for each element, what the elements know, and what they cost."""

import json

from engagement_pipeline_tests.ingestion.mapped import (
    AT,
    LINES,
    ORDER,
    VIEW,
    events,
    judged,
    of,
    view,
)


def test_a_list_gives_an_event_for_each_of_its_elements() -> None:
    rows = [
        view(1, coupon="all", lines=[{"price": 1, "count": 2}, {"price": 2, "coupon": "own"}]),
        view(2, lines=[]),
        view(3),
        view(4, lines=[{"price": 9}]),
    ]
    assert events(of(LINES), *rows, columns=["event_id", "value", "coupon", "items", "row_number"]) == [
        ("e1-1", 1.0, "all", 2, 1),
        ("e1-2", 2.0, "own", None, 1),
        ("e4-1", 9.0, None, None, 4),
    ]


def test_elements_with_an_id_of_their_own_keep_it() -> None:
    mapping = {**LINES, "event_id": "each.id"}
    rows = [view(1, lines=[{"id": "a"}, {"id": "b"}])]
    assert events(of(mapping), *rows, columns=["event_id"]) == [("a",), ("b",)]


def test_declared_properties_are_looked_for_in_the_element_first() -> None:
    mapping = {**VIEW, "explode": "actions"}
    rows = [view(1, page="/visit", items=[1, 2], actions=[{"page": "/a", "seconds": 3}, {}])]
    assert events(of(mapping), *rows, columns=["page", "seconds", "items"]) == [
        ("/a", 3, None),
        ("/visit", None, None),
    ]


def test_elements_may_be_chosen() -> None:
    mappings = [
        {**VIEW, "explode": "actions", "only": {"each.type": "view"}, "properties": {"page": "each.url"}},
        {**ORDER, "explode": "actions", "only": {"each.type": "order", "kind": "visit"}, "value": "each.sum"},
    ]
    actions = [{"type": "view", "url": "/a"}, {"type": "order", "sum": 5}, {"type": "search"}]
    rows = [view(1, kind="visit", actions=actions), view(2, kind="bot", actions=actions)]
    assert events(of(mappings), *rows, columns=["event_id", "event", "page", "value"]) == [
        ("e1-1", "page_viewed", "/a", None),
        ("e1-2", "order", None, 5.0),
        ("e2-1", "page_viewed", "/a", None),
    ]


def test_a_long_list_is_not_stored_once_for_each_of_its_elements() -> None:
    row = view(1, coupon="all", lines=[{"price": n, "note": "x" * 50} for n in range(2_000)])
    found = judged(of({**LINES, "event_id": {"path": "none", "default": "content"}}), row).events
    assert found.height == 2_000
    assert found["properties"].str.len_bytes().max() < 300
    assert json.loads(found["properties"][7]) == {
        "none": None,
        "who": "p1",
        "at": AT,
        "coupon": "all",
        "each.coupon": None,
        "each.count": None,
        "each.price": "7",
        "each.page": None,
        "each.seconds": None,
        "page": None,
        "seconds": None,
    }


def test_plain_values_are_elements_too() -> None:
    mapping = {**VIEW, "explode": "pages", "properties": {"page": "each"}}
    rows = [view(1, pages=["/a", "/b"]), view(2, pages="/c")]
    assert events(of(mapping), *rows, columns=["page"]) == [("/a",), ("/b",), ("/c",)]
