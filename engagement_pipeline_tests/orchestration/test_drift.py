"""A frozen reference drifts away from the people, says so, and a refit clears it; past dates keep theirs."""

from collections.abc import Callable
from datetime import date

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from engagement_pipeline_tests.orchestration.scenario import (
    BUYING,
    DAYS,
    Scenario,
    key,
    orders,
)

TABLES = ["points/buying", "scores/buying"]
EARLY, NEXT, CHANGE, LAST = DAYS[2:6]
CALM = BUYING.replace("window: 5d\ndecay: {half_life: 4d}", "window: 2d")
PEOPLE = [f"person-{number:02}" for number in range(80)]


def landing() -> dict[str, bytes]:
    """Everybody orders the same every day, and much more from the fifth on."""
    return {
        f"shop/{day}.jsonl": orders(
            (f"{day}-{n}", person, f"{day}T12:00:00Z", n + (400.0 if day >= CHANGE else 5.0))
            for n, person in enumerate(PEOPLE)
        )
        for day in DAYS[1:6]
    }


def judged(result: dg.ExecuteInProcessResult) -> dict[date, dg.AssetCheckEvaluation]:
    """The check's evaluations, by day."""
    found = {}
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            each = event.event_specific_data
            if each.check_name == "reference_fits_population" and each.partition:
                found[date.fromisoformat(each.partition)] = each
    return found


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """The metadata of the newest day's scores."""
    made = result.asset_materializations_for_node("scores__buying")
    return {name: value.value for name, value in made[-1].metadata.items()}


@pytest.mark.slow
def test_drift_is_reported_and_cleared_by_a_refit(open_project: Callable[..., Scenario]) -> None:
    shop = open_project(changed={"scores/buying.yaml": CALM}, landing=landing())
    shop.run("landing", only=["landed/shop", "rejected/shop"])
    shop.run("event_days", DAYS[1], LAST)
    cold = shop.run("as_of_dates", EARLY, only=TABLES)
    (check,) = judged(cold).values()
    assert check.passed
    assert str(shown(cold)["drift"]).startswith("not judged: ")

    shop.run("refit", EARLY, only=["references/buying", "scores/buying"])
    calm = shown(shop.run("as_of_dates", NEXT, only=TABLES))
    assert (calm["drift (PSI)"], calm["moved by a refit"]) == (0.0, 0.0)
    assert str(calm["drift"]).startswith("stable: ")
    before = shop.table("scores/buying", NEXT)
    (old,) = set(before["reference"])

    drifted = shop.run("as_of_dates", NEXT, LAST, only=TABLES)
    checks = judged(drifted)
    assert {day: check.passed for day, check in checks.items()} == {day: day < CHANGE for day in DAYS[3:6]}
    assert checks[LAST].severity == dg.AssetCheckSeverity.WARN
    words = str(shown(drifted)["drift"])
    assert checks[LAST].metadata["drift"].value == words, "the newest day stands beside the asset"
    assert words.startswith("refit: the people of today are no longer those of the reference (PSI ")
    assert words.endswith("; a refit would change the band of 45.0% of people")
    assert shop.table("scores/buying", LAST)["score"].mean() == 10

    refitted = shop.run("refit", LAST, only=["references/buying", "scores/buying"])
    (check,) = judged(refitted).values()
    assert check.passed
    assert str(shown(refitted)["drift"]).startswith("stable: ")
    assert shown(refitted)["moved by a refit"] == 0.0
    assert shop.table("scores/buying", LAST)["score"].mean() == pytest.approx(5.5)

    shop.run("as_of_dates", NEXT, only=TABLES)
    assert_frame_equal(shop.table("scores/buying", NEXT), before)
    assert set(shop.table("references/buying")["version"]) > {old}


def test_only_what_has_a_frozen_reference_has_the_check(open_project: Callable[..., Scenario]) -> None:
    live = BUYING.replace("range: [1, 10]}", "range: [1, 10], reference: live}")
    project = open_project(changed={"scores/live.yaml": live.replace("score: buying", "score: live")})
    for name, checks in {"buying": 2, "reading": 1, "live": 1}.items():
        asset = project.definitions.resolve_assets_def(key(f"scores/{name}"))
        assert len(list(asset.check_specs)) == checks
