import polars as pl
import pytest

from engagement_pipeline.core.ordered import PEEK, ascending, ascends

LONG = pl.DataFrame(
    {"day": [n // 100 for n in range(3 * PEEK)], "person": [f"p{n % 100:03}" for n in range(3 * PEEK)]}
)


@pytest.mark.parametrize("at", [1, PEEK - 1, PEEK, 3 * PEEK - 1])
def test_a_row_out_of_order_or_twice_is_seen_wherever_it_stands(at: int) -> None:
    assert ascends(LONG, ["day", "person"])
    assert not ascends(LONG, ["person", "day"])
    assert not ascends(pl.concat([LONG.head(at), LONG.slice(at - 1)]), ["day", "person"]), "twice"
    parts = [LONG.head(at - 1), LONG.slice(at, 1), LONG.slice(at - 1, 1), LONG.slice(at + 1)]
    assert not ascends(pl.concat(parts), ["day", "person"]), "two exchanged"


@pytest.mark.parametrize("values", [["a", None], [None, "a"], [None]])
def test_nulls_are_in_no_order(values: list) -> None:
    assert not ascends(pl.DataFrame({"a": values}, schema={"a": pl.String}), ["a"])


def test_few_rows() -> None:
    assert ascends(LONG.clear(), ["day"])
    assert ascends(LONG.head(1), ["day", "person"])
    assert not ascends(LONG.head(1), [])


def test_text_is_in_the_order_in_which_it_is_sorted() -> None:
    words = pl.DataFrame({"a": ["ä", "b", "B", "z", "", "ß", "a" * 20, "a" * 19 + "b"]})
    assert ascends(words.sort("a"), ["a"])
    assert ascending(words, "a")["a"].to_list() == sorted(words["a"])
    assert not ascends(pl.DataFrame({"a": ["ä", "b"]}), ["a"])
