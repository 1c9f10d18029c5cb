"""The same events in any order, in any files, twice or late, days made in any order in between: the same
events, conflicts, verdicts and measures, provenance apart. Through the real intake, ledger and Delta tables.
"""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.specs import Event, Limits, Source
from engagement_pipeline.core.measures import ACTIVITY, Measure, daily_measures
from engagement_pipeline.storage.tables import older
from engagement_pipeline_tests.ingestion.shop import Shop

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 27)
"""Within the ten days from here the clocks of Berlin change."""
PLAN = {
    "email_delivered": Event(channel="email", chosen=False),
    "email_opened": Event(channel="email"),
    "email_clicked": Event(channel="email", properties={"page": "text"}),
    "item_bought": Event(channel="commerce", unit="EUR"),
}
MEASURES = [
    ACTIVITY,
    Measure("opens", ("email_opened",)),
    Measure("opens by people", ("email_opened",), machine="exclude"),
    Measure("opens by machines", ("email_opened",), machine="only"),
    Measure("spent", ("item_bought",), kind="value"),
]
MAIL = {"only": {"kind": "mail"}, "event_id": "id", "person_id": "who", "event": "what", "occurred_at": "at"}
MAIL |= {"message_id": "message", "is_machine": "bot", "properties": {"page": "url"}}
ORDERS = {"only": {"kind": "order"}, "explode": "items", "event_id": "id", "person_id": "who"}
ORDERS |= {"event": {"constant": "item_bought"}, "occurred_at": "at", "value": "each.price"}
SOURCE = Source.model_validate(
    {
        "source": "all",
        "owner": "team:data",
        "path": "all/*",
        "format": "jsonl",
        "events": [MAIL, ORDERS],
        "machine": {
            "user_agent": "agent",
            "opened_within": "5s",
            "clicks": {"links": 3, "within": "10s", "link": "url", "after_delivery": "2s"},
        },
    }
)
UNNAMED = Source.model_validate(
    {
        "source": "all",
        "owner": "team:data",
        "path": "all/*",
        "format": "jsonl",
        "events": {key: path for key, path in MAIL.items() if key not in ("only", "event_id")},
        "machine": {"user_agent": "agent", "opened_within": "5s"},
    }
)

TIMES = st.builds(
    lambda day, base, second: (
        datetime.combine(DAY + timedelta(days=day), datetime.min.time(), UTC)
        + timedelta(seconds=base + second)
    ).isoformat(),
    st.integers(0, 9),
    st.sampled_from([0, 9 * 3600, 22 * 3600 - 6, 23 * 3600 - 6, 24 * 3600 - 6]),
    st.integers(0, 12),
)
MAILS = st.fixed_dictionaries(
    {
        "kind": st.just("mail"),
        "id": st.integers(0, 40).map("e{}".format),
        "who": st.sampled_from(["ada", "ben", " "]),
        "what": st.sampled_from(["email_delivered", "email_opened", "email_clicked", "odd"]),
        "at": TIMES,
        "message": st.sampled_from(["m1", "m2"]),
        "url": st.sampled_from(["a", "b", "c", "d"]),
        "agent": st.sampled_from([None, "Mozilla/5.0", "Googlebot/2.1", "Firefox"]),
        "bot": st.sampled_from([None, None, True, False]),
    }
)
BOUGHT = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["order", "order", "refund"]),
        "id": st.integers(0, 10).map("o{}".format),
        "who": st.sampled_from(["ada", "ben"]),
        "at": TIMES,
        "items": st.lists(st.fixed_dictionaries({"price": st.integers(1, 9)}), max_size=3),
    }
)


