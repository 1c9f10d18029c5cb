"""Rows of a database into the lake: each once, however pulls are split, killed or repeated."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from engagement_pipeline.catalog.specs import Limits, Source
from engagement_pipeline.ingestion import intake, pulling
from engagement_pipeline.storage.ledger import FILES
from engagement_pipeline_tests.ingestion.remote import VARIABLE, Remote, orders
from engagement_pipeline_tests.ingestion.shop import EVENTS, Shop, catalog

START = datetime(2026, 4, 1, 12)  # noqa: DTZ001
RECEIVED = datetime(2026, 5, 1, tzinfo=UTC)
ORDERS = sa.Table(
    "orders",
    sa.MetaData(),
    sa.Column("id", sa.String(20)),
    sa.Column("person", sa.String(20)),
    sa.Column("at", sa.String(30)),
    sa.Column("total", sa.Numeric(12, 2)),
    sa.Column("updated_at", sa.DateTime),
)
pytestmark = pytest.mark.filterwarnings("ignore:Dialect sqlite.*does \\*not\\* support Decimal")
OpenShop = Callable[..., Shop]


def order(number: int, minute: int | None = None, **changed: object) -> dict[str, object]:
    """An order that was written at some minute."""
    at = START + timedelta(minutes=number if minute is None else minute)
    whole = {
        "id": f"o{number}",
        "person": f"p{number % 3}",
        "at": f"2026-04-{1 + number % 5:02}T08:00:00Z",
        "total": number,
        "updated_at": at,
    }
    return {**whole, **changed}


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    (tmp_path / "crm.db").touch()
    found = Remote(f"sqlite:///{tmp_path / 'crm.db'}", monkeypatch)
    found.add(ORDERS)
    return found


def files(shop: Shop, name: str = "shop") -> list[tuple[str, int]]:
    found = shop.ledger.files(name).values()
    return sorted((file.file, file.rows) for file in found if file.status == "landed")


def test_batches_land_with_their_names_rejections_and_days(remote: Remote, open_shop: OpenShop) -> None:
    remote.add(ORDERS, *(order(number) for number in range(1, 5)), order(5, person=""))
    shop = open_shop(orders(batch_rows=2))
    took = shop.run("shop")
    assert took.problems == []
    assert [file.rows for file in took.landing.landed] == [2, 2, 1]
    assert took.by_rule == {"missing_person_id": 1}
    assert [each.rejected_rows for each in took.verdicts] == [0, 0, 1]
    assert took.touched == [date(2026, 4, day) for day in (2, 3, 4, 5)]
    assert took.landing.landed[0].file.startswith("orders, updated_at ")
    assert " to " in took.landing.landed[0].file
    if remote.dialect == "postgresql":
        assert files(shop)[0][0] == "orders, updated_at 2026-04-01T12:01:00 to 2026-04-01T12:02:00"
    events = shop.table("events/shop").sort("event_id")
    assert events["value"].to_list() == [1.0, 2.0, 3.0, 4.0]
    again = shop.run("shop")
    assert (again.landing.landed, again.landing.failed, again.touched) == ((), (), [])
    assert shop.table("landed/shop").height == 5


def test_late_rows_within_the_overlap_arrive_and_the_rest_stays_unread(
    sqlite: Remote, open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(orders(overlap="30m", batch_rows=10))
    sqlite.add(ORDERS, *(order(number) for number in range(100)))
    shop.run("shop")
    seen: list[int] = []
    write = pulling.Puller._numbered

    def counted(puller: pulling.Puller, pulled: pulling.PulledRows) -> pl.DataFrame:
        seen.append(pulled.rows.height)
        return write(puller, pulled)

    monkeypatch.setattr(pulling.Puller, "_numbered", counted)
    sqlite.add(ORDERS, order(200, minute=75), order(201, minute=60), order(202, minute=110))
    took = shop.run("shop")
    assert [file.rows for file in took.landing.landed] == [1, 1]
    assert sum(seen) == 33, "the overlap, and what is new"
    assert "o201" not in set(shop.table("events/shop")["event_id"]), "too late for the overlap"
    assert shop.table("landed/shop").height == 102
    seen.clear()
    assert shop.run("shop").landing.landed == ()
    assert sum(seen) <= 25, "the overlap moves on"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_any_split_and_any_kill_gives_the_same_events(
    remote: Remote, open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    if seed and remote.dialect != "sqlite":
        pytest.skip("one of the seeds is enough for a server")
    chance = random.Random(seed)
    rows = [order(number, minute=chance.choice([number, number, 40])) for number in range(60)]
    rows += [order(number, minute=number, total=9) for number in chance.sample(range(60), 6)]  # conflicts
    remote.add(ORDERS, *rows)
    whole = open_shop(orders())
    whole.run("shop")

    remote.do("delete from orders")
    shop = open_shop(orders(batch_rows=7, overlap="2h"))
    moments = ["take", "commit", "settle", "finish", ""]
    while rows:
        part = [rows.pop(chance.randrange(min(30, len(rows)))) for _ in range(min(len(rows), 17))]
        remote.add(ORDERS, *part)
        moment = chance.choice(moments)
        with monkeypatch.context() as patched:
            for name in filter(None, [moment]):
                work = getattr(intake._Work, name)

                patched.setattr(intake._Work, name, killing(work, chance.randrange(3)))
            try:
                shop.run("shop")
            except Killed:
                if chance.random() < 0.5:
                    forget(shop)
    took = shop.take_in("shop")
    shop.make(shop.ledger.touched("shop"), "shop")
    assert took.problems == []
    landed = shop.table("landed/shop")
    assert landed.height == 66 == landed["raw"].n_unique()
    for found, expected in zip(shop.content("shop"), whole.content("shop"), strict=True):
        assert_frame_equal(found, expected)


def killing(work: Callable[..., object], after: int) -> Callable[..., object]:
    """The function, but that its process ends once it was called so often."""
    left = [after]

    def stop(self: object, *given: object) -> object:
        done = work(self, *given)
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return done

    return stop


def forget(shop: Shop) -> None:
    """The ledger is lost; the lake is not."""
    with shop.database.write() as connection:
        connection.execute(sa.delete(FILES))


def test_the_ledger_is_no_second_truth(sqlite: Remote, open_shop: OpenShop) -> None:
    shop = open_shop(orders(batch_rows=3))
    sqlite.add(ORDERS, *(order(number) for number in range(8)))
    shop.run("shop")
    before = files(shop)
    forget(shop)
    sqlite.add(ORDERS, order(9))
    took = shop.run("shop")
    assert [file.rows for file in took.landing.landed] == [1]
    assert [each for each in files(shop) if each[0] != took.landing.landed[0].file] == before


def test_equal_rows_of_a_table_without_a_key_all_count(sqlite: Remote, open_shop: OpenShop) -> None:
    source = orders(batch_rows=2)
    keyless = source.model_copy(update={"events": [source.events[0].model_copy(update={"event_id": None})]})
    twins = [order(1, minute=5, id=None)] * 5
    sqlite.add(ORDERS, *twins, order(2, minute=6))
    whole = open_shop(keyless)
    whole.run("shop")
    assert whole.table("events/shop").height == 6
    sqlite.do("delete from orders")
    shop = open_shop(keyless)
    for rows in (twins[:2], twins[2:3], [*twins[3:], order(2, minute=6)]):
        sqlite.add(ORDERS, *rows)
        shop.run("shop")
    assert_frame_equal(shop.content("shop")[0], whole.content("shop")[0])


def test_an_updated_order_is_settled_as_two_files_would_be(sqlite: Remote, open_shop: OpenShop) -> None:
    shop = open_shop(orders())
    sqlite.add(ORDERS, order(1, total=10))
    shop.run("shop")
    sqlite.do("update orders set total = 12, updated_at = '2026-04-02 12:00:00.000000'")
    shop.run("shop")
    events, lost = shop.content("shop")
    assert (events.height, lost.height) == (1, 1)


def test_an_updated_customer_is_a_new_snapshot(sqlite: Remote, open_shop: OpenShop) -> None:
    source = Source.model_validate(
        {
            "source": "crm",
            "owner": "team:data",
            "database": {"url_env": VARIABLE, "table": "people", "watermark": "changed"},
            "profiles": {"person_id": "id", "observed_at": "changed"},
            "columns": {"plan": "text"},
        }
    )
    shop = open_shop(source)
    sqlite.do("create table people (id text, plan text, changed text)")
    sqlite.do("insert into people values ('p1', 'free', '2026-04-01T10:00:00Z')")
    shop.take_in("crm")
    sqlite.do("update people set plan = 'gold', changed = '2026-04-03T10:00:00Z'")
    assert shop.take_in("crm").problems == []
    assert shop.table("landed/crm")["raw"].str.json_path_match("$.plan").sort().to_list() == ["free", "gold"]


def test_a_refused_batch_holds_back_those_behind_it(sqlite: Remote, open_shop: OpenShop) -> None:
    shop = open_shop(orders(batch_rows=2), limits=Limits(reject_share=0.4))
    sqlite.add(ORDERS, order(1), order(2), order(3, person=""), order(4, person=""), order(5), order(6))
    took = shop.run("shop")
    assert [file.rows for file in took.landing.landed] == [2]
    assert len(took.problems) == 1
    assert "2 of 2 rows were rejected" in took.problems[0]
    again = shop.run("shop")
    assert (len(again.landing.failed), len(shop.ledger.files("shop"))) == (1, 2)
    sqlite.do("update orders set person = 'p1'")
    took = shop.run("shop")
    assert (took.problems, sum(file.rows for file in took.landing.landed)) == ([], 5), "those that changed"
    assert set(shop.table("events/shop")["event_id"]) == {f"o{number}" for number in range(1, 7)}
    assert shop.ledger.files("shop").keys() == shop.ledger.landed("shop")


def test_history_before_the_project_holds_nothing_back(sqlite: Remote, open_shop: OpenShop) -> None:
    shop = open_shop(orders(batch_rows=2), start_date=date(2026, 4, 4), limits=Limits(reject_share=0.1))
    sqlite.add(ORDERS, *(order(number) for number in range(1, 10)))
    took = shop.run("shop")
    assert (took.problems, took.by_rule) == ([], {"before_start": 5})
    assert shop.table("events/shop").height == 4


def test_what_cannot_be_pulled_is_said_and_made_up_for(
    sqlite: Remote, open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(orders())
    sqlite.add(ORDERS, order(1))
    shop.run("shop")
    monkeypatch.setenv(VARIABLE, "postgresql+psycopg://crm:se-same@127.0.0.1:1/crm")
    took = shop.take_in("shop")
    assert len(took.problems) == 1
    assert "127.0.0.1/crm does not answer" in took.problems[0]
    assert "se-same" not in took.problems[0]
    (failed,) = [file for file in shop.ledger.files("shop").values() if file.status == "failed"]
    assert failed.reason == took.problems[0]
    monkeypatch.setenv(VARIABLE, sqlite.url)
    sqlite.add(ORDERS, order(2), order(3, updated_at=None))
    took = shop.take_in("shop")
    assert (took.problems, len(took.landing.landed)) == ([], 1)
    assert "1 rows of orders have no updated_at" in took.landing.notes[0]
    assert all(file.status == "landed" for file in shop.ledger.files("shop").values())


def test_a_column_that_is_mapped_but_missing_is_noted_once(sqlite: Remote, open_shop: OpenShop) -> None:
    shop = open_shop(orders(batch_rows=1, query="select id, person, at, updated_at from orders", table=None))
    sqlite.add(ORDERS, order(1), order(2))
    assert shop.take_in("shop").landing.notes == ("query has no column 'total', from which value is read",)


def test_another_watermark_looks_at_every_row_once_more(sqlite: Remote, open_shop: OpenShop) -> None:
    shop = open_shop(orders())
    sqlite.add(ORDERS, *(order(number) for number in range(5)))
    shop.run("shop")
    shop.catalog = catalog(orders(watermark="at"), events=EVENTS)
    sqlite.add(ORDERS, order(7))
    took = shop.run("shop")
    assert [file.rows for file in took.landing.landed] == [1]
