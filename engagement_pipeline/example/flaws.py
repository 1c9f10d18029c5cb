"""The mistakes real providers make, planted in the sample so that every safeguard has something to do.

Here: one function per source that spoils some rows, and what each mistake should be called. Each keeps far
below the share of rejected rows that would fail a file. Not here: files delivered late, twice or empty
(`generate`).
"""

from collections.abc import Callable

import numpy as np
import polars as pl

Rng = np.random.Generator


def _spots(rng: Rng, frame: pl.DataFrame, count: int) -> pl.Expr:
    """True in `count` rows drawn at random, in a small frame fewer."""
    drawn = np.zeros(frame.height, bool)
    drawn[rng.choice(frame.height, min(count, frame.height // 20), replace=False)] = True
    return pl.lit(pl.Series(drawn))


def _swap(rng: Rng, frame: pl.DataFrame, count: int, pattern: str, by: str) -> pl.DataFrame:
    """In `count` lines the text that matches `pattern` replaced."""
    return frame.with_columns(
        line=pl.when(_spots(rng, frame, count))
        .then(pl.col("line").str.replace(pattern, by))
        .otherwise("line")
    )


def _set(rng: Rng, frame: pl.DataFrame, count: int, column: str, value: str | None) -> pl.DataFrame:
    """In `count` rows the column set to `value`."""
    return frame.with_columns(
        pl.when(_spots(rng, frame, count)).then(pl.lit(value)).otherwise(column).alias(column)
    )


def _again(rng: Rng, frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """`count` rows sent a second time, word for word."""
    return pl.concat([frame, frame.filter(_spots(rng, frame, count))]).sort("moment", maintain_order=True)


def web(rng: Rng, lines: pl.DataFrame) -> pl.DataFrame:
    """Retries, lines cut off, visitors without a login, an event nobody planned."""
    lines = _again(rng, lines, lines.height // 100)
    lines = _swap(rng, lines, 45, r'"timestamp.*$', '"timest')
    lines = _swap(rng, lines, 160, r'"userId":"[^"]*"', '"userId":""')
    return _swap(rng, lines, 70, r'"event":"[^"]*"', '"event":"Beta Banner Closed"')


def app(rng: Rng, lines: pl.DataFrame) -> pl.DataFrame:
    """Phones whose clock is in 2099 or in 1970, and a line of a crash report."""
    lines = _again(rng, lines, lines.height // 150)
    lines = _swap(rng, lines, 24, r'"ts":\d+', '"ts":4083955200000')
    lines = _swap(rng, lines, 13, r'"ts":\d+', '"ts":0')
    return _swap(rng, lines, 6, r"^.*$", "FATAL EXCEPTION: main at kitchen.Timer.run(Timer.kt:41)")


def courses(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """A player that divides by nothing."""
    return _set(rng, _set(rng, rows, 9, "minutes", "NaN"), 4, "minutes", "inf")


def email(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """Mails to addresses that belong to nobody, and a type the plan does not know."""
    return _set(rng, _set(rng, rows, 55, "contact", None), 31, "type", "deferred")


def messaging(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """Times that are none."""
    return _set(rng, rows, 12, "time", "n/a")


def shop(rng: Rng, lines: pl.DataFrame) -> pl.DataFrame:
    """An amount past all reason, numbers in words."""
    lines = _swap(rng, lines, 30, r'"amount":[\d.]+', '"amount":99999999999')
    return _swap(rng, lines, 60, r'"items":\d+', '"items":"a few"')


def tills(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """Receipts without a loyalty card."""
    return _set(rng, rows, 110, "card", None)


def care(rng: Rng, lines: pl.DataFrame) -> pl.DataFrame:
    """Times in words."""
    return _swap(rng, lines, 5, r'"created":"[^"]*"', '"created":"yesterday"')


def crm(rng: Rng, rows: pl.DataFrame) -> pl.DataFrame:
    """An age in words, a row without an id."""
    return _set(rng, _set(rng, rows, 4, "age", "unknown"), 3, "customer_id", None)


FLAWS: dict[str, Callable[[Rng, pl.DataFrame], pl.DataFrame]] = {
    "web": web,
    "app": app,
    "courses": courses,
    "email": email,
    "messaging": messaging,
    "shop": shop,
    "tills": tills,
    "care": care,
}
PLANTED = {
    "malformed_row",
    "missing_person_id",
    "unknown_event",
    "future_time",
    "ancient_time",
    "not_finite_value",
    "unreadable_time",
    "value_out_of_range",
    "unreadable_property",
    "before_start",
    "after_end",
}
"""The rejection rules that the sample's events set off, conflicts of ids apart."""
