"""The constructs of the rule language, as `constructs.yaml` beside this module tells them.

Here: their model and loading them. Not here: printing them (`reference`), and the keys themselves (`specs`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from engagement_pipeline.catalog.specs import Name, PropertyType, Spec


class Construct(Spec):
    """One way of saying something in a score, and what it gives one person."""

    title: str
    line: str
    score: str
    did: tuple[tuple[Any, ...], ...] = ()
    """Of each so many events alike: the event, days before the as-of date, how often, and what else its rows
    say (`value`, `message_id`, `is_machine`, a property)."""
    known: Mapping[str, Any] = Field(default_factory=dict)
    """What else is known of the person: `profile.<fact>`, `score.<part>`, and for how many `days`."""
    points: float | None
    """What the rules give; null where the person is unscored."""
    because: str
    see: str | None = None


class Constructs(Spec):
    """All of them, and what the examples are about."""

    plan: str
    """The tracking plan, as the text of events.yaml."""
    facts: dict[Name, PropertyType]
    parts: list[Name]
    """Other scores, which the examples add up."""
    language: dict[str, list[Construct]]
    """By heading."""

    @property
    def all(self) -> list[Construct]:
        """Every construct, in the order of the reference."""
        return [each for several in self.language.values() for each in several]


def constructs() -> Constructs:
    """What the file says."""
    text = Path(__file__).with_suffix(".yaml").read_text("utf-8")
    return Constructs.model_validate(yaml.load(text, yaml.SafeLoader))
