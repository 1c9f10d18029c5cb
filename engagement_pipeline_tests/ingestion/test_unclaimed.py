"""Files that lie where a source's do and that no source takes."""

from pathlib import Path

from engagement_pipeline.ingestion.unclaimed import unclaimed
from engagement_pipeline_tests.ingestion.shop import source


def test_files_beside_those_of_sources_are_named_and_others_projects_are_not(tmp_path: Path) -> None:
    sources = [
        source().model_copy(update={"path": path})
        for path in ("web/*.jsonl", "shop/{date:%Y-%m-%d}/orders.jsonl", "s3://bucket/web/*.csv")
    ]
    taken = ["web/a.jsonl", "shop/2020-01-01/orders.jsonl"]
    passing = ["web/b.jsonl.tmp", "web/.hidden", ".DS_Store"]
    odd = ["web/b.csv", "web/deep/c.jsonl", "shop/may/orders.jsonl", "d.jsonl"]
    for name in [*taken, *passing, *odd, "other/e.jsonl"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert unclaimed(sources, tmp_path) == sorted(odd)
    assert unclaimed(sources, tmp_path / "nowhere") == []
    assert unclaimed(sources, "s3://bucket/landing") == []
