import polars as pl
import pytest

from engagement_pipeline.storage.digests import folded_rows

ROWS = pl.DataFrame(
    {
        "person": ["a", "b", "c", None],
        "points": [1, 2, None, -(2**63)],
        "score": [0.5, None, -1.0, 0.0],
        "parts": [[{"rule": "x", "n": 1}, {"rule": "y", "n": 2}], [], None, [{"rule": None, "n": None}]],
    }
)


def test_order_and_cuts_do_not_matter() -> None:
    whole = folded_rows(ROWS)
    assert folded_rows(ROWS.reverse()) == whole
    assert folded_rows(ROWS.head(1)) + folded_rows(ROWS.slice(1)) == whole
    assert folded_rows(pl.concat([ROWS.head(3), ROWS.slice(3)], rechunk=False)) == whole
    assert folded_rows(ROWS.clear()) == 0


def test_it_is_the_same_everywhere() -> None:
    assert folded_rows(ROWS) == 46_092_626_077_594_965_940


@pytest.mark.parametrize(
    "changed",
    [
        ROWS.with_columns(points=pl.col("points").fill_null(0)),
        ROWS.with_columns(person=pl.col("person").fill_null("")),
        ROWS.with_columns(score=pl.col("score").fill_null(0.0)),
        ROWS.with_columns(points=pl.col("points").sort()),
        ROWS.with_columns(person=pl.col("person").reverse()),
        ROWS.with_columns(parts=pl.col("parts").list.reverse()),
        ROWS.with_columns(parts=pl.col("parts").fill_null([])),
        ROWS.with_columns(parts=pl.col("parts").list.head(1)),
        ROWS.with_columns(
            parts=pl.when(pl.col("person") == "b").then(pl.col("parts").shift(1)).otherwise(
                pl.when(pl.col("person") == "a").then(pl.col("parts").shift(-1)).otherwise("parts")
            )
        ),
        pl.concat([ROWS, ROWS.head(1)]),
    ],
)  # fmt: skip
def test_every_change_shows(changed: pl.DataFrame) -> None:
    assert folded_rows(changed) != folded_rows(ROWS)


def test_which_values_stand_together_shows() -> None:
    people = pl.DataFrame({"person": [f"p{n}" for n in range(50)], "points": range(50)})
    found = {folded_rows(people.with_columns(pl.col("points").shift(n, fill_value=-1))) for n in range(40)}
    swapped = people.with_columns(points=pl.Series([1, 0, *range(2, 50)]))
    assert len(found) == 40
    assert folded_rows(swapped) not in found


def test_zero_has_no_sign_and_kinds_of_text_are_text() -> None:
    text = pl.DataFrame({"a": ["x", "y"], "b": [0.0, 1.0]})
    other = text.with_columns(pl.col("a").cast(pl.Enum(["y", "x"])), pl.Series("b", [-0.0, 1.0]))
    assert folded_rows(text) == folded_rows(other)
