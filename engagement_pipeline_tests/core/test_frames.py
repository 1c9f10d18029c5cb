import polars as pl

from engagement_pipeline.core import frames, quality_frames
from engagement_pipeline.core.descriptions import DESCRIPTIONS


def test_every_stored_column_is_described() -> None:
    schemas = [
        value
        for module in (frames, quality_frames)
        for value in vars(module).values()
        if isinstance(value, pl.Schema)
    ]
    stored = {name for schema in schemas for name in schema if schema is not frames.CONTRIBUTION}
    assert stored <= set(DESCRIPTIONS)
    assert list(DESCRIPTIONS) == sorted(DESCRIPTIONS)
