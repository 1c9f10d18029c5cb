"""Conditions: what is refused and why, and that what is accepted means what it means in SQL."""

import pickle
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.expressions import Condition, ExpressionError, normalise, parse
from engagement_pipeline.catalog.specs import PropertyType

COLUMNS: dict[str, PropertyType] = {
    "i": "integer",
    "n": "number",
    "t": "text",
    "d": "date",
    "b": "boolean",
    "score.email": "number",
    "segment.readers": "boolean",
}


def holds(sql: str, **row: object) -> bool | None:
    """The condition's value for one row."""
    types = {"i": pl.Int64, "n": pl.Float64, "t": pl.String, "d": pl.Date, "b": pl.Boolean}
    types |= {"score.email": pl.Float64, "segment.readers": pl.Boolean}
    named = {key.replace("__", "."): value for key, value in row.items()}
    frame = pl.DataFrame([{name: named.get(name) for name in types}], schema=types)
    result: bool | None = frame.select(held=parse(sql, COLUMNS).expr)["held"].item()
    return result


@pytest.mark.parametrize(
    "sql",
    [
        "read_csv('/etc/passwd')",
        "read_parquet('s3://bucket/x') is not null",
        "t in read_csv('x')",
        "t in (select t from secrets)",
        "t in ('a', (select 'b'))",
        "exists (select 1)",
        "(select true)",
        "(from 'data.csv')",
        "i = (select count(*) from 'data.parquet')",
        "t = any (select 'a')",
        "select true",
        "from x",
        "true; drop table events",
        "true;",
        "drop table events",
        "attach 'x.db'",
        "copy events to 'x.csv'",
        "pragma version",
        "set x = 1",
        "install httpfs",
        "getenv('HOME') = 'x'",
        "system('ls') = 0",
        "eval('1') = 1",
        "current_date > d",
        "now() > d",
        "random() > 0.5",
        "current_setting('x') = 'y'",
        "cast(t as integer) = 1",
        "t::date = d",
        "try_cast('2026-01-01' as date) = d",
        "timestamp '2026-01-01' = d",
        "cast(t as json) is null",
        "t -> 'a' = 'b'",
        "t[0] = 'a'",
        "{'a': 1} is null",
        "[1, 2] is null",
        "columns('.*') > 1",
        "* is null",
        "t.* is null",
        "count(*) > 1",
        "sum(i) > 1",
        "abs(distinct i) = 1",
        "lower(t) over () = 'a'",
        "lower(t) filter (where true) = 'a'",
        "t collate nocase = 'a'",
        "t glob 'a*'",
        "t similar to 'a'",
        "t ~ 'a'",
        "t like 'a!%' escape '!'",
        "t like any ('a', 'b')",
        "i between symmetric 2 and 1",
        "case when b then true else false end",
        "interval 1 day is null",
        "? = 1",
        "$1 = i",
        ":x = 1",
        "#1 = 1",
        "t = $$a$$",
        "t = e'a'",
        "t || 'a' = 'b'",
        "i / 2 > 1",
        "i % 2 = 0",
        "i ** 2 = 4",
        "i & 1 = 1",
        "true -- and false",
        "/* hint */ true",
        "cast('2026-01-01' as date default null on conversion error) = d",
        "cast('2026-01-01' as date format 'DD') = d",
        "cast('2026-01-01' as date[]) = d",
        "'/etc/passwd'.read_text() = 'x'",
        "i = (values (1))",
        "t in unnest(['a'])",
        "b union select true",
        "b order by 1",
        "n = nan",
        "\u0441core.email > 1",  # a Cyrillic letter
        "i \uff1e 1",
        "t = \u2018a\u2019",
        "b\u200b",
        "b\x00",
        "main.events.i = 1",
        "a.b.c.d = 1",
        "x -> x + 1 is null",
        "b as c",
        "b, b",
        "b limit 1",
        "",
        "   ",
        "-- only this",
        "'open",
        "t = ",
        "(" * 5000 + "b" + ")" * 4000,
        "not " * 2000 + "b",
        " or ".join(["b"] * 1800),
        "b or " * 4000 + "b",
    ],
)
def test_nothing_but_the_allowed_gets_through(sql: str) -> None:
    with pytest.raises(ExpressionError):
        parse(sql, COLUMNS)


