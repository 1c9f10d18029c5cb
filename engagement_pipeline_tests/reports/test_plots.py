import struct

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Band
from engagement_pipeline.reports.plots import _bars, _colours, histogram_png

BANDS = {
    "leaving": Band.model_validate([None, 0]),
    "hardly": Band.model_validate([0, 41]),
    "power": Band.model_validate([41, None]),
}


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize(
    ("values", "span"),
    [
        pytest.param([float(i % 97) - 5 for i in range(2000)], None, id="points"),
        pytest.param([float(i % 10) + 1 for i in range(2000)], (1.0, 10.0), id="range"),
        pytest.param([0.0] * 900 + [5.0, 6.0], (0.0, 10.0), id="one bar dwarfs the others"),
        pytest.param([3.0], None, id="one person"),
        pytest.param([], None, id="nobody"),
        pytest.param([None, None], (0.0, 1.0), id="nobody scored"),
    ],
)
def test_every_distribution_becomes_a_small_picture(
    values: list[float | None], span: tuple[float, float] | None
) -> None:
    png = histogram_png(pl.Series("score", values, dtype=pl.Float64), BANDS, span)
    assert size_of(png) == (520, 190)
    assert len(png) < 20_000


def test_the_same_scores_give_the_same_bytes_and_others_do_not() -> None:
    scores = pl.Series("score", [1.0, 2.0, 2.0, 50.0])
    assert histogram_png(scores, BANDS, None) == histogram_png(scores, BANDS, None)
    assert histogram_png(scores, BANDS, None) != histogram_png(scores + 1, BANDS, None)


def test_bars_hold_everybody_the_outermost_ones_those_beyond() -> None:
    heights, middles, width = _bars(pl.Series([-100.0, 0.0, 0.1, 5.0, 10.0, 999.0]), 0, 10)
    assert (sum(heights), heights[0], heights[-1]) == (6, 3, 2)
    assert heights[20] == 1
    assert middles[20] == pytest.approx(5.125)
    assert width == 0.25


def test_bars_wear_the_colour_of_their_band() -> None:
    low, same, middle, high = _colours([-5.0, -1.0, 40.0, 41.0], BANDS)
    assert low == same
    assert len({low, middle, high}) == 3
