"""Which raw rows go with a person, what is taken out of the rows of others, and who is kept out for good."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Source
from engagement_pipeline.core.frames import LANDED
from engagement_pipeline.ingestion import erased
from engagement_pipeline.ingestion.erased import change_of, name_without, screened, without
from engagement_pipeline.ingestion.naming import Names, telling
from engagement_pipeline.storage.database import Database
from engagement_pipeline.storage.tombstones import bury, tombstones

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ADA, BEN = "kunde-ada-71", "kunde-ben-72"


def source(**given: object) -> Source:
    mapping = {"person_id": ["user.id", "device"], "event": "type", "occurred_at": "at"}
    base = {"source": "web", "owner": "team:x", "path": "w/*.jsonl", "format": "jsonl", "events": mapping}
    return Source.model_validate(base | given)


WEB = source(aliases={"alias": "device", "person_id": "user.id"})


def landed(*rows: object) -> pl.DataFrame:
    raw = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return pl.DataFrame(
        [("b", "w/a.jsonl", n, NOW, text) for n, text in enumerate(raw, 1)], schema=LANDED, orient="row"
    )


def left(rows: pl.DataFrame, *ids: str, of: Source | None = WEB) -> tuple[list[object], int, int]:
    found = without(rows, Names(frozenset(ids)), of)
    assert found.rows.schema == rows.schema
    assert found.rows["row_number"].is_sorted()
    texts = found.rows["raw"].to_list()
    return [_json(text) for text in texts], found.removed, found.redacted


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_a_row_goes_with_the_person_whose_it_is() -> None:
    ben = {"user": {"id": BEN}, "type": "open"}
    rows = landed({"user": {"id": ADA}}, ben, {"device": ADA, "type": "open"}, ben)
    assert left(rows, ADA) == ([ben, ben], 2, 0)


def test_of_somebody_elses_row_only_the_id_goes() -> None:
    rows = landed(
        {
            "user": {"id": BEN},
            "by": ADA,
            "url": f"https://shop/?u={ADA}&b={ADA}1",
            ADA: 3,
            "near": [f"x{ADA}"],
        }
    )
    kept = {
        "user": {"id": BEN},
        "by": None,
        "url": f"https://shop/?u=erased&b={ADA}1",
        "erased": 3,
        "near": [f"x{ADA}"],
    }
    assert left(rows, ADA) == ([kept], 0, 1)


def test_a_shared_devices_events_of_others_stay_and_say_nothing_of_it() -> None:
    device = "device-0099"
    rows = landed({"device": device, "user": {"id": BEN}, "type": "open"}, {"device": device})
    assert left(rows, ADA, device) == ([{"device": None, "user": {"id": BEN}, "type": "open"}], 1, 0 + 1)


def test_rows_that_no_mapping_reads_an_id_from_go_when_they_name_one() -> None:
    other = '{"id": "kunde-ada-711", '
    rows = landed({"elsewhere": ADA}, '{"user": {"id": "kunde-ada-71", ', other, f"{ADA};x", "nothing")
    assert left(rows, ADA) == ([other, "nothing"], 3, 0)
    assert left(rows, ADA, of=None)[1] == 3


@pytest.mark.parametrize(
    ("person", "told"),
    [("ada", False), ("1", False), ("12345", False), ("123456", True), ("u17", True), ("a@b.de", True)],
)
def test_a_short_word_or_number_is_only_an_id_where_a_mapping_reads_one(person: str, told: bool) -> None:
    assert telling(person) is told
    other = {"user": {"id": BEN}, "by": person}
    rows = landed({"user": {"id": person}}, other, {"elsewhere": person})
    by = {"user": {"id": BEN}, "by": None}
    if told:
        assert left(rows, person) == ([by], 2, 1)
    else:
        assert left(rows, person) == ([other, {"elsewhere": person}], 1, 0)


def test_numbers_are_ids_too() -> None:
    rows = landed({"user": {"id": 123456}}, {"user": {"id": BEN}, "n": 123456, "m": 1234567, "x": [123456]})
    assert left(rows, "123456") == ([{"user": {"id": BEN}, "n": None, "m": 1234567, "x": [None]}], 1, 1)
    short = landed({"user": {"id": 7}}, {"user": {"id": 77}, "n": 7})
    assert left(short, "7") == ([{"user": {"id": 77}, "n": 7}], 1, 0)


def test_escapes_hide_nobody() -> None:
    rows = landed(
        '{"user": {"id": "kunde-\\u0061da-71"}}', {"user": {"id": "jürgen/7"}}, {"user": {"id": BEN}}
    )
    assert left(rows, ADA, "jürgen/7") == ([{"user": {"id": BEN}}], 2, 0)


def test_an_address_counts_in_any_case() -> None:
    of = source(events={"person_id": {"path": "to", "case": "lower"}, "event": "type", "occurred_at": "at"})
    rows = landed({"to": "Ada@Example.com"}, {"to": "ben@example.com", "cc": "ADA@example.com"})
    assert left(rows, "ada@example.com", of=of) == ([{"to": "ben@example.com", "cc": None}], 1, 1)


def test_ids_that_a_mapping_makes_of_several_fields_are_found() -> None:
    joined = {"join": ["first", "last"], "separator": "."}
    of = source(events={"person_id": joined, "event": "type", "occurred_at": "at"})
    rows = landed({"first": "ada", "last": "l"}, {"first": "ben", "last": "l"})
    assert left(rows, "ada.l", of=of) == ([{"first": "ben", "last": "l"}], 1, 0)


def test_of_a_list_of_people_only_one_goes() -> None:
    mapping = {"explode": "to", "person_id": "each", "event": "type", "occurred_at": "at"}
    of = source(events=mapping)
    rows = landed({"type": "sent", "to": [ADA, BEN]}, {"type": "sent", "to": [ADA]}, {"to": ["u1x", "7"]})
    assert left(rows, ADA, "7", of=of) == (
        [{"type": "sent", "to": [None, BEN]}, {"to": ["u1x", None]}],
        1,
        2,
    )


def test_a_table_of_people_loses_their_rows_and_others_texts_their_ids() -> None:
    rows = pl.DataFrame(
        {
            "person_id": [ADA, BEN, None],
            "alias": [None, "d", "kunde-ada"],
            "note": ["x", f"friend of {ADA}.", None],
            "n": [1, 2, 3],
        }
    )
    change = change_of(rows.schema, frozenset([ADA, "kunde-ada"]), None)
    assert change is not None
    found = change.apply(rows)
    assert found.rows.to_dicts() == [{"person_id": BEN, "alias": "d", "note": "friend of erased.", "n": 2}]
    assert (found.removed, found.redacted) == (2, 1)
    assert rows.select(change.touches).to_series().to_list() == [True, True, True]
    assert change_of(pl.Schema({"n": pl.Int64()}), frozenset([ADA]), None) is None


def test_a_rejected_rows_reason_no_longer_quotes_the_id() -> None:
    schema = {
        "file": pl.String,
        "row_number": pl.Int64,
        "rule": pl.String,
        "reason": pl.String,
        "raw": pl.String,
    }
    quoted = f"the time '{ADA}' is not a time"
    rows = pl.DataFrame(
        [("f", 1, "r", quoted, json.dumps({"user": {"id": BEN}}))], schema=schema, orient="row"
    )
    change = change_of(rows.schema, frozenset([ADA]), WEB)
    assert change is not None
    assert change.apply(rows).rows["reason"].to_list() == ["the time 'erased' is not a time"]


# --- keeping out ----------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'e.db'}")


def test_who_was_erased_does_not_land(database: Database) -> None:
    bury(database, [ADA, "jürgen/7", "7"], NOW)
    rows = landed(
        {"user": {"id": ADA}},
        {"user": {"id": BEN}, "by": ADA},
        {"device": "7"},
        {"user": {"id": BEN}, "n": "7"},
        {"elsewhere": ADA},
        {"user": {"id": "j\u00fcrgen/7"}},
        '{"user": {"id": "kunde-\\u0061da-71"}}',
    )
    found = screened(rows, WEB, tombstones(database))
    assert found.erased == 5
    assert [json.loads(text) for text in found.rows["raw"]] == [
        {"user": {"id": BEN}, "by": None},
        {"user": {"id": BEN}, "n": "7"},
    ]
    database.close()


def test_what_lands_is_what_an_erasure_leaves(database: Database) -> None:
    rows = landed(
        *({"user": {"id": f"kunde-{n % 7}"}, "device": f"dev-{n % 5}-x", "n": n} for n in range(60)),
        {"user": {"id": "kunde-3"}, "friends": ["kunde-1", "kunde-2"]},
    )
    bury(database, ["kunde-1", "dev-2-x"], NOW)
    kept = screened(rows, WEB, tombstones(database)).rows
    assert kept.equals(without(rows, Names(frozenset(["kunde-1", "dev-2-x"])), WEB).rows)
    assert kept.height < rows.height
    database.close()


def test_nothing_is_read_while_nobody_was_erased(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erased, "mapped_ids", None)
    rows = landed({"user": {"id": ADA}})
    assert screened(rows, WEB, tombstones(database)).rows is rows
    database.close()


NAMES = st.sampled_from(["kunde-a1", "kunde-b2", "kunde-a11", "q", "7", "dev-1"])
ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"user": st.fixed_dictionaries({"id": NAMES}), "by": NAMES, "n": NAMES}),
        st.fixed_dictionaries({"device": NAMES, "t": st.text(max_size=5)}),
        st.fixed_dictionaries({"x": st.lists(NAMES, max_size=3)}),
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(rows=ROWS, ids=st.sets(NAMES, min_size=1, max_size=3))
def test_nobody_who_is_erased_is_left_and_nobody_else_goes(
    rows: list[dict[str, object]], ids: set[str]
) -> None:
    found, removed, _ = left(landed(*rows), *ids)
    owners = [row.get("user", {}).get("id") or row.get("device") for row in rows]  # type: ignore[attr-defined]
    stays = [row for row, owner in zip(rows, owners, strict=True) if owner and owner not in ids]
    assert [row for row in found if "x" not in row] == [  # type: ignore[operator]
        {key: None if key in ("by", "n") and _gone(value, ids) else value for key, value in row.items()}
        for row in stays
    ]
    assert len(found) + removed == len(rows)
    assert not any(f'"{each}"' in json.dumps(found) for each in ids if telling(each))


def _gone(value: object, ids: set[str]) -> bool:
    return value in ids and telling(str(value))


def test_an_id_within_somebody_elses_is_theirs() -> None:
    longer = [
        {"user": {"id": each}, "type": "x"}
        for each in ("org/123456", "auth0|123456", "123456.de", "a=123456")
    ]
    assert left(landed(*longer), "123456") == (longer, 0, 0)
    stated = source(events=[], aliases={"alias": "device", "person_id": "user.id"})
    assert left(landed({"device": "org/123456", "user": {"id": BEN}}), "123456", of=stated)[1:] == (0, 0)
    table = pl.DataFrame(
        {"person_id": ["org/123456"], "properties": [json.dumps(longer[0])], "n": ["123456"]}
    )
    change = change_of(table.schema, frozenset(["123456"]), None)
    assert change is not None
    assert change.apply(table).rows.row(0) == ("org/123456", json.dumps(longer[0]), "erased")


def test_a_file_may_be_called_after_somebody(database: Database) -> None:
    names = [f"w/{ADA}.jsonl.gz", f"{ADA}/2026-03-01.csv", f"w/{ADA}1.csv", "w/ada.csv", "w/x-7.csv"]
    assert [name_without(name, tombstones(database)) for name in names] == names
    bury(database, [ADA, "7", "ada"], NOW)
    stored = [name_without(name, tombstones(database)) for name in names]
    assert stored == ["w/erased.jsonl.gz", "erased/2026-03-01.csv", *names[2:]]
    database.close()
