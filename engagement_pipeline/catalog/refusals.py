"""What is wrong with a condition, in words: the culprit as it was written, and what to write instead.

Here: texts of errors and how a node is quoted in them. Not here: what is allowed (`translation`).
"""

from collections.abc import Collection, Mapping

from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from engagement_pipeline.catalog.issues import did_you_mean
from engagement_pipeline.catalog.specs import PropertyType

DIALECT = "duckdb"
UNREADABLE = (SqlglotError, AttributeError, IndexError, TypeError)
"""What sqlglot raises of a function with arguments that it does not take: also errors of Python's own."""


class ExpressionError(ValueError):
    """A condition that cannot be used; the message names the culprit. `unknown` is the column it names
    that does not exist, where that is the mistake."""

    def __init__(self, message: str, unknown: str | None = None) -> None:
        super().__init__(message)
        self.unknown = unknown


def column_name(column: exp.Expr) -> str:
    """`a` or `score.a`; whatever else sqlglot takes for a column is named as it was written."""
    parts = [part for part in (column.args.get("table"), column.args.get("this")) if part is not None]
    if set(column.args) <= {"this", "table"} and all(isinstance(part, exp.Identifier) for part in parts):
        return ".".join(part.name for part in parts)
    return written(column)


def unknown_column(name: str, columns: Mapping[str, PropertyType]) -> ExpressionError:
    """There is no column of this name; it may lack its prefix, or be meant as text."""
    meant = [column for column in sorted(columns) if column.partition(".")[2] == name]
    hint = did_you_mean(name, columns)
    if not hint and meant:
        hint = f"; did you mean '{meant[0]}'?"
    elif not hint and "." not in name:
        hint = f"; if it is text, put it in single quotes: '{name}'"
    return ExpressionError(f"unknown column '{name}'{hint}", unknown=name)


def written(node: exp.Expr) -> str:
    """The node as SQL; of a function that cannot be written out its name."""
    try:
        return node.sql(DIALECT, comments=False, unsupported_level=ErrorLevel.IGNORE)
    except UNREADABLE:
        return f"{node.key}(…)"


def quoted(node: exp.Expr) -> str:
    """The node as it was written, shortened."""
    text = written(node)
    return f"'{text[:77]}...'" if len(text) > 80 else f"'{text}'"


def in_words(kind: str) -> str:
    """A type with its article."""
    return {
        "text": "text",
        "integer": "a number",
        "number": "a number",
        "boolean": "true or false",
        "date": "a date",
    }.get(kind, "null")


def refusal(node: exp.Expr, functions: Collection[str]) -> str:
    """Why a node is not on the list. functions: the names of those that are."""
    if isinstance(node, exp.Div | exp.IntDiv):
        return f"{quoted(node)} divides, which conditions do not; multiply ({quoted(node.this)[1:-1]} * 0.01)"
    if isinstance(node, exp.ArrayOverlaps):
        return "&& is not allowed in a condition; write and"
    if isinstance(node, exp.Anonymous) or (isinstance(node, exp.Func) and not isinstance(node, exp.Cast)):
        name = _function(node)
        if name not in functions:
            known = ", ".join(functions)
            return f"unknown function '{name}', conditions know {known}{did_you_mean(name, functions)}"
    return f"{quoted(node)} is not allowed in a condition"


def _function(node: exp.Expr) -> str:
    """The function's name as DuckDB has it, which is mostly how it was written; sqlglot's own where it stands
    for an operator."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    name = written(node).partition("(")[0].lower()
    return name if name.isidentifier() else type(node).sql_name().lower()  # type: ignore[attr-defined]
