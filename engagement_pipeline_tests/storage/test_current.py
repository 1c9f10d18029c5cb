"""The current tables: replaced whole, forward only."""

import polars as pl
import pytest

from engagement_pipeline.contracts.rules import LONGEST_ID
from engagement_pipeline.core.frames import AUDIENCES, SCORES, SEGMENTS
from engagement_pipeline.storage import current
from engagement_pipeline.storage.current import Shown, forget_others, read_current, replace_current
from engagement_pipeline.storage.database import Database
from engagement_pipeline_tests.storage.tables import day


def scores(number: int, *people: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "as_of": [day(number)] * len(people),
            "person_id": people,
            "points": [10_000 * number] * len(people),
            "score": [float(number)] * len(people),
            "band": [None] * len(people),
            "state": ["scored"] * len(people),
            "reference": [None] * len(people),
            "definition": ["d"] * len(people),
        },
        schema=SCORES,
    )


@pytest.mark.parametrize("kind", ["scores", "memberships", "audiences"])
def test_every_id_that_counts_fits(kind: current.Kind) -> None:
    table = current.METADATA.tables[f"current_{kind}"]
    assert table.c.person_id.type.length == LONGEST_ID


def test_current_scores_only_move_forward(database: Database) -> None:
    assert replace_current(database, "scores", "email", Shown(day(1), 7), scores(1, "a", "b"))
    assert replace_current(database, "scores", "app", Shown(day(1), 7), scores(1, "a"))
    assert replace_current(database, "scores", "email", Shown(day(2), 7), scores(2, "b", "c"))
    assert not replace_current(database, "scores", "email", Shown(day(1), 7), scores(1, "a"))
    found = read_current(database, "scores", "email")
    assert found["person_id"].to_list() == ["b", "c"]
    assert found["score"].to_list() == [2.0, 2.0]
    assert current.current(database, "scores") == {"email": Shown(day(2), 7), "app": Shown(day(1), 7)}
    assert replace_current(database, "scores", "email", Shown(day(2), 7), scores(2, "d"))
    assert read_current(database, "scores", "email")["person_id"].to_list() == ["d"]
    assert read_current(database, "scores", "app").height == 1


def test_nobody_is_an_answer_too(database: Database) -> None:
    segment = pl.DataFrame({"as_of": [day(1)], "person_id": ["a"]}, schema=SEGMENTS)
    assert replace_current(database, "memberships", "loyal", Shown(day(1), 7), segment)
    assert replace_current(database, "memberships", "loyal", Shown(day(2), 7), segment.clear())
    assert read_current(database, "memberships", "loyal").is_empty()
    assert current.current(database, "memberships") == {"loyal": Shown(day(2), 7)}


def test_a_failure_in_between_keeps_the_old_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = pl.DataFrame(
        {
            "as_of": [day(1)] * 2,
            "person_id": ["a", "b"],
            "decision": ["send", "hold_out"],
            "reason": [None, "holdout"],
            "variant": ["v", "v"],
            "message": ["m", "m"],
        },
        schema=AUDIENCES,
    )
    assert replace_current(database, "audiences", "perks", Shown(day(1), 7), audience)
    monkeypatch.setattr(current, "CHUNK", 1)
    slices = iter([audience.head(1)])

    def broken(*_: object) -> object:
        yield next(slices).select(pl.lit("perks").alias("campaign_name"), pl.all())
        raise LookupError

    with monkeypatch.context() as patch, pytest.raises(LookupError):
        patch.setattr(pl.DataFrame, "iter_slices", broken)
        replace_current(database, "audiences", "perks", Shown(day(2), 7), audience)
    assert read_current(database, "audiences", "perks").height == 2
    assert current.current(database, "audiences") == {"perks": Shown(day(1), 7)}


def test_definitions_that_are_no_more_leave_no_rows(database: Database) -> None:
    for name in ("email", "app"):
        replace_current(database, "scores", name, Shown(day(1), 7), scores(1, "a"))
    segment = pl.DataFrame({"as_of": [day(1)], "person_id": ["a"]}, schema=SEGMENTS)
    replace_current(database, "memberships", "app", Shown(day(1), 7), segment)
    forget_others(database, "scores", ["email", "new"])
    assert [read_current(database, "scores", name).height for name in ("email", "app")] == [1, 0]
    assert read_current(database, "memberships", "app").height == 1, "of another kind"
    assert current.current(database, "scores") == {"email": Shown(day(1), 7)}
    assert replace_current(database, "scores", "app", Shown(day(0), 2), scores(0, "a")), (
        "a new one of the name"
    )
