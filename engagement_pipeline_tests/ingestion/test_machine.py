"""Verdicts through the real intake: what a row says of itself, timings, and which policy a rule takes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from engagement_pipeline.catalog.specs import Event, Source
from engagement_pipeline.core.measures import Measure, daily_measures
from engagement_pipeline.ingestion.machine import agent_reasons
from engagement_pipeline_tests.ingestion.shop import Shop

PLAN = {
    "email_delivered": Event(channel="email", chosen=False),
    "email_opened": Event(channel="email"),
    "email_clicked": Event(channel="email"),
}
NOON = datetime(2026, 4, 10, 12, tzinfo=UTC)
SIGNALS = {
    "user_agent": "agent",
    "opened_within": "5s",
    "clicks": {"links": 3, "within": "10s", "link": "url", "after_delivery": 2},
}
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def mails(machine: dict[str, object] | None = SIGNALS, **mapping: object) -> Source:
    return Source.model_validate(
        {
            "source": "mail",
            "owner": "team:data",
            "path": "mail/*",
            "format": "jsonl",
            "events": {
                "event_id": "id",
                "person_id": "person",
                "event": "event",
                "occurred_at": "at",
                "message_id": "message",
                "is_machine": "machine",
                **mapping,
            },
            **({"machine": machine} if machine else {}),
        }
    )


def mail(number: int, event: str, second: float = 0.0, **more: object) -> dict[str, object]:
    at = (NOON + timedelta(seconds=second)).isoformat()
    return {"id": f"e{number}", "person": "p", "event": f"email_{event}", "at": at, "message": "m", **more}


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop(mails(), events=PLAN)


def verdicts(shop: Shop, *rows: dict[str, object]) -> dict[str, str | None]:
    shop.drop("mail/a.jsonl", rows)
    shop.run("mail")
    events = shop.table("events/mail")
    assert events.filter(pl.col("is_machine") != pl.col("machine_reason").is_not_null()).is_empty()
    return dict(events.sort("event_id").select("event_id", "machine_reason").iter_rows())


@pytest.mark.parametrize(
    ("agent", "event", "reason"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "clicked", "known_bot"),
        ("facebookexternalhit/1.1", "opened", "known_bot"),
        ("python-requests/2.31", "clicked", "known_bot"),
        ("Mozilla/5.0", "opened", "apple_mail_privacy"),
        ("Mozilla/5.0", "clicked", None),
        (GMAIL, "opened", None),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "opened", None),
        ("okhttp/4.12.0", "opened", None),
        (BROWSER, "opened", None),
        ("", "opened", None),
        (None, "opened", None),
    ],
)
def test_a_user_agent_is_judged(shop: Shop, agent: str | None, event: str, reason: str | None) -> None:
    assert verdicts(shop, mail(1, event, agent=agent)) == {"e1": reason}


def test_the_provider_s_flag_comes_first_and_stands_without_any_signal(
    open_shop: Callable[..., Shop],
) -> None:
    for machine in (None, SIGNALS):
        shop = open_shop(mails(machine), events=PLAN)
        rows = (
            mail(1, "opened", agent="Mozilla/5.0", machine=True),
            mail(2, "opened", agent="x", machine=False),
        )
        assert verdicts(shop, *rows) == {"e1": "provider_flag", "e2": None}


def test_timings_come_from_the_day_s_own_events(shop: Shop) -> None:
    rows = [
        mail(1, "delivered"),
        mail(2, "opened", 4),
        mail(3, "opened", 400, agent=BROWSER),
        mail(4, "clicked", 1, url="a"),
        *(mail(5 + n, "clicked", 60 + n, url=f"u{n}") for n in range(3)),
        mail(8, "clicked", 500, url="a"),
    ]
    gateway = dict.fromkeys(("e4", "e5", "e6", "e7"), "security_gateway")
    assert verdicts(shop, *rows) == {"e1": None, "e2": "prefetch", "e3": None, **gateway, "e8": None}
    events = shop.table("events/mail")
    assert "signal.link" not in events.columns
    # Nothing is dropped: a rule says whether it counts them.
    counted = {
        machine: daily_measures(events.lazy(), [Measure("opens", ("email_opened",), machine=machine)])
        .collect()["quantity"]
        .sum()
        for machine in ("include", "exclude", "only")
    }
    assert counted == {"include": 2, "exclude": 1, "only": 1}


def test_a_delivery_that_comes_late_changes_the_verdict_of_its_day(shop: Shop) -> None:
    assert verdicts(shop, mail(2, "opened", 3)) == {"e2": None}
    shop.drop("mail/late.jsonl", [mail(1, "delivered")])
    assert shop.run("mail").touched == [date(2026, 4, 10)]
    assert shop.table("events/mail").sort("event_id")["machine_reason"].to_list() == [None, "prefetch"]


def test_a_verdict_is_no_other_content(open_shop: Callable[..., Shop]) -> None:
    """Better knowledge of who did it makes no event another one."""
    hashes = []
    for machine in (None, SIGNALS):
        shop = open_shop(mails(machine), events=PLAN)
        shop.drop("mail/a.jsonl", [mail(1, "opened", agent="Googlebot/2.1")])
        shop.run("mail")
        hashes.append(shop.table("events/mail")["content_hash"].item())
    assert hashes[0] == hashes[1]


def test_many_agents_are_judged_at_once() -> None:
    agents = pl.Series([f"{BROWSER} Version/{n}" for n in range(50_000)] + ["curl/8.1", None])
    found = agent_reasons(agents, pl.Series([True]).new_from_index(0, agents.len()))
    assert found.drop_nulls().to_list() == ["known_bot"]
    assert found[-2] == "known_bot"
