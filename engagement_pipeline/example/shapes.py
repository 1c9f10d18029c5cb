"""How each provider of the sample writes its events down.

Here: one function per source, from the frame that `behaviour` gives to the provider's columns (all text, as
in a CSV) or to JSON lines in the column `line`; beside them `moment`, the local time, to cut files by.
Not here: cutting into files (`generate`) and mistakes (`flaws`).
"""

from collections.abc import Callable

import polars as pl

from engagement_pipeline.example.people import TIMEZONE

WEB_NAMES = {
    "page_viewed": "Page Viewed",
    "product_viewed": "Product Viewed",
    "article_read": "Article Read",
    "searched": "Searched",
}
EMAIL_NAMES = {
    "email_sent": "sent",
    "email_bounced": "bounce",
    "email_opened": "open",
    "email_clicked": "click",
    "email_unsubscribed": "unsubscribe",
    "email_complained": "spamreport",
}
COURSE_NAMES = {"lesson_watched": "watched", "course_completed": "completed"}
SOCIAL_NAMES = {"social_followed": "follow", "post_liked": "like", "post_shared": "share"}

_INSTANT = pl.col("at").dt.replace_time_zone(TIMEZONE)
_ISO_UTC = _INSTANT.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
_ISO_OFFSET = _INSTANT.dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
_MOMENT = pl.col("at").alias("moment")


def _id(prefix: str) -> pl.Expr:
    number = pl.row_index() + 1
    return pl.format("{}-{}", pl.lit(prefix), number.cast(pl.String).str.zfill(6))


def _lines(events: pl.DataFrame, **record: pl.Expr) -> pl.DataFrame:
    fields = [value.alias(name) for name, value in record.items()]
    return events.select(_MOMENT, line=pl.struct(fields).struct.json_encode())


def _text(events: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    return events.select(_MOMENT, **{name: value.cast(pl.String) for name, value in columns.items()})


def _part(**fields: pl.Expr) -> pl.Expr:
    return pl.struct([value.alias(name) for name, value in fields.items()])


def web(events: pl.DataFrame) -> pl.DataFrame:
    """The tracker's nested records, times in UTC."""
    names = ("page", "category", "product", "price", "results")
    return _lines(
        events,
        messageId=_id("web"),
        type=pl.lit("track"),
        userId=pl.col("person_id"),
        event=pl.col("event").replace_strict(WEB_NAMES),
        timestamp=_ISO_UTC,
        properties=_part(
            **{name: pl.col(name) for name in names}, query=pl.col("words"), minutes=pl.col("value")
        ),
        context=_part(sessionId=pl.col("session_id"), campaign=_part(id=pl.col("campaign_id"))),
    )


def app(events: pl.DataFrame) -> pl.DataFrame:
    """The app's own log, times in milliseconds since 1970."""
    return _lines(
        events,
        id=_id("app"),
        name=pl.col("event"),
        ts=_INSTANT.dt.epoch("ms"),
        session=pl.col("session_id"),
        user=_part(id=pl.col("person_id"), platform=pl.col("platform")),
        params=_part(recipe=pl.col("recipe"), category=pl.col("category")),
    )


def courses(events: pl.DataFrame) -> pl.DataFrame:
    """Rows without an id, times local without saying so."""
    return _text(
        events,
        learner=pl.col("person_id"),
        action=pl.col("event").replace_strict(COURSE_NAMES),
        at=pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S"),
        course=pl.col("course"),
        lesson=pl.col("lesson"),
        minutes=pl.col("value"),
        certificate=pl.col("certificate"),
    )


def email(events: pl.DataFrame) -> pl.DataFrame:
    """The mail provider's rows, times in seconds since 1970."""
    return _text(
        events,
        event_id=_id("mail"),
        type=pl.col("event").replace_strict(EMAIL_NAMES),
        contact=pl.col("person_id"),
        timestamp=_INSTANT.dt.epoch("s"),
        mailing=pl.col("campaign_id"),
        message_id=pl.col("message_id"),
        category=pl.col("category"),
        url=pl.col("link"),
        machine_open=pl.col("is_machine"),
    )


def messaging(events: pl.DataFrame) -> pl.DataFrame:
    """Rows with German local times."""
    return _text(
        events,
        id=_id("msg"),
        event=pl.col("event"),
        customer_ref=pl.col("person_id"),
        time=pl.col("at").dt.strftime("%d.%m.%Y %H:%M:%S"),
        campaign=pl.col("campaign_id"),
        message=pl.col("message_id"),
        topic=pl.col("category"),
        link=pl.col("link"),
    )


def shop(events: pl.DataFrame) -> pl.DataFrame:
    """The shop's nested records, times with their offset."""
    currency = pl.when(pl.col("value").is_not_null()).then(pl.lit("EUR"))
    return _lines(
        events,
        event_id=_id("shop"),
        kind=pl.col("event"),
        at=_ISO_OFFSET,
        customer=_part(id=pl.col("person_id")),
        total=_part(amount=pl.col("value"), currency=currency),
        order=_part(
            items=pl.col("items"),
            coupon=pl.col("coupon"),
            first=pl.col("first_order"),
            reason=pl.col("reason"),
        ),
        line=_part(**{name: pl.col(name) for name in ("product", "category", "price")}),
    )


def tills(events: pl.DataFrame) -> pl.DataFrame:
    """Typed rows, for parquet; times local without saying so."""
    return events.select(
        _MOMENT,
        receipt=_id("till"),
        card="person_id",
        kind="event",
        printed_at="at",
        total="value",
        items="items",
        store="store",
        topic="topic",
        held_on="held_on",
    )


def social(events: pl.DataFrame) -> pl.DataFrame:
    """Rows with times in UTC."""
    return _text(
        events,
        id=_id("soc"),
        person=pl.col("person_id"),
        action=pl.col("event").replace_strict(SOCIAL_NAMES),
        at=_ISO_UTC,
        network=pl.col("network"),
    )


def care(events: pl.DataFrame) -> pl.DataFrame:
    """The help desk's records, times with their offset."""
    names = ("survey", "rating", "product", "stars", "topic", "priority")
    return _lines(
        events,
        uid=_id("care"),
        type=pl.col("event"),
        requester=pl.col("person_id"),
        created=_ISO_OFFSET,
        data=_part(**{name: pl.col(name) for name in names}),
    )


SHAPES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "web": web,
    "app": app,
    "courses": courses,
    "email": email,
    "messaging": messaging,
    "shop": shop,
    "tills": tills,
    "social": social,
    "care": care,
}
