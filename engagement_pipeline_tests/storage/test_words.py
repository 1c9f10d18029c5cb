"""Text that is computed as Enums: stored, digested and judged as the text that it stands for."""

from datetime import date
from pathlib import Path

import duckdb
import pandera.polars as pa
import polars as pl
import pytest

from engagement_pipeline.contracts.rules import ContractBroken, rule, validate
from engagement_pipeline.core.words import as_stored, as_text
from engagement_pipeline.storage.part_files import StagedPartition, write_rows
from engagement_pipeline.storage.staging import stage
from engagement_pipeline.storage.tables import TableSpec, conform

WORDS = pl.Enum(["z", "a", "m", "unused"])
INNER = {"rule": WORDS, "n": pl.Int64()}
SCHEMA = pl.Schema(
    {
        "as_of": pl.Date(),
        "person_id": pl.String(),
        "band": pl.String(),
        "parts": pl.List(pl.Struct({"rule": pl.String(), "n": pl.Int64()})),
        "digest": pl.String(),
    }
)
SPEC = TableSpec("points/email", SCHEMA, "as_of", ("person_id",), one_order=True)
DAY = date(2026, 1, 31)
ROWS = pl.DataFrame(
    {
        "as_of": [DAY] * 5,
        "person_id": ["p1", "p2", "p3", "p4", "p5"],
        "band": ["m", "z", None, "a", "m"],
        "parts": [[{"rule": "a", "n": 1}], [], None, [{"rule": "z", "n": 2}, {"rule": None, "n": 3}], [None]],
        "digest": ["d" * 12] * 5,
    },
    schema={**SCHEMA, "band": WORDS, "parts": pl.List(pl.Struct(INNER))},
)


def stored(rows: pl.DataFrame, folder: Path) -> tuple[StagedPartition, Path]:
    into = StagedPartition.of(SPEC)
    write_rows(SPEC, rows, into, folder)
    return into, into.files[0].path


def test_a_file_has_the_types_of_its_table_for_every_reader(tmp_path: Path) -> None:
    path = stored(ROWS, tmp_path)[1]
    text = as_text(ROWS).drop("as_of")
    assert pl.read_parquet(path).equals(text)
    assert pl.read_parquet_schema(path) == text.schema
    assert pl.scan_parquet(path, schema=text.schema).filter(pl.col("band") >= "m").collect().height == 3
    found = duckdb.sql(f"select band, count(*) from '{path}' where band >= 'm' group by 1 order by 1")
    assert found.fetchall() == [("m", 2), ("z", 1)]


def test_bounds_in_files_are_those_of_the_text(tmp_path: Path) -> None:
    path = stored(ROWS, tmp_path)[1]
    bounds = duckdb.sql(
        f"select path_in_schema, stats_min_value, stats_max_value from parquet_metadata('{path}')"
    )
    assert ("band", "a", "z") in bounds.fetchall()


def test_the_digest_is_that_of_the_text(tmp_path: Path) -> None:
    assert stored(ROWS, tmp_path)[0].data_version == stored(as_text(ROWS), tmp_path)[0].data_version


def test_only_tables_whose_digests_know_words_keep_them_and_never_in_what_orders_rows() -> None:
    kept = conform(ROWS.lazy(), SPEC).collect_schema()
    assert kept == ROWS.schema
    plain = TableSpec("points/email", SCHEMA, "as_of", ("person_id",))
    assert conform(ROWS.lazy(), plain).collect_schema() == SCHEMA
    by_band = TableSpec("points/email", SCHEMA, "as_of", ("band", "person_id"), one_order=True)
    assert conform(ROWS.lazy(), by_band).collect_schema()["band"] == pl.String


def test_pieces_with_other_words_are_one_table(tmp_path: Path) -> None:
    more = pl.Enum(["m", "q"])
    other = ROWS.head(1).with_columns(person_id=pl.lit("p9"), band=pl.lit("q", dtype=more))
    seen: list[pl.DataFrame] = []
    staged = stage(SPEC, iter([ROWS, other]), [str(DAY)], tmp_path, seen.append)[str(DAY)]
    assert sum(frame.height for frame in seen) == staged.rows == 6
    assert pl.read_parquet([file.path for file in staged.files])["band"].to_list()[-1] == "q"


def test_a_contract_about_text_judges_words() -> None:
    columns = {name: pa.Column(kind, nullable=True) for name, kind in SCHEMA.items()}
    known = rule(
        "band: known", pl.col("band").is_in(["a", "m", "z", "else"])
    )  # "else" is no word of the Enum
    lower = rule("band: not z", pl.col("band").str.to_uppercase() != "Z")  # words have no `str`
    validate(ROWS, pa.DataFrameSchema(columns, checks=[known], strict=True, name="t"))
    with pytest.raises(ContractBroken, match="band: not z"):
        validate(ROWS, pa.DataFrameSchema(columns, checks=[known, lower], strict=True, name="t"))
    numbers = columns | {"band": pa.Column(pl.Int64, nullable=True)}
    with pytest.raises(ContractBroken, match="band is String, not Int64"):
        validate(ROWS, pa.DataFrameSchema(numbers, strict=True, name="t"))


def test_types_within_types() -> None:
    assert as_stored(pl.List(pl.List(pl.Struct({"a": WORDS, "b": pl.Date})))) == pl.List(
        pl.List(pl.Struct({"a": pl.String, "b": pl.Date}))
    )
    assert as_text(ROWS.select("person_id")).equals(ROWS.select("person_id"))
