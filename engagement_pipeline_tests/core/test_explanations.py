"""A ledger that adds up, places in a population, and what is lacking to the next band."""

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Band, Scale
from engagement_pipeline.core.explanations import (
    band_above,
    band_below,
    ledger,
    points_to_reach,
    stand,
)
from engagement_pipeline.core.frames import CONTRIBUTION, POINT, POINTS
from engagement_pipeline.core.references import ranks
from engagement_pipeline.core.scales import scaled

HISTOGRAM = pl.LazyFrame({"points": [0, 20_000, 50_000, 90_000], "persons": [5, 2, 2, 1]})


def given(rule: str, *numbers: int | None) -> dict[str, object]:
    names = [name for name in CONTRIBUTION if name != "rule"]
    return {"rule": rule, **dict(zip(names, (*numbers, *[0] * len(names)), strict=False))}


def test_every_rule_has_a_row_and_they_add_up() -> None:
    rows = pl.LazyFrame(
        [
            {
                "person_id": "a",
                "points": 7,
                "contributions": [given("y", 1, 0, 2, 3), given("old", 1, 0, 0, 4)],
            },
            {"person_id": "b", "points": 0, "contributions": []},
        ],
        schema_overrides={name: POINTS[name] for name in ("person_id", "points", "contributions")},
    )
    found = ledger(rows, ["x", "y"]).collect()
    mine = found.filter(pl.col("person_id") == "a")
    assert mine["rule"].to_list() == ["x", "y", "old"], "in rule order; unknown names follow"
    assert mine["gave"].to_list() == [False, True, True]
    assert mine["points"].sum() == 7
    assert found.filter(pl.col("person_id") == "b")["rule"].to_list() == ["x", "y"]
    assert found.null_count().sum_horizontal().item() == 0


def test_contributions_written_before_there_were_caps_have_none() -> None:
    old = {"rule": "x", "quantity": 1, "capped_off": 0, "decay_loss": 0, "points": 5}
    rows = pl.LazyFrame([{"person_id": "a", "contributions": [{**given("x"), **old, "cap_loss": None}]}])
    assert ledger(rows, ["x"]).collect()["cap_loss"].to_list() == [0]


@pytest.mark.parametrize("points", [-1, 0, 10_000, 20_000, 90_000, 90_001])
def test_the_place_is_the_rank(points: int) -> None:
    rank = ranks(HISTOGRAM, pl.LazyFrame({"points": [points]})).collect()["rank"][0]
    assert stand(HISTOGRAM, points).rank == pytest.approx(rank)


def test_bands_stand_in_the_order_of_the_scale() -> None:
    bands = {
        "high": Band.model_validate([7, 10]),
        "low": Band.model_validate([None, 4]),
        "medium": Band.model_validate([4, 7]),
    }
    assert [band_above(bands, each) for each in ("low", "medium", "high", None)] == [
        "medium",
        "high",
        None,
        None,
    ]
    assert [band_below(bands, each) for each in ("low", "medium", "high", None)] == [
        None,
        "low",
        "medium",
        None,
    ]


SCALES = [
    Scale(),
    Scale(method="percentile", range=(1, 10)),
    Scale(method="linear", range=(0, 10), domain=(0, 9)),
    Scale(method="sqrt", range=(0, 10)),
    Scale(method="log", range=(0, 10)),
    Scale(method="saturating", range=(0, 10)),
    Scale(method="thresholds", range=(0, 10), steps=[(1, 3), (4, 8)]),
]


@pytest.mark.parametrize("scale", SCALES, ids=lambda each: each.method)
@pytest.mark.parametrize("edge", [Band.model_validate([5, None]), Band(**{"from": 8, "include_from": False})])
def test_so_many_points_reach_the_band_and_one_less_does_not(scale: Scale, edge: Band) -> None:
    start = -3 * POINT
    more = points_to_reach(start, edge, scale, HISTOGRAM)
    if more is None:
        assert scale.method == "thresholds", "its highest step is the edge that does not belong to the band"
        return
    offers = pl.LazyFrame({"points": [start + more - 1, start + more]})
    short, enough = scaled(offers, scale, HISTOGRAM).sort("points").collect()["score"]
    assert edge.from_ is not None
    assert (short < edge.from_ <= enough) if edge.include_from else (short <= edge.from_ < enough)


def test_a_band_that_no_points_reach() -> None:
    scale = Scale(method="linear", range=(0, 10), domain=(0, 9))
    assert points_to_reach(0, Band.model_validate([11, 12]), scale, None) is None
