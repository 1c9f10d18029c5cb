"""What a single row says of a machine: the provider's flag, known bots, Apple's Mail Privacy Protection.

Here: verdicts on rows, and what later ones need. Not here: what the timing of events says (`core.machine`).
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import polars as pl

from engagement_pipeline.catalog.specs import Origin, Source
from engagement_pipeline.core.machine import APPLE_MAIL_PRIVACY, KNOWN_BOT, LINK, PROVIDER_FLAG, Timings

NO_BOTS = frozenset({"GoogleImageProxy", "YahooMailProxy", "okhttp", "^Apache-HttpClient"})
"""Patterns of the list that are left out: mail services that load a mail's images when its person opens it,
and the HTTP libraries that native apps are built with."""
APPLE_AGENT = "Mozilla/5.0"
"""All that Apple's proxies say of themselves when they load a mail's images, opened or not."""


def signal_origins(source: Source) -> list[Origin]:
    """Fields of a raw row that its source's `machine` reads."""
    machine = source.machine
    found = [machine.user_agent, machine.clicks.link if machine.clicks else None] if machine else []
    return [origin for origin in found if origin is not None]


def row_verdicts(rows: pl.DataFrame, source: Source, text: Callable[[Origin], pl.Expr]) -> pl.DataFrame:
    """The rows with `machine_reason` and, where clicks are judged by their links, `signal.link`.

    rows: `event`, and `is_machine` as the provider says it, null where that cannot be read. text: a mapped
    field's text in these rows.
    """
    machine = source.machine
    reasons: list[pl.Expr] = [pl.when("is_machine").then(pl.lit(PROVIDER_FLAG))]
    if machine is not None and machine.user_agent is not None:
        agents = rows.select(
            text(machine.user_agent).alias("agent"), opened=pl.col("event").is_in(machine.opened)
        )
        reasons.append(pl.lit(agent_reasons(agents["agent"], agents["opened"])))
    rows = rows.with_columns(machine_reason=pl.coalesce(reasons)).with_columns(
        # What cannot be read stays null, for the contract to name.
        is_machine=pl.when(pl.col("is_machine").is_not_null()).then(pl.col("machine_reason").is_not_null())
    )
    if machine is None or machine.clicks is None or machine.clicks.link is None:
        return rows
    clicked = pl.col("event").is_in(machine.clicked)
    return rows.with_columns(pl.when(clicked).then(text(machine.clicks.link)).alias(LINK))


def timings_of(source: Source) -> Timings | None:
    """How the source's events are judged by their timing; None where they are not."""
    machine = source.machine
    if machine is None or (machine.opened_within is None and machine.clicks is None):
        return None
    clicks = machine.clicks
    return Timings(
        delivered=machine.delivered,
        opened=machine.opened,
        clicked=machine.clicked,
        opened_within=_seconds(machine.opened_within),
        clicked_within=_seconds(clicks.after_delivery if clicks else None),
        links=clicks.links if clicks else None,
        links_within=timedelta(seconds=clicks.within if clicks else 0),
    )


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


def agent_reasons(agents: pl.Series, opened: pl.Series) -> pl.Series:
    """`known_bot`, `apple_mail_privacy` (only where `opened`) or null for each agent's text."""
    known = agents.unique().drop_nulls()
    bots = known.filter(known.str.contains(_pattern()))
    return (
        pl.DataFrame({"agent": agents, "opened": opened})
        .select(
            pl.when(pl.col("agent").is_in(bots.implode()))
            .then(pl.lit(KNOWN_BOT))
            .when(pl.col("opened") & (pl.col("agent") == APPLE_AGENT))
            .then(pl.lit(APPLE_MAIL_PRIVACY))
        )
        .to_series()
        .alias("reason")
    )


@cache
def _pattern() -> str:
    """One pattern of all known bots; matching 100,000 agents takes 20 ms (in Python: a minute)."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # 1,500 patterns, read when first needed

    patterns = [each["pattern"] for each in CRAWLER_USER_AGENTS_DATA if each["pattern"] not in NO_BOTS]
    return "|".join(f"(?:{pattern})" for pattern in patterns)
