import polars as pl

from engagement_pipeline.core import frames, quality_frames
from engagement_pipeline.core.descriptions import DESCRIPTIONS, OF_TABLES, described


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


def test_a_column_is_described_as_what_it_is_in_its_table() -> None:
    assert described("score_quality/reading", "score") == "The score that is judged."
    assert described("scores/reading", "score") == DESCRIPTIONS["score"]
    assert described("events/shop", "made_up") is None
    assert all(column in DESCRIPTIONS for of_table in OF_TABLES.values() for column in of_table)
