"""For each rule of `score_changes` a planted row is caught; and no stored table is without such a test."""

from datetime import timedelta

import pytest

from engagement_pipeline.contracts.rules import failures, validate
from engagement_pipeline.contracts.tables import _KINDS, schema_for
from engagement_pipeline.core.frames import CAUSES, CHANGES
from engagement_pipeline_tests.contracts.build import CATALOG, DAY, GOOD, frame

TABLE = "score_changes/email"
Row = dict[str, object]
NOTHING: Row = {f"{what}_{cause}": 0 for what in ("points", "score") for cause in CAUSES}
MOVED: Row = {
    **NOTHING,
    "as_of": DAY,
    "compared_with": DAY - timedelta(days=1),
    "person_id": "person-1",
    "points_before": 50_000,
    "points_after": 80_000,
    "points_change": 30_000,
    "points_new_behaviour": 40_000,
    "points_decay_and_expiry": -10_000,
    "score_before": 20_000,
    "score_after": 60_000,
    "score_change": 40_000,
    "score_new_behaviour": 30_000,
    "score_reference": 10_000,
    "band_after": "high",
}
NEW: Row = {
    **{name: None for name in NOTHING if name.startswith("score_")},
    **{name: 0 for name in NOTHING if name.startswith("points_")},
    "as_of": DAY,
    "compared_with": DAY - timedelta(days=1),
    "person_id": "person-2",
    "points_after": 10_000,
    "points_change": 10_000,
    "points_new_behaviour": 10_000,
    "score_after": 60_000,
    "band_after": "high",
}
"""Somebody who had no score the day before."""
PLANTED: list[tuple[str, Row]] = [
    ("compared_with: before the date", {"compared_with": DAY}),
    ("points_change: the difference", {"points_after": 80_001}),
    ("points_change: the difference", {"points_before": None}),
    ("points_change: the sum of its parts", {"points_identity": 1}),
    (
        "points_change: the sum of its parts",
        {"points_identity": 2**63 - 1, "points_people": 2**63 - 1, "points_new_behaviour": 40_002},
    ),
    ("score_change: given exactly with both scores", {"score_before": None}),
    ("score_change: given exactly with both scores", {"score_change": None}),
    ("score_change: the difference", {"score_after": 60_001}),
    ("score_change: the sum of its parts", {"score_late_data": 1}),
    ("score_change: all of its parts or none", {"score_definition": None}),
    ("score_change: all of its parts or none", {"score_new_behaviour": None}),
    ("band_after: of the definition", {"band_after": "middling"}),
]


def test_good_rows_pass() -> None:
    unknown = {name: None for name in NOTHING if name.startswith("score_")}
    rows = [MOVED, NEW, {**MOVED, **unknown, "person_id": "person-3"}]  # no population, so no parts
    validate(frame(CHANGES, *rows), schema_for(TABLE, CATALOG))


@pytest.mark.parametrize(("rule", "change"), PLANTED)
def test_a_planted_row_is_caught(rule: str, change: Row) -> None:
    broken = failures(frame(CHANGES, {**MOVED, **change}, NEW), schema_for(TABLE, CATALOG))
    assert broken[rule].to_list() == [True, False]


def test_every_rule_has_a_planted_row() -> None:
    assert {str(check.name) for check in schema_for(TABLE, CATALOG).checks} == {rule for rule, _ in PLANTED}


def test_the_grain_is_kept_and_what_must_be_present_may_not_be_null() -> None:
    contract = schema_for(TABLE, CATALOG)
    assert failures(frame(CHANGES, MOVED, NEW, MOVED), contract)["grain"].to_list() == [True, False, True]
    for name in [name for name, column in contract.columns.items() if not column.nullable]:
        broken = failures(frame(CHANGES, NEW, {**MOVED, name: None}), contract)
        assert broken[f"{name}: present"].to_list() == [False, True], name


def test_no_stored_table_is_without_planted_rows() -> None:
    """`test_tables` and this module; a table that neither knows would have a contract nobody saw at work."""
    assert _KINDS.keys() == {table.partition("/")[0] for table in [*GOOD, TABLE]}
