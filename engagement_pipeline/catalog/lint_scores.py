"""Rules about scores: their labels and whom they apply to; and what every rule about conditions needs.

Not here: their rules on events (`lint_rules`), on people and other scores (`lint_parts`), what becomes of
points (`lint_scales`).
"""

from collections.abc import Iterator

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.expressions import ExpressionError, parse
from engagement_pipeline.catalog.issues import Issue
from engagement_pipeline.catalog.namespaces import columns_of_people
from engagement_pipeline.catalog.specs import PropertyType, Spec


def labels_are_unique(draft: Draft) -> Iterator[Issue]:
    """Two rules of a score with one label cannot be told apart in an explanation."""
    for score in draft.scores:
        seen: set[str] = set()
        for index, rule in enumerate(score.spec.rules if score.spec else ()):
            if rule.label in seen:
                yield score.issue(f"label '{rule.label}' stands on two rules", "rules", index, "label")
            seen |= {rule.label} if rule.label else set()


def scores_apply_to_profiles(draft: Draft) -> Iterator[Issue]:
    """Whom a score applies to depends on the profile alone."""
    facts = columns_of_people(profile_facts(draft))
    for score in draft.scores:
        if score.spec and score.spec.applies_to is not None:
            yield from condition_issues(score, score.spec.applies_to, facts, ("applies_to",), hidden(draft))


def condition_issues(
    definition: Declared[Spec],
    sql: str,
    columns: dict[str, PropertyType],
    at: tuple[str | int, ...],
    unknown: tuple[str, ...] = (),
) -> Iterator[Issue]:
    """What is wrong with a condition. Names under the prefixes in `unknown` cannot be judged."""
    try:
        parse(sql, columns)
    except ExpressionError as error:
        if not (error.unknown and error.unknown.startswith(unknown)):
            yield definition.issue(f"{at[-1]}: {error}", *at)


def profile_facts(draft: Draft) -> dict[str, PropertyType]:
    """The profile facts of the sources that could be read."""
    return {
        name: kind for source in draft.sources if source.spec for name, kind in source.spec.columns.items()
    }


def hidden(draft: Draft) -> tuple[str, ...]:
    """Prefixes of names that a broken file may declare."""
    return ("profile.",) if any(source.spec is None for source in draft.sources) else ()


RULES = (
    labels_are_unique,
    scores_apply_to_profiles,
)