def test_a_file_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and literals stay names and literals, even where a file has that very name."""
    (tmp_path / "secret.csv").write_text("i\n1\n")
    monkeypatch.chdir(tmp_path)
    assert holds("t = 'secret.csv'", t="secret.csv") is True
    with pytest.raises(ExpressionError, match=r"unknown column 'secret.csv'"):
        parse("secret.csv is not null", COLUMNS)
    with pytest.raises(ExpressionError, match=r"unknown column 'secret.csv'"):
        parse('"secret.csv" is not null', COLUMNS)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("scor.email > 1", "unknown column 'scor.email'; did you mean 'score.email'?"),
        ("score.emial > 1", "unknown column 'score.emial'; did you mean 'score.email'?"),
        ("zzz = 1", "unknown column 'zzz'; if it is text, put it in single quotes: 'zzz'"),
        ("email > 1", "unknown column 'email'; did you mean 'score.email'?"),
        ("b && b", "&& is not allowed in a condition; write and"),
        (
            "lowr(t) = 'a'",
            (
                "unknown function 'lowr', conditions know abs, coalesce, contains, ends_with, length, "
                "lower, starts_with, upper; did you mean 'lower'?"
            ),
        ),
        ("i", "the condition is a number, not true or false; compare it with something"),
        ("'a'", "the condition is text, not true or false; compare it with something"),
        ("null", "the condition is null, not true or false; compare it with something"),
        ("t > 1", "'t > 1' compares text with a number"),
        ("i = '1'", "'i = '1'' compares a number with text"),
        ("b = 1", "'b = 1' compares true or false with a number"),
        ("b > false", "'b > FALSE' puts true and false in order; use ="),
        ("b between false and true", "'b BETWEEN FALSE AND TRUE' puts true and false in order; use ="),
        ("d = t", "'d = t' compares a date with text"),
        ("d > '1.2.2026'", "'1.2.2026' is not a date; write 2026-01-31"),
        ("d > '2026-02-30'", "'2026-02-30' is not a date; write 2026-01-31"),
        ("date '20260101' = d", "'20260101' is not a date; write 2026-01-31"),
        ("t = null", "'t = NULL' compares with null, which equals nothing; use is null"),
        ("i + t > 1", "'i + t' needs a number, not text"),
        ("not i", "'NOT i' needs true or false, not a number"),
        ("b and t", "'b AND t' needs true or false, not text"),
        ("lower(i) = 'a'", "'LOWER(i)' needs text, not a number"),
        ("t is true", "'t IS TRUE' needs true or false, not text"),
        ("t is 'a'", "'t IS 'a'' is not allowed; use is null, is true or is false"),
        ("t like t", "'t LIKE t' needs a pattern in quotes, such as 'summer%'"),
        ("t in ()", "'t IN ()' lists nothing; give at least one value"),
        ("coalesce(t, 1) = 'a'", "'COALESCE(t, 1)' compares text with a number"),
        (
            "today() > d",
            (
                "unknown function 'current_date', conditions know abs, coalesce, contains, ends_with, "
                "length, lower, starts_with, upper"
            ),
        ),
        (
            "regexp_matches(t, 'a')",
            (
                "unknown function 'regexp_matches', conditions know abs, coalesce, contains, ends_with, "
                "length, lower, starts_with, upper"
            ),
        ),
        (
            "initcap() = 'A'",
            (
                "unknown function 'initcap', conditions know abs, coalesce, contains, ends_with, "
                "length, lower, starts_with, upper"
            ),
        ),
        (
            "i > 1 and date() > d",
            (
                "unknown function 'date', conditions know abs, coalesce, contains, ends_with, "
                "length, lower, starts_with, upper"
            ),
        ),
        ("var_map(i)", "cannot read the condition 'var_map(i)'"),
        ("i / 100 > 2", "'i / 100' divides, which conditions do not; multiply (i * 0.01)"),
        ("n > 1e999", "'1e999' is not a number a condition can use"),
        ("i in (select 1)", "'i IN (SELECT 1)' is not allowed in a condition"),
        ("b;", "a condition is one expression, without ;"),
        ("b -- yes", "a condition has no SQL comments; write them in the YAML, after #"),
        ("", "the condition is empty"),
        ("b limit 1", "cannot read the condition 'b limit 1' at 'limit'"),
        ("not " * 2000 + "b", "the condition is nested too deeply; use in (…) or a segment"),
        ("b" * 10_001, "the condition has 10001 characters; 10000 are allowed"),
    ],
)
def test_the_message_names_the_culprit(sql: str, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(sql, COLUMNS)
    assert str(error.value) == message


def test_how_deep_a_condition_may_go_does_not_depend_on_who_reads_it() -> None:
    """Python counts the callers' frames too, and Dagster has more of them than lint."""
    sql = " or ".join(["b"] * 200)

    def below(frames: int) -> Condition:
        return below(frames - 1) if frames else parse(sql, COLUMNS)

    assert below(600) == parse(sql, COLUMNS)
    assert pickle.loads(pickle.dumps(below(600))) == parse(sql, COLUMNS)


