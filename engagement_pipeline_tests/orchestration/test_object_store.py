"""The whole way with nothing on this machine's disk but the database: landing folder and lake in a bucket."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.storage.settings import Settings
from engagement_pipeline_tests.object_stores import SECRET, Bucket
from engagement_pipeline_tests.orchestration.scenario import FIRST, LAST, Scenario, event_log

pytestmark = pytest.mark.slow

DELIVERY = ["received_at", "batch", "row_number"]
TABLES = ("events/mail", "events/shop", "rejected/mail", "daily_measures", "persons", "scores/reading")


@dataclass
class InBucket(Scenario):
    """A project whose landing folder and lake are in a bucket."""

    bucket: Bucket | None = None

    @property
    def settings(self) -> Settings:
        assert self.bucket is not None
        root = self.bucket.uri
        return replace(super().settings, landing=f"{root}/landing", lake=f"{root}/lake")


@pytest.fixture
def remote(s3: Bucket, tmp_path: Path) -> Iterator[InBucket]:
    local = Scenario.new(tmp_path / "project")
    for path in (local.folder / "landing").rglob("*.*"):
        s3.put(f"landing/{path.relative_to(local.folder / 'landing').as_posix()}", path.read_bytes())
    found = InBucket(local.folder, bucket=s3)
    yield found
    found.close()
    local.close()


def test_a_bucket_gives_the_same_tables(remote: InBucket, made: Scenario, s3: Bucket) -> None:
    remote.run("landing")
    remote.run("event_days", FIRST, LAST)
    remote.run("as_of_dates", LAST, only=["points/reading", "scores/reading"])
    for name in TABLES:
        days = [LAST] if name.startswith("scores/") else []
        found, expected = (each.table(name, *days).drop(DELIVERY, strict=False) for each in (remote, made))
        flat = [column for column, kind in found.schema.items() if not kind.is_nested()]
        assert_frame_equal(found.sort(flat), expected.sort(flat))
    assert found.filter(pl.col("state") == "scored").height > 0

    versions = remote.bench.versions(["landed/mail", "rejected/mail", "events/mail"])
    remote.run("landing")
    assert remote.bench.versions(versions) == versions, "nothing came, nothing was written"
    assert s3.keys("lake/landed/mail")
    assert not (remote.folder / "lake").exists()
    assert SECRET not in event_log(remote)
