"""The mapping language on whole sources: which rows become what, and which are rejected or left out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from engagement_pipeline.ingestion.identities import split_identities
from engagement_pipeline_tests.ingestion.mapped import (
    AT,
    LINES,
    ORDER,
    PLAN,
    VIEW,
    events,
    judged,
    known,
    of,
    prop,
    value,
    view,
)
from engagement_pipeline_tests.ingestion.shop import RECEIVED, Shop, landed

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
    assert found.rejected["reason"][0].startswith("the time 'soon' cannot be read: it must be ISO 8601")
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