def test_an_unknown_column_is_told_apart() -> None:
    with pytest.raises(ExpressionError) as error:
        parse("score.x > 1", COLUMNS)
    assert error.value.unknown == "score.x"
    with pytest.raises(ExpressionError) as error:
        parse("t > 1", COLUMNS)
    assert error.value.unknown is None


@pytest.mark.parametrize(
    ("sql", "row", "expected"),
    [
        ("score.email >= 8 and not segment.readers", {"score__email": 8.0, "segment__readers": False}, True),
        ("SCORE.Email >= 8", {"score__email": 8.0}, True),
        ("d >= '2026-01-31' and d < date '2026-02-01'", {"d": date(2026, 1, 31)}, True),
        ("'2026-01-31' = d", {"d": date(2026, 1, 31)}, True),
        ("d in ('2026-01-31', '2026-02-01')", {"d": date(2026, 2, 1)}, True),
        ("i in (1, null)", {"i": 1}, True),
        ("i in (1, null)", {"i": 2}, None),
        ("i not in (1, null)", {"i": 2}, None),
        ("i not in (1, 2)", {"i": None}, None),
        ("i not in (1, 2)", {"i": 3}, True),
        ("i in (1.5, 2)", {"i": 2}, True),
        ("i * 4 = 2", {"i": None}, None),
        ("i * i > 0", {"i": 2**62}, True),  # in Int64 it wraps to 0
        ("i - 1 < 0", {"i": -(2**63)}, True),
        ("abs(i) > 0", {"i": -(2**63)}, True),
        ("t like '50!%'", {"t": "50!5"}, True),
        ("t like 'a.c'", {"t": "abc"}, False),
        ("t like '_b_'", {"t": "äbc"}, True),
        ("t like 'a%'", {"t": "a\nb"}, True),
        ("t not like 'a%'", {"t": None}, None),
        ("contains(t, '.')", {"t": "abc"}, False),
        ("starts_with(lower(t), 'ab') and ends_with(upper(t), 'C')", {"t": "ABc"}, True),
        ("length(t) = 2", {"t": "äö"}, True),
        ("coalesce(i, n, 7) = 7", {}, True),
        ("coalesce(t, 'none') = 'none'", {}, True),
        ("coalesce(d, '2026-01-01') = '2026-01-01'", {}, True),
        ("t is distinct from 'a'", {"t": None}, True),
        ("b is not true", {"b": None}, True),
        ("b or t = 'a'", {"b": True}, True),
        ("b and t = 'a'", {"b": True}, None),
        ("-i = -3 and -n < - 2.5", {"i": 3, "n": 3.0}, True),
        ("true", {}, True),
    ],
)
def test_what_conditions_mean(sql: str, row: dict[str, object], expected: bool | None) -> None:
    assert holds(sql, **row) is expected


@pytest.mark.parametrize("sql", ["2 = coalesce(i, 2)", "coalesce(i, 2) = 2", "coalesce(i, n, 2) > 1.5"])
def test_a_column_that_is_all_null_keeps_its_rows(sql: str) -> None:
    """`pl.coalesce` beside a literal gives one row for all of them."""
    frame = pl.DataFrame({"i": [None] * 3, "n": [None] * 3}, schema={"i": pl.Int64, "n": pl.Float64})
    assert frame.select(held=parse(sql, COLUMNS).expr)["held"].to_list() == [True] * 3


