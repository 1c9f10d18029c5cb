"""Tables and queries of real databases: what is pulled, in which batches, what is said when it cannot."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from engagement_pipeline.ingestion.databases import pull as pull_module
from engagement_pipeline.ingestion.databases.connection import DatabaseRefused, dialect_of
from engagement_pipeline_tests.ingestion.remote import VARIABLE, Remote, pull, pulled, raws

START = datetime(2026, 3, 1, 10)  # noqa: DTZ001
NASTY = 'order; drop table "x"--'


def table(
    name: str = "orders", *columns: sa.Column[object], watermark: sa.Column[object] | None = None
) -> sa.Table:
    wm = sa.Column("updated_at", sa.DateTime) if watermark is None else watermark
    return sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer), *columns, wm)


def minutes(*numbers: int) -> list[dict[str, object]]:
    """A row for each number of minutes."""
    return [{"id": at, "updated_at": START + timedelta(minutes=each)} for at, each in enumerate(numbers)]


def ids(batches: list[pull_module.PulledRows]) -> list[list[int]]:
    return [[json.loads(raw)["id"] for raw in batch.rows["raw"]] for batch in batches]


def test_rows_come_in_the_order_of_the_watermark_cut_between_watermarks(remote: Remote) -> None:
    remote.add(table(), *minutes(3, 1, 2, 2, 2, 5, 4))
    batches = pulled(batch_rows=2)
    assert [sorted(each) for each in ids(batches)] == [[1, 2, 3, 4], [0, 6], [5]]
    assert [batch.cut for batch in batches] == [False, False, False]
    assert [batch.rows["row_number"].to_list() for batch in batches] == [[1, 2, 3, 4], [1, 2], [1]]
    later = pulled(batches[0].last, batch_rows=2)
    assert sorted(each for batch in ids(later) for each in batch) == [0, 2, 3, 4, 5, 6], (
        "what is not before the watermark"
    )


def test_very_many_rows_of_one_watermark_are_cut_all_the_same(remote: Remote) -> None:
    remote.add(table(), *minutes(*[1] * 7, 2))
    batches = pulled(batch_rows=2)
    assert [(batch.rows.height, batch.cut) for batch in batches] == [(4, True), (3, False), (1, False)]


def test_a_query_runs_inside_of_the_condition(remote: Remote) -> None:
    remote.add(table(), *minutes(1, 2, 3))
    text = "select id, updated_at, '10%' as share, 'a:b :c' as text from orders -- all of them"
    batches = pulled(query=text, table=None)
    assert ids(batches) == [[0, 1, 2]]
    assert json.loads(raws(batches)[0]) | {"updated_at": ""} == {
        "id": 0,
        "share": "10%",
        "text": "a:b :c",
        "updated_at": "",
    }
    assert ids(pulled(batches[0].last, query=text, table=None)) == [[2]]


@pytest.mark.parametrize(
    "name", [NASTY, "select", "Größe 100%", "a.b", "tab`le", "'quoted'", ":bound", "%(s)s"]
)
def test_any_name_of_a_table_and_a_column_is_taken_literally(remote: Remote, name: str) -> None:
    named = sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer), sa.Column(name, sa.BigInteger))
    remote.add(named)
    with remote.engine.begin() as connection:
        connection.execute(sa.insert(named).values({named.c.id: 7, named.c[name]: 5_000_000_000}))
    batches = pulled(table=name, watermark=name)
    assert [json.loads(raw) for raw in raws(batches)] == [{"id": 7, name: 5_000_000_000}]
    assert len(raws(pulled(5_000_000_000, table=name, watermark=name))) == 1
    assert pulled(5_000_000_001, table=name, watermark=name) == []


def test_values_stay_what_they_are(remote: Remote) -> None:
    rows = table(
        "orders",
        sa.Column("total", sa.Numeric(30, 6)),
        sa.Column("ratio", sa.Float(53)),
        sa.Column("day", sa.Date),
        sa.Column("text", sa.Text),
        sa.Column("big", sa.BigInteger),
        sa.Column("payload", sa.JSON),
        sa.Column("empty", sa.Text),
    )
    total = Decimal("12345678901234567890.123456")
    said = {"total": total, "ratio": 0.1, "day": date(2026, 2, 28), "text": 'é"\n\\', "big": 2**62}
    payload = {"cart": [{"sku": "a", "price": 1.5}], "new": True, "none": None}
    if remote.dialect == "sqlite":
        said.pop("total")  # SQLite has no decimals
    remote.add(rows, {"id": 1, "updated_at": START, "payload": payload, **said})
    (raw,) = raws(pulled())
    found = json.loads(raw)
    assert list(found) == sorted(found)
    # Only PostgreSQL's driver reads JSON; paths of a mapping descend into text that holds it all the same.
    document = found["payload"]
    assert (document if isinstance(document, dict) else json.loads(document)) == payload
    assert found["text"] == said["text"]
    assert (found["ratio"], found["day"], found["big"], found["empty"]) == (0.1, "2026-02-28", 2**62, None)
    assert found["total"] == (None if remote.dialect == "sqlite" else str(total))
    as_kept = {"sqlite": "2026-03-01 10:00:00.000000"}
    assert found["updated_at"] == as_kept.get(remote.dialect, "2026-03-01T10:00:00")


def test_what_only_postgresql_has(remote: Remote) -> None:
    if remote.dialect != "postgresql":
        pytest.skip("types of PostgreSQL")
    remote.do(
        "create table orders (id int, at timestamptz, took interval, tags text[], key uuid, ip inet, "
        "ok boolean, odd double precision, worse numeric, doc jsonb, updated_at timestamptz)",
        "insert into orders values (1, '2026-03-01 10:00+02', '1 day 00:00:01.5', '{a,b}', "
        "'00000000-0000-0000-0000-000000000001', '10.0.0.1', true, 'NaN', 'NaN', '{\"a\": [1]}', "
        "'2026-03-01 12:00:00.5+01')",
    )
    (batch,) = pulled()
    assert json.loads(raws([batch])[0]) == {
        "at": "2026-03-01T08:00:00Z",
        "doc": {"a": [1]},
        "id": 1,
        "ip": "10.0.0.1",
        "key": "00000000-0000-0000-0000-000000000001",
        "odd": "nan",
        "ok": True,
        "tags": ["a", "b"],
        "took": "86401.5",
        "updated_at": "2026-03-01T11:00:00.500000Z",
        "worse": "nan",
    }
    assert batch.last == datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=UTC)
    assert len(pulled(batch.last)) == 1
    remote.do(
        "create table spans (updated_at date, during daterange)", "insert into spans values (now(), '[,]')"
    )
    with pytest.raises(
        DatabaseRefused, match=r"'during' holds values of the type Range.*Cast the column to text"
    ):
        pulled(table="spans")


def test_times_of_mariadb_have_their_zone_where_they_have_one(remote: Remote) -> None:
    if remote.dialect not in ("mysql", "mariadb"):
        pytest.skip("types of MariaDB")
    remote.do(
        "create table orders (id int, naive datetime(6), flag bit(1), updated_at timestamp(6))",
        "set time_zone = '+02:00'; ".rstrip("; "),
    )
    with remote.engine.begin() as connection:
        connection.exec_driver_sql("set time_zone = '+02:00'")
        connection.exec_driver_sql(
            "insert into orders values (1, '2026-03-01 10:00', b'1', '2026-03-01 10:00')"
        )
    (raw,) = raws(pulled())
    assert json.loads(raw) == {
        "flag": 1,
        "id": 1,
        "naive": "2026-03-01T10:00:00",
        "updated_at": "2026-03-01T08:00:00Z",
    }


def test_bytes_are_refused_by_name(remote: Remote) -> None:
    remote.add(
        table("orders", sa.Column("picture", sa.LargeBinary)),
        {"id": 1, "updated_at": START, "picture": b"\0"},
    )
    with pytest.raises(DatabaseRefused, match=r"column 'picture' holds bytes.*`query`"):
        pulled()
    assert len(raws(pulled(query="select id, updated_at from orders", table=None))) == 1


def test_rows_without_a_watermark_are_counted(remote: Remote) -> None:
    remote.add(table(), *minutes(1), {"id": 8, "updated_at": None}, {"id": 9, "updated_at": None})
    found = pull()
    assert ids(list(found.batches())) == [[0]]
    assert found.without_watermark == 2
    assert found.columns == ["id", "updated_at"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"table": "order"}, "there is no table 'order'; did you mean 'orders'"),
        ({"table": "elsewhere.things"}, "there is no table 'elsewhere.things'; .*`schema: elsewhere`"),
        (
            {"watermark": "update_at"},
            "no column 'update_at', which is to be the watermark; did you mean 'updated_at'",
        ),
        (
            {"query": "select updated_at, id, id as id from orders", "table": None},
            "'id'.* more than once|Duplicate",
        ),
        ({"query": "select nonsense from orders", "table": None}, "the database says: .*nonsense"),
        ({"watermark": "name"}, "watermark 'name' holds 'Ada'.*times, dates or whole numbers"),
    ],
)
def test_what_is_wrong_is_named(remote: Remote, rows: dict[str, object], words: str) -> None:
    if remote.dialect == "sqlite" and "id as id" in str(rows.get("query")):
        pytest.skip("SQLite tells the two apart by itself")
    remote.add(
        table("orders", sa.Column("name", sa.String(9))), {"id": 1, "name": "Ada", "updated_at": START}
    )
    with pytest.raises(DatabaseRefused, match=words) as caught:
        pulled(**rows)
    assert str(caught.value).startswith("source 'crm' cannot be read: ")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "[SQL" not in str(caught.value)


def test_nothing_can_be_changed(remote: Remote) -> None:
    remote.add(table(), *minutes(1))
    if remote.dialect == "postgresql":
        remote.do("create function wipe() returns int language sql as 'delete from orders returning 1'")
        with pytest.raises(DatabaseRefused, match="read-only transaction"):
            pulled(query="select wipe() as id, now() as updated_at", table=None)
        remote.do("drop function wipe()")
    for query in ("delete from orders", "select 1 as updated_at) as x; delete from orders; --"):
        with pytest.raises(DatabaseRefused):
            pulled(query=query, table=None)
    assert len(raws(pulled())) == 1


SECRET = "open:se/same@"
WRITTEN = "open%3Ase%2Fsame%40"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "variable CRM_DATABASE_URL is not set"),
        (f"postgresql+psycopg//crm:{WRITTEN}", "does not hold a database URL"),
        (
            f"postgresql+psycopg://crm:{WRITTEN}@127.0.0.1:1/crm",
            "127.0.0.1/crm does not answer.*refused.*CRM_DATABASE_URL",
        ),
        (f"mysql+pymysql://crm:{WRITTEN}@127.0.0.1:1/crm", "does not answer"),
        (f"nosuch+driver://crm:{WRITTEN}@h/d", "no driver for the URL in CRM_DATABASE_URL"),
        (f"postgresql+nosuch://crm:{WRITTEN}@h/d", "no driver"),
        ("sqlite:////nowhere/crm.db", "names no file that is there"),
        (f"postgresql+psycopg://crm@127.0.0.1:1/crm?sslpassword={WRITTEN}&bad={WRITTEN}", "crm"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named_without_credentials(
    monkeypatch: pytest.MonkeyPatch, url: str | None, words: str
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if url is not None:
        monkeypatch.setenv(VARIABLE, url)
    with pytest.raises(DatabaseRefused, match=words) as caught:
        pulled()
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    for secret in (SECRET, WRITTEN, "se/same"):
        assert secret not in f"{error}{error!r}"


def test_the_dialect_is_known_without_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql+psycopg://nobody@nowhere/x")
    assert dialect_of(VARIABLE) == "postgresql"
    assert dialect_of("NOT_SET_AT_ALL") is None


def test_arrays_and_bytes_in_json_do_not_depend_on_neighbours(remote: Remote) -> None:
    if remote.dialect != "postgresql":
        pytest.skip("arrays of PostgreSQL")
    many = table("orders", sa.Column("when", postgresql.ARRAY(sa.DateTime)))
    remote.add(
        many,
        {"id": 1, "updated_at": START, "when": [START, None]},
        {"id": 2, "updated_at": START, "when": None},
    )
    assert [json.loads(raw)["when"] for raw in sorted(raws(pulled()))] == [
        ["2026-03-01T10:00:00", None],
        None,
    ]
