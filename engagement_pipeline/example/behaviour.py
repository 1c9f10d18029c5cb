"""What the made-up people do in 90 days, as plain frames.

Here: one function per source, giving its events with `person_id`, `event`, `at` (local, naive) and
whatever goes with them, in the order of time. Not here: drawing the moments (`moments`), the providers'
formats (`shapes`) and their mistakes (`flaws`).
"""

import numpy as np
import polars as pl

from engagement_pipeline.example.moments import (
    Rng,
    events,
    happen,
    later,
    once,
    pick,
    some,
    sometimes,
    wave,
)
from engagement_pipeline.example.people import DAYS

_CATEGORIES = ["pans", "knives", "baking", "appliances", "tableware", "courses"]
_CATEGORY_SHARES = [0.24, 0.16, 0.22, 0.14, 0.12, 0.12]
_COURSES = ["bread_basics", "knife_skills", "sauces", "fermenting", "pasta", "vegetable_cooking", "chocolate"]
_LESSONS = 7
"""Lessons in a course; the one after the last completes it."""


def web(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """Visits of one to many pages; on some a product, an article or a search."""
    visits = happen(rng, people.drop("store"), 6 * people["likes_web"].to_numpy())
    visits = visits.with_columns(
        session_id=pl.format("s{}", pl.row_index() + 100_000),
        campaign_id=sometimes(rng, visits, "spring_news", 0.18),
    )
    pages = visits[np.repeat(np.arange(visits.height), rng.geometric(0.42, visits.height))]
    step = pl.int_range(pl.len()).over("session_id") * pl.Series(rng.integers(8, 110, pages.height))
    pages = pages.with_columns(
        event=pl.lit("page_viewed"),
        at=pl.col("at") + pl.duration(seconds=step),
        category=pick(rng, _CATEGORIES, pages.height, _CATEGORY_SHARES),
    ).with_columns(page=pl.format("/{}", "category"))
    products = (
        later(rng, some(rng, pages, 0.38), 0.01).with_columns(event=pl.lit("product_viewed")).drop("page")
    )
    products = _with_product(rng, products)
    articles = later(rng, some(rng, pages, 0.09), 0.02).with_columns(event=pl.lit("article_read"))
    articles = articles.with_columns(
        value=pl.Series(np.round(rng.gamma(2, 2.2, articles.height) + 0.3, 1)),
        page=pl.format("/magazine/{}", "category"),
    )
    searches = later(rng, some(rng, pages, 0.07), 0.01).drop("page", "category")
    words = ["cast iron pan", "bread knife", "dutch oven", "sourdough", "wok", "garlic press", "gift"]
    searches = searches.with_columns(
        event=pl.lit("searched"),
        words=pick(rng, words, searches.height),
        results=pl.Series(rng.poisson(9, searches.height) * (rng.random(searches.height) < 0.82)),
    )
    return events(pages, products, articles, searches)


def _with_product(rng: Rng, frame: pl.DataFrame) -> pl.DataFrame:
    number = pl.Series(np.minimum(rng.zipf(1.6, frame.height), 60))
    price = pl.Series(np.round(rng.lognormal(3.3, 0.7, frame.height), 0) + 0.9)
    return frame.with_columns(product=pl.format("{}-{}", "category", number), price=price)


def app(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """App openings, recipes saved and cooked after them, and a few who remove the app."""
    users = people.drop("store").with_columns(platform=pick(rng, ["ios", "android"], people.height))
    opened = happen(rng, users, 12 * people["likes_app"].to_numpy()).with_columns(event=pl.lit("app_opened"))
    opened = opened.with_columns(session_id=pl.format("a{}", pl.row_index() + 500_000))
    recipes = ["risotto", "ramen", "focaccia", "curry", "ratatouille", "shakshuka", "tarte_tatin", "pho"]
    saved = later(rng, some(rng, opened, 0.2), 0.05).with_columns(event=pl.lit("recipe_saved"))
    cooked = later(rng, some(rng, saved, 0.35), 30).with_columns(event=pl.lit("recipe_cooked"))
    cooked = cooked.drop("session_id")
    dressed = [
        part.with_columns(
            recipe=pick(rng, recipes, part.height),
            category=pick(rng, ["quick", "weekend", "vegetarian", "baking"], part.height),
        )
        for part in (saved, cooked)
    ]
    unhappy = np.where(np.isin(people["trend"].to_numpy(), ["gone", "fading"]), 0.6, 0.015)
    has_app = (people["likes_app"] > 0).to_numpy()
    removed = happen(rng, users, unhappy * has_app / np.maximum(people["activity"].to_numpy(), 0.05))
    return events(opened, *dressed, once(removed).with_columns(event=pl.lit("app_removed")))


def courses(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """Lessons watched in order, for minutes; after the last one most people complete the course."""
    watched = happen(rng, people.drop("store"), 11 * people["likes_courses"].to_numpy())
    start = pl.col("person_id").str.slice(1).cast(pl.Int64)
    seen = pl.int_range(pl.len()).over("person_id")
    watched = watched.sort("at", "person_id").with_columns(
        event=pl.lit("lesson_watched"),
        value=pl.Series(np.round(np.clip(rng.gamma(3, 6.5, watched.height), 1, 95), 1)),
        lesson=seen % _LESSONS + 1,
        course=pl.lit(pl.Series(_COURSES)).implode().list.get((start + seen // _LESSONS) % len(_COURSES)),
    )
    finished = later(rng, some(rng, watched.filter(pl.col("lesson") == _LESSONS), 0.85), 0.6)
    finished = finished.drop("value", "lesson").with_columns(
        event=pl.lit("course_completed"), certificate=pl.Series(rng.random(finished.height) < 0.6)
    )
    return events(watched, finished)


def email(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """A mailing every Thursday to everyone who agreed, and what became of it."""
    readers = people.drop("store").filter("email_opt_in")
    weeks = range(1, DAYS, 7)
    topics = pick(rng, _CATEGORIES, len(weeks), [0.2, 0.13, 0.22, 0.1, 0.1, 0.25]).to_list()
    mailings = [
        wave(readers, day, 9).with_columns(
            day=pl.lit(day),
            campaign_id=pl.lit(f"news_{number:02d}"),
            category=pl.lit(topic),
        )
        for number, (day, topic) in enumerate(zip(weeks, topics, strict=True), 1)
    ]
    sent = pl.concat(mailings, rechunk=True).with_columns(
        event=pl.lit("email_sent"), message_id=pl.format("m{}", pl.row_index() + 1_000_000)
    )
    # People who unsubscribe or complain get no mail after.
    sour = np.where(sent["mood"].to_numpy() < -0.4, 0.009, 0.0025)
    left = once(later(rng, some(rng, sent, sour), 6))
    ways = ["email_unsubscribed", "email_complained"]
    left = left.with_columns(event=pick(rng, ways, left.height, [0.84, 0.16]))
    gone = left.select("person_id", gone_at="at")
    sent = sent.join(gone, on="person_id", how="left", maintain_order="left").filter(
        pl.col("gone_at").is_null() | (pl.col("at") <= pl.col("gone_at"))
    )
    sent = sent.drop("gone_at")
    bounced = some(rng, sent, 0.008).with_columns(event=pl.lit("email_bounced"))
    around = (sent["day"] / sent["last"].clip(1)).to_numpy()
    liking = sent["likes_email"].to_numpy() * np.where(around > 1, 0.08, 1)
    liking = liking * np.where(sent["trend"] == "fading", 1.15 - 0.9 * around, 1)
    opened = later(rng, some(rng, sent, liking), 7).with_columns(event=pl.lit("email_opened"))
    clicked = later(rng, some(rng, opened, 0.05 + 0.35 * opened["likes_email"].to_numpy()), 0.05)
    clicked = clicked.with_columns(
        event=pl.lit("email_clicked"), link=pl.format("https://juniper.example/{}", "category")
    )
    machine = later(rng, sent.filter("machine_opens"), 0.01)
    machine = machine.with_columns(event=pl.lit("email_opened"), is_machine=pl.lit(True))
    return events(*(part.drop("day") for part in (sent, bounced, opened, clicked, machine, left)))


def messaging(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """A push message every Tuesday, an SMS a month, in-app notes; and what became of them."""
    base = people.drop("store")
    pushed = _sent(rng, base.filter("push_opt_in"), range(6, DAYS, 7), 18, "push")
    opened = later(rng, some(rng, pushed, pushed["likes_push"].to_numpy()), 3)
    disabled = once(later(rng, some(rng, pushed, 0.005), 5))
    texted = _sent(rng, base.filter("sms_opt_in"), range(10, DAYS, 30), 12, "sms")
    tapped = later(rng, some(rng, texted, 0.09), 2).with_columns(link=pl.lit("https://juniper.example/app"))
    stopped = once(later(rng, some(rng, texted, 0.012), 2))
    shown = happen(rng, base, 2.2 * people["likes_app"].to_numpy())
    shown = shown.with_columns(
        campaign_id=pl.lit("recipe_tip"),
        category=pick(rng, ["recipes", "club"], shown.height),
        message_id=pl.format("in_app-{}", pl.row_index() + 1),
    )
    followed = later(rng, some(rng, shown, 0.22), 0.01)
    named = {"push_sent": pushed, "push_opened": opened, "push_disabled": disabled, "sms_sent": texted}
    named |= {
        "sms_clicked": tapped.with_columns(link=pl.lit("https://juniper.example/app")),
        "sms_stopped": stopped,
    }
    named |= {"in_app_shown": shown, "in_app_clicked": followed}
    return events(*(part.with_columns(event=pl.lit(name)) for name, part in named.items()))


def _sent(rng: Rng, people: pl.DataFrame, days: range, hour: int, kind: str) -> pl.DataFrame:
    """One message to everyone on each of the days."""
    waves = [
        wave(people, day, hour).with_columns(campaign_id=pl.lit(f"{kind}_{number:02d}"))
        for number, day in enumerate(days, 1)
    ]
    topics = pick(rng, ["recipes", "sale", "courses"], sum(wave.height for wave in waves))
    return pl.concat(waves, rechunk=True).with_columns(
        category=topics, message_id=pl.format("{}-{}", pl.lit(kind), pl.row_index() + 1)
    )


def shop(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """Carts, some of which become orders, some of which come back; and who thinks of protecting theirs."""
    carts = happen(rng, people.drop("store"), 3.5 * people["likes_shop"].to_numpy())
    carts = carts.with_columns(
        event=pl.lit("cart_added"), category=pick(rng, _CATEGORIES, carts.height, _CATEGORY_SHARES)
    )
    carts = _with_product(rng, carts)
    ordered = later(rng, some(rng, carts, 0.52), 1.5).drop("product", "category", "price")
    items = rng.geometric(0.5, ordered.height)
    ordered = ordered.with_columns(
        event=pl.lit("order_completed"),
        value=pl.Series(np.round(rng.lognormal(3.5, 0.75, ordered.height) * items**0.5, 2)),
        items=pl.Series(items),
        coupon=sometimes(rng, ordered, "SPRING10", 0.27),
        first_order=(pl.int_range(pl.len()).over("person_id") == 0) & (pl.col("first") > 0),
    )
    sour = 0.05 + 0.12 * (ordered["mood"].to_numpy() < -0.2)
    returned = later(rng, some(rng, ordered, sour), 150).drop("coupon", "first_order")
    reasons = ["did not fit", "damaged", "changed my mind", "late"]
    returned = returned.with_columns(
        event=pl.lit("order_returned"), reason=pick(rng, reasons, returned.height, [0.3, 0.25, 0.35, 0.1])
    )
    # From a stream of its own, so that the carts are the same with and without it.
    return events(carts, ordered, returned, *_protection(rng.spawn(1)[0], people))


def _protection(rng: Rng, people: pl.DataFrame) -> list[pl.DataFrame]:
    """Looks at the protection plans for appliances, prices asked for them, and plans bought, one a person."""
    careful = rng.beta(1, 3, people.height) * (0.6 + people["age"].to_numpy() / 60)
    viewed = happen(rng, people.drop("store"), 2.2 * careful * people["likes_shop"].to_numpy())
    viewed = viewed.with_columns(
        product=pl.format("appliances-{}", pl.Series(rng.integers(1, 20, viewed.height)))
    )
    quoted = later(rng, some(rng, viewed, 0.4), 3)
    bought = once(later(rng, some(rng, quoted, 0.35), 60))
    bought = bought.with_columns(value=pl.Series(rng.choice([19.9, 39.9, 69.9], bought.height)))
    named = {"protection_viewed": viewed, "protection_quoted": quoted, "protection_bought": bought}
    return [part.with_columns(event=pl.lit(name)) for name, part in named.items()]


def tills(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """Receipts of people who chose a store, and the workshops there."""
    near = people.filter(pl.col("store").is_not_null())
    bought = happen(rng, near, 2.8 * near["likes_shop"].to_numpy())
    items = rng.geometric(0.4, bought.height)
    bought = bought.with_columns(
        event=pl.lit("store_purchase"),
        items=pl.Series(items),
        value=pl.Series(np.round(rng.lognormal(3.0, 0.7, bought.height) * items**0.5, 2)),
    )
    attended = happen(rng, near, 0.12 + 0.5 * near["likes_courses"].to_numpy())
    attended = attended.with_columns(
        event=pl.lit("workshop_attended"),
        topic=pick(rng, ["knife skills", "sourdough", "espresso", "kimchi"], attended.height),
        held_on=pl.col("at").dt.date(),
    )
    return events(bought, attended)


def social(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """Follows, likes and shares of the third who linked an account."""
    linked = people.drop("store").filter(pl.Series(rng.random(people.height) < 0.33))
    linked = linked.with_columns(network=pick(rng, ["photo", "video", "forum"], linked.height))
    fond = np.clip(linked["mood"].to_numpy() + 0.8, 0.1, 3)
    followed = once(happen(rng, linked, 0.35 * fond))
    liked, shared = happen(rng, linked, 3.4 * fond), happen(rng, linked, 0.5 * fond)
    named = {"social_followed": followed, "post_liked": liked, "post_shared": shared}
    return events(*(part.with_columns(event=pl.lit(name)) for name, part in named.items()))


def care(rng: Rng, people: pl.DataFrame) -> pl.DataFrame:
    """Survey answers, reviews and tickets; their tone follows the person's mood."""
    base = people.drop("store")
    mood = base["mood"].to_numpy()
    answered = happen(rng, base, 0.45).with_columns(
        event=pl.lit("survey_answered"), survey=pl.lit("recommend")
    )
    rating = np.clip(np.round(rng.normal(7.4 + 1.9 * answered["mood"].to_numpy(), 1.4)), 0, 10).astype(int)
    reviewed = happen(rng, base, 0.3).with_columns(event=pl.lit("review_written"))
    reviewed = _with_product(rng, reviewed.with_columns(category=pick(rng, _CATEGORIES[:5], reviewed.height)))
    reviewed = reviewed.drop("category", "price").with_columns(stars=_stars(rng, reviewed))
    opened = happen(rng, base, np.where(mood < -0.2, 0.7, 0.15)).with_columns(event=pl.lit("ticket_opened"))
    topics = ["delivery", "invoice", "app", "course", "return"]
    opened = opened.with_columns(
        topic=pick(rng, topics, opened.height),
        priority=pick(rng, ["low", "normal", "high"], opened.height, [0.3, 0.42, 0.28]),
    )
    rated = later(rng, some(rng, opened, 0.4), 40).drop("priority").with_columns(event=pl.lit("ticket_rated"))
    rated = rated.with_columns(stars=_stars(rng, rated))
    return events(answered.with_columns(rating=pl.Series(rating)), reviewed, opened, rated)


def _stars(rng: Rng, frame: pl.DataFrame) -> pl.Series:
    drawn = np.round(rng.normal(3.5 + 0.9 * frame["mood"].to_numpy(), 0.8))
    return pl.Series(np.clip(drawn, 1, 5).astype(int))
