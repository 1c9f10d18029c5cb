"""Private folders of runs: refused in words where they cannot be made, swept when their run was killed."""

from pathlib import Path

import pytest

from engagement_pipeline.storage import scratch
from engagement_pipeline.storage.lake import Lake
from engagement_pipeline.storage.tables import ForeignRows, LakeNotWritable
from engagement_pipeline_tests.storage.tables import MEASURES, keys, rows


def test_a_lake_that_cannot_be_written_is_named(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(LakeNotWritable, match=r"a_file.*ENGAGEMENT_LAKE"):
        Lake(str(tmp_path / "a_file"), lake.database).replace(MEASURES, rows(0), keys(0))


def test_folders_of_killed_runs_are_swept_after_a_while(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned = Path(lake.root) / ".staging" / "abandoned"
    abandoned.mkdir(parents=True)
    lake.replace(MEASURES, rows(0), keys(0))
    assert abandoned.exists()
    monkeypatch.setattr(scratch, "ABANDONED_SECONDS", -1)
    with pytest.raises(ForeignRows):
        lake.replace(MEASURES, rows(0), keys(1))
    assert not abandoned.exists()
