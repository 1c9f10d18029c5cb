"""Points made from shared sums are those that each score makes alone."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline.core.measures import daily_measures, measures_of
from engagement_pipeline.core.plan import plan_scores
from engagement_pipeline.core.points import PointsOverflow, check_points, contributions, points
from engagement_pipeline.engines import window
from engagement_pipeline.engines.window import added_up, read
from engagement_pipeline_tests.core.build import AS_OF, ago, catalog, daily, events, score

OPENED = {"event": "opened", "weight": 3, "cap": {"per_day": 2}}
VALUE = {"event": "ordered", "weight": 1, "per": 3}
DEFINITIONS = catalog(
    score("long", [OPENED, VALUE], window=30, decay={"half_life": 7}),
    score("short", [{**OPENED, "weight": 2}, VALUE, {"event": "opened", "weight": 0.3}], window=5),
    score("same", [OPENED], window=30, decay={"half_life": 7}),
)
PLANS = plan_scores(DEFINITIONS)
DAILY = daily_measures(
    events(
        *(
            {
                "person_id": f"p{n * 7 % 23:02}",
                "event_date": ago(n * 5 % 40),
                "event": ("opened", "ordered")[n % 2],
                "value": (n % 17 - 5) * 1.37,
            }
            for n in range(500)
        )
    ),
    measures_of(DEFINITIONS).values(),
).collect()


def alone(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    plan = PLANS[name]
    return points(contributions(rows.lazy(), [plan], AS_OF)[name], plan, AS_OF).collect()


@pytest.mark.parametrize("runs", [0, window.RUNS], ids=["sorted apart", "in runs"])
@pytest.mark.parametrize("rows", [DAILY, DAILY.sort("event_date", "measure"), DAILY.clear()])
def test_windows_of_several_lengths_share_their_sums(
    rows: pl.DataFrame, runs: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(window, "RUNS", runs)
    needed = {measure for plan in PLANS.values() for measure in plan.measures}
    made = added_up(rows.filter(pl.col("measure").is_in(needed)).lazy(), list(PLANS.values()), AS_OF)
    made.write(tmp_path / "kept")
    again = read(tmp_path / "kept", AS_OF)
    for name, plan in PLANS.items():
        assert_frame_equal(made.points(plan), alone(rows, name))
        assert_frame_equal(again.points(plan), alone(rows, name))
        check_points(made.points(plan))


@pytest.mark.parametrize("quantity", [1, 2**40, 2**62, -(2**62), 2**63 - 1])
def test_what_64_bits_hold_does_not_depend_on_how_it_is_added_up(quantity: int) -> None:
    """Counts that large are refused by name, whether or not their size was known before adding."""
    (measure,) = PLANS["same"].measures
    rows = daily(*((age, person, measure, quantity) for age in (0, 3) for person in ("a", "b")))
    uncapped = catalog(score("same", [{"event": "opened", "weight": 3}], window=30))
    plan = plan_scores(uncapped)["same"]
    found = added_up(rows, [plan], AS_OF).points(plan)
    expected = points(contributions(rows, [plan], AS_OF)["same"], plan, AS_OF).collect()
    assert_frame_equal(found, expected)
    if abs(quantity) > 2**60:
        with pytest.raises(PointsOverflow, match="'a'"):
            check_points(found)
    else:
        check_points(found)
