"""Text made from columns."""

import polars as pl


def filled(template: str, *parts: pl.Expr | str) -> pl.Expr:
    """The template with each `{}` filled by a text column or expression; null where one of them is null.

    `pl.format` does the same, but panics (polars 2.1) on a column whose first chunk is empty, as an eager
    filter leaves it; `test_text` notices when that is mended.
    """
    between = template.split("{}")
    if len(between) != len(parts) + 1:
        raise ValueError(f"{template!r} has {len(between) - 1} places for {len(parts)} parts")
    pieces = [pl.lit(between[0])]
    for part, after in zip(parts, between[1:], strict=True):
        pieces += [(pl.col(part) if isinstance(part, str) else part).cast(pl.String), pl.lit(after)]
    return pl.concat_str(pieces)
