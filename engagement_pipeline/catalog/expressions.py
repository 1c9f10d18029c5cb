"""Conditions: SQL boolean expressions, checked against an allow-list, evaluated by polars.

Here: reading the text (sqlglot) and what a checked condition is. Not here: the allow-list and what each node
does (`translation`), which names a condition may use (`namespaces`).

Only what `translation` lists can run, so no condition reaches a file, a table, the clock or an unknown
function. Three-valued logic is SQL's: a null is no match, `x not in (1, null)` never holds. Arithmetic is in
Float64: nothing wraps, whole numbers beyond 2**53 lose their last digits.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import polars as pl
import sqlglot
from sqlglot import exp

from engagement_pipeline.catalog.refusals import DIALECT, UNREADABLE, ExpressionError, column_name
from engagement_pipeline.catalog.specs import PropertyType
from engagement_pipeline.catalog.translation import translate

__all__ = ["Comparison", "Condition", "ExpressionError", "columns_of", "comparisons", "normalise", "parse"]

T = TypeVar("T")
_LONGEST = 10_000
"""Characters; a longer condition is a list that belongs in a profile fact or an event property."""


@dataclass(frozen=True)
class Condition:
    """A checked condition. `sql` is its normalised text, `columns` the names it reads, `expr` the Boolean
    polars expression over columns of those names (dots included)."""

    sql: str
    columns: frozenset[str]
    expr: pl.Expr = field(compare=False, repr=False)


def parse(sql: str, columns: Mapping[str, PropertyType]) -> Condition:
    """Check a condition against the columns it may name and translate it. Raises ExpressionError."""

    def parsed() -> Condition:
        tree = _tree(sql)
        expr = translate(tree, columns)
        names = frozenset(column_name(column) for column in tree.find_all(exp.Column))
        return Condition(tree.sql(DIALECT, comments=False), names, expr)

    return _as_deep_as_any(parsed)


def columns_of(condition: Condition | None) -> frozenset[str]:
    """The columns that a condition reads, where there is one."""
    return frozenset() if condition is None else condition.columns


def normalise(sql: str) -> str:
    """The condition's text with one spelling for what means the same: spaces, keyword case, `!=`."""
    return _as_deep_as_any(lambda: _tree(sql).sql(DIALECT, comments=False))


class Comparison(NamedTuple):
    """A column and a word or number that a condition compares it with."""

    column: str
    value: str | float


def comparisons(sql: str) -> Iterator[Comparison]:
    """Every column that a condition compares with a literal, by an operator or in a list; none where the
    condition cannot be read."""
    try:
        tree = _as_deep_as_any(lambda: _tree(sql))
    except ExpressionError:
        return
    for node in tree.find_all(exp.Binary, exp.In, exp.Between):
        column, *others = node.iter_expressions()
        if isinstance(column, exp.Literal | exp.Neg) and len(others) == 1:
            column, others = others[0], [column]
        if isinstance(column, exp.Column):
            for other in others:
                if (value := _value(other)) is not None:
                    yield Comparison(column_name(column), value)


def _value(node: exp.Expr) -> str | float | None:
    if isinstance(node, exp.Neg):
        positive = _value(node.this)
        return -positive if isinstance(positive, int | float) else None
    if not isinstance(node, exp.Literal):
        return None
    return str(node.this) if node.is_string else float(node.this)


def _as_deep_as_any(read: Callable[[], T]) -> T:
    """What `read` gives. Python's limit on recursion counts its callers too: what is too deep here is tried
    once more with none, or lint would let pass what Dagster, with a hundred more callers, refuses."""
    try:
        return read()
    except RecursionError:
        pass
    with ThreadPoolExecutor(1) as alone:
        try:
            return alone.submit(read).result()
        except RecursionError:
            raise ExpressionError("the condition is nested too deeply; use in (…) or a segment") from None


def _tree(sql: str) -> exp.Expr:
    if len(sql) > _LONGEST:
        raise ExpressionError(f"the condition has {len(sql)} characters; {_LONGEST} are allowed")
    try:
        tokens = sqlglot.tokenize(sql, read=DIALECT)
        if not tokens:
            raise ExpressionError("the condition is empty")
        if any(token.comments for token in tokens):
            raise ExpressionError("a condition has no SQL comments; write them in the YAML, after #")
        if any(token.token_type == sqlglot.TokenType.SEMICOLON for token in tokens):
            raise ExpressionError("a condition is one expression, without ;")
        tree = sqlglot.parse_one(sql, read=DIALECT, into=exp.Condition)
    except UNREADABLE as error:
        raise ExpressionError(f"cannot read the condition {sql!r}{_near(error)}") from None
    for identifier in tree.find_all(exp.Identifier):
        if not identifier.args.get("quoted"):
            identifier.set("this", identifier.name.lower())
    return tree.unnest()


def _near(error: Exception) -> str:
    place = next((e.get("highlight") for e in getattr(error, "errors", []) if e.get("highlight")), None)
    return f" at '{place}'" if place else ""
