"""For each rule of each stored table a planted row is caught."""

from datetime import date, timedelta

import polars as pl
import pytest

from engagement_pipeline.contracts.rules import ContractBroken, failures, validate
from engagement_pipeline.contracts.tables import schema_for
from engagement_pipeline_tests.contracts.build import CATALOG, CONTRIBUTION, DAY, GOOD, NOON, frame

NAN, INF = float("nan"), float("inf")
Row = dict[str, object]

PLANTED: list[tuple[str, str, Row]] = [
    ("landed/web", "row_number: from 1", {"row_number": 0}),
    ("rejected/web", "row_number: from 1", {"row_number": 0}),
    ("rejected/web", "rule: said", {"rule": ""}),
    ("rejected/web", "reason: said", {"reason": " "}),
    ("events/web", "event_id: said", {"event_id": " "}),
    ("events/web", "person_id: said", {"person_id": ""}),
    ("events/web", "channel: known", {"channel": "fax"}),
    ("events/web", "machine_reason: known", {"is_machine": True, "machine_reason": "a hunch"}),
    ("events/web", "machine_reason: given exactly for machines", {"is_machine": True}),
    ("events/web", "machine_reason: given exactly for machines", {"machine_reason": "prefetch"}),
    ("events/web", "value: finite and within limits.value", {"value": INF}),
    ("events/web", "value: finite and within limits.value", {"value": NAN}),
    ("events/web", "value: finite and within limits.value", {"value": -1001.0}),
    (
        "events/web",
        "event_date: day of occurred_at in the project's zone",
        {"occurred_at": NOON.replace(hour=23)},
    ),
    (
        "events/web",
        "event_date: within the project",
        {"event_date": date(2025, 12, 1), "occurred_at": NOON.replace(year=2025, month=12)},
    ),
    ("events/web", "discount: finite", {"discount": NAN}),
    ("events/web", "event: in the plan", {"event": "surprise"}),
    ("persons", "person_id: said", {"person_id": ""}),
    ("persons", "valid_to: after valid_from", {"valid_to": DAY}),
    ("persons", "valid_to: before the next period", {"person_id": "twice", "valid_to": None}),
    ("persons", "valid_to: before the next period", {"person_id": "twice", "valid_to": date(2026, 9, 1)}),
    ("persons", "age: finite", {"age": INF}),
    ("profiles/crm", "person_id: said", {"person_id": " "}),
    ("profiles/crm", "age: finite", {"age": INF}),
    ("identities/crm", "alias: said", {"alias": ""}),
    ("identities/crm", "person_id: said", {"person_id": ""}),
    ("identities/crm", "alias: another id than the person's", {"alias": "person-1"}),
    ("aliases", "alias: another id than the person's", {"alias": "person-1"}),
    ("aliases", "valid_to: after valid_from", {"valid_to": DAY}),
    ("aliases", "valid_to: before the next period", {"valid_to": None}),
    ("consents", "person_id: said", {"person_id": ""}),
    ("consents", "channel: known", {"channel": "pigeon"}),
    ("consents", "state: in or out", {"state": "maybe"}),
    ("consents", "valid_to: after valid_from", {"valid_to": DAY}),
    ("consents", "valid_to: before the next period", {"valid_to": None}),
    ("daily_measures", "quantity: not zero", {"quantity": 0}),
    ("daily_measures", "person_id: said", {"person_id": ""}),
    ("daily_messages", "person_id: said", {"person_id": ""}),
    ("measure_coverage", "measure: said", {"measure": ""}),
    ("points/email", "points: sum of the contributions", {"points": 30_001}),
    (
        "points/email",
        "points: sum of the contributions",
        {
            "points": -2,
            "contributions": [{**CONTRIBUTION, "rule": rule, "points": 2**63 - 1} for rule in ("a", "b")],
        },
    ),
    ("points/email", "contributions: a rule once", {"contributions": [CONTRIBUTION] * 2, "points": 60_000}),
    ("points/email", "contributions: complete", {"contributions": [{**CONTRIBUTION, "quantity": None}]}),
    ("references/email", "persons: at least one", {"persons": 0}),
    ("references/email", "version: one a date", {"version": "v2"}),
    ("scores/email", "state: known", {"state": "guessed"}),
    ("scores/email", "points: null exactly when unscored", {"points": None}),
    ("scores/email", "score: null exactly when unscored", {"score": None, "band": None}),
    (
        "scores/email",
        "score: null exactly when unscored",
        {"state": "unscored", "points": None, "band": None},
    ),
    ("scores/email", "score: finite", {"score": NAN}),
    ("scores/plain", "score: finite", {"score": INF}),
    ("scores/email", "score: within the scale's range", {"score": 10.1}),
    ("scores/email", "score: within the scale's range", {"score": 0.9}),
    ("scores/email", "band: of the definition", {"band": "middling"}),
    ("scores/email", "band: one for every score", {"band": None}),
    ("scores/email", "band: holds the score", {"score": 5.5, "band": "low"}),
    ("scores/email", "band: none when unscored", {"state": "unscored", "points": None, "score": None}),
    ("segments/loyal", "person_id: said", {"person_id": ""}),
    ("audiences/perks", "decision: known", {"decision": "perhaps", "reason": "x"}),
    ("audiences/perks", "reason: given exactly when not sent", {"reason": "why not"}),
    ("audiences/perks", "reason: given exactly when not sent", {"decision": "hold_out"}),
    ("audiences/perks", "variant: of the definition", {"variant": "other"}),
    ("audiences/perks", "variant: given when sent or held out", {"variant": None, "message": None}),
    ("audiences/perks", "message: given with the variant", {"message": None}),
    ("alerts/cooling", "person_id: said", {"person_id": " "}),
    ("alerts/cooling", "decision: known", {"decision": "shout", "because": "stale"}),
    ("alerts/cooling", "because: known", {"decision": "hold_back", "because": "a whim"}),
    ("alerts/cooling", "because: given exactly when held back", {"because": "stale"}),
    ("alerts/cooling", "because: given exactly when held back", {"decision": "hold_back"}),
    ("alerts/cooling", "drop: difference of the scores", {"drop": 4.0}),
    ("alerts/cooling", "drop: down, by score or by band", {"drop": -1.0, "score_after": 10.0, "bands": 0}),
    ("alerts/cooling", "compared_with: before the date", {"compared_with": DAY}),
    ("alerts/cooling", "why: given with the cause", {"why": None}),
    ("alerts/cooling", "bands: given with the bands", {"bands": None}),
    *(
        (f"{kind}/email", rule, change)
        for kind in ("score_quality", "score_deciles", "weight_proposal")
        for rule, change in (
            ("score: the table's own", {"score": "plain"}),
            ("outcome: one that judges it", {"outcome": "sings"}),
        )
    ),
    ("score_quality/email", "model: known", {"model": "astrology"}),
    ("score_quality/email", "metric: known", {"metric": "charm"}),
    ("score_quality/email", "value: finite", {"value": NAN}),
    ("score_quality/email", "value: a share", {"value": 1.1, "low": None, "high": None}),
    ("score_quality/email", "value: within its interval", {"value": 0.5}),
    ("score_quality/email", "says: given exactly for the verdict", {"says": "well"}),
    ("score_quality/email", "says: given exactly for the verdict", {"metric": "beats_recency"}),
    ("score_deciles/email", "model: known", {"model": "everyone"}),
    ("score_deciles/email", "decile: one of ten", {"decile": 0}),
    ("score_deciles/email", "outcomes: no more than people", {"outcomes": 9.6}),
    ("score_deciles/email", "rate: a share", {"rate": 1.5}),
    ("score_deciles/email", "expected: a share", {"expected": -0.1}),
    ("weight_proposal/email", "proposed: of the declared sign", {"proposed": -3.0}),
    ("weight_proposal/email", "proposed: 1 to 10 in size, or left out", {"proposed": 11.0}),
    ("weight_proposal/email", "fitted_until: before the test", {"fitted_until": DAY + timedelta(days=1)}),
]
OTHERWISE: dict[str, Row] = {
    "landed/web": {"row_number": 2},
    "rejected/web": {"row_number": 2},
    "events/web": {"event_id": "e2"},
    "conflicts/web": {"event_id": "e2"},
    "persons": {"person_id": "twice", "valid_from": DAY + timedelta(days=9)},
    "aliases": {"valid_from": DAY + timedelta(days=9), "valid_to": None},
    "consents": {"valid_from": DAY + timedelta(days=9), "valid_to": None},
    "held/persons": {"as_of": DAY + timedelta(days=1)},
    "measure_coverage": {"measure": "n"},
    "references/email": {"points": 5},
    "score_quality/email": {"metric": "ks"},
    "score_deciles/email": {"decile": 2},
    "weight_proposal/email": {"rule": "clicked"},
}
"""What tells a second good row from the first, where it is not the person."""


