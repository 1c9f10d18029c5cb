"""Rows of delimited text with too many fields: kept as they came, rejected in the words of a table."""

from pathlib import Path

import polars as pl

from engagement_pipeline.ingestion.profiles import split_profiles
from engagement_pipeline.ingestion.readers import read_raw
from engagement_pipeline.ingestion.readers.rows import ROW_BYTES
from engagement_pipeline_tests.ingestion.shop import catalog, crm, landed

WIDE = "p2,2026-04-01,gold,41,1,5,2020-02-03"
REASON = (
    "the row has more fields than the file has columns; look for a delimiter within a text, or "
    "a line that lacks its end"
)


def test_a_row_with_too_many_fields_is_not_called_bad_json(tmp_path: Path) -> None:
    rows = ["person,at,tier,age,spent,joined", "p1,2026-04-01,gold,41,1.5,2020-02-03", WIDE]
    (tmp_path / "crm.csv").write_text("\n".join(rows) + "\n")
    raw = pl.concat(read_raw(tmp_path / "crm.csv", crm()))["raw"]
    found = split_profiles(landed(*raw), crm(), catalog(crm()))
    assert found.snapshots["person_id"].to_list() == ["p1"]
    rejected = found.rejected.select("row_number", "rule", "reason", "raw").rows()
    assert rejected == [(2, "malformed_row", REASON, WIDE)]


def test_a_row_that_is_too_large_still_says_so(tmp_path: Path) -> None:
    size = ROW_BYTES // 4
    texts = ",".join(f'"{"x" * size}"' for _ in range(5))
    (tmp_path / "crm.csv").write_text(f"person,tier,a,b,c\n{texts}\n")
    raw = pl.concat(read_raw(tmp_path / "crm.csv", crm()))["raw"]
    ((reason,),) = split_profiles(landed(*raw), crm(), catalog(crm())).rejected.select("reason").rows()
    assert reason.startswith("too large: a row may have")
