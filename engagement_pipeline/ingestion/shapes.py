"""The shape that polars must see in rows to find what is wanted in them.

Here: paths gathered to a tree, and the schema of that tree. Not here: reading rows (`decode`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import polars as pl

from engagement_pipeline.catalog.rowpaths import Step, Steps, Where

ALL: Final = "\0all"
"""The step to every element of a list."""
Pick: TypeAlias = "int | Where | str"


@dataclass
class Node:
    """What is wanted at one place of a row and below: its text, fields of a record, or elements of a list."""

    names: list[str] = field(default_factory=list)
    """Results that are the text at this place."""
    keys: "dict[str, Node]" = field(default_factory=dict)
    """Fields of the record at this place."""
    item: "Node | None" = None
    """What is wanted of each element of the list at this place."""
    picks: dict[str, Pick] = field(default_factory=dict)
    """Result -> the element it is picked from: its place, its text, or ALL of them."""

    @property
    def is_leaf(self) -> bool:
        """Whether nothing but text is wanted."""
        return not self.keys and self.item is None

    @property
    def is_clear(self) -> bool:
        """Whether no place is wanted both as text, as a record or as a list."""
        kinds = bool(self.names) + bool(self.keys) + (self.item is not None)
        return kinds <= 1 and all(below.is_clear for below in self._below())

    def _below(self) -> "Iterator[Node]":
        yield from self.keys.values()
        if self.item is not None:
            yield self.item

    def add(self, name: str, steps: "tuple[Step, ...]") -> None:
        """Want one more result, at the end of the steps."""
        if not steps:
            self.names.append(name)
            return
        step, rest = steps[0], steps[1:]
        if isinstance(step, str) and step != ALL:
            self.keys.setdefault(step, Node()).add(name, rest)
            return
        self.item = self.item or Node()
        self.item.add(name, rest)
        self.picks[name] = step
        if isinstance(step, Where) and not self.item.has(chooser(step)):
            self.item.add(chooser(step), step.field)

    def has(self, name: str) -> bool:
        """Whether a result of this name is wanted here or below."""
        return name in self.names or name in self.picks or any(each.has(name) for each in self._below())

    def results(self) -> pl.Schema:
        """Names and types of the results, choosers apart."""
        found: dict[str, pl.DataType] = dict.fromkeys(self.names, pl.String())
        for below in self.keys.values():
            found |= below.results()
        for name, step in self.picks.items():
            found[name] = pl.List(pl.String()) if step == ALL else pl.String()
        return pl.Schema(found)

    def schema(self, textual: frozenset[str]) -> pl.Schema:
        """How polars must read a record of this shape, with text at the keys that are `textual`."""
        # Reading NDJSON needs a column; a name no row has is as good as any.
        if not self.keys:
            return pl.Schema({"": pl.String()})
        return pl.Schema(
            {key: pl.String() if key in textual else below.dtype(textual) for key, below in self.keys.items()}
        )

    def dtype(self, textual: frozenset[str]) -> pl.DataType:
        """The type of the value at this place."""
        if self.item is not None:
            return pl.List(self.item.dtype(textual))
        return pl.Struct(dict(self.schema(textual))) if self.keys else pl.String()

    def outer_keys(self) -> frozenset[str]:
        """The record's own keys at which a record or list is looked for."""
        return frozenset(key for key, below in self.keys.items() if not below.is_leaf)

    def inner_keys(self) -> frozenset[str]:
        """All keys, at any depth, at which a record or list is looked for."""
        return self.outer_keys().union(*(below.inner_keys() for below in self._below()))


def chooser(step: Where) -> str:
    """The result that holds what an element is chosen by."""
    return "\0by." + "\0".join(step.field)


def layers(wanted: "Mapping[str, Steps]") -> list[Node]:
    """The fewest trees that hold all results without wanting one place in two ways, at least one."""
    groups: list[dict[str, Steps]] = [{}]
    for name, steps in wanted.items():
        for group in groups:
            if tree({**group, name: steps}).is_clear:
                group[name] = steps
                break
        else:
            groups.append({name: steps})
    return [tree(group) for group in groups if group or len(groups) == 1]


def tree(wanted: "Mapping[str, Steps]") -> Node:
    """One tree of all that is wanted."""
    root = Node()
    for name, steps in wanted.items():
        root.add(name, steps)
    return root


def picked(step: "int | Where") -> pl.Expr:
    """Which elements a step means, by the columns that `decode` gives them."""
    if isinstance(step, Where):
        return pl.col(chooser(step)) == step.text
    if step < 0:
        return pl.col("\0number") == pl.col("\0count").cast(pl.Int64) + step
    return pl.col("\0number") == step