def good(table: str) -> tuple[pl.Schema, Row, Row]:
    schema, row = GOOD[table]
    return schema, row, {**row, **OTHERWISE.get(table, {"person_id": "person-2"})}


@pytest.mark.parametrize("table", GOOD)
def test_good_rows_pass(table: str) -> None:
    schema, row, other = good(table)
    validate(frame(schema, row, other), schema_for(table, CATALOG))
    validate(schema.to_frame(), schema_for(table, CATALOG))


@pytest.mark.parametrize(("table", "rule", "change"), PLANTED)
def test_a_planted_row_is_caught(table: str, rule: str, change: Row) -> None:
    schema, row, other = good(table)
    broken = failures(frame(schema, {**row, **change}, other), schema_for(table, CATALOG))
    assert broken[rule][0]


def test_a_score_may_lie_a_little_outside_of_the_band_it_was_in() -> None:
    schema, row, other = good("scores/email")
    rows = frame(schema, {**row, "score": 5.4, "band": "low"}, {**other, "score": 4.6, "band": "high"})
    validate(rows, schema_for("scores/email", CATALOG))


@pytest.mark.parametrize("table", GOOD)
def test_every_rule_has_a_planted_row(table: str) -> None:
    kind = table.split("/")[0]
    planted = {rule for of, rule, _ in PLANTED if of.split("/")[0] == kind}
    assert {str(check.name) for check in schema_for(table, CATALOG).checks} <= planted


