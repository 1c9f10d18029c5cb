"""Events of days: the same, however their rows were cut into files, delivered and repeated."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Limits
from engagement_pipeline.ingestion import events as module
from engagement_pipeline.ingestion.events import events_for
from engagement_pipeline_tests.ingestion.shop import Shop, catalog, lines, row, source, till

DAY = date(2026, 4, 10)


def at(day: date, hour: int = 10) -> str:
    return f"{day}T{hour:02}:00:00Z"


def scene() -> list[dict[str, object]]:
    """Valid, bad, repeated and contradicting rows over some weeks."""
    rows = [row(number, at=at(DAY + timedelta(days=number % 25))) for number in range(60)]
    rows += [row(number, at=at(DAY + timedelta(days=number % 25))) for number in range(0, 60, 9)]
    rows += [
        row(number, at=at(DAY + timedelta(days=number)), type="order", total=number) for number in range(8)
    ]
    rows += [row(100, at=at(DAY + timedelta(days=day)), total=day) for day in (0, 20, 40)]
    rows += [row(101, at=at(DAY), session=name) for name in ("one", "two", "three")]
    return [*rows, row(200, type="odd"), row(201, user={"id": " "})]


def delivered(shop: Shop, files: list[list[dict[str, object]]], runs: list[int]) -> tuple[pl.DataFrame, ...]:
    """Drop the files in so many runs; a run may see several."""
    shop.received_at = datetime(2026, 7, 1, tzinfo=UTC)
    for number, content in enumerate(files):
        shop.drop(f"web/{number:03}.jsonl", content)
        if number in runs:
            shop.run()
            shop.received_at += timedelta(hours=1)
    shop.run()
    return shop.content()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, ...]:
    shop = Shop(tmp_path_factory.mktemp("whole"), catalog(source()))
    return delivered(shop, [scene()], [])


def test_the_scene_has_everything_in_it(expected: tuple[pl.DataFrame, ...]) -> None:
    events, conflicts = expected
    assert events["event_id"].n_unique() == 62
    # e100 is used on days 0, 20 and 40: each within 30 days of the one before, so only the first counts.
    assert events.filter(pl.col("event_id") == "e100")["event_date"].to_list() == [DAY]
    assert set(conflicts.filter(pl.col("event_id") == "e101")["event_date"]) == {DAY}
    assert conflicts.height == 2 + 2 + 8
    assert conflicts["rule"].unique().to_list() == ["conflicting_event_id"]
    assert (
        "the event id 'e100' was used for other content"
        in conflicts.filter(pl.col("event_id") == "e100")["reason"][0]
    )


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), parts=st.integers(1, 6), twice=st.booleans())
def test_order_splitting_repetition_and_lateness_change_nothing(
    expected: tuple[pl.DataFrame, ...], open_shop: Callable[..., Shop], seed: int, parts: int, twice: bool
) -> None:
    chance = random.Random(seed)
    rows = scene()
    chance.shuffle(rows)
    cuts = sorted(chance.sample(range(len(rows)), parts - 1))
    files = [rows[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    if twice:
        files += [chance.sample(rows, len(rows) // 2)]
    runs = [number for number in range(len(files)) if chance.random() < 0.5]
    found = delivered(open_shop(), files, runs)
    for table, wanted in zip(found, expected, strict=True):
        assert table.equals(wanted)


def test_exporting_the_same_events_again_with_one_more_column_changes_nothing_that_counts(
    expected: tuple[pl.DataFrame, ...], open_shop: Callable[..., Shop]
) -> None:
    wider = [{**each, "exported_by": "v2"} for each in scene()]
    orders = [[scene(), wider], [wider, scene()], [scene()[::2], wider, scene()[1::2]]]
    found = [delivered(open_shop(), files, [0]) for files in orders]
    for events, conflicts in found:
        assert events.drop("properties").equals(expected[0].drop("properties"))
        assert conflicts.drop("raw").equals(expected[1].drop("raw"))
    assert all(table.equals(other) for each in found[1:] for table, other in zip(each, found[0], strict=True))


def test_days_in_chunks_are_the_same_days(
    expected: tuple[pl.DataFrame, ...], open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 10)
    monkeypatch.setattr(module, "WAITING_ROWS", 7)
    shop = open_shop()
    found = delivered(shop, [scene()], [])
    for table, wanted in zip(found, expected, strict=True):
        assert table.equals(wanted)
    chunks = list(
        events_for(
            shop.catalog.sources["web"],
            shop.table("events/web")["event_date"].unique().to_list(),
            shop.catalog,
            shop.lake,
            shop.ledger,
        )
    )
    assert len(chunks) > 3


def test_days_may_be_made_in_any_order(
    expected: tuple[pl.DataFrame, ...], open_shop: Callable[..., Shop]
) -> None:
    shop = open_shop()
    shop.received_at = datetime(2026, 7, 1, tzinfo=UTC)
    shop.drop("web/a.jsonl", scene())
    days = shop.take_in().touched
    for some in (days[20:], days[:7], days[7:20]):
        shop.make(some)
    for table, wanted in zip(shop.content(), expected, strict=True):
        assert table.equals(wanted)


def test_of_two_files_with_one_id_the_earlier_event_counts(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [row(1, at=at(DAY, 12), session="late")])
    shop.run()
    shop.drop("web/b.jsonl", [row(1, at=at(DAY, 9), session="early")])
    shop.run()
    assert shop.table("events/web")["session_id"].to_list() == ["early"]
    (lost,) = shop.table("conflicts/web").to_dicts()
    assert (lost["rule"], lost["event_id"]) == ("conflicting_event_id", "e1")
    assert "09:00:00" in lost["reason"]
    assert '"late"' in lost["raw"]


def test_a_late_claim_takes_the_id_from_a_stored_later_day(shop: Shop) -> None:
    later = DAY + timedelta(days=12)
    shop.drop("web/a.jsonl", [row(1, at=at(later)), row(2, at=at(later))])
    shop.run()
    shop.drop("web/b.jsonl", [row(1, at=at(DAY))])
    took = shop.run()
    assert took.touched == [DAY, later]
    assert shop.table("events/web").sort("event_id").select("event_id", "event_date").rows() == [
        ("e1", DAY),
        ("e2", later),
    ]
    assert shop.table("conflicts/web")["event_date"].to_list() == [later]


def test_beyond_the_horizon_an_id_may_be_used_again(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(lateness_horizon=7)
    shop.drop("web/a.jsonl", [row(1, at=at(DAY))])
    shop.run()
    shop.drop("web/b.jsonl", [row(1, at=at(DAY + timedelta(days=days))) for days in (7, 13)])
    shop.run()
    assert shop.table("events/web")["event_date"].sort().to_list() == [DAY, DAY + timedelta(days=7)]
    assert shop.table("conflicts/web")["event_date"].to_list() == [DAY + timedelta(days=13)]


@pytest.mark.parametrize("at_once", [True, False])
def test_rows_without_a_time_that_come_again_and_again_stay_one_event(
    open_shop: Callable[..., Shop], at_once: bool
) -> None:
    shop = open_shop()
    shop.catalog = catalog(source(occurred_at={"constant": "received"}), lateness_horizon=7)
    for number, day in enumerate((0, 5, 10)):  # the last is beyond the horizon of the first
        shop.received_at = datetime.combine(DAY + timedelta(days=day), datetime.min.time(), UTC)
        shop.drop(f"web/{number}.jsonl", [row(1, n=number)])
        touched = shop.take_in().touched
        shop.make([] if at_once else touched)
    if at_once:
        shop.make(DAY + timedelta(days=day) for day in (0, 5, 10))
    events, conflicts = shop.content()
    assert (events["event_date"].to_list(), conflicts.height) == ([DAY], 0)


def test_a_day_without_rows_is_empty(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [row(1, at=at(DAY))])
    shop.take_in()
    (chunk,) = events_for(
        shop.catalog.sources["web"], [DAY + timedelta(days=1)], shop.catalog, shop.lake, shop.ledger
    )
    assert (chunk.events.height, chunk.conflicts.height) == (0, 0)


def test_a_day_of_conflicts_over_the_limit_is_refused_and_the_others_are_made(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(limits=Limits(reject_share=0.4))
    shop.drop("web/a.jsonl", [row(1, at=at(DAY))])
    shop.run()
    before = shop.table("events/web")
    days = [DAY + timedelta(days=age) for age in (-1, 0, 1)]
    shop.drop(
        "web/b.jsonl",
        [row(1, at=at(DAY), session=str(number)) for number in range(5)]
        + [row(10 + number, at=at(day)) for number, day in enumerate(days)][::2],
    )
    took = shop.take_in()
    assert took.touched == days
    source = shop.catalog.sources["web"]
    (found,) = events_for(source, days, shop.catalog, shop.lake, shop.ledger)
    assert found.days == days[::2]
    assert {day: str(why).partition(", the")[0] for day, why in found.refused.items()} == {
        DAY: f"events of source 'web' on {DAY}: 5 of 6 rows were rejected (83.3%)"
    }
    assert found.events["event_id"].to_list() == ["e10", "e12"]
    assert found.conflicts.is_empty()
    shop.make(days)
    stored = shop.table("events/web")
    assert stored.filter(pl.col("event_date") == DAY).equals(before)
    assert stored.height == 3


def test_deliveries_of_one_event_are_counted_by_day(shop: Shop) -> None:
    one, two = row(1, at=at(DAY)), row(2, at=at(DAY + timedelta(days=1)))
    shop.drop("web/a.jsonl", [one, one, two])
    shop.drop("web/b.jsonl", [one, {**two, "session": "other"}])
    days = shop.take_in().touched
    (found,) = events_for(shop.catalog.sources["web"], days, shop.catalog, shop.lake, shop.ledger)
    assert (found.events.height, found.conflicts.height) == (2, 1)
    assert found.duplicates == {DAY: 2}


def test_rows_without_an_id_collapse_across_files_and_stay_within_one(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(till())
    head, one, two = b"person,event,at,total\n", b"p1,order,2026-04-10,2.50\n", b"p2,order,2026-04-10,4\n"
    shop.drop("till/a.csv", head + one + one + two)
    shop.run("till")
    assert shop.table("events/till").height == 3
    shop.drop("till/b.csv", head + two + one)
    shop.drop("till/c.csv", b"total,at,event,person\n2.50,2026-04-10,order,p1\n")
    shop.run("till")
    events = shop.table("events/till")
    assert events.height == 3
    assert events["value"].sum() == 9.0
    assert shop.table("conflicts/till").height == 0


def test_parquet_rows_become_the_same_events(
    open_shop: Callable[..., Shop], tmp_path: pytest.TempPathFactory
) -> None:
    shop = open_shop(source("mail", "parquet"))
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "person": [7, 8, None],
            "event": ["order"] * 3,
            "at": pl.Series(["2026-04-10 01:30:00"] * 3).str.to_datetime(),
            "total": [1.25, float("nan"), 3.0],
        }
    )
    (shop.landing / "mail").mkdir(parents=True)
    frame.write_parquet(shop.landing / "mail/a.parquet")
    took = shop.run("mail")
    assert took.by_rule == {"missing_person_id": 1, "not_finite_value": 1}
    events = shop.table("events/mail")
    assert events.select("event_id", "person_id", "value", "event_date").rows() == [("1", "7", 1.25, DAY)]


def test_other_sources_go_on_beside_a_broken_one(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(source(), source("mail", "csv"))
    shop.drop("web/a.jsonl", lines([row(1, at=at(DAY))]))
    shop.drop("mail/a.csv", b'id,person,event,at,total\n1,p1,visit,"2026')
    assert shop.run("mail").problems
    assert shop.run("web").problems == []
    assert shop.table("events/web").height == 1


def test_a_day_made_again_does_not_conflict_with_itself(shop: Shop) -> None:
    shop.drop("web/a.jsonl", [row(1, at="2026-04-10T10:00:00")])
    shop.run()
    shop.catalog = catalog(source(occurred_at={"path": "at", "timezone": "UTC"}))
    shop.make(shop.take_in(replay=True).touched)
    assert shop.table("events/web")["occurred_at"].to_list() == [datetime(2026, 4, 10, 10, tzinfo=UTC)]
    assert shop.table("conflicts/web").height == 0
