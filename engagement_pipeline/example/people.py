"""The made-up people of the sample: who they are and what they like.

Here: one row of latent traits per person and the customer database's monthly view of them.
Not here: what they do (`behaviour`) and how it is delivered (`shapes`, `flaws`).
"""

from datetime import date, timedelta

import numpy as np
import polars as pl

START = date(2026, 4, 1)
DAYS = 90
TIMEZONE = "Europe/Berlin"

# How a person's activity moves while they are around: share of people, and how much it rises or falls from
# the middle to the ends.
TRENDS = {"steady": (0.46, 0.0), "growing": (0.14, 0.8), "fading": (0.16, -0.85), "gone": (0.1, -0.4)}
TRENDS |= {"new": (0.09, 0.3), "silent": (0.05, 0.0)}
STORES = {"DE": ["Berlin", "Hamburg", "Köln", "München"], "AT": ["Wien"], "CH": ["Zürich"]}


def people(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """One row per person: `person_id`, profile facts, latent likings and the days they are around.

    `first` and `last` are offsets in days from `START`; `slope` leans the days in between; the likings
    multiply the rates of what people do on a channel.
    """
    trend = rng.choice(list(TRENDS), count, p=[share for share, _ in TRENDS.values()])
    slope = np.array([TRENDS[name][1] for name in trend])
    activity = np.minimum(rng.lognormal(-0.4, 0.85, count), 4) * np.where(trend == "silent", 0.02, 1)
    first = np.where(trend == "new", rng.integers(5, 75, count), 0)
    last = np.where(trend == "gone", rng.integers(12, 55, count), DAYS)
    plan = rng.choice(["free", "plus", "premium"], count, p=[0.62, 0.26, 0.12])
    activity = activity * np.select([plan == "plus", plan == "premium"], [1.35, 1.8], 0.85)
    country = rng.choice(["DE", "AT", "CH", "NL", "FR"], count, p=[0.68, 0.12, 0.09, 0.07, 0.04])
    store = [
        STORES[place][int(draw * len(STORES[place]))] if place in STORES and has < 0.55 else None
        for place, draw, has in zip(country, rng.random(count), rng.random(count), strict=True)
    ]
    joined = np.where(first > 0, first, -rng.integers(1, 2200, count))
    return pl.DataFrame(
        {
            "person_id": [f"J{number:05d}" for number in range(1, count + 1)],
            "trend": trend,
            "slope": slope,
            "activity": activity,
            "first": first,
            "last": last,
            "plan": plan,
            "country": country,
            "store": store,
            "age": np.clip(rng.normal(41, 13, count), 18, 88).astype(int),
            "joined_on": [START + timedelta(days=int(offset)) for offset in joined],
            "email_opt_in": rng.random(count) < 0.74,
            "push_opt_in": rng.random(count) < 0.46,
            "sms_opt_in": rng.random(count) < 0.3,
            "likes_email": rng.beta(1.3, 2.4, count),
            "likes_push": rng.beta(1.2, 4, count),
            "likes_web": rng.lognormal(-0.2, 0.7, count),
            "likes_app": rng.lognormal(-0.3, 0.9, count) * (rng.random(count) < 0.66),
            "likes_courses": rng.lognormal(-0.2, 0.8, count) * (rng.random(count) < 0.3),
            "likes_shop": rng.lognormal(-0.3, 0.7, count),
            "mood": rng.normal(0.45, 0.75, count),
            "machine_opens": rng.random(count) < 0.16,
            "in_crm": rng.random(count) < 0.965,
        }
    )


def customer_database(
    rng: np.random.Generator, people: pl.DataFrame, left_email: pl.DataFrame, protected: pl.DataFrame
) -> pl.DataFrame:
    """The monthly exports of the customer database: people known by then, with what changed since.

    `left_email` holds `person_id` and `day` (offset) of everyone who unsubscribed: they are opted out in
    the exports after; `protected` of everyone who bought a protection plan. Some people change their
    membership, and some who pay for it owe a fee for a while.
    """
    draws = {
        "changed": rng.integers(0, 1500, people.height),
        "new_plan": rng.choice(["free", "plus", "premium"], people.height, p=[0.4, 0.4, 0.2]),
        "owing": rng.random(people.height) < np.where(people["trend"].is_in(["gone", "fading"]), 0.3, 0.08),
        "owes_from": rng.integers(-20, DAYS, people.height),
    }
    known = people.with_columns(**{name: pl.Series(drawn) for name, drawn in draws.items()})
    for name, happened in {"left": left_email, "covered": protected}.items():
        first = happened.group_by("person_id").agg(pl.col("day").min().alias(name))
        known = known.join(first, on="person_id", how="left", maintain_order="left")
    exports = [
        known.filter("in_crm", pl.col("joined_on") <= START + timedelta(days=offset)).select(
            customer_id="person_id",
            exported_at=pl.lit(f"{START + timedelta(days=offset)}T03:00:00"),
            membership=_plan_on(offset),
            registered=pl.col("joined_on").cast(pl.String),
            country="country",
            store="store",
            age=pl.col("age").cast(pl.String),
            email_opt_in=pl.col("email_opt_in") & (pl.col("left").is_null() | (pl.col("left") >= offset)),
            push_opt_in="push_opt_in",
            sms_opt_in="sms_opt_in",
            payment_state=_payment_on(offset),
            protected=pl.col("covered").is_not_null() & (pl.col("covered") < offset),
        )
        for offset in (0, 30, 61)
    ]
    return pl.concat(exports)


def _plan_on(offset: int) -> pl.Expr:
    return pl.when(pl.col("changed") <= offset).then("new_plan").otherwise("plan")


def _payment_on(offset: int) -> pl.Expr:
    """Of the membership's fee: overdue for a month, then given up for another; null where none is due."""
    owed = pl.lit(offset) - pl.col("owes_from")
    return (
        pl.when(_plan_on(offset) == "free")
        .then(None)
        .when(~pl.col("owing") | ~owed.is_between(0, 60))
        .then(pl.lit("paid"))
        .when(owed <= 30)
        .then(pl.lit("overdue"))
        .otherwise(pl.lit("failed"))
    )
