"""What exports need of the mapping language: fields that are there or not, numbers and times as people write
them, envelopes, times of receipt."""

from pathlib import Path

import pytest

from engagement_pipeline.ingestion.judging import Judged
from engagement_pipeline_tests.ingestion.providers import through
from engagement_pipeline_tests.ingestion.shop import RECEIVED

HEAD = "source: s\nowner: team:data\npath: s/*\nformat: {}\n"
PLAN = """
plan:
  email_sent: {channel: email, chosen: false}
  email_opened: {channel: email}
  email_clicked: {channel: email}
  store_purchase: {channel: offline, unit: EUR, properties: {weight: number}}
"""


def csv(folder: Path, mapping: str, text: str) -> Judged:
    return through(folder, HEAD.format("csv") + mapping + PLAN, text)


def json_lines(folder: Path, mapping: str, rows: list[object]) -> Judged:
    return through(folder, HEAD.format("jsonl") + mapping + PLAN, rows)


WIDE = """
csv: {delimiter: ";"}
blanks: ["NULL", '\\N', n/a]
events:
  - only: {sent_at: {present: true}}
    event_id: mail
    person_id: {path: address, case: lower}
    event: {constant: email_sent}
    occurred_at: sent_at
  - only: {opened_at: {present: true}}
    event_id: mail
    person_id: {path: address, case: lower}
    event: {constant: email_opened}
    occurred_at: opened_at
  - only: {clicked: [true, 1], opened_at: {present: true}}
    event_id: mail
    person_id: {path: address, case: lower}
    event: {constant: email_clicked}
    occurred_at: opened_at
"""


def test_several_events_in_a_row_by_the_columns_that_are_filled(tmp_path: Path) -> None:
    head = "mail;address;sent_at;opened_at;clicked\n"
    first = head + "m1;ADA@X.org;2026-04-01;NULL;0\nm2;bob@x.org;2026-04-01;\\N;\nm3;n/a;2026-04-01;;\n"
    found = csv(tmp_path, WIDE, first)
    assert found.events.select("event_id", "person_id", "event").rows() == [
        ("m1", "ada@x.org", "email_sent"),
        ("m2", "bob@x.org", "email_sent"),
    ]
    assert found.rejected["rule"].to_list() == ["missing_person_id"]
    # Exported again when more is known, what was known keeps its id.
    later = csv(tmp_path, WIDE, head + "m1;ADA@X.org;2026-04-01;2026-04-02;true\n")
    assert later.events.select("event_id", "event").rows() == [
        ("m1", "email_sent"),
        ("m1/2", "email_opened"),
        ("m1/3", "email_clicked"),
    ]


def test_an_id_does_not_depend_on_what_happened_between(tmp_path: Path) -> None:
    """A click without an open today, and with one tomorrow."""
    clicked = "clicked: [true, 1], opened_at: {present: true}"
    mapping = WIDE.replace(clicked, "clicked: 1").replace(
        "occurred_at: opened_at", "occurred_at: [opened_at, sent_at]"
    )
    text = "mail;address;sent_at;opened_at;clicked\nm1;a@x.org;2026-04-01;;1\n"
    found = csv(tmp_path, mapping, text)
    assert found.events.select("event_id", "event").rows() == [
        ("m1", "email_sent"),
        ("m1/3", "email_clicked"),
    ]


ONE = "\n  event_id: id\n  person_id: who\n  event: {constant: store_purchase}\n  occurred_at: at\n"


@pytest.mark.parametrize(
    ("only", "taken"),
    [
        ("kind: {present: true}", [1, 2]),
        ("kind: {present: false}", [3, 4]),
        ("kind: {none_of: [test, ping]}", [1, 3, 4]),
        ("kind: {none_of: test, present: true}", [1]),
        ("kind: {matches: '(^|,)1(,|$)'}", [1]),
        ("flag: true", [2]),
        ("flag: [true, false]", [1, 2]),
    ],
)
def test_which_rows(tmp_path: Path, only: str, taken: list[int]) -> None:
    at = {"who": "a", "at": "2026-04-01"}
    rows: list[object] = [
        {"id": 1, "kind": "1,200", "flag": False, **at},
        {"id": 2, "kind": "test", "flag": True, **at},
        {"id": 3, "kind": " ", **at},
        {"id": 4, **at},
    ]
    found = json_lines(tmp_path, f"events:\n  only: {{{only}}}{ONE}", rows)
    assert [int(each) for each in found.events["event_id"]] == taken


@pytest.mark.parametrize(
    ("decimal", "text", "value"),
    [
        (",", "1.234,50 €", 1234.5),
        (",", "1 234,5", 1234.5),
        (",", "1\u202f234\u00a0567", 1234567.0),
        (",", "1'234,5", 1234.5),
        (",", "-12", -12.0),
        (",", "+0,05", 0.05),
        (",", "1.234", 1234.0),
        (",", "12.50", None),
        (",", "1.2.3", None),
        (",", "1,2,3", None),
        (",", "EUR 5", None),
        (".", "$1,234.56", 1234.56),
        (".", "12,34,567.8", 1234567.8),
        (".", "12,50", None),
        (".", "-$5", -5.0),
    ],
)
def test_numbers_as_people_write_them(tmp_path: Path, decimal: str, text: str, value: float | None) -> None:
    mapping = (
        f"events: {{event_id: id, person_id: who, event: {{constant: store_purchase}}, occurred_at: at, \
value: {{path: total, decimal: '{decimal}'}}, properties: {{weight: {{path: total, decimal: '{decimal}'}}}}}}"
    )
    row = {"id": 1, "who": "a", "at": "2026-04-01", "total": text}
    found = json_lines(tmp_path, mapping, [row])
    if value is None:
        kind = "comma" if decimal == "," else "point"
        said = f"'{text} with a decimal {kind}' is not a number"
        assert sorted(found.rejected["reason"]) == [f"property weight: {said}", f"value: {said}"]
    else:
        assert found.events.select("value", "weight").rows() == [(value, value)]


