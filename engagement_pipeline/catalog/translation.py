"""The allow-list of conditions: every SQL node that may stand in one, its types, and its polars expression.

Here: the walk over a parsed tree. A node is translated by the one function listed for its exact type, and
what a function does not expect is refused, so only the code in this module ever runs for a condition.
Not here: reading text (`expressions`), and the words in which one is refused (`refusals`).
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import reduce
from typing import Literal, NamedTuple

import polars as pl
from sqlglot import exp

from engagement_pipeline.catalog.refusals import (
    ExpressionError,
    column_name,
    in_words,
    quoted,
    refusal,
    unknown_column,
)
from engagement_pipeline.catalog.specs import PropertyType

_NUMBERS = ("integer", "number")


def translate(tree: exp.Expr, columns: Mapping[str, PropertyType]) -> pl.Expr:
    """The Boolean expression of a condition over columns of these names and types. Raises ExpressionError for
    whatever is not on the list, and RecursionError for a tree too deep to walk."""
    found = _Translation(columns).translate(tree)
    if found.kind != "boolean":
        kind = in_words(found.kind)
        raise ExpressionError(f"the condition is {kind}, not true or false; compare it with something")
    return found.expr


class _Typed(NamedTuple):
    kind: PropertyType | Literal["null"]
    expr: pl.Expr
    literal: str | int | float | bool | date | None = None


class _Translation:
    """One walk over a tree: the type and the polars expression of every node, or ExpressionError."""

    def __init__(self, columns: Mapping[str, PropertyType]) -> None:
        self.columns = columns

    def translate(self, node: exp.Expr) -> _Typed:
        handler = _NODES.get(type(node))
        if handler is None:
            raise ExpressionError(refusal(node, FUNCTIONS))
        return handler(self, node)

    def operands(self, node: exp.Expr, *keys: str, kinds: tuple[str, ...] = ()) -> list[_Typed]:
        """The operands under `keys`, in order, of these types; anything else the node carries is refused."""
        extra = [
            key for key, value in node.args.items() if key not in keys and value not in (None, False, [])
        ]
        if extra:
            raise ExpressionError(refusal(node, FUNCTIONS))
        parts: list[exp.Expr] = []
        for key in keys:
            value = node.args.get(key)
            parts += value if isinstance(value, list) else [value] if value is not None else []
        found = [self.translate(part) for part in parts]
        for operand in found if kinds else ():
            _need(operand, kinds, node)
        return found

    def column(self, node: exp.Expr) -> _Typed:
        name = column_name(node)
        if name not in self.columns:
            raise unknown_column(name, self.columns)
        return _Typed(self.columns[name], pl.col(name))

    def literal(self, node: exp.Expr) -> _Typed:
        text = str(node.this)
        if node.args["is_string"]:
            return _Typed("text", pl.lit(text, pl.String), text)
        if re.fullmatch(r"\d+", text) and int(text) < 2**63:
            return _Typed("integer", pl.lit(int(text), pl.Int64), int(text))
        if not re.fullmatch(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) or not math.isfinite(float(text)):
            raise ExpressionError(f"'{text}' is not a number a condition can use")
        return _Typed("number", pl.lit(float(text), pl.Float64), float(text))

    def boolean(self, node: exp.Expr) -> _Typed:
        return _Typed("boolean", pl.lit(bool(node.this), pl.Boolean), bool(node.this))

    def null(self, node: exp.Expr) -> _Typed:
        return _Typed("null", pl.lit(None))

    def paren(self, node: exp.Expr) -> _Typed:
        return self.operands(node, "this")[0]

    def logic(self, node: exp.Expr) -> _Typed:
        operands = self.operands(node, "this", "expression", kinds=("boolean",))
        join = pl.Expr.and_ if isinstance(node, exp.And) else pl.Expr.or_
        return _Typed("boolean", join(*(operand.expr for operand in operands)))

    def negation(self, node: exp.Expr) -> _Typed:
        (operand,) = self.operands(node, "this", kinds=("boolean",))
        return _Typed("boolean", operand.expr.not_())

    def comparison(self, node: exp.Expr) -> _Typed:
        left, right = _comparable(node, *self.operands(node, "this", "expression"))
        if left.kind == "boolean" and type(node) in (exp.LT, exp.LTE, exp.GT, exp.GTE):
            raise ExpressionError(f"{quoted(node)} puts true and false in order; use =")
        return _Typed("boolean", _COMPARISONS[type(node)](left.expr, right.expr))

    def between(self, node: exp.Expr) -> _Typed:
        value, low, high = self.operands(node, "this", "low", "high")
        above, from_ = _comparable(node, value, low)
        below, to = _comparable(node, value, high)
        if "boolean" in (above.kind, below.kind):
            raise ExpressionError(f"{quoted(node)} puts true and false in order; use =")
        return _Typed("boolean", (above.expr >= from_.expr) & (below.expr <= to.expr))

    def membership(self, node: exp.Expr) -> _Typed:
        value, *items = self.operands(node, "this", "expressions")
        if not items:
            raise ExpressionError(f"{quoted(node)} lists nothing; give at least one value")
        pairs = [_comparable(node, value, item) for item in items if item.kind != "null"]
        found = _any_equal(value, pairs)
        if len(pairs) < len(items):  # a null in the list: no match is not known to be none
            found = found | pl.lit(None, pl.Boolean)
        return _Typed("boolean", found)

    def like(self, node: exp.Expr) -> _Typed:
        if node.args.get("negate"):
            positive = node.copy()
            positive.set("negate", None)
            return _Typed("boolean", self.like(positive).expr.not_())
        value, pattern = self.operands(node, "this", "expression")
        _need(value, ("text",), node)
        if not isinstance(pattern.literal, str):
            raise ExpressionError(f"{quoted(node)} needs a pattern in quotes, such as 'summer%'")
        regex = "".join({"%": ".*", "_": "."}.get(char) or pl.escape_regex(char) for char in pattern.literal)
        return _Typed("boolean", value.expr.str.contains(rf"(?s)\A{regex}\z"))

    def is_(self, node: exp.Expr) -> _Typed:
        value, what = self.operands(node, "this", "expression")
        if what.kind == "null":
            return _Typed("boolean", value.expr.is_null())
        if not isinstance(what.literal, bool):
            raise ExpressionError(f"{quoted(node)} is not allowed; use is null, is true or is false")
        _need(value, ("boolean",), node)
        return _Typed("boolean", value.expr.eq_missing(what.expr))

    def arithmetic(self, node: exp.Expr) -> _Typed:
        operands = self.operands(node, "this", "expression", kinds=_NUMBERS)
        left, right = (operand.expr.cast(pl.Float64) for operand in operands)
        return _Typed("number", _ARITHMETIC[type(node)](left, right))

    def minus(self, node: exp.Expr) -> _Typed:
        (operand,) = self.operands(node, "this", kinds=_NUMBERS)
        if isinstance(operand.literal, int | float):
            value = -operand.literal
            return _Typed(operand.kind, pl.lit(value, pl.Int64 if type(value) is int else pl.Float64), value)
        return _Typed("number", -operand.expr.cast(pl.Float64))

    def day(self, node: exp.Expr) -> _Typed:
        to, value = node.args["to"], node.this
        carries = {key for key, part in node.args.items() if part}
        if carries != {"this", "to"} or not to.is_type("date") or not value.is_string:
            raise ExpressionError(refusal(node, FUNCTIONS))
        return _date(self.literal(value))

    def text(self, node: exp.Expr) -> _Typed:
        (value,) = self.operands(node, "this", kinds=("text",))
        lower = isinstance(node, exp.Lower)
        return _Typed("text", value.expr.str.to_lowercase() if lower else value.expr.str.to_uppercase())

    def length(self, node: exp.Expr) -> _Typed:
        (value,) = self.operands(node, "this", kinds=("text",))
        return _Typed("integer", value.expr.str.len_chars().cast(pl.Int64))

    def absolute(self, node: exp.Expr) -> _Typed:
        (value,) = self.operands(node, "this", kinds=_NUMBERS)
        return _Typed("number", value.expr.cast(pl.Float64).abs())

    def text_test(self, node: exp.Expr) -> _Typed:
        operands = self.operands(node, "this", "expression", kinds=("text",))
        value, part = (operand.expr for operand in operands)
        if isinstance(node, exp.Contains):
            return _Typed("boolean", value.str.contains(part, literal=True))
        starts = isinstance(node, exp.StartsWith)
        return _Typed("boolean", value.str.starts_with(part) if starts else value.str.ends_with(part))

    def coalesce(self, node: exp.Expr) -> _Typed:
        first, *others = self.operands(node, "this", "expressions")
        parts = [first, *(_comparable(node, first, other)[1] for other in others)]
        kinds = {part.kind for part in parts}
        if len(kinds) == 1:
            return _Typed(first.kind, _first_known([part.expr for part in parts]))
        if kinds <= set(_NUMBERS):
            return _Typed("number", _first_known([part.expr.cast(pl.Float64) for part in parts]))
        raise ExpressionError(f"{quoted(node)} mixes {' and '.join(sorted(map(in_words, kinds)))}")


def _need(operand: _Typed, kinds: tuple[str, ...], node: exp.Expr) -> None:
    if operand.kind not in kinds:
        raise ExpressionError(f"{quoted(node)} needs {in_words(kinds[0])}, not {in_words(operand.kind)}")


def _comparable(node: exp.Expr, left: _Typed, right: _Typed) -> tuple[_Typed, _Typed]:
    """Both sides in one type: numbers with numbers, and text in quotes as a date beside a date."""
    if "null" in (left.kind, right.kind):
        raise ExpressionError(f"{quoted(node)} compares with null, which equals nothing; use is null")
    if left.kind == "date" and isinstance(right.literal, str):
        right = _date(right)
    if right.kind == "date" and isinstance(left.literal, str):
        left = _date(left)
    if left.kind != right.kind and not {left.kind, right.kind} <= set(_NUMBERS):
        raise ExpressionError(f"{quoted(node)} compares {in_words(left.kind)} with {in_words(right.kind)}")
    return left, right


def _date(text: _Typed) -> _Typed:
    try:
        day = datetime.strptime(str(text.literal), "%Y-%m-%d").date()  # noqa: DTZ007 a day has no zone
    except ValueError:
        raise ExpressionError(f"'{text.literal}' is not a date; write 2026-01-31") from None
    return _Typed("date", pl.lit(day, pl.Date), day)


def _any_equal(value: _Typed, pairs: list[tuple[_Typed, _Typed]]) -> pl.Expr:
    if value.kind != "number" and all(
        item.literal is not None and item.kind == value.kind for _, item in pairs
    ):
        return value.expr.is_in([item.literal for _, item in pairs])
    return reduce(pl.Expr.or_, (left.expr == right.expr for left, right in pairs), pl.lit(False, pl.Boolean))


def _first_known(parts: list[pl.Expr]) -> pl.Expr:
    """SQL's coalesce. Not polars': beside a literal, as in `1 = coalesce(i, 2)`, polars 2.1 makes one row of
    a column that is all null, and so it does with when-then."""
    return reduce(pl.Expr.fill_null, parts)


_COMPARISONS: dict[type[exp.Expr], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    exp.EQ: pl.Expr.eq,
    exp.NEQ: pl.Expr.ne,
    exp.LT: pl.Expr.lt,
    exp.LTE: pl.Expr.le,
    exp.GT: pl.Expr.gt,
    exp.GTE: pl.Expr.ge,
    exp.NullSafeEQ: pl.Expr.eq_missing,
    exp.NullSafeNEQ: pl.Expr.ne_missing,
}
_ARITHMETIC: dict[type[exp.Expr], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    exp.Add: pl.Expr.add,
    exp.Sub: pl.Expr.sub,
    exp.Mul: pl.Expr.mul,
}
FUNCTIONS: dict[str, tuple[type[exp.Expr], Callable[[_Translation, exp.Expr], _Typed]]] = {
    "abs": (exp.Abs, _Translation.absolute),
    "coalesce": (exp.Coalesce, _Translation.coalesce),
    "contains": (exp.Contains, _Translation.text_test),
    "ends_with": (exp.EndsWith, _Translation.text_test),
    "length": (exp.Length, _Translation.length),
    "lower": (exp.Lower, _Translation.text),
    "starts_with": (exp.StartsWith, _Translation.text_test),
    "upper": (exp.Upper, _Translation.text),
}
"""What a condition may call."""
_NODES: dict[type[exp.Expr], Callable[[_Translation, exp.Expr], _Typed]] = {
    exp.Column: _Translation.column,
    exp.Literal: _Translation.literal,
    exp.Boolean: _Translation.boolean,
    exp.Null: _Translation.null,
    exp.Paren: _Translation.paren,
    exp.And: _Translation.logic,
    exp.Or: _Translation.logic,
    exp.Not: _Translation.negation,
    exp.Between: _Translation.between,
    exp.In: _Translation.membership,
    exp.Like: _Translation.like,
    exp.Is: _Translation.is_,
    exp.Neg: _Translation.minus,
    exp.Cast: _Translation.day,
    **dict.fromkeys(_COMPARISONS, _Translation.comparison),
    **dict.fromkeys(_ARITHMETIC, _Translation.arithmetic),
    **dict(FUNCTIONS.values()),
}
"""The allow-list: exact node types, each with the only code that may run for it."""