@pytest.mark.parametrize("table", [table for table in GOOD if not table.startswith("profiles/")])
def test_the_grain_is_kept(table: str) -> None:
    schema, row, other = good(table)
    broken = failures(frame(schema, row, other, row), schema_for(table, CATALOG))
    assert broken["grain"].to_list() == [True, False, True]


@pytest.mark.parametrize("table", GOOD)
def test_what_must_be_present_may_not_be_null(table: str) -> None:
    schema, row, other = good(table)
    contract = schema_for(table, CATALOG)
    needed = [name for name, column in contract.columns.items() if not column.nullable]
    assert needed
    for name in needed:
        broken = failures(frame(schema, other, {**row, name: None}), contract)
        assert broken[f"{name}: present"].to_list() == [False, True], name


def test_a_table_of_another_shape_is_refused() -> None:
    schema, row, _ = good("segments/loyal")
    contract = schema_for("segments/loyal", CATALOG)
    with pytest.raises(ContractBroken, match="column person_id is missing; column extra is not part"):
        validate(frame(schema, row).drop("person_id").with_columns(extra=1), contract)
    with pytest.raises(ContractBroken, match="column as_of is String, not Date"):
        validate(frame(schema, row).with_columns(pl.col("as_of").cast(pl.String)), contract)


def test_a_table_that_nobody_knows_has_no_contract() -> None:
    with pytest.raises(KeyError):
        schema_for("surprises/web", CATALOG)
