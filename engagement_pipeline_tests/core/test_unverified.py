"""The share of a score that machine events are, on figures that one can add up by hand."""

from datetime import date

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Catalog, Event, Machine, Project, Score, Source
from engagement_pipeline.core.frames import DAILY_MEASURES
from engagement_pipeline.core.measures import (
    SHADOW,
    daily_measures,
    daily_messages,
    measure_of,
    measures_of,
    shadows_of,
)
from engagement_pipeline.core.plan import plan_score
from engagement_pipeline.core.unverified import by_day, unverified

START, AS_OF = date(2026, 4, 1), date(2026, 4, 10)
SCORE = {
    "score": "reading",
    "goal": "Do they read?",
    "owner": "team:x",
    "window": 5,
    "rules": [
        {"event": "opened", "weight": 2, "cap": {"per_day": 1}},
        {"event": "clicked", "weight": 5, "machine": "exclude"},
        {"event": "left", "weight": -4, "label": "leaving"},
    ],
}


def catalog(machine: bool = True, **score: object) -> Catalog:
    source = Source(
        source="mail",
        owner="team:x",
        path="mail/*",
        format="jsonl",
        events={"person_id": "p", "event": "e", "occurred_at": "t"},
        machine=Machine(user_agent={"path": "agent"}) if machine else None,
    )
    return Catalog(
        project=Project(project="p", start_date=START),
        events={name: Event(channel="email") for name in ("opened", "clicked", "left")},
        sources={"mail": source},
        scores={"reading": Score.model_validate({**SCORE, **score})},
        segments={},
        campaigns={},
    )


def shares(rows: list[tuple[int, str, int]], lacking: tuple[int, ...] = (), **score: object):
    """Rows of (day of April, event, quantity); `event!` is what machines did."""
    given = catalog(**score)
    rules = given.scores["reading"].rules
    ids = {str(rule.event): measure_of(rule, given).id for rule in rules}
    ids |= {f"{event}!": f"{measure}{SHADOW}" for event, measure in ids.items()}
    daily = pl.DataFrame(
        [(date(2026, 4, day), "p", ids[event], quantity) for day, event, quantity in rows],
        schema=DAILY_MEASURES,
        orient="row",
    ).lazy()
    days = [date(2026, 4, day) for day in range(1, 11) if day not in lacking]
    covered = pl.LazyFrame({"event_date": days}).join(
        pl.LazyFrame({"measure": list(measures_of(given))}), how="cross"
    )
    plan = plan_score(given.scores["reading"], given)
    return unverified(daily, covered, plan, shadows_of(given), START, AS_OF)


def test_only_rules_that_count_machine_events_have_a_shadow() -> None:
    assert len(shadows_of(catalog())) == 2
    assert shadows_of(catalog(machine=False)) == frozenset()
    assert (
        unverified(
            pl.LazyFrame(),
            pl.LazyFrame(),
            plan_score(catalog().scores["reading"], catalog()),
            frozenset(),
            START,
            AS_OF,
        )
        is None
    )


def test_shares_are_of_quantities_and_of_points() -> None:
    found = shares(
        [(10, "opened", 8), (10, "opened!", 6), (9, "clicked", 2), (8, "left", 1), (5, "opened!", 9)]
    )
    assert found is not None
    assert found.by_rule == {"opened": 0.75, "leaving": 0.0}
    # 8 opens give 16, 2 clicks 10, one who left takes 4: 30 points of any sign, 12 of them by machines.
    assert found.share == pytest.approx(12 / 30)
    assert found.lacking == 0


def test_age_counts_as_it_does_in_the_score() -> None:
    rows = [(10, "opened", 1), (8, "opened", 1), (8, "opened!", 1)]
    assert shares(rows).share == pytest.approx(1 / 2)
    assert shares(rows, decay={"half_life": 2}).share == pytest.approx(1 / 3)


def test_days_that_were_not_counted_are_left_out_and_told() -> None:
    rows = [(10, "opened", 4), (10, "opened!", 1), (9, "opened", 100)]
    found = shares(rows, lacking=(9,))
    assert (found.by_rule["opened"], found.lacking) == (0.25, 1)


def test_nothing_has_no_share() -> None:
    found = shares([])
    assert (found.share, found.by_rule) == (None, {})


def test_days_count_as_their_events_and_streaks_only_by_rule() -> None:
    rules = [
        {"event": "opened", "weight": 2, "count": "days"},
        {"event": "clicked", "weight": 5, "machine": "exclude"},
        {"event": "left", "weight": 4, "streak": 2, "label": "leaving"},
    ]
    found = shares(
        [(9, "opened", 4), (9, "opened!", 2), (9, "clicked", 0), (9, "left", 9), (9, "left!", 9)], rules=rules
    )
    assert found is not None
    assert found.share == pytest.approx(0.5)
    assert found.by_rule == {"days with opened": 0.5, "leaving": 1.0}


def test_messages_count_where_only_a_machine_opened_them() -> None:
    rule = {"event": "opened", "weight": 1, "count": "messages", "label": "read"}
    given = catalog(rules=[rule])
    rows = [
        {"message_id": "a", "is_machine": True},
        {"message_id": "a", "is_machine": None},
        {"message_id": "b", "is_machine": True},
        {"message_id": None, "is_machine": True},
    ]
    schema = {"message_id": pl.String, "is_machine": pl.Boolean}
    events = pl.LazyFrame(rows, schema=schema).with_columns(
        event_date=pl.lit(AS_OF), person_id=pl.lit("p"), event=pl.lit("opened"), channel=pl.lit("email")
    )
    measures = measures_of(given)
    daily = by_day(daily_measures(events, measures.values()), daily_messages(events, measures.values()))
    days = pl.LazyFrame({"event_date": pl.date_range(START, AS_OF, eager=True)})
    covered = days.join(pl.LazyFrame({"measure": list(measures)}), how="cross")
    plan = plan_score(given.scores["reading"], given)
    found = unverified(daily, covered, plan, shadows_of(given), START, AS_OF)
    assert found is not None
    assert found.by_rule == {"read": 0.5}
    assert found.share == 0.5
