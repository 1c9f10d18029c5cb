import polars as pl
import pytest
from polars.exceptions import PanicException

from engagement_pipeline.core.text import filled


def after_a_filter() -> pl.DataFrame:
    """Two rows, whose column begins with an empty chunk."""
    frame = pl.concat(
        [pl.DataFrame({"name": ["a", "b"]}), pl.DataFrame({"name": ["x", None]})], rechunk=False
    )
    return frame.filter(pl.Series([False, False, True, True]))


def test_fills_every_place_and_keeps_null() -> None:
    found = after_a_filter().select(text=filled("<{}> is {}", "name", pl.lit(3)))
    assert found["text"].to_list() == ["<x> is 3", None]


def test_counts_the_places() -> None:
    with pytest.raises(ValueError, match="2 places for 1 parts"):
        filled("{} and {}", "name")


@pytest.mark.filterwarnings("ignore")
def test_polars_format_still_panics_on_an_empty_first_chunk() -> None:
    with pytest.raises(PanicException):
        after_a_filter().select(pl.format("<{}>", "name"))
