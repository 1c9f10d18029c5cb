"""The order of what needs each other, and the circles."""

import pytest

from engagement_pipeline.catalog.graph import in_order


@pytest.mark.parametrize(
    ("needs", "order", "circles"),
    [
        ({}, [], []),
        ({"b": [], "a": []}, ["a", "b"], []),
        ({"a": ["b"], "b": ["c"], "c": []}, ["c", "b", "a"], []),
        ({"a": ["c", "b"], "b": ["c"], "c": []}, ["c", "b", "a"], []),
        ({"a": ["elsewhere"]}, ["a"], []),
        ({"a": ["a"]}, ["a"], [["a", "a"]]),
        ({"b": ["c"], "c": ["b"], "a": ["b"]}, ["c", "b", "a"], [["b", "c", "b"]]),
        ({"a": ["b", "c"], "b": ["a"], "c": ["a"]}, ["b", "c", "a"], [["a", "b", "a"], ["a", "c", "a"]]),
    ],
)
def test_order_and_circles(needs: dict[str, list[str]], order: list[str], circles: list[list[str]]) -> None:
    assert in_order(needs) == (order, circles)
