"""Warnings about conditions that can be read but never hold: a band that the score has not, a score beyond
its scale.

Here: what bands, states, consents and scores can be. Not here: whether a condition can be read at all
(`lint_scores.condition_issues`).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from engagement_pipeline.catalog.draft import Declared, Draft
from engagement_pipeline.catalog.expressions import Comparison, comparisons
from engagement_pipeline.catalog.issues import Issue, did_you_mean
from engagement_pipeline.catalog.specs import AttributeRule, Channel, EventRule, Score

STATES = ("scored", "inactive", "unscored", "stale", "provisional")
CONSENTS = ("in", "out")


def conditions_can_hold(draft: Draft) -> Iterator[Issue]:
    """What is compared with a word or a number can be that word, or reach that number."""
    scores = {score.name: score.spec for score in draft.scores if score.spec}
    words = {
        **{f"state.{name}": STATES for name in scores},
        **{f"band.{name}": tuple(score.bands) for name, score in scores.items()},
        **{f"consent.{channel}": CONSENTS for channel in get_args(Channel)},
    }
    ranges = {f"score.{name}": score.scale.range for name, score in scores.items()}
    for each in _conditions(draft):
        for found in comparisons(each.sql or ""):
            message = _unknown_word(found, words) or _out_of_reach(found, ranges)
            if message:
                yield each.declared.issue(f"{each.at[-1]}: {message}", *each.at, level="warning")


def _unknown_word(found: Comparison, words: dict[str, tuple[str, ...]]) -> str | None:
    known = words.get(found.column)
    if known is None or not isinstance(found.value, str) or found.value in known:
        return None
    if not known:
        return f"{found.column} is never '{found.value}': the score has no bands"
    listed = ", ".join(known)
    return f"{found.column} is never '{found.value}', only {listed}{did_you_mean(found.value, known)}"


def _out_of_reach(found: Comparison, ranges: dict[str, tuple[float, float] | None]) -> str | None:
    span = ranges.get(found.column)
    if span is None or isinstance(found.value, str) or span[0] <= found.value <= span[1]:
        return None
    return f"{found.column} is never {found.value:g}: its scale runs from {span[0]:g} to {span[1]:g}"


class _Condition(NamedTuple):
    declared: Declared[Any]
    sql: str | None
    at: tuple[str | int, ...]


def _conditions(draft: Draft) -> Iterator[_Condition]:
    """Every condition on people of the catalog."""
    found = [each for score in draft.scores for each in _of_score(score)]
    found += [_Condition(each, each.spec.where, ("where",)) for each in draft.segments if each.spec]
    found += [
        _Condition(each, variant.when, ("variants", index, "when"))
        for each in draft.campaigns
        for index, variant in enumerate(each.spec.variants if each.spec else ())
    ]
    found += [_Condition(each, each.spec.where, ("where",)) for each in draft.alerts if each.spec]
    found += [_Condition(each, each.spec.applies_to, ("applies_to",)) for each in draft.outcomes if each.spec]
    return iter(found)


def _of_score(score: Declared[Score]) -> Iterator[_Condition]:
    if score.spec is None:
        return
    yield _Condition(score, score.spec.applies_to, ("applies_to",))
    for index, rule in enumerate(score.spec.rules):
        if isinstance(rule, AttributeRule):
            yield _Condition(score, rule.when, ("rules", index, "when"))
        elif isinstance(rule, EventRule):
            yield _Condition(score, rule.applies_to, ("rules", index, "applies_to"))


RULES = (conditions_can_hold,)
