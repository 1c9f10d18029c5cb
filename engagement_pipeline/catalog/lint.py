"""All that is wrong with a catalog, at once.

Here: the list of the rules across files, and running them. Not here: the rules (`lint_plan`, `lint_scores`,
`lint_people`), and what one file may say (`specs`, `validation`).
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engagement_pipeline.catalog import (
    lint_alerts,
    lint_coverage,
    lint_databases,
    lint_machine,
    lint_mappings,
    lint_outcomes,
    lint_parts,
    lint_people,
    lint_places,
    lint_plan,
    lint_rules,
    lint_scales,
    lint_scores,
    lint_values,
)
from engagement_pipeline.catalog.draft import Draft, read_draft
from engagement_pipeline.catalog.guesses import guessed
from engagement_pipeline.catalog.issues import Issue

RULES: tuple[Callable[[Draft], Iterable[Issue]], ...] = (
    *lint_plan.RULES,
    *lint_places.RULES,
    *lint_databases.RULES,
    *lint_machine.RULES,
    *lint_coverage.RULES,
    *lint_mappings.RULES,
    *lint_rules.RULES,
    *lint_parts.RULES,
    *lint_scores.RULES,
    *lint_scales.RULES,
    *lint_people.RULES,
    *lint_outcomes.RULES,
    *lint_alerts.RULES,
    *lint_values.RULES,
)


def lint(folder: Path) -> list[Issue]:
    """Every error and warning of a catalog, by file and line; empty when there is nothing to say."""
    return check(folder)[1]


def check(folder: Path) -> tuple[Draft, list[Issue]]:
    """The catalog as read, and `lint` of it."""
    draft = read_draft(folder)
    guesses = guessed(draft)
    found = {*draft.issues, *guesses.issues}
    found |= {
        each for each in _run(guesses.draft) if each.level == "error" or each.file not in guesses.partial
    }
    for file, own in guesses.own.items():
        found |= {each for each in _run(own) if each.level == "error" and each.file == file}
    return draft, sorted(found)


def _run(draft: Draft) -> Iterator[Issue]:
    for rule in RULES:
        yield from rule(draft)
