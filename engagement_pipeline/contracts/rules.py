"""How a contract is written and enforced: named rules over a frame in memory, errors people can read.

Here: building pandera checks from polars expressions, validating a whole frame, reading failure masks, the
reject limit. Not here: what any one table promises (`tables`, `events`).
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, get_config_context
from pandera.errors import SchemaError, SchemaErrors

from engagement_pipeline.core.ordered import ascends
from engagement_pipeline.core.text import filled
from engagement_pipeline.core.words import as_stored, as_text

LONGEST_ID = 400
"""Characters of a person's id: databases keep no longer ones as keys, and a mapping that finds one has found
something else."""
SHOWN = 60
"""Characters of a culprit value in a reason."""
SAMPLE = 3
"""Rows shown with a broken rule; an error is kept for ever in the event log, so few and masked."""
HOLDS = "holds"
"""Under which a rule's expression stands in its check."""
WORDS = frozenset({"band", "channel", "decision", "event", "measure", "rule", "state", "unit", "variant"})
"""Text columns whose values are the catalog's own words; any other text may name a person."""

Rules = Mapping[str, pl.Expr]
"""Rule -> what holds for every row; null counts as holding."""
Contract = tuple[pl.Schema, Sequence[str], Iterable[str], Rules]
"""Columns, grain, columns that may be null, rules."""


class ContractBroken(Exception):  # noqa: N818  the words are what the reader sees
    """A frame that was about to be stored breaks what its table promises."""

    def __init__(self, table: str, rule: str, count: int, sample: list[dict[str, object]], others: str = ""):
        self.table, self.rule, self.count, self.sample, self.others = table, rule, count, sample, others
        shown = "; ".join(", ".join(f"{key}={value!r}" for key, value in row.items()) for row in sample)
        super().__init__(
            f"table {table!r} was not written: {count} row(s) break the rule {rule!r}"
            + (f", such as {shown}" if shown else "")
            + (f". Also broken: {others}" if others else "")
            + ". What was stored before is untouched; mend the step that made these rows and run it again."
        )

    def without_sample(self) -> "ContractBroken":
        """The same without any row's content."""
        return ContractBroken(self.table, self.rule, self.count, [], self.others)


class TooManyRejected(Exception):  # noqa: N818
    """More of the rows were rejected than the project's limit allows."""

    def __init__(self, subject: str, rejected: int, total: int, limit: float, by_rule: Mapping[str, int]):
        self.subject, self.rejected, self.total, self.limit = subject, rejected, total, limit
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(by_rule.items()))
        super().__init__(
            f"{subject}: {rejected} of {total} rows were rejected ({rejected / total:.1%}), the limit is "
            f"{limit:.1%}"
            + (f"; by rule: {rules}" if rules else "")
            + ". What was stored before is untouched. "
            "Mend the source or its mapping, or raise limits.reject_share in project.yaml."
        )


def unusable_id(column: str) -> tuple[pl.Expr, pl.Expr]:
    """Whether a column's id could not be stored in every database, and why in words."""
    text = pl.col(column)
    why = filled(
        f"the id '{{}}' has more than {LONGEST_ID} characters, or one with the number 0: is it an id?",
        text.str.head(SHOWN).str.replace_all("\0", "\\0", literal=True),
    )
    broken = (text.str.len_chars() > LONGEST_ID) | text.str.contains("\0", literal=True)
    return broken.fill_null(value=False), why


def enforce_limit(
    rejected_rows: int, total: int, limit: float, subject: str, by_rule: Mapping[str, int] | None = None
) -> None:
    """Raises TooManyRejected when more than `limit` (a share of 1) of `total` rows were rejected."""
    if rejected_rows > limit * total:
        raise TooManyRejected(subject, rejected_rows, total, limit, by_rule or {})


def rule(name: str, holds: pl.Expr) -> pa.Check:
    """A check of the whole frame: `holds` is true or null for each row that is fine."""

    def check(data: Any) -> pl.LazyFrame:
        frame: pl.LazyFrame = data.lazyframe
        return frame.select(holds.fill_null(True).alias("holds"))

    # Without the bound pandera turns every failing row into text: 1 GB for 400,000 rows of 8 columns.
    return pa.Check(check, name=name, n_failure_cases=1, statistics={HOLDS: holds})


def said(column: str) -> pl.Expr:
    """Whether a text says anything."""
    return pl.col(column).str.strip_chars() != ""


