import json
from collections.abc import Callable

import polars as pl
import pytest

from engagement_pipeline.storage.digests import AnyOrder, Digest, InOrder

ROWS = pl.DataFrame(
    {
        "person": ["a", "b", "c", None],
        "points": [1, 2, None, -(2**63)],
        "score": [0.5, None, -1.0, 0.0],
        "parts": [[{"rule": "x", "n": 1}, {"rule": "y", "n": 2}], [], None, [{"rule": None, "n": None}]],
    }
)


def of(*frames: pl.DataFrame, kind: Callable[[], Digest] = InOrder) -> str:
    digest = kind()
    for frame in frames:
        digest.add(frame)
    return digest.text()


@pytest.mark.parametrize("kind", [InOrder, AnyOrder])
def test_cuts_do_not_matter(kind: Callable[[], Digest]) -> None:
    whole = of(ROWS, kind=kind)
    for cut in range(ROWS.height + 1):
        assert of(ROWS.head(cut), ROWS.slice(cut), kind=kind) == whole
    assert of(pl.concat([ROWS.head(3), ROWS.slice(3)], rechunk=False), kind=kind) == whole
    assert of(ROWS.slice(1), kind=kind) != whole


def test_order_matters_where_rows_have_one() -> None:
    assert of(ROWS.reverse()) != of(ROWS)
    assert of(ROWS.reverse(), kind=AnyOrder) == of(ROWS, kind=AnyOrder)


def test_it_is_the_same_everywhere() -> None:
    some = ROWS.select("person", "points")
    assert json.loads(of(some)) == {
        "person": "5f4d4fe1fd75a44f3c2466853de0aac9",
        "person is null": "bb6f4149b62a32b6e619cdeae4a4a0f4",
        "points": "4560beb6fa28575a6223622f9add3abc",
        "points is null": "7fd5a2c19908396d68c4b2d0774ab92f",
    }
    assert of(some, kind=AnyOrder) == "22812863315040345492"


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
    assert of(changed) != of(ROWS)


def test_which_values_stand_together_shows() -> None:
    people = pl.DataFrame({"person": [f"p{n}" for n in range(50)], "points": range(50)})
    found = {of(people.with_columns(pl.col("points").shift(n, fill_value=-1))) for n in range(40)}
    swapped = people.with_columns(points=pl.Series([1, 0, *range(2, 50)]))
    assert len(found) == 40
    assert of(swapped) not in found


def test_zero_has_no_sign_and_kinds_of_text_are_text() -> None:
    text = pl.DataFrame({"a": ["x", "y", None], "b": [0.0, 1.0, None]})
    enums = text.with_columns(pl.col("a").cast(pl.Enum(["y", "x"])), pl.Series("b", [-0.0, 1.0, None]))
    assert of(text) == of(enums) == of(text.with_columns(pl.col("a").cast(pl.Categorical)))
    nobody = pl.DataFrame({"a": [None]}, schema={"a": pl.Enum([])})
    assert of(nobody) != of(pl.DataFrame({"a": [""]}))
