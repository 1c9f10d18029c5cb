"""Text to typed values: times, numbers, booleans, dates. Null for what cannot be read; the caller tells.

Here: expressions over a text column whose blanks are null already. Not here: which column is meant
(`canonical`, `profiles`) and whether a value is allowed (`contracts`).
"""

import polars as pl

from engagement_pipeline.catalog.specs import Origin, PropertyType
from engagement_pipeline.core.frames import UTC_MICROS

TRUE = ["true", "t", "yes", "y", "1"]
FALSE = ["false", "f", "no", "n", "0"]

EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999; polars' calendar wraps or panics far beyond."""

WITH_OFFSET = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"]
WITHOUT_OFFSET = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]


def field_text(origin: Origin, prefix: str) -> pl.Expr:
    """The text of a mapped field, stripped and renamed; blank is null. Columns are `prefix` + path."""
    if origin.constant is not None:
        return pl.lit(origin.constant)
    text = pl.col(f"{prefix}{origin.path}").str.strip_chars()
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
        return pl.coalesce(text.str.to_date("%Y-%m-%d", strict=False), _first_of(text).dt.date())
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


def as_time(text: pl.Expr, origin: Origin, zone: str) -> pl.Expr:
    """Text as an instant (UTC microseconds): an epoch, the declared pattern, or ISO 8601.

    A time without an offset is in the origin's zone, else in `zone`. Of an hour that the clocks repeat the
    first is meant; a time that they skip is read as if they had not.
    """
    zone = origin.timezone or zone
    if origin.format in EPOCHS:
        return _epoch(text, EPOCHS[origin.format])
    if origin.format is not None:
        if any(directive in origin.format for directive in ("%z", "%#z", "%:z", "%+")):
            return text.str.to_datetime(origin.format, strict=False, time_unit="us", time_zone="UTC")
        return _in_zone(text.str.to_datetime(origin.format, strict=False, time_unit="us"), zone)
    joined = text.str.replace(" ", "T", literal=True)
    with_offset = [
        joined.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC") for form in WITH_OFFSET
    ]
    return pl.coalesce(_in_zone(_first_of(text), zone), *with_offset)


def _first_of(text: pl.Expr) -> pl.Expr:
    """A naive ISO 8601 time or date."""
    joined = text.str.replace(" ", "T", literal=True)
    naive = [joined.str.to_datetime(form, strict=False, time_unit="us") for form in WITHOUT_OFFSET]
    return pl.coalesce(*naive, text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")))


def _epoch(text: pl.Expr, micros: int) -> pl.Expr:
    whole = text.cast(pl.Int64, strict=False)
    # Beyond these the product would leave 64 bits.
    whole = (
        pl.when(whole.abs() <= LAST_MICROS).then(whole.cast(pl.Int128) * micros).cast(pl.Int64, strict=False)
    )
    broken = (text.cast(pl.Float64, strict=False) * micros + 0.5).floor().cast(pl.Int64, strict=False)
    instant = pl.coalesce(whole, broken)
    return pl.when(instant.is_between(FIRST_MICROS, LAST_MICROS)).then(instant).cast(UTC_MICROS)


def _in_zone(naive: pl.Expr, zone: str) -> pl.Expr:
    def placed(time: pl.Expr) -> pl.Expr:
        local = time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return local.dt.convert_time_zone("UTC")

    hour = pl.duration(hours=1)
    return pl.coalesce(placed(naive), placed(naive - hour) + hour)
