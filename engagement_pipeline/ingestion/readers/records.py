"""Columns of any type to JSON text, one record a row.

Here: what bytes, decimals, times and numbers that JSON lacks become. Not here: the files they come from.
"""

from collections.abc import Iterator

import polars as pl

from engagement_pipeline.ingestion.readers.rows import Unreadable

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""The years 1 to 9999; polars panics where its calendar ends, and databases write days beyond for "never"."""
PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000}


def as_json(block: pl.DataFrame) -> pl.Series:
    """Rows as JSON records with the columns in the order of their names.

    Bytes are written in hexadecimal digits. A day beyond the years 1 to 9999 counts as the first or last of
    them. JSON has no NaN and polars writes null for it, so rows with one carry their floats as text: they
    are rejected for what they say, not for saying nothing. Raises Unreadable for bytes, and days beyond the
    calendar, within lists and records.
    """
    for name, kind in block.schema.items():
        if kind.is_nested():
            for leaf in _leaves(block[name]):
                _check(leaf, name, kind)
    names = sorted(block.columns)
    fields = block.select(names).with_columns(
        pl.col(pl.Binary).bin.encode("hex"),
        *(_within_calendar(name, kind) for name, kind in block.schema.items() if _days(kind)),
    )
    plain = _encoded(fields)
    floats = [name for name, kind in fields.schema.items() if kind.is_float()]
    if not floats:
        return plain
    wild = fields.select(pl.any_horizontal(~pl.col(floats).is_finite()).fill_null(False)).to_series()
    if not wild.any():
        return plain
    texts = fields.filter(wild).with_columns(pl.col(floats).cast(pl.String))
    return plain.scatter(wild.arg_true(), _encoded(texts))


def _encoded(fields: pl.DataFrame) -> pl.Series:
    return fields.select(raw=pl.struct(pl.all()).struct.json_encode()).to_series()


def _days(kind: pl.DataType) -> int:
    """How many steps of the type are a day; 0 when it is no date or cannot leave the calendar."""
    if isinstance(kind, pl.Datetime):
        return PER_DAY.get(kind.time_unit, 0)
    return int(isinstance(kind, pl.Date))


def _within_calendar(name: str, kind: pl.DataType) -> pl.Expr:
    day = _days(kind)
    steps = pl.col(name).to_physical().clip(FIRST_DAY * day, (LAST_DAY + 1) * day - 1)
    return steps.cast(kind).alias(name)


def _leaves(values: pl.Series) -> Iterator[pl.Series]:
    kind = values.dtype
    if isinstance(kind, pl.Struct):
        for field in kind.fields:
            yield from _leaves(values.struct.field(field.name))
    elif isinstance(kind, pl.List | pl.Array):
        yield from _leaves(values.explode())
    else:
        yield values


def _check(leaf: pl.Series, column: str, kind: pl.DataType) -> None:
    if isinstance(leaf.dtype, pl.Binary | pl.Object):
        raise Unreadable(f"column {column!r} holds bytes within {kind}", "Leave the column out")
    if day := _days(leaf.dtype):
        steps = leaf.to_physical()
        if not steps.is_between(FIRST_DAY * day, (LAST_DAY + 1) * day - 1).all():
            raise Unreadable(
                f"column {column!r} holds a day beyond the years 1 to 9999", "Correct it, or leave it out"
            )
