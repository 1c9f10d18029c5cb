"""Text to typed values: times, numbers, booleans, dates. Null for what cannot be read; the caller tells.

Here: expressions over a text column whose blanks are null already. Not here: which column is meant
(`canonical`, `profiles`) and whether a value is allowed (`contracts`).
"""

from datetime import timedelta

import polars as pl

from engagement_pipeline.catalog.specs import Origin, PropertyType
from engagement_pipeline.core.frames import UTC_MICROS

TRUE = ["true", "t", "yes", "y", "1"]
FALSE = ["false", "f", "no", "n", "0"]

EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999; polars' calendar wraps or panics far beyond."""

WITH_OFFSET = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"]
WITHOUT_OFFSET = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
OFFSETS = ("%z", "%#z", "%:z", "%::z", "%+")
DAY = "%Y-%m-%d"
ISO_DAY = r"^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:.*)?$"


def field_text(origin: Origin, prefix: str) -> pl.Expr:
    """The text of a mapped field, stripped and renamed; blank is null. Columns are `prefix` + path."""
    if origin.constant is not None:
        return pl.lit(origin.constant)
    texts = [pl.col(prefix + path).str.strip_chars().replace("", None) for path in origin.path or []]
    text = pl.coalesce(texts)
    if origin.names:
        text = text.replace(origin.names)
    return text.replace("", None)


def as_type(text: pl.Expr, kind: PropertyType) -> pl.Expr:
    """Text as a declared property's type. A whole number may be written `3.0`; a date may carry a time."""
    if kind == "text":
        return text
    if kind == "boolean":
        return as_boolean(text)
    if kind == "number":
        return as_number(text)
    if kind == "date":
        return text.str.extract(ISO_DAY).str.to_date(DAY, strict=False)
    number = as_number(text)
    # Beyond 2^53 a float no longer knows its last digits: only `3.0`, never `9007199254740993.0`.
    whole = pl.when((number.floor() == number) & (number.abs() < 2**53)).then(number)
    return pl.coalesce(text.cast(pl.Int64, strict=False), whole.cast(pl.Int64, strict=False))


def as_number(text: pl.Expr) -> pl.Expr:
    """Text as Float64; `NaN` and `inf` are read as such, for the contract to refuse by name."""
    return text.cast(pl.Float64, strict=False)


def as_boolean(text: pl.Expr) -> pl.Expr:
    """true/false, t/f, yes/no, y/n, 1/0 in any case."""
    word = text.str.to_lowercase()
    return pl.when(word.is_in(TRUE)).then(True).when(word.is_in(FALSE)).then(False)


def read_times(text: pl.Series, origin: Origin, zone: str) -> pl.Series:
    """Text as instants (UTC microseconds): an epoch, the declared pattern, or ISO 8601.

    A time without an offset is in the origin's zone, else in `zone`. Of an hour that the clocks repeat the
    first is meant; a time that they skip is read as if they had not.
    """
    if origin.format in EPOCHS:
        return text.to_frame("text").select(_epoch(pl.col("text"), EPOCHS[origin.format])).to_series()
    forms = WITHOUT_OFFSET + WITH_OFFSET + [DAY] if origin.format is None else [origin.format]
    read = pl.Series(text.name, [None], dtype=UTC_MICROS).new_from_index(0, text.len())
    # Each pattern costs a pass over the rows, nearly always one is enough; no text fits two of them.
    for form in forms:
        left = read.is_null() & text.is_not_null()
        if not left.any():
            break
        found = _read_as(text if left.all() else text.set(~left, None), form, origin.timezone or zone)
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


def _epoch(text: pl.Expr, micros: int) -> pl.Expr:
    whole = text.cast(pl.Int64, strict=False).cast(pl.Int128) * micros
    broken = (text.cast(pl.Float64, strict=False) * micros + 0.5).floor()
    instant = pl.coalesce(whole.cast(pl.Int64, strict=False), broken.cast(pl.Int64, strict=False))
    return pl.when(instant.is_between(FIRST_MICROS, LAST_MICROS)).then(instant).cast(UTC_MICROS)
