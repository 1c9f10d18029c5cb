"""People as numbers: the right place for everyone, whatever their hashes are."""

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.engines.numbering import AT_ONCE, numbered


def check(given: Sequence[Sequence[str]]) -> None:
    ids = [pl.Series(each, dtype=pl.String) for each in given]
    people, places = numbered(ids)
    assert people.name == "person_id"
    assert people.to_list() == sorted({person for each in given for person in each})
    for each, place in zip(ids, places, strict=True):
        assert place.dtype == pl.UInt32
        assert people.gather(place).to_list() == each.to_list()


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=20), max_size=30), min_size=1, max_size=3))
def test_everyone_is_found_at_their_place(given: list[list[str]]) -> None:
    check(given)


def test_nobody_and_one_person_many_times() -> None:
    check([[]])
    check([[], ["a"] * 5, []])


def test_many_people_over_several_tables_of_slots() -> None:
    everyone = [f"person-{number}" for number in range(60_000)]
    check([everyone[::-1] * 3, everyone[:100]])
    assert 3 * len(everyone) > AT_ONCE


@pytest.mark.parametrize("poor", [0, 1])
@pytest.mark.parametrize("modulus", [1, 7, 2**40])
def test_people_who_share_one_of_both_hashes_are_kept_apart(
    monkeypatch: pytest.MonkeyPatch, poor: int, modulus: int
) -> None:
    true = pl.Series.hash

    def often_the_same(self: pl.Series, seed: int = 0) -> pl.Series:
        found = true(self, seed)
        return found % modulus if seed == poor else found

    monkeypatch.setattr(pl.Series, "hash", often_the_same)
    check([[f"p{number}" for number in range(50)] * 2, ["p7", "someone else"]])
