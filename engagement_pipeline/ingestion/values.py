"""Text to typed values: times, numbers, booleans, dates. Null for what cannot be read; the caller tells.

Here: expressions over a text column whose blanks are null already. Not here: which column is meant
(`canonical`, `profiles`) and whether a value is allowed (`contracts`).
"""

import re
from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from engagement_pipeline.catalog.specs import Origin, PropertyType, Rates
from engagement_pipeline.catalog.times import CALENDAR, EPOCHS, ISO, RECEIVED, UNITS, Since, since
from engagement_pipeline.core.frames import UTC_MICROS

NO_ID = ["", "null", "none", "nan", "undefined"]
"""What programs write for an id they do not have, in any case: no person is called so."""
TRUE = ["true", "t", "yes", "y", "1"]
FALSE = ["false", "f", "no", "n", "0"]

FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999; polars' calendar wraps or panics far beyond."""

WITH_OFFSET = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"]
WITHOUT_OFFSET = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
OFFSETS = ("%z", "%#z", "%:z", "%::z", "%+")
DAY = "%Y-%m-%d"
ISO_DAY = r"^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:.*)?$"


DIGITS = 15
"""Significant digits of a product: 1999 x 0.01 is 19.99, not 19.990000000000002."""


def field_text(origin: Origin, prefix: str) -> pl.Expr:
    """The text of a mapped field, stripped, in its case and renamed; blank is null. Columns are `prefix` +
    path. Where a factor is wanted and unknown, the text says so, and so is no number."""
    text = _found(origin, prefix)
    if origin.extract is not None:
        text = text.str.extract(origin.extract).str.strip_chars()
    if origin.case == "lower":
        text = text.str.to_lowercase()
    elif origin.case == "snake":
        text = _snake(text)
    if origin.names:
        text = text.replace(origin.names) if origin.others is None else _renamed(text, origin)
    text = text.replace("", None)
    if origin.default is not None:
        text = text.fill_null(origin.default)
    if origin.decimal is not None:
        text = _digits(text, origin.decimal)
    known = factor(origin, prefix)
    if isinstance(origin.multiply, Rates) and known is not None:
        unit = _unit(origin.multiply, prefix).fill_null("(nothing)")
        lost = pl.concat_str(text, pl.lit(" in "), unit, pl.lit(", which has no factor"))
        text = pl.when(known.is_not_null()).then(text).otherwise(lost)
    return text


def id_text(origin: Origin, prefix: str) -> pl.Expr:
    """The text of a mapped id; null where it only says that there is none."""
    text = field_text(origin, prefix)
    return pl.when(~text.str.to_lowercase().is_in(NO_ID)).then(text)


def factor(origin: Origin, prefix: str) -> pl.Expr | None:
    """What a number of this origin is multiplied by, null where its unit has no factor."""
    if isinstance(origin.multiply, Rates):
        unit = _unit(origin.multiply, prefix)
        return unit.replace_strict(origin.multiply.factors, default=None, return_dtype=pl.Float64)
    return None if origin.multiply is None else pl.lit(origin.multiply)


def _unit(rates: Rates, prefix: str) -> pl.Expr:
    unit = _stripped(prefix + rates.path)
    return unit if rates.default is None else unit.fill_null(rates.default)


def _renamed(text: pl.Expr, origin: Origin) -> pl.Expr:
    """The new names; `others` for what has none."""
    return pl.when(text.is_not_null()).then(text.replace_strict(origin.names, default=origin.others))


def _digits(text: pl.Expr, decimal: str) -> pl.Expr:
    """Numbers as people write them, as programs do; other text says what it lacks, and so is no number."""
    bare = text.str.replace_all(r"[\p{Sc}\s]|^\+", "")
    group = r"[.']" if decimal == "," else r"[,']"
    fraction = rf"(?:{re.escape(decimal)}\d+)?"
    written = bare.str.contains(rf"^-?(?:\d+|\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}}){fraction}$")
    plain = bare.str.replace_all(group, "").str.replace(decimal, ".", literal=True)
    lost = pl.concat_str(text, pl.lit(f" with a decimal {'comma' if decimal == ',' else 'point'}"))
    return pl.when(written | text.is_null()).then(plain).otherwise(lost)


