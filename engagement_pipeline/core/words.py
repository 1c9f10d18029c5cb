"""Words: text of few values, such as names of rules, states and bands, that is computed and written as Enums.

What is stored is text; as an Enum it is compared, hashed and written in a third of the time. Here: the type
that an Enum is stored as. Not here: writing it (`storage.part_files`).
"""

import polars as pl

STATE = pl.Enum(["scored", "inactive", "unscored", "provisional", "stale"])


def as_stored(kind: pl.DataType) -> pl.DataType:
    """The type with text for Enums, also within lists and structs."""
    if isinstance(kind, pl.Enum):
        return pl.String()
    if isinstance(kind, pl.List):
        return pl.List(as_stored(_instance(kind.inner)))
    if isinstance(kind, pl.Struct):
        return pl.Struct({field.name: as_stored(_instance(field.dtype)) for field in kind.fields})
    return kind


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with text for Enums."""
    kinds = frame.schema.items()  # asked for once: polars makes it anew each time
    changed = {name: text for name, kind in kinds if (text := as_stored(kind)) != kind}
    return frame.with_columns(pl.col(name).cast(kind) for name, kind in changed.items()) if changed else frame


def _instance(kind: pl.datatypes.DataTypeClass | pl.DataType) -> pl.DataType:
    return kind if isinstance(kind, pl.DataType) else kind()
