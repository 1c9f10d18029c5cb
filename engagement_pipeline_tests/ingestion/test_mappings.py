"""The mapping language on whole sources: which rows become what, and which are rejected or left out."""

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Catalog, Event, Source
from engagement_pipeline.core.events import settle
from engagement_pipeline.ingestion.canonical import canonical_events, mapped_paths
from engagement_pipeline.ingestion.event_ids import number_repeats
from engagement_pipeline.ingestion.identities import split_identities
from engagement_pipeline.ingestion.judging import Judged, judge
from engagement_pipeline_tests.ingestion.shop import RECEIVED, Shop, catalog, landed

PLAN = {
    "page_viewed": Event(channel="web", properties={"page": "text", "seconds": "integer"}),
    "order": Event(channel="commerce", unit="EUR", properties={"items": "integer", "coupon": "text"}),
    "opened": Event(channel="email"),
}


def of(events: object = (), form: str = "jsonl", **more: object) -> Source:
    return Source.model_validate(
        {"source": "s", "owner": "team:data", "path": "s/*", "format": form, "events": events, **more}
    )


def known(source: Source, **project: object) -> Catalog:
    return catalog(source, events=PLAN, **project)


def judged(source: Source, *rows: object, **project: object) -> Judged:
    raw = [each if isinstance(each, str) else json.dumps(each) for each in rows]
    return judge(landed(*raw), source, known(source, **project))


def events(source: Source, *rows: object, columns: list[str], **project: object) -> list[tuple[object, ...]]:
    found = judged(source, *rows, **project)
    assert found.rejected.rows() == []
    return found.events.select(columns).rows()


AT = "2026-04-01T10:00:00Z"
VIEW = {"event_id": "id", "person_id": "who", "event": {"constant": "page_viewed"}, "occurred_at": "at"}
ORDER = {**VIEW, "event": {"constant": "order"}}


def view(number: int = 1, **more: object) -> dict[str, object]:
    return {"id": f"e{number}", "who": f"p{number}", "at": AT, **more}


def value(origin: object, **row: object) -> object:
    ((found,),) = events(of({**ORDER, "value": origin}), view(**row), columns=["value"])
    return found


def prop(origin: object, name: str = "coupon", **row: object) -> object:
    ((found,),) = events(of({**ORDER, "properties": {name: origin}}), view(**row), columns=[name])
    return found


# --- one field --------------------------------------------------------------------------------------


def test_the_first_path_that_says_something_counts() -> None:
    assert prop(["a.b", "c", "d"], a={"b": "  "}, c="x", d="y") == "x"


def test_joined_paths() -> None:
    joined = {"join": ["first", "last"], "separator": " "}
    assert prop(joined, first="Ada", last="Byron") == "Ada Byron"
    assert prop({"join": ["first", "last"], "separator": "-"}, first="1", last="2") == "1-2"
    assert prop(joined, first="Ada", last="") is None