def _found(origin: Origin, prefix: str) -> pl.Expr:
    if origin.constant is not None:
        return pl.lit(origin.constant)
    if origin.join is not None:
        return pl.concat_str([_stripped(prefix + path) for path in origin.join], separator=origin.separator)
    return pl.coalesce([_stripped(prefix + path) for path in origin.path or []])


def _stripped(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().replace("", None)


def _snake(text: pl.Expr) -> pl.Expr:
    parted = text.str.replace_all(r"(\p{Ll}|\p{N})(\p{Lu})", "${1}_${2}")
    parted = parted.str.replace_all(r"(\p{Lu})(\p{Lu}\p{Ll})", "${1}_${2}")
    return parted.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "_").str.strip_chars("_")


def as_type(
    text: pl.Expr, kind: PropertyType, factor: pl.Expr | None = None, forms: Sequence[str] | None = None
) -> pl.Expr:
    """Text as a declared property's type. A whole number may be written `3.0`; a date may carry a time.
    Numbers are multiplied by `factor`, dates written in the first of `forms` that fits, else ISO 8601."""
    if kind == "text":
        return text
    if kind == "boolean":
        return as_boolean(text)
    if kind == "number":
        return as_number(text, factor)
    if kind == "date":
        return pl.coalesce(_date(text, form) for form in forms or [ISO])
    number = as_number(text, factor)
    # Beyond 2^53 a float no longer knows its last digits: only `3.0`, never `9007199254740993.0`.
    whole = pl.when((number.floor() == number) & (number.abs() < 2**53)).then(number)
    if factor is not None:
        return whole.cast(pl.Int64, strict=False)
    return pl.coalesce(text.cast(pl.Int64, strict=False), whole.cast(pl.Int64, strict=False))


def _date(text: pl.Expr, form: str) -> pl.Expr:
    if form == ISO:
        return text.str.extract(ISO_DAY).str.to_date(DAY, strict=False)
    return text.str.to_date(form, strict=False)


def as_number(text: pl.Expr, factor: pl.Expr | None = None) -> pl.Expr:
    """Text as Float64, multiplied by `factor`; `NaN` and `inf` are read as such, for the contract to refuse
    by name."""
    number = text.cast(pl.Float64, strict=False)
    return number if factor is None else (number * factor).round_sig_figs(DIGITS)


def as_boolean(text: pl.Expr) -> pl.Expr:
    """true/false, t/f, yes/no, y/n, 1/0 in any case."""
    word = text.str.to_lowercase()
    return pl.when(word.is_in(TRUE)).then(True).when(word.is_in(FALSE)).then(False)


def mapped_times(rows: pl.DataFrame, origin: Origin, prefix: str, zone: str) -> tuple[pl.Series, pl.Series]:
    """The text of a mapped time, and the instant, in rows with `received_at`. Where that is the time, there
    is no text."""
    if origin.constant == RECEIVED:
        return pl.Series([None], dtype=pl.String).new_from_index(0, rows.height), rows["received_at"]
    if origin.default != RECEIVED:
        text = _texts(rows, origin, prefix)
        return text, read_times(text, origin, zone)
    said = origin.model_copy(update={"default": None})
    text = _texts(rows, said, prefix)
    return text, read_times(text, said, zone).zip_with(text.is_not_null(), rows["received_at"])


def _texts(rows: pl.DataFrame, origin: Origin, prefix: str) -> pl.Series:
    """A text for every row, of a constant too."""
    return rows.with_columns(field_text(origin, prefix).alias("text"))["text"]


