"""Ids of events that have none of their own, and the hash of what an event says."""

import json
from datetime import UTC, datetime

import polars as pl

from engagement_pipeline.ingestion.canonical import canonical_events
from engagement_pipeline.ingestion.event_ids import CONTENT, _content, number_repeats
from engagement_pipeline_tests.ingestion.shop import catalog, landed, row, source, till

CATALOG = catalog(source())


def test_without_a_mapped_id_the_content_is_the_id_and_repeats_in_a_file_stay() -> None:
    line = '{"person":"p1","event":"visit","at":"2026-04-01"}'
    other = '{"person":"p2","event":"visit","at":"2026-04-01"}'
    mapped_till = till("jsonl")

    def ids(*raw: str, batch: str) -> list[str]:
        frame = canonical_events(landed(*raw, batch=batch), mapped_till, CATALOG)
        return number_repeats(frame, mapped_till).sort("row_number")["event_id"].to_list()

    one, two, three, again = ids(line, line, other, line, batch="a")
    assert len({one, two, three, again}) == 4
    assert (two, again) == (f"{one}#2", f"{one}#3")
    assert ids(other, line, batch="b") == [three, one]
    assert ids(line, line, batch="b") == [one, two]


def hashes(*rows: dict[str, object], **mapping: object) -> list[object]:
    raw = landed(*(json.dumps(each) for each in rows))
    return canonical_events(raw, source(**mapping), CATALOG)["content_hash"].to_list()


def test_the_content_of_an_event_with_an_id_is_what_the_mapping_reads() -> None:
    first, again, *other = hashes(
        row(type="order", total=2),
        {
            "unmapped": 1,
            "id": "another",
            **{k: v for k, v in row(type="order", total="2.0").items() if k != "id"},
        },
        row(type="order", total=3),
        row(type="order", total=2, user={"id": "p2"}),
        row(type="order", total=2, at="2026-04-02T10:00:00.000001Z"),
        row(type="order", total=2, session="s"),
        row(type="order", total=2, bot=True),
        row(type="order", total=2, coupon="A"),
        row(type="order", total=2, items=1),
        row(type="order", total=2, weight=1),
        row(type="visit", total=2),
    )
    assert first == again
    assert len({first, *other}) == 1 + len(other)


def test_texts_of_neighbouring_columns_do_not_run_together() -> None:
    via = {"campaign_id": "campaign", "message_id": "message"}
    texts = [("ab", None), ("a", "b"), (None, "ab"), ('a","6":"b', None)]
    found = hashes(*(row(campaign=campaign, message=message) for campaign, message in texts), **via)
    assert len(set(found)) == len(texts)


def test_nothing_said_is_other_content_than_an_empty_text() -> None:
    nothing = pl.DataFrame({name: [None, ""] for name in [*CONTENT, *CATALOG.properties]}).with_columns(
        occurred_at=pl.lit(datetime(2026, 4, 1, tzinfo=UTC))
    )
    one, other = nothing.select(_content(CATALOG)).to_series()
    assert one != other


def test_given_ids_are_never_numbered() -> None:
    frame = canonical_events(landed(*[json.dumps(row(1))] * 2), source(), CATALOG)
    assert number_repeats(frame, source())["event_id"].to_list() == ["e1", "e1"]
