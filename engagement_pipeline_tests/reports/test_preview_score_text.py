"""One score of a preview on terminals of several widths."""

import io

import polars as pl
import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from engagement_pipeline.reports.preview_score_text import Beside, matrix

BANDS = ("away", "sometimes", "often", "at_home")
PEOPLE = [("away", "away", 12_857), ("sometimes", "away", 6), ("often", "at_home", 20)]


def lines(shown: RenderableType, width: int) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(shown)
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.mark.parametrize("width", [53, 80])
def test_a_narrow_matrix_breaks_no_number(width: int) -> None:
    going = pl.DataFrame(PEOPLE, schema=["before", "after", "people"], orient="row")
    shown = lines(matrix(BANDS, going), width)
    assert max(map(len, shown)) <= width
    rows = {line.split()[0]: line.split()[1:5] for line in shown if line.split()}
    assert rows["away"] == ["12,857", "·", "·", "·"]
    assert rows["often"] == ["·", "·", "·", "20"]
    assert rows["after"] == ["12,863", "0", "0", "20"]


def test_what_does_not_fit_beside_stands_below() -> None:
    both = Beside(Text("one " * 5, no_wrap=True), Text("two " * 5, no_wrap=True))
    assert lines(both, 60) == ["one one one one one two two two two two"]
    assert lines(both, 30) == ["one one one one one", "two two two two two"]