def by_receipt(origin: Origin) -> bool:
    """Whether the time of some rows is when they were received."""
    return RECEIVED in (origin.constant, origin.default)


def read_times(text: pl.Series, origin: Origin, zone: str) -> pl.Series:
    """Text as instants (UTC microseconds): an epoch, a count of hours or the like, a declared pattern, or
    ISO 8601; of several formats the first that fits.

    A time without an offset is in the origin's zone, else in `zone`. Of an hour that the clocks repeat the
    first is meant; a time that they skip is read as if they had not.
    """
    read = pl.Series(text.name, [None], dtype=UTC_MICROS).new_from_index(0, text.len())
    for form in origin.format or [ISO]:
        left = text.set(read.is_not_null(), None)
        if left.null_count() < left.len():
            read = read.zip_with(read.is_not_null(), _times_as(left, form, origin.timezone or zone))
    return read


def _times_as(text: pl.Series, form: str, zone: str) -> pl.Series:
    if form in EPOCHS:
        return _instants(text, EPOCHS[form])
    if (count := since(form)) is not None:
        return _counted(text, count, zone)
    forms = WITHOUT_OFFSET + WITH_OFFSET + [DAY] if form == ISO else [form]
    read = pl.Series(text.name, [None], dtype=UTC_MICROS).new_from_index(0, text.len())
    # Each pattern costs a pass over the rows, nearly always that of the first row is enough; no text fits two
    # of them.
    first = text.drop_nulls().head(1)
    for form in sorted(forms, key=lambda form: _read_as(first, form, zone).null_count()):
        left = read.is_null() & text.is_not_null()
        if not left.any():
            break
        found = _read_as(text if left.all() else text.set(~left, None), form, zone)
        read = found if left.all() else read.zip_with(read.is_not_null(), found)
    # Some patterns leave the calendar, such as one without a year.
    return read.set(~read.to_physical().is_between(FIRST_MICROS, LAST_MICROS), None)


def _read_as(text: pl.Series, form: str, zone: str) -> pl.Series:
    if form == DAY:
        return _in_zone(text.str.to_date(DAY, strict=False).cast(pl.Datetime("us")), zone)
    if any(offset in form for offset in OFFSETS):
        return text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
    return _in_zone(text.str.to_datetime(form, strict=False, time_unit="us"), zone)


def _in_zone(naive: pl.Series, zone: str) -> pl.Series:
    def placed(time: pl.Series) -> pl.Series:
        local = time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return local.dt.convert_time_zone("UTC")

    there = placed(naive)
    if there.null_count() == naive.null_count():
        return there
    hour = timedelta(hours=1)
    return there.zip_with(there.is_not_null(), placed(naive - hour) + hour)


def _counted(text: pl.Series, count: Since, zone: str) -> pl.Series:
    start = pl.Series([count.start], dtype=pl.Datetime("us"))
    nanos = UNITS[count.unit] * 1_000_000_000
    if count.unit in CALENDAR:
        local = _instants(text, nanos, start.to_physical().item())
        return _in_zone(local.dt.replace_time_zone(None), zone)
    return _instants(text, nanos, _in_zone(start, zone).to_physical().item())


def _instants(text: pl.Series, nanos: int, start: int = 0) -> pl.Series:
    """Numbers of units of so many nanoseconds from `start`, which is in microseconds; fractions of a
    microsecond are cut where the number is whole, and rounded where it is not."""
    number = pl.col("text")
    whole = number.cast(pl.Int64, strict=False).cast(pl.Int128) * nanos // 1_000 + start
    broken = (number.cast(pl.Float64, strict=False) * (nanos * 0.001) + (start + 0.5)).floor()
    instant = pl.coalesce(whole.cast(pl.Int64, strict=False), broken.cast(pl.Int64, strict=False))
    inside = pl.when(instant.is_between(FIRST_MICROS, LAST_MICROS)).then(instant)
    return text.to_frame("text").select(inside.cast(UTC_MICROS)).to_series()
