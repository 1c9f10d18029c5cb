"""Raw rows through a mapping, and the verdict of the contract on what comes out."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Event, Limits
from engagement_pipeline.contracts.events import split
from engagement_pipeline.core.frames import event_schema
from engagement_pipeline.ingestion.canonical import canonical_events, mapped_paths
from engagement_pipeline_tests.ingestion.shop import catalog, landed, row, source

CATALOG = catalog(source())


def mapped(*rows: object, **mapping: object) -> list[dict[str, object]]:
    raw = [each if isinstance(each, str) else json.dumps(each) for each in rows]
    frame = canonical_events(landed(*raw), source(**mapping), CATALOG)
    assert frame.select(event_schema(CATALOG).names()).schema == event_schema(CATALOG)
    return frame.to_dicts()


def rules(*rows: object, **mapping: object) -> list[tuple[int, str, str]]:
    raw = [each if isinstance(each, str) else json.dumps(each) for each in rows]
    found = split(canonical_events(landed(*raw), source(**mapping), CATALOG), CATALOG)
    assert found.valid.height + found.rejected_rows == len(rows)
    return found.rejected.select("row_number", "rule", "reason").rows()


def test_every_column_of_an_event() -> None:
    raw = row(
        type="purchase",
        at="2026-04-01T23:30:00+00:00",
        total=12.5,
        session=" s1 ",
        bot="yes",
        items=3,
        coupon="SPRING",
        weight="0.25",
        page="ignored: an order has none",
    )
    (event,) = mapped(raw)
    assert event == {
        "event_date": date(2026, 4, 2),  # in Berlin
        "event_id": "e1",
        "person_id": "p1",
        "event": "order",
        "channel": "commerce",
        "occurred_at": datetime(2026, 4, 1, 23, 30, tzinfo=UTC),
        "received_at": datetime(2026, 5, 1, 6, tzinfo=UTC),
        "value": 12.5,
        "unit": "EUR",
        "session_id": "s1",
        "campaign_id": None,
        "message_id": None,
        "is_machine": True,
        "machine_reason": "provider_flag",
        "coupon": "SPRING",
        "first": None,
        "items": 3,
        "joined": None,
        "page": None,
        "weight": 0.25,
        "properties": json.dumps(raw),
        "content_hash": event["content_hash"],
        "batch": "b1",
        "row_number": 1,
        "file": "web/one",
        "raw": json.dumps(raw),
        "malformed": None,
    }
    assert len(str(event["content_hash"])) == 32


def test_a_property_is_read_from_where_the_mapping_says_and_only_for_its_events() -> None:
    event, order = mapped(
        row(context={"page": "/home"}, first=True, joined="2026-01-31", items="none of a visit's"),
        row(type="order", context={"page": "/cart"}, items=1),
    )
    assert (event["page"], event["first"], event["joined"], event["items"]) == (
        "/home",
        True,
        date(2026, 1, 31),
        None,
    )
    assert (order["page"], order["items"]) == (None, 1)


def test_an_event_without_a_unit_has_no_value() -> None:
    assert [
        (each["value"], each["unit"]) for each in mapped(row(total="free"), row(type="order", total=2))
    ] == [
        (None, None),
        (2.0, "EUR"),
    ]


def test_the_channel_is_the_plans_where_the_row_names_none() -> None:
    rows = mapped(row(via="app"), row(via=""), channel="via")
    assert [each["channel"] for each in rows] == ["app", "web"]


def test_constants_and_renames() -> None:
    (event,) = mapped(
        row(type="other"), event={"constant": "visit"}, campaign_id={"path": "type", "names": {"other": "c9"}}
    )
    assert (event["event"], event["campaign_id"]) == ("visit", "c9")


@pytest.mark.parametrize("nobody", ["", "  ", None, "null", "None", "NaN", "undefined"])
def test_what_programs_write_for_no_id_is_no_id(nobody: str | None) -> None:
    assert [rule for _, rule, _ in rules(row(user={"id": nobody}))] == ["missing_person_id"]
    assert [rule for _, rule, _ in rules(row(id=nobody))] == ["missing_event_id"]


@pytest.mark.parametrize(
    ("changed", "rule", "reason"),
    [
        ({"user": None}, "missing_person_id", "no person id"),
        ({"user": "p1"}, "missing_person_id", "no person id"),
        ({"id": None}, "missing_event_id", "no event id"),
        ({"type": None}, "missing_event", "no event name"),
        ({"type": "Visit"}, "unknown_event", "'Visit' is not in the tracking plan"),
        ({"at": None}, "missing_time", "does not say when"),
        (
            {"at": "soon"},
            "unreadable_time",
            "the time 'soon' cannot be read: it must be ISO 8601, such as 2026-",
        ),
        ({"at": "2026-05-01T07:30:00Z"}, "future_time", "2026-05-01"),
        ({"at": "1970-01-01T00:00:00Z"}, "ancient_time", "1970-01-01"),
        ({"type": "order", "total": "12 EUR"}, "unreadable_value", "'12 EUR' is not a number"),
        ({"type": "order", "total": "NaN"}, "not_finite_value", "NaN"),
        ({"type": "order", "total": float("inf")}, "not_finite_value", "inf"),
        ({"type": "order", "total": 1e12}, "value_out_of_range", "1000000000000"),
        ({"bot": "perhaps"}, "unreadable_is_machine", "'perhaps'"),
        ({"type": "order", "items": "two"}, "unreadable_property", "items: 'two' is not a whole number"),
        ({"type": "order", "weight": float("nan")}, "not_finite_property", "weight"),
        ({"first": "often", "joined": "x"}, "unreadable_property", "first: 'often'"),
    ],
)
def test_a_bad_row_is_rejected_for_what_it_says(changed: dict[str, object], rule: str, reason: str) -> None:
    found = rules(row(1), row(2, **changed), row(3))
    assert (2, rule) in [(number, name) for number, name, _ in found]
    assert {number for number, _, _ in found} == {2}
    assert any(reason in why for _, _, why in found)


def test_a_malformed_row_is_rejected_once() -> None:
    ((number, rule, reason),) = rules(row(1), '{"id": "e2", "user"', row(3))
    assert (number, rule) == (2, "malformed_row")
    assert reason == "not JSON: expecting ':' delimiter at character 20"


def test_days_keep_their_events_only() -> None:
    rows = [json.dumps(row(number)) for number in range(1, 29)] + ["{", json.dumps(row(at="x"))]
    wanted = {date(2026, 4, 3), date(2026, 4, 20)}
    frame = canonical_events(landed(*rows), source(), CATALOG, wanted)
    assert set(frame["event_date"]) == wanted
    whole = canonical_events(landed(*rows), source(), CATALOG).filter(
        pl.col("event_date").is_in(list(wanted))
    )
    assert frame.equals(whole.select(frame.columns))


def test_no_rows() -> None:
    frame = canonical_events(landed(), source(), CATALOG)
    assert frame.height == 0
    assert split(frame, CATALOG).valid.height == 0


def test_unknown_events_may_be_kept() -> None:
    keeping = catalog(source(channel="via"), keep_unknown_events=True)
    raw = landed(json.dumps(row(type="odd", via="web")))
    found = split(canonical_events(raw, source(channel="via"), keeping), keeping)
    assert found.valid.select("event", "channel").rows() == [("odd", "web")]


def test_a_plan_with_a_property_of_every_type_and_one_event() -> None:
    plan = {"only": Event(channel="app", properties={"a": "text", "b": "integer", "c": "number"})}
    small = catalog(source(), events=plan, limits=Limits())
    raw = landed(json.dumps(row(type="only", a="x", b="1", c="2")), json.dumps(row(type="only", b="1.5")))
    found = split(canonical_events(raw, source(), small), small)
    assert found.valid.select("a", "b", "c").rows() == [("x", 1, 2.0)]
    assert found.rejected["rule"].to_list() == ["unreadable_property"]


def test_paths_that_a_mapping_reads() -> None:
    assert mapped_paths(source())["user.id"] == "person_id"
    assert mapped_paths(source())["context.page"] == "page"
