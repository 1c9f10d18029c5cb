"""Files that lie where a source's do and that no source takes."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from engagement_pipeline.catalog.specs.databases import DatabaseRows
from engagement_pipeline.ingestion.unclaimed import unclaimed
from engagement_pipeline_tests.ingestion.shop import source

PATHS = ("web/*.jsonl", "shop/{date:%Y-%m-%d}/orders.jsonl", "s3://bucket/web/*.csv")
ORDERS = DatabaseRows(url_env="SHOP_DATABASE_URL", table="orders", watermark="updated_at")
SOURCES = [
    *(source().model_copy(update={"path": path}) for path in PATHS),
    source().model_copy(update={"path": "", "database": ORDERS}),
    source().model_copy(update={"path": "warehouse/orders", "format": "delta"}),
    source().model_copy(update={"path": "shop/returns", "format": "delta"}),
]


def test_files_beside_those_of_sources_are_named_and_others_projects_are_not(tmp_path: Path) -> None:
    taken = ["web/a.jsonl", "shop/2020-01-01/orders.jsonl"]
    taken += ["warehouse/orders/part.parquet", "shop/returns/part.parquet"]
    passing = ["web/b.jsonl.tmp", "web/.hidden", ".DS_Store"]
    odd = ["web/b.csv", "web/deep/c.jsonl", "shop/may/orders.jsonl", "shop/returns.csv", "d.jsonl"]
    for name in [*taken, *passing, *odd, "other/e.jsonl"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert unclaimed(SOURCES, tmp_path) == sorted(odd)
    assert unclaimed(SOURCES, tmp_path / "nowhere") == []
    assert unclaimed(SOURCES, "s3://bucket/landing") == []


def test_a_folder_that_must_not_be_looked_into_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d.jsonl").write_text("{}")
    monkeypatch.setattr(Path, "is_file", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert unclaimed([], tmp_path) == []