def test_what_a_condition_knows_of_itself() -> None:
    condition = parse("NOT ( score.EMAIL!=1 )  and segment.readers", COLUMNS)
    assert condition.sql == "NOT (score.email <> 1) AND segment.readers"
    assert condition.columns == {"score.email", "segment.readers"}
    assert condition == parse(condition.sql, COLUMNS)
    assert hash(condition) == hash(parse(condition.sql, COLUMNS))
    assert pickle.loads(pickle.dumps(condition)) == condition


def test_one_spelling() -> None:
    assert normalise(" (i  ==1 ) ") == normalise("I=1") == "i = 1"
    with pytest.raises(ExpressionError, match="nested too deeply"):
        normalise("not " * 2000 + "b")


# --- the same as SQL, on random conditions and rows --------------------------------------------------------

numbers = st.sampled_from(["i", "n", "0", "1", "-1", "1.5", "(i + 1)", "(i - n)", "(n * 2)", "abs(i)", "-n",
                           "length(t)", "coalesce(i, 1)", "coalesce(n, i)"])  # fmt: skip
texts = st.sampled_from(["t", "'a'", "'b'", "''", "lower(t)", "upper(t)", "coalesce(t, 'b')"])
dates = st.sampled_from(["d", "date '2026-01-01'", "coalesce(d, date '2026-01-02')"])
order = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"])
lists = st.lists(st.sampled_from(["0", "1", "2", "null"]), min_size=1, max_size=3).map(", ".join)
negated = st.sampled_from(["", "not "])


def _compared(side: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{} {} {}".format, side, order, side)


simple = st.one_of(
    st.sampled_from(["b", "true", "false", "b is not true", "b is false", "b = true"]),
    _compared(numbers),
    _compared(texts),
    _compared(dates),
    st.builds("{} {}in ({})".format, numbers, negated, lists),
    st.builds("{} {}between {} and {}".format, numbers, negated, numbers, numbers),
    st.builds(
        "t {}like '{}'".format, negated, st.sampled_from(["a%", "%b", "_", "%", "", "a_c", "a.%", "%[%"])
    ),
    st.builds("{}({}, {})".format, st.sampled_from(["starts_with", "ends_with", "contains"]), texts, texts),
    st.builds("{} is {}null".format, st.one_of(numbers, texts, dates), negated),
)
conditions = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not ({})".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=5,
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | st.integers(-3, 3),
            "n": st.none() | st.sampled_from([-1.5, 0.0, 1.0, 1.5, 2.0]),
            "t": st.none() | st.sampled_from(["a", "b", "", "abc", "A", "a.c", "[", "a\nc", "ä"]),
            "d": st.none() | st.sampled_from([date(2026, 1, 1), date(2026, 1, 2)]),
            "b": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=6,
)


SCHEMA = {"i": pl.Int64, "n": pl.Float64, "t": pl.String, "d": pl.Date, "b": pl.Boolean}


@given(texts=st.lists(conditions, min_size=1, max_size=10), data=rows)
@settings(max_examples=40, deadline=None)
def test_conditions_mean_what_they_mean_in_sql(texts: list[str], data: list[dict[str, object]]) -> None:
    parsed = [parse(text, COLUMNS) for text in texts]
    assert [parse(condition.sql, COLUMNS) for condition in parsed] == parsed
    frame = pl.DataFrame(data, schema=SCHEMA)
    found = [frame.with_columns(held=condition.expr)["held"].to_list() for condition in parsed]
    values = [
        value for position, row in enumerate(data) for value in (position, *(row[name] for name in SCHEMA))
    ]
    with duckdb.connect() as sql:  # for many conditions: to connect takes 60 ms
        sql.execute("create table rows (position integer, i bigint, n double, t text, d date, b boolean)")
        sql.execute("insert into rows values " + ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(data)), values)
        for written in (texts, [condition.sql for condition in parsed]):
            expected = sql.execute(f"select {', '.join(written)} from rows order by position").fetchall()
            assert found == [list(held) for held in zip(*expected, strict=True)]
