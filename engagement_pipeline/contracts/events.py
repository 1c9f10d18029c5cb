"""What an event must be to count, and the split of candidates into valid events and rejected rows.

Here: the rules for rows that a mapping produced. Not here: reading and mapping raw rows (`ingestion`),
events that contradict one another (`core.events`), what the stored table promises (`tables`).

A candidate frame has the columns of `event_schema(catalog)`, every one nullable, plus `file` and `raw`, and
optionally, where the mapping found text that it could not read:

- `malformed` (text): why the row could not be read at all; no other rule then speaks of the row;
- `signal.<name>`: what a later verdict needs; it stays on valid events;
- `text.<column>` (text): what stood where `occurred_at`, `value`, `is_machine` or a declared property was
  mapped from. The value is unreadable when this is not blank and the column is null;
- `expected.occurred_at` (text): what a time would have to look like there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import get_args

import pandera.polars as pa
import polars as pl
import polars.selectors as cs

from engagement_pipeline.catalog.specs import Catalog, Channel, PropertyType
from engagement_pipeline.contracts.rules import SHOWN, failures, rule, unusable_id
from engagement_pipeline.core.frames import REJECTED, event_schema
from engagement_pipeline.core.text import filled

TEXT, SIGNAL, EXPECTED = "text.", "signal.", "expected.occurred_at"
KINDS: dict[PropertyType, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-04-30",
}


@dataclass(frozen=True)
class RowRule:
    """One reason to reject a row: `broken` is true for such rows, `reason` says why in words."""

    name: str
    broken: pl.Expr
    reason: pl.Expr


@dataclass(frozen=True)
class Split:
    """`valid` has the columns of `event_schema`, and `signal.` columns where given; `rejected` those of
    `REJECTED`, one row per row and rule."""

    valid: pl.DataFrame
    rejected: pl.DataFrame

    @property
    def rejected_rows(self) -> int:
        """Raw rows with at least one broken rule."""
        return self.rejected.select("batch", "row_number").unique().height


def split(df: pl.DataFrame, catalog: Catalog) -> Split:
    """Valid events and rejected rows of a candidate frame (see the module's docstring).

    Raises ContractBroken when a column is missing or has another type, TypeError for a lazy frame.
    """
    if not isinstance(df, pl.DataFrame):
        raise TypeError(f"events are split in memory: collect the {type(df).__name__} first")
    schema = event_schema(catalog)
    rules = row_rules(catalog, df.columns)
    broken = failures(df, candidate_schema(catalog, rules))
    rejected = [
        df.filter(broken[each.name]).select(
            "batch", "file", "row_number", rule=pl.lit(each.name), reason=each.reason, raw=pl.col("raw")
        )
        for each in rules
        if each.name in broken
    ]
    bad = pl.Series("bad", [False]).new_from_index(0, df.height)
    for mask in broken.values():
        bad = bad | mask
    return Split(
        valid=df.filter(~bad).select(*schema.names(), cs.starts_with(SIGNAL)),
        rejected=pl.concat([REJECTED.to_frame(), *rejected]).sort("batch", "row_number", "rule"),
    )


def candidate_schema(catalog: Catalog, rules: list[RowRule]) -> pa.DataFrameSchema:
    """The pandera schema of candidates: right columns and types, and every row rule as a named check."""
    columns = {**event_schema(catalog), "file": pl.String(), "raw": pl.String()}
    return pa.DataFrameSchema(
        {name: pa.Column(kind, nullable=True) for name, kind in columns.items()},
        checks=[rule(each.name, ~each.broken) for each in rules],
        name="event candidates",
    )


def row_rules(catalog: Catalog, columns: list[str]) -> list[RowRule]:
    """Every rule that applies to a candidate frame with these columns, in the order of reasons."""
    readable = pl.col("malformed").is_null() if "malformed" in columns else pl.lit(True)
    rules = [
        *_identity(catalog),
        *_times(catalog, columns),
        *_values(catalog, columns),
        *_properties(catalog, columns),
    ]
    rules = [RowRule(each.name, (each.broken & readable).fill_null(False), each.reason) for each in rules]
    if "malformed" in columns:
        rules.insert(0, RowRule("malformed_row", ~readable, _shown("malformed", quoted=False)))
    return rules


def _blank(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "")


def _shown(column: str, *, quoted: bool = True) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    cut = (
        pl.when(text.str.len_chars() > SHOWN)
        .then(pl.concat_str(text.str.head(SHOWN), pl.lit("…")))
        .otherwise(text)
    )
    return filled("'{}'", cut) if quoted else cut


def _instant(at: pl.Expr) -> pl.Expr:
    return at.dt.strftime("%Y-%m-%d %H:%M:%S UTC")


def _unreadable(column: str, columns: list[str]) -> pl.Expr:
    if TEXT + column not in columns:
        return pl.lit(False)
    return pl.col(column).is_null() & ~_blank(TEXT + column)


def _identity(catalog: Catalog) -> Iterator[RowRule]:
    for column, what in (("event_id", "event id"), ("person_id", "person id"), ("event", "event name")):
        yield RowRule(f"missing_{column}", _blank(column), pl.lit(f"the row has no {what}, or a blank one"))
    yield RowRule("unusable_person_id", *unusable_id("person_id"))
    if not catalog.project.keep_unknown_events:
        yield RowRule(
            "unknown_event",
            ~_blank("event") & ~pl.col("event").is_in(sorted(catalog.events)),
            filled(
                "the event {} is not in the tracking plan: add it to events.yaml, or map it in the source",
                _shown("event"),
            ),
        )
    known = pl.col("event").is_in(sorted(catalog.events)) | pl.lit(catalog.project.keep_unknown_events)
    yield RowRule(
        "unknown_channel",
        known & ~pl.col("channel").is_in(list(get_args(Channel))).fill_null(False),
        filled("the channel {} is none of the channels known", _shown("channel").fill_null("(none)")),
    )


def _times(catalog: Catalog, columns: list[str]) -> Iterator[RowRule]:
    project, limits = catalog.project, catalog.project.limits
    unreadable = _unreadable("occurred_at", columns)
    at, seen = pl.col("occurred_at"), pl.col("received_at")
    yield RowRule(
        "missing_time", at.is_null() & ~unreadable, pl.lit("the row does not say when the event happened")
    )
    if TEXT + "occurred_at" in columns:
        yield RowRule(
            "unreadable_time",
            unreadable,
            filled(
                "the time {} cannot be read: it must be {}",
                _shown(TEXT + "occurred_at"),
                EXPECTED if EXPECTED in columns else pl.lit("written as the source declares"),
            ),
        )
    future = at > seen + pl.duration(minutes=limits.future_minutes)
    yield RowRule(
        "future_time",
        future,
        filled(
            f"the event claims {{}}, more than {limits.future_minutes} minutes after it was received ({{}})",
            _instant(at),
            _instant(seen),
        ),
    )
    ancient = at < seen - pl.duration(days=limits.past_days)
    yield RowRule(
        "ancient_time",
        ancient,
        filled(
            f"the event claims {{}}, more than {limits.past_days} days before it was received; "
            "limits.past_days in project.yaml says how old it may be",
            _instant(at),
        ),
    )
    yield from _project_days(project.start_date, project.end_date)


def _project_days(start: date, end: date | None) -> Iterator[RowRule]:
    """Events outside the project's days have no partition to stand in; said, not dropped."""
    day = pl.col("event_date")
    yield RowRule(
        "before_start",
        day < start,
        filled(f"the event's day {{}} lies before the project's start_date {start}", day.cast(pl.String)),
    )
    if end is not None:
        yield RowRule(
            "after_end",
            day > end,
            filled(f"the event's day {{}} lies after the project's end_date {end}", day.cast(pl.String)),
        )


def _values(catalog: Catalog, columns: list[str]) -> Iterator[RowRule]:
    value, limit = pl.col("value"), catalog.project.limits.value
    yield RowRule(
        "not_finite_value", ~value.is_finite(), filled("the value {} is not a number", _shown("value"))
    )
    yield RowRule(
        "value_out_of_range",
        value.is_finite() & (value.abs() > limit),
        filled(f"the value {{}} is beyond limits.value ({limit:g})", value.cast(pl.String)),
    )
    for column, what in (("value", "a number"), ("is_machine", "true or false")):
        if TEXT + column in columns:
            yield RowRule(
                f"unreadable_{column}",
                _unreadable(column, columns),
                filled(f"{column}: {{}} is not {what}", _shown(TEXT + column)),
            )


def _properties(catalog: Catalog, columns: list[str]) -> Iterator[RowRule]:
    declared = {name: kind for name, kind in catalog.properties.items() if TEXT + name in columns}
    numbers = [name for name, kind in catalog.properties.items() if kind == "number"]
    if declared:
        reasons = [
            pl.when(_unreadable(name, columns)).then(
                filled(f"property {name}: {{}} is not {KINDS[kind]}", _shown(TEXT + name))
            )
            for name, kind in declared.items()
        ]
        yield RowRule(
            "unreadable_property",
            pl.any_horizontal(_unreadable(name, columns) for name in declared),
            pl.concat_str(reasons, separator="; ", ignore_nulls=True),
        )
    if numbers:
        yield RowRule(
            "not_finite_property",
            pl.any_horizontal((~pl.col(name).is_finite()).fill_null(False) for name in numbers),
            pl.concat_str(
                [
                    pl.when(~pl.col(name).is_finite()).then(
                        filled(f"property {name}: {{}} is not a number", _shown(name))
                    )
                    for name in numbers
                ],
                separator="; ",
                ignore_nulls=True,
            ),
        )