def test_several_formats_of_one_time(tmp_path: Path) -> None:
    mapping = """
events:
  person_id: who
  event: {constant: store_purchase}
  occurred_at:
    join: [day, time]
    default: received
    format: ["%d.%m.%Y %H:%M", "%m/%d/%y %I:%M %p", iso]
    timezone: Europe/Berlin
"""
    text = "who,day,time\na,31.12.2025,23:59\na,12/31/25,11:59 PM\na,2025-12-31,23:59:00\na,,\na,soon,now\n"
    found = csv(tmp_path, mapping, text)
    times = [each.isoformat() for each in found.events["occurred_at"]]
    assert times == ["2025-12-31T22:59:00+00:00"] * 3 + [RECEIVED.isoformat()]
    assert found.rejected["rule"].to_list() == ["unreadable_time"]
    assert found.rejected["reason"].item() == (
        "the time 'soon now' cannot be read: it must be written as %d.%m.%Y %H:%M, such as 30.04.2026 14:05, "
        "or %m/%d/%y %I:%M %p, such as 04/30/26 02:05 PM, or iso, such as 2026-04-30T14:05:00"
    )


def test_what_was_received_again_without_a_time_is_the_same(tmp_path: Path) -> None:
    mapping = "events: {event_id: id, person_id: who, event: {constant: email_sent}, "
    mapping += "occurred_at: {constant: received}}"
    found = json_lines(
        tmp_path, mapping, [{"id": 1, "who": "a"}, {"id": 1, "who": "a"}, {"id": 1, "who": "b"}]
    )
    assert found.events["occurred_at"].to_list() == [RECEIVED] * 3
    assert found.events["content_hash"].n_unique() == 2


ENVELOPE = """
unwrap: [Message, detail]
events:
  explode: mail.to
  event_id: [mail.id, outer]
  person_id: each
  event: {constant: email_sent}
  occurred_at: mail.at
ignore: {type: {present: true}, mail: {present: false}}
"""


def test_a_record_within_what_it_was_delivered_in(tmp_path: Path) -> None:
    mail = {"mail": {"to": ["a", "b"], "at": "2026-04-01"}}
    rows: list[object] = [
        {"type": "n", "outer": 1, "Message": '{"mail": {"to": ["a", "b"], "at": "2026-04-01", "id": 7}}'},
        {"outer": 2, "detail": mail},
        {"outer": 3, **mail},
        {"type": "n", "Message": "You have subscribed."},
    ]
    found = json_lines(tmp_path, ENVELOPE, rows)
    assert found.events["event_id"].to_list() == ["7-1", "7-2", "2-1", "2-2", "3-1", "3-2"]
    assert found.ignored.height == 1
    assert found.rejected.rows() == []


def test_parts_of_texts_and_what_names_do_not_have(tmp_path: Path) -> None:
    mapping = """
events:
  event_id: {path: id, extract: '^l:(\\d+)$', default: content}
  person_id: {path: who, extract: '<(.+)>', case: lower}
  event: {path: kind, names: {o: email_opened}, others: email_clicked}
  occurred_at: at
"""
    rows: list[object] = [
        {"id": "l:12", "who": "Ada <ADA@x.org>", "kind": "o", "at": "2026-04-01"},
        {"id": "x", "who": "<b@x.org>", "kind": "whatever", "at": "2026-04-01"},
        {"id": "l:13", "who": "b@x.org", "at": "2026-04-01"},
    ]
    found = json_lines(tmp_path, mapping, rows)
    assert found.events.select("person_id", "event").rows() == [
        ("ada@x.org", "email_opened"),
        ("b@x.org", "email_clicked"),
    ]
    assert (found.events["event_id"][0], len(found.events["event_id"][1])) == ("12", 32)
    assert set(found.rejected["rule"]) == {"missing_event", "missing_person_id"}


def test_what_the_files_name_says(tmp_path: Path) -> None:
    mapping = """
events:
  only: {"@file": {matches: ^rows}}
  person_id: who
  event: {path: "@file", extract: '^(r)', names: {r: email_opened}}
  occurred_at: at
"""
    found = json_lines(tmp_path, mapping, [{"who": "a", "at": "2026-04-01"}])
    assert found.events["event"].to_list() == ["email_opened"]


def test_a_currency_that_is_not_said(tmp_path: Path) -> None:
    mapping = """
events:
  event_id: id
  person_id: who
  event: {constant: store_purchase}
  occurred_at: at
  value: {path: total, multiply: {path: currency, factors: {EUR: 1, USD: 0.5}, default: USD}}
"""
    at = {"who": "a", "at": "2026-04-01", "total": 10}
    found = json_lines(tmp_path, mapping, [{"id": 1, **at}, {"id": 2, "currency": "EUR", **at}])
    assert found.events["value"].to_list() == [5.0, 10.0]