def test_default_case_and_names() -> None:
    assert prop({"path": "c", "default": "none"}) == "none"
    assert prop({"path": "c", "case": "lower"}, c="ADA@Example.ORG") == "ada@example.org"
    assert prop(
        {"path": "c", "case": "snake", "names": {"order_completed": "bought"}}, c="Order Completed"
    ) == ("bought")
    assert prop({"path": "c", "names": {"A": ""}, "default": "nothing"}, c="A") == "nothing"


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Order Completed", "order_completed"),
        ("orderCompleted", "order_completed"),
        ("HTTPRequest", "http_request"),
        ("$pageview", "pageview"),
        ("Checkout - Step 2", "checkout_step_2"),
        ("already_snake", "already_snake"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    assert prop({"path": "c", "case": "snake"}, c=name) == snake


def test_a_value_is_multiplied_by_a_factor_or_by_its_currencys() -> None:
    assert value({"path": "cents", "multiply": 0.01}, cents=1999) == 19.99
    rates = {"path": "total", "multiply": {"path": "currency", "factors": {"EUR": 1, "USD": 0.9}}}
    assert value(rates, total=10, currency="USD") == 9.0
    found = judged(of({**ORDER, "value": rates}), view(total=10, currency="XXX"), view(2, total=5))
    assert found.rejected.select("row_number", "rule", "reason").rows() == [
        (1, "unreadable_value", "value: '10 in XXX, which has no factor' is not a number"),
        (2, "unreadable_value", "value: '5 in (nothing), which has no factor' is not a number"),
    ]


def test_a_property_is_multiplied_too() -> None:
    assert prop({"path": "n", "multiply": 12}, name="items", n="2") == 24
    half = judged(of({**ORDER, "properties": {"items": {"path": "n", "multiply": 0.5}}}), view(n=3))
    assert half.rejected["rule"].to_list() == ["unreadable_property"]


@pytest.mark.parametrize(
    ("form", "text", "instant"),
    [
        ("epoch_ns", 1_775_037_600_000_000_123, datetime(2026, 4, 1, 10, tzinfo=UTC)),
        ("epoch_s", "1775037600.25", datetime(2026, 4, 1, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("hours since 2026-04-01", 12, datetime(2026, 4, 1, 10, tzinfo=UTC)),
        ("minutes since 2026-04-01T06:00", "90", datetime(2026, 4, 1, 5, 30, tzinfo=UTC)),
        ("days since 2026-03-28", 4.5, datetime(2026, 4, 1, 10, tzinfo=UTC)),
    ],
)
def test_times(form: str, text: object, instant: datetime) -> None:
    mapping = {**VIEW, "occurred_at": {"path": "t", "format": form}}
    assert events(of(mapping), view(t=text), columns=["occurred_at"]) == [(instant,)]


# --- which rows -------------------------------------------------------------------------------------

KINDS = [
    {**VIEW, "only": {"type": "view"}, "properties": {"page": "url"}},
    {**ORDER, "only": {"type": ["order", "reorder"], "test": "false"}, "value": "total"},
]


def test_every_mapping_takes_its_rows_and_the_rest_is_rejected_or_left_out() -> None:
    found = judged(
        of(KINDS, ignore={"type": ["ping", "pong"]}),
        view(1, type="view", url="/a"),
        view(2, type="order", test=False, total=3),
        view(3, type="order", test=True),
        view(4, type="ping"),
        view(5),
        "{broken",
        view(7, type=" view "),
    )
    assert found.events.sort("row_number").select("event_id", "event", "page", "value").rows() == [
        ("e1", "page_viewed", "/a", None),
        ("e2", "order", None, 3.0),
        ("e7", "page_viewed", None, None),
    ]
    assert found.ignored.height == 1
    assert found.rejected.select("row_number", "rule", "reason").rows() == [
        (3, "unmapped_row", "no mapping takes a row with type 'order', test 'true'"),
        (5, "unmapped_row", "no mapping takes a row with type (nothing), test (nothing)"),
        (6, "malformed_row", "not JSON: expecting property name enclosed in double quotes …"),
    ]
    assert found.rejected_rows == 3


def test_one_row_may_feed_events_profiles_and_aliases() -> None:
    source = of(
        {**VIEW, "only": {"type": "view"}},
        profiles={
            "only": {"type": ["identify", "view"]},
            "person_id": "who",
            "observed_at": "at",
            "columns": {"tier": "traits.plan"},
            "consents": {"email": "traits.mail"},
        },
        aliases=[
            {"alias": "anonymous", "person_id": "who", "occurred_at": "at"},
            {"alias": "old", "person_id": "who", "merges": True, "only": {"type": "alias"}},
        ],
        columns={"tier": "text", "age": "integer"},
    )
    found = judged(
        source,
        view(1, type="view", traits={"plan": "gold", "mail": "yes"}, anonymous="a1"),
        view(2, type="identify", traits={"plan": "free", "mail": False}, age=7, anonymous="p2"),
        view(3, type="alias", old="p0"),
        view(4, type="other", anonymous="a4"),
    )
    assert found.events["event_id"].to_list() == ["e1"]
    assert found.profiles.drop("batch", "observed_at").rows() == [
        (1, "p1", "gold", None, True),
        (2, "p2", "free", 7, False),
    ]
    at, seen = datetime(2026, 4, 1, 10, tzinfo=UTC), RECEIVED
    assert found.identities.drop("batch").rows() == [
        (1, "a1", "p1", False, at),
        (4, "a4", "p4", False, at),
        (3, "p0", "p3", True, seen),
    ]
    assert found.rejected.select("row_number", "rule").rows() == [(4, "unmapped_row")]


def test_ids_that_state_nothing_are_no_mistake_but_bad_times_are() -> None:
    source = of(aliases={"alias": "anonymous", "person_id": "who", "occurred_at": "at"})
    rows = [
        {"anonymous": "a", "who": "p", "at": AT},
        {"anonymous": "a", "at": "never"},
        {"anonymous": "p", "who": "p", "at": AT},
        {"anonymous": "null", "who": "p", "at": AT},
        {"anonymous": "b", "who": "p", "at": "soon"},
        {"anonymous": "c", "who": "p", "at": "2026-06-01T00:00:00Z"},
        {"anonymous": "d", "who": "p"},
    ]
    raw = landed(*map(json.dumps, rows), "[")
    found = split_identities(raw, source, known(source))
    assert found.identities.select("alias", "observed_at").rows() == [
        ("a", datetime(2026, 4, 1, 10, tzinfo=UTC)),
        ("d", RECEIVED),
    ]
    assert found.rejected.select("row_number", "rule").rows() == [
        (5, "unreadable_time"),
        (6, "future_time"),
        (8, "malformed_row"),
    ]
    assert judged(source, *rows, "[").rejected.equals(found.rejected)


def test_a_row_is_rejected_once_a_rule_however_many_mappings_and_elements_break_it() -> None:
    source = of(
        [
            {**VIEW, "explode": "list", "properties": {"seconds": "each.s"}},
            {**ORDER, "only": {"type": "order"}},
        ],
        profiles={"person_id": "who", "only": {"type": "order"}},
        columns={"tier": "text"},
    )
    found = judged(source, {"id": "e", "at": AT, "type": "order", "list": [{"s": "x"}, {"s": 1}, {"s": "y"}]})
    assert found.rejected.select("rule", "reason").rows() == [
        ("missing_person_id", "the row has no person id, or a blank one"),
        ("unreadable_property", "property seconds: 'x' is not a whole number (and 1 more like it)"),
    ]
    assert found.rejected_rows == 1


# --- exploding --------------------------------------------------------------------------------------

LINES = {
    **ORDER,
    "explode": "lines",
    "value": "each.price",
    "properties": {"coupon": ["each.coupon", "coupon"], "items": "each.count"},
}


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


# --- ids --------------------------------------------------------------------------------------------


def ids(source: Source, *rows: object, batch: str = "b1", days: list[date] | None = None) -> list[str]:
    raw = landed(*(json.dumps(each) for each in rows), batch=batch)
    found = canonical_events(raw, source, known(source), days)
    return number_repeats(found, source)["event_id"].to_list()


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


# --- through the stores -----------------------------------------------------------------------------


def test_a_source_of_many_kinds_is_taken_in_and_its_days_are_made(open_shop: Callable[..., Shop]) -> None:
    source = of(
        [{**LINES, "only": {"t": "order"}}, {**VIEW, "only": {"t": "view"}}],
        profiles={"only": {"t": "person"}, "person_id": "who"},
        columns={"tier": "text"},
        aliases={"alias": "device", "person_id": "who", "occurred_at": "at"},
        ignore={"t": "ping"},
    )
    shop = open_shop(source, events=PLAN)
    rows = [
        view(1, t="order", lines=[{"price": 1}, {"price": 2}], device="d1"),
        view(2, t="view"),
        view(3, t="person", tier="gold"),
        view(4, t="ping"),
        view(5, t="other"),
    ]
    shop.drop("s/a.jsonl", rows)
    shop.drop("s/b.jsonl", [rows[0], view(2, t="view", seconds=3)])
    took = shop.run("s")
    one, two = sorted(took.verdicts, key=lambda verdict: verdict.rows)
    assert (one.rejected_rows, two.rejected_rows, two.ignored) == (0, 1, 1)
    assert two.by_rule == {"unmapped_row": 1}
    stored = shop.table("events/s").sort("event_id", "seconds")
    assert stored["event_id"].to_list() == ["e1-1", "e1-2", "e2"]
    assert shop.table("conflicts/s")["event_id"].to_list() == ["e2"]
    assert shop.table("rejected/s")["row_number"].to_list() == [5]
    assert shop.take_in("s").by_rule == {}