GIVEN_AND_DRAWN = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking takes minutes where an example takes a second; set it aside by hand when one fails."""
GOOD = {"kind": "mail", "id": "good", "who": "ada", "what": "email_opened", "at": f"{DAY}T12:00:00Z"}


def due(shop: Shop) -> list[date]:
    made = shop.lake.partitions("events/all")
    needed = shop.ledger.needed("all").items()
    return [day for day, versions in needed if older(made.get(day.isoformat()), versions)]


def tables(shop: Shop) -> list[pl.DataFrame]:
    """Events, conflicts, measures, and what was rejected: each once, however often it was delivered."""
    events, conflicts = shop.content("all")
    rules = shop.table("rejected/all").select("rule", "raw").unique().sort("rule", "raw")
    daily = daily_measures(shop.table("events/all").lazy(), MEASURES).collect()
    return [events, conflicts, daily.sort(daily.columns), rules]


def at_once(shop: Shop, rows: list[dict[str, object]]) -> list[pl.DataFrame]:
    shop.drop("all/whole.jsonl", rows)
    shop.take_in("all")
    shop.make(due(shop), "all")
    return tables(shop)


def piecemeal(shop: Shop, rows: list[dict[str, object]], chance: random.Random) -> list[pl.DataFrame]:
    """Shuffled, cut into files, some rows and files twice, over several runs with some days made between."""
    mixed = chance.sample(rows, len(rows))
    cuts = sorted(chance.choices(range(len(rows) + 1), k=chance.randint(0, 4)))
    files = [mixed[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    files += [chance.sample(rows, chance.randint(0, len(rows))) for _ in range(chance.randint(0, 2))]
    files += [chance.choice(files)]
    chance.shuffle(files)
    for number, content in enumerate(files):
        shop.drop(f"all/{number:03}.jsonl{chance.choice(['', '.gz'])}", content)
        if chance.random() < 0.6:
            shop.take_in("all")
            shop.received_at += timedelta(hours=1)
            days = due(shop)
            for some in (chance.sample(days, chance.randint(0, len(days))) for _ in range(2)):
                shop.make(some, "all")
    shop.take_in("all")
    days = due(shop)
    chance.shuffle(days)
    while days:
        shop.make([days.pop() for _ in range(min(len(days), chance.randint(1, 6)))], "all")
    return tables(shop)


@pytest.mark.parametrize("source", [SOURCE, UNNAMED], ids=["several mappings", "without ids"])
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=GIVEN_AND_DRAWN)
@given(rows=st.lists(st.one_of(MAILS, MAILS, BOUGHT), min_size=1, max_size=40), seed=st.integers(0, 2**32))
def test_any_delivery_gives_the_same_tables(
    open_shop: Callable[..., Shop], source: Source, rows: list[dict[str, object]], seed: int
) -> None:
    rows = [*rows, GOOD, {**GOOD, "id": "bad", "what": "odd"}]
    if source is UNNAMED:  # equal rows of one file are several events there: no two rows are equal
        rows = [{**row, "n": n} for n, row in enumerate(rows) if row["kind"] == "mail"]
    settled = {"lateness_horizon": 4, "limits": Limits(reject_share=1.0), "events": PLAN}
    whole = at_once(open_shop(source, **settled), rows)
    found = piecemeal(open_shop(source, **settled), rows, random.Random(seed))
    for table, wanted in zip(found, whole, strict=True):
        assert table.equals(wanted)


def test_the_events_drawn_are_worth_comparing(open_shop: Callable[..., Shop]) -> None:
    chance, rows = random.Random(1), []
    for strategy, number in ((MAILS, 60), (BOUGHT, 15)):
        drawn = st.lists(strategy, min_size=number, max_size=number)
        rows += settled_example(drawn, chance)
    events, conflicts, daily, rejected = at_once(
        open_shop(SOURCE, lateness_horizon=4, limits=Limits(reject_share=1.0), events=PLAN), rows
    )
    assert {"provider_flag", "known_bot"} <= set(events["machine_reason"])
    assert conflicts.height > 3
    assert set(daily["measure"]) >= {"activity", "opens", "opens by machines", "spent"}
    assert {"missing_person_id", "unknown_event", "unmapped_row"} <= set(rejected["rule"])


def settled_example(strategy: st.SearchStrategy[list[dict[str, object]]], chance: random.Random) -> list:
    """One value of a strategy, the same every time."""
    found: list[list[dict[str, object]]] = []

    @settings(
        max_examples=20,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: list[dict[str, object]]) -> None:
        found.append(value)

    collect()
    return chance.choice(found[10:])
