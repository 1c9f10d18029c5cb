"""Landed rows judged anew: the same tables as if the mended mapping had been there from the start."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Catalog, Limits, Source
from engagement_pipeline.ingestion.intake import take_in
from engagement_pipeline.ingestion.replay import batches_of, parse_dates
from engagement_pipeline.storage.ledger import Ledger
from engagement_pipeline.storage.locks import LockTimeout, lock
from engagement_pipeline.storage.tables import older
from engagement_pipeline_tests.ingestion.shop import EVENTS, RECEIVED, Shop, catalog, row, source

DAY = date(2026, 4, 10)
BERLIN = {"path": "at"}
TOKYO = {"path": "at", "timezone": "Asia/Tokyo"}
MENDED = {**EVENTS, "review": EVENTS["visit"]}


def local(day: date, hour: int) -> str:
    """A time without an offset: which day it is depends on the zone of the mapping."""
    return f"{day}T{hour:02}:30:00"


def due(shop: Shop) -> list[date]:
    made = shop.lake.partitions("events/web")
    return [day for day, versions in shop.ledger.needed("web").items() if older(made.get(f"{day}"), versions)]


def replay(shop: Shop, mended: Catalog, dates: tuple[date, date] | None = None) -> list[date]:
    """Judge anew with the mended catalog; the days that are due then."""
    shop.catalog = mended
    chosen = batches_of(mended.sources["web"], dates, mended, shop.lake, shop.ledger)
    shop.ledger.request_replay("web", chosen)
    shop.received_at += timedelta(days=3)
    shop.take_in()
    return due(shop)


def rows(days: int = 12) -> list[dict[str, object]]:
    """Events around midnight, one id used twice, an unknown event, a bad row."""
    found = [row(n, at=local(DAY + timedelta(days=n % days), (7 * n) % 24)) for n in range(40)]
    found += [row(100, at=local(DAY, 2)), row(100, at=local(DAY + timedelta(days=3), 4), session="other")]
    found += [row(200, at=local(DAY, 5), type="review"), row(201, user=None)]
    return found


def fresh(open_shop: Callable[..., Shop], mended: Catalog, files: list[list[dict[str, object]]]) -> Shop:
    """The same files with the mended catalog from the start."""
    shop = open_shop()
    shop.catalog = mended
    for number, content in enumerate(files):
        shop.drop(f"web/{number}.jsonl", content)
    shop.run()
    return shop


def assert_same(shop: Shop, other: Shop) -> None:
    for found, wanted in zip(shop.content(), other.content(), strict=True):
        assert found.equals(wanted)
    columns = ["batch", "row_number", "rule"]
    assert (
        shop.table("rejected/web")
        .select(columns)
        .sort(columns)
        .equals(other.table("rejected/web").select(columns).sort(columns))
    )


def test_an_event_that_the_plan_now_knows_is_there_once_and_no_longer_rejected(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop()
    shop.drop("web/a.jsonl", rows())
    shop.run()
    assert shop.table("rejected/web")["rule"].sort().to_list() == ["missing_person_id", "unknown_event"]
    mended = catalog(source(), events=MENDED)
    for _ in range(2):
        days = replay(shop, mended)
        shop.make(days)
        events = shop.table("events/web")
        assert events.filter(event="review").select("event_id", "received_at").rows() == [("e200", RECEIVED)]
        assert events["event_id"].n_unique() == events.height
        assert shop.table("rejected/web")["rule"].to_list() == ["missing_person_id"]
    assert due(shop) == []
    assert_same(shop, fresh(open_shop, mended, [rows()]))


@pytest.mark.slow
def test_a_mended_zone_moves_events_over_midnight_without_meeting_themselves(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(source(occurred_at=BERLIN))
    shop.drop("web/a.jsonl", rows())
    old = shop.run().touched
    mended = catalog(source(occurred_at=TOKYO))
    days = replay(shop, mended)
    assert set(days) > set(old), "the days that events left as well as those that they came to"
    # One after the other, the last first: what a day not yet made still holds never counts against another.
    for day in reversed(days):
        shop.make([day])
    assert due(shop) == []
    assert_same(shop, fresh(open_shop, mended, [rows()]))


def test_rows_that_are_rejected_now_leave(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(events=MENDED)
    shop.drop("web/a.jsonl", rows())
    shop.run()
    assert "review" in set(shop.table("events/web")["event"])
    shop.make(replay(shop, catalog(source())))
    assert "review" not in set(shop.table("events/web")["event"])
    assert_same(shop, fresh(open_shop, catalog(source()), [rows()]))


def test_a_conflict_is_over_once_the_claim_before_it_is_gone(open_shop: Callable[..., Shop]) -> None:
    first, second = row(1, at=local(DAY, 9), type="review"), row(1, at=local(DAY + timedelta(days=5), 9))
    shop = open_shop(events=MENDED)
    shop.drop("web/a.jsonl", [first])
    shop.run()
    shop.drop("web/b.jsonl", [second])
    shop.run()
    assert shop.table("conflicts/web").height == 1
    shop.make(replay(shop, catalog(source())))
    assert shop.table("conflicts/web").is_empty()
    assert shop.table("events/web")["event_date"].to_list() == [DAY + timedelta(days=5)]


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["replace", "next_replay", "touch"])
def test_a_replay_that_was_killed_is_made_good_by_the_next_intake(
    open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    shop = open_shop(source(occurred_at=BERLIN))
    shop.drop("web/a.jsonl", rows())
    shop.run()
    mended = catalog(source(occurred_at=TOKYO), events=MENDED)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(shop.lake) if lost == "replace" else Ledger, lost, killed)
        replay(shop, mended)
    assert shop.ledger.replays_requested("web")
    shop.take_in()
    assert shop.ledger.replays_requested("web") == []
    days = due(shop)
    # Killed again, after some of the days: the others are still due.
    shop.make(days[:4])
    assert due(shop) == days[4:]
    shop.make(due(shop))
    assert_same(shop, fresh(open_shop, mended, [rows()]))


def test_a_run_that_read_before_the_replay_cannot_overwrite_what_came_of_it(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop()
    shop.drop("web/a.jsonl", rows())
    shop.run()
    stale = {**shop.lake.versions(["landed/web"]), **shop.ledger.read_replays("web")}
    shop.make(replay(shop, catalog(source(), events=MENDED)))
    assert stale == shop.lake.versions(["landed/web"])
    spec = shop.lake.partitions("events/web")[f"{DAY}"]
    assert spec.inputs["replays/web"] == 1
    again = replay(shop, catalog(source()))
    shop.make(again)
    assert shop.lake.partitions("events/web")[f"{DAY}"].inputs["replays/web"] == 2


def test_a_run_with_the_old_mapping_cannot_take_a_replay_for_its_own(open_shop: Callable[..., Shop]) -> None:
    """It would judge the batches by what it knows, and the one that asked would find nothing to do."""
    shop = open_shop()
    shop.drop("web/a.jsonl", rows())
    shop.run()

    def chosen() -> set[str]:
        with pytest.raises(LockTimeout), lock(shop.database, "intake of web", wait=0):
            pass
        return shop.ledger.landed("web")

    web = catalog(source(), events=MENDED)
    stores = (web, shop.lake, shop.ledger)
    take_in(web.sources["web"], shop.landing, RECEIVED, *stores, replay=chosen)
    shop.catalog = web
    shop.make(due(shop))
    assert "review" in set(shop.table("events/web")["event"])


def test_a_lost_ledger_does_not_bring_old_numbers_back(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    shop.drop("web/a.jsonl", rows())
    shop.run()
    shop.make(replay(shop, catalog(source(), events=MENDED)))
    shop.database.close()
    for file in shop.folder.glob("engagement.db*"):
        file.unlink()
    again = Shop(shop.folder, shop.catalog, RECEIVED + timedelta(days=9))
    again.take_in()
    again.make(replay(again, catalog(source())))
    assert_same(again, fresh(open_shop, catalog(source()), [rows()]))
    again.database.close()


def test_a_batch_that_the_mapping_now_refuses_keeps_its_events(open_shop: Callable[..., Shop]) -> None:
    strict = Limits(reject_share=0.2)
    shop = open_shop(limits=strict)
    shop.drop("web/a.jsonl", rows())
    shop.run()
    before = shop.content()
    worse = catalog(source(person_id="nobody"), limits=strict)
    assert replay(shop, worse) == []
    took = shop.take_in()
    assert "web/a.jsonl" in took.problems[0]
    for found, wanted in zip(shop.content(), before, strict=True):
        assert found.equals(wanted)
    shop.make(replay(shop, catalog(source(), events=MENDED, limits=strict)))
    assert shop.take_in().problems == []
    assert "review" in set(shop.table("events/web")["event"])


def test_dates_choose_batches_that_touch_them_or_may_hold_rejected_rows_of_them(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop()

    def land(name: str, received: date, *content: dict[str, object]) -> str:
        shop.received_at = datetime(received.year, received.month, received.day, 12, tzinfo=UTC)
        shop.drop(f"web/{name}.jsonl", content)
        return shop.take_in().landing.landed[0].fingerprint

    april, may = date(2026, 4, 10), date(2026, 5, 10)
    good_april = land("a", april, row(1, at=local(april - timedelta(days=1), 9)))
    bad_april = land("b", april, row(2, type="odd"))
    good_may = land("c", may, row(3, at=local(may - timedelta(days=1), 9)))
    bad_may = land("d", may, row(4, type="odd"))

    def chosen(text: str) -> set[str]:
        web = shop.catalog.sources["web"]
        return set(batches_of(web, parse_dates(text), shop.catalog, shop.lake, shop.ledger))

    assert chosen("2026-04-09") == {good_april, bad_april, bad_may}
    assert chosen("2026-04-11..2026-05-01") == {bad_may}
    assert chosen("2026-05-01..2026-05-31") == {good_may, bad_may}
    assert chosen("2026-06-01") == set()


@pytest.mark.parametrize("text", ["soon", "2026-04-31", "2026-04-10..", "2026-04-10..2026-04-09"])
def test_dates_that_are_none_are_named(text: str) -> None:
    if text == "2026-04-10..":
        assert parse_dates(text) == (DAY, DAY)
        return
    with pytest.raises(ValueError, match=text.replace(".", r"\.")):
        parse_dates(text)


MAPPINGS: list[tuple[Source, dict[str, object]]] = [
    (source(occurred_at=BERLIN), EVENTS),
    (source(occurred_at=TOKYO), EVENTS),
    (source(occurred_at=TOKYO), MENDED),
    (source(occurred_at=BERLIN, person_id="user.other"), MENDED),
    (source(occurred_at={"path": "at", "timezone": "America/New_York"}, session_id="type"), MENDED),
]


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16),
    first=st.integers(0, len(MAPPINGS) - 1),
    then=st.lists(st.integers(0, len(MAPPINGS) - 1), min_size=1, max_size=2),
)
def test_after_any_mending_the_tables_are_those_of_the_last_mapping(
    open_shop: Callable[..., Shop], seed: int, first: int, then: list[int]
) -> None:
    chance = random.Random(seed)
    given_rows = [{**each, "user": {**each.get("user", {}), "other": "x"}} for each in rows(6)]
    chance.shuffle(given_rows)
    files = [given_rows[:15], given_rows[10:30], given_rows[30:]]
    shop = open_shop()
    shop.catalog = catalog(MAPPINGS[first][0], events=MAPPINGS[first][1])
    for number, content in enumerate(files):
        shop.drop(f"web/{number}.jsonl", content)
        if chance.random() < 0.5:
            shop.take_in()
            days = due(shop)
            shop.make(chance.sample(days, len(days) // 2))
    for step in then:
        days = replay(shop, catalog(MAPPINGS[step][0], events=MAPPINGS[step][1]))
        shop.make(chance.sample(days, len(days) // 2))
    days = due(shop)
    chance.shuffle(days)
    while days:
        shop.make([days.pop() for _ in range(min(len(days), chance.randint(1, 5)))])
    assert due(shop) == []
    assert_same(shop, fresh(open_shop, shop.catalog, files))