def failures(df: pl.DataFrame, schema: pa.DataFrameSchema) -> dict[str, pl.Series]:
    """Rule -> mask over the rows of `df`, true where the rule is broken; only rules that are.

    A column that is missing, unexpected or of another type has no mask: it raises ContractBroken at once,
    as does a lazy frame (TypeError), on which pandera would look at nothing but the columns' types. An Enum
    counts as text, which is how it is stored.
    """
    if not isinstance(df, pl.DataFrame):
        raise TypeError(f"a contract needs rows in memory: collect the {type(df).__name__} first")
    config = get_config_context()
    if not config.validation_enabled or config.validation_depth not in (
        None,
        ValidationDepth.SCHEMA_AND_DATA,
    ):
        raise RuntimeError(
            "pandera's validation is switched off: unset PANDERA_VALIDATION_ENABLED and _DEPTH"
        )
    if _proven(df, schema):
        return {}
    df = as_text(df)
    if schema.unique and set(schema.unique) <= set(df.columns) and ascends(df, schema.unique):
        # Shown in a tenth of the time that pandera takes, to which the other rules are left.
        schema = copy(schema)
        schema.unique = None
    try:
        schema.validate(df, lazy=True)
    except SchemaErrors as errors:
        structural = [error for error in errors.schema_errors if error.check_output is None]
        if structural:
            raise ContractBroken(
                str(schema.name), _structural(structural, df, schema), df.height, []
            ) from None
        return dict(_mask(error) for error in errors.schema_errors)
    return {}


def _proven(df: pl.DataFrame, schema: pa.DataFrameSchema) -> bool:
    """Whether all that the schema asks holds, found in one pass; False means that pandera has to look, which
    takes two to three times as long and says what is wrong with which row.

    Only what `rule` and plain columns promise is known here; a schema that asks for more is pandera's.
    """
    columns: Mapping[str, pa.Column] = schema.columns
    plain = not (schema.coerce or schema.ordered or schema.index) and all(
        column.required and not (column.checks or column.unique or column.coerce or column.regex)
        for column in columns.values()
    )
    kinds = {name: as_stored(kind) for name, kind in df.schema.items()}
    if not plain or kinds != {name: column.dtype.type for name, column in columns.items()}:
        return False
    for name, column in columns.items():
        if not column.nullable and (
            df[name].null_count() or (df[name].dtype.is_float() and df[name].is_nan().any())
        ):
            return False
    holds = [check.statistics.get(HOLDS) for check in schema.checks]
    if any(each is None for each in holds) or (schema.unique and not ascends(df, schema.unique)):
        return False
    try:
        found = df.select(
            each.fill_null(value=True).all().alias(str(number))
            for number, each in enumerate(holds)
            if each is not None
        )
    except pl.exceptions.PolarsError:  # a word that an Enum does not have, or a rule that only text can keep
        return False
    return all(found.row(0)) if holds else True


def validate(df: pl.DataFrame, schema: pa.DataFrameSchema) -> None:
    """Raises ContractBroken naming the table, the first broken rule, its rows' count and a masked sample."""
    broken = failures(df, schema)
    if not broken:
        return
    first = next(iter(broken))
    others = ", ".join(f"{name} ({int(mask.sum())})" for name, mask in broken.items() if name != first)
    column = first.split(":")[0]
    shown = [name for name in dict.fromkeys([column, *(schema.unique or [])]) if name in df.columns]
    rows = df.filter(broken[first]).head(SAMPLE).select(shown).to_dicts()
    sample = [{key: masked(key, value) for key, value in row.items()} for row in rows]
    raise ContractBroken(str(schema.name), first, int(broken[first].sum()), sample, others)


def masked(column: str, value: object) -> object:
    """The value as it may stand in an error: of text that may name a person the first letters stand, three
    and a third of it at most."""
    if column not in WORDS and isinstance(value, str):
        return value[: min(3, len(value) // 3)] + "…"
    return value


def _mask(error: SchemaError) -> tuple[str, pl.Series]:
    check = error.check if isinstance(error.check, str) else error.check.name
    column = getattr(error.schema, "name", None) if isinstance(error.schema, pa.Column) else None
    names = {"not_nullable": "present", "multiple_fields_uniqueness": "grain", "field_uniqueness": "unique"}
    label = names.get(check, check)
    return (f"{column}: {label}" if column else label), ~error.check_output["check_output"]


def _structural(errors: Iterable[SchemaError], df: pl.DataFrame, schema: pa.DataFrameSchema) -> str:
    """Missing, unexpected and mistyped columns in our words; pandera's print a query plan."""
    wanted = {name: column.dtype.type for name, column in schema.columns.items()}
    found = []
    for name, kind in wanted.items():
        if name not in df.columns:
            found.append(f"column {name} is missing")
        elif df.schema[name] != kind:
            found.append(f"column {name} is {df.schema[name]}, not {kind}")
    if schema.strict:
        found += [f"column {name} is not part of the table" for name in df.columns if name not in wanted]
    return "; ".join(found) or "; ".join(str(error.reason_code) for error in errors)
