"""For each rule of an event a planted row is caught, named and explained; every other row comes through."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Catalog
from engagement_pipeline.contracts.events import row_rules, split
from engagement_pipeline.contracts.rules import ContractBroken
from engagement_pipeline.core.frames import REJECTED, event_schema
from engagement_pipeline_tests.contracts.build import CATALOG, EVENT, NOON, candidates

TEXTS = [f"text.{name}" for name in ("occurred_at", "value", "is_machine", "items", "due")]
OPTIONAL = {name: pl.String() for name in ["malformed", *TEXTS]}

NOTHING = {**dict.fromkeys(EVENT), "batch": "b1", "row_number": 2}
"""A row that could not be read."""

PLANTED: list[tuple[str, dict[str, object], str]] = [
    ("malformed_row", {**NOTHING, "malformed": "not JSON: at 3"}, "not JSON: at 3"),
    ("missing_event_id", {"event_id": None}, "no event id"),
    ("missing_event_id", {"event_id": " \t"}, "no event id"),
    ("missing_person_id", {"person_id": None}, "no person id"),
    ("missing_person_id", {"person_id": ""}, "no person id"),
    ("unusable_person_id", {"person_id": "x" * 401}, f"the id '{'x' * 60}' has more than 400 characters"),
    ("unusable_person_id", {"person_id": "p\0"}, "the id 'p\\0' has"),
    ("missing_event", {"event": None}, "no event name"),
    ("unknown_event", {"event": "bougth"}, "'bougth' is not in the tracking plan"),
    ("unknown_channel", {"channel": "fax"}, "'fax' is none of the channels"),
    ("unknown_channel", {"channel": None}, "(none)"),
    ("missing_time", {"occurred_at": None, "event_date": None}, "when the event happened"),
    (
        "unreadable_time",
        {"occurred_at": None, "event_date": None, "text.occurred_at": "32/13/2026"},
        "'32/13/2026'",
    ),
    (
        "future_time",
        {"occurred_at": NOON + timedelta(hours=3, seconds=1)},
        "2026-02-01 15:00:01 UTC, more than 60",
    ),
    ("ancient_time", {"occurred_at": NOON - timedelta(days=366)}, "2025-01-31 12:00:00 UTC, more than 365"),
    ("before_start", {"event_date": date(2025, 12, 31)}, "2025-12-31 lies before the project's start_date"),
    ("after_end", {"event_date": date(2026, 7, 1)}, "2026-07-01 lies after the project's end_date"),
    ("not_finite_value", {"value": float("nan")}, "NaN"),
    ("not_finite_value", {"value": float("-inf")}, "-inf"),
    ("value_out_of_range", {"value": 1000.5}, "1000.5 is beyond limits.value (1000)"),
    ("value_out_of_range", {"value": -1000.5}, "-1000.5"),
    ("unreadable_value", {"value": None, "text.value": "12,50 €"}, "'12,50 €' is not a number"),
    (
        "unreadable_is_machine",
        {"is_machine": None, "text.is_machine": "maybe"},
        "'maybe' is not true or false",
    ),
    (
        "unreadable_property",
        {"items": None, "text.items": "two"},
        "property items: 'two' is not a whole number",
    ),
    ("not_finite_property", {"discount": float("inf")}, "property discount: 'inf' is not a number"),
]


@pytest.mark.parametrize(("rule", "change", "words"), PLANTED)
def test_a_planted_row_is_caught(rule: str, change: dict[str, object], words: str) -> None:
    found = split(candidates({}, change, {}, **OPTIONAL), CATALOG)
    assert found.rejected.select("batch", "file", "rule", "raw").rows() == [("b1", "a.csv", rule, "{}")]
    assert words in found.rejected["reason"][0]
    assert found.rejected_rows == 1
    assert found.valid["event_id"].to_list() == ["e1", "e3"]


def test_every_rule_has_a_planted_row() -> None:
    names = [rule.name for rule in row_rules(CATALOG, candidates({}, **OPTIONAL).columns)]
    assert len(names) == len(set(names))
    assert set(names) == {rule for rule, _, _ in PLANTED}


@pytest.mark.parametrize(
    "change",
    [
        {"occurred_at": NOON + timedelta(hours=3)},  # as early as the tolerance allows
        {"occurred_at": NOON + timedelta(hours=2) - timedelta(days=365)},
        {"value": 1000.0},
        {"value": None, "unit": None},
        {"value": None, "text.value": " "},  # blank is absent, not unreadable
        {"items": None, "discount": None, "category": None},
        {"event_date": date(2026, 1, 1)},
        {"event_date": date(2026, 6, 30)},
    ],
)
def test_what_is_just_right_comes_through(change: dict[str, object]) -> None:
    found = split(candidates(change, **OPTIONAL), CATALOG)
    assert found.rejected.is_empty()
    assert found.rejected_rows == 0
    assert found.valid.schema == event_schema(CATALOG)
    assert found.valid.height == 1


def test_a_row_is_listed_under_every_rule_it_breaks_and_counted_once() -> None:
    bad = {"person_id": None, "value": float("nan"), "event": "x"}
    found = split(candidates(bad, {}), CATALOG)
    assert found.rejected["rule"].to_list() == ["missing_person_id", "not_finite_value", "unknown_event"]
    assert (found.rejected_rows, found.valid.height) == (1, 1)
    assert found.rejected.schema == REJECTED


def test_all_unreadable_properties_of_a_row_stand_in_one_reason() -> None:
    bad = {"items": None, "text.items": "two", "due": None, "text.due": "soon"}
    reasons = split(candidates(bad, **OPTIONAL), CATALOG).rejected["reason"].to_list()
    assert reasons == [
        "property due: 'soon' is not a date such as 2026-04-30; property items: 'two' is not a whole number"
    ]


def test_a_long_culprit_is_cut() -> None:
    reason = split(candidates({"event": "x" * 10_000}), CATALOG).rejected["reason"][0]
    assert len(reason) < 200
    assert "…" in reason


def test_unknown_events_may_be_kept() -> None:
    project = CATALOG.project.model_copy(update={"keep_unknown_events": True})
    catalog: Catalog = CATALOG.model_copy(update={"project": project})
    assert split(candidates({"event": "surprise"}), catalog).valid["event"].to_list() == ["surprise"]


def test_no_rows_and_only_bad_rows() -> None:
    assert split(candidates({}).clear(), CATALOG).valid.is_empty()
    found = split(candidates({"event_id": None}, {"event_id": None}), CATALOG)
    assert (found.valid.height, found.rejected_rows) == (0, 2)


def test_a_lazy_frame_and_a_missing_column_are_refused() -> None:
    with pytest.raises(TypeError, match="collect"):
        split(candidates({}).lazy(), CATALOG)  # type: ignore[arg-type]
    with pytest.raises(ContractBroken, match="column channel is missing"):
        split(candidates({}).drop("channel"), CATALOG)
    with pytest.raises(ContractBroken, match="column value is String, not Float64"):
        split(candidates({}).cast({"value": pl.String}), CATALOG)


@given(st.lists(st.sampled_from(range(len(PLANTED) + 1)), max_size=12))
@settings(max_examples=25, deadline=None)
def test_rows_are_judged_one_by_one(picked: list[int]) -> None:
    """Every row ends on exactly one side, whatever stands beside it."""
    rows = [PLANTED[number][1] if number < len(PLANTED) else {} for number in picked]
    numbered = [{**row, "batch": "b1", "row_number": number} for number, row in enumerate(rows)]
    found = split(candidates(*numbered, **OPTIONAL), CATALOG)
    good = [number for number, row in enumerate(rows) if not row]
    assert found.valid["row_number"].to_list() == good
    rules = {number: PLANTED[pick][0] for number, pick in enumerate(picked) if pick < len(PLANTED)}
    assert dict(found.rejected.select("row_number", "rule").rows()) == rules
