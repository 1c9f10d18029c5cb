"""Digests change with what is computed, and with nothing else."""

from typing import Any

import pytest

from engagement_pipeline.catalog.digests import (
    campaign_digest,
    digest,
    points_digest,
    score_digest,
    segment_digest,
)
from engagement_pipeline.catalog.specs import Campaign, Score, Segment

BASE: dict[str, Any] = {
    "score": "email",
    "goal": "Reading",
    "owner": "team:x",
    "window": "90d",
    "rules": [{"event": ["a", "b"], "weight": 3, "where": "x = 1"}],
    "scale": {"method": "percentile", "range": [1, 10]},
    "bands": {"all": [1, 10]},
}


def score(**changed: Any) -> Score:
    return Score.model_validate({**BASE, **changed})


def rule(**changed: Any) -> Score:
    return score(rules=[{**BASE["rules"][0], **changed}])


@pytest.mark.parametrize(
    "other",
    [
        score(window=91),
        score(decay={"half_life": "30d"}),
        score(decay={"linear": "30d"}),
        score(applies_to="profile.plan = 'x'"),
        score(scale={"method": "percentile", "range": [1, 10], "population": "active"}),
        score(rules=BASE["rules"] * 2),
        rule(weight=4),
        rule(event="a"),
        rule(where="x = 2"),
        rule(channel="email"),
        rule(cap={"per_day": 1}),
        rule(per=2),
        rule(per=2, floor=1),
        rule(per=2, ceiling=9),
        rule(per=2, unit="EUR"),
        rule(count="days"),
        rule(count="messages"),
        rule(count="messages", implied_by="c"),
        rule(count="first"),
        rule(streak=3),
        rule(rate={"per": "c"}),
        rule(rate={"per": "c", "at_least": 2}),
        rule(window=30),
        rule(decay={"s_curve": 30}),
        rule(machine="exclude"),
    ],
)
def test_what_changes_points_changes_both_digests(other: Score) -> None:
    assert points_digest(other) != points_digest(score())
    assert score_digest(other) != score_digest(score())


@pytest.mark.parametrize(
    "other",
    [
        score(bands={}),
        score(scale={"method": "percentile", "range": [0, 100]}),
        score(scale={"method": "percentile", "range": [1, 10], "reference": "live"}),
        rule(label="opens"),
    ],
)
def test_what_changes_only_how_points_are_read_leaves_a_reference_valid(other: Score) -> None:
    assert points_digest(other) == points_digest(score())
    assert score_digest(other) != score_digest(score())


def test_prose_and_spelling_change_nothing() -> None:
    assert score_digest(score(goal="Other words", owner="team:y")) == score_digest(score())
    assert points_digest(rule(event=["b", "a", "b"], where=" (X  ==1)", weight=3.0)) == points_digest(score())
    assert score_digest(score(window="90d")) == score_digest(score(window=90))


def test_names_in_any_order_are_the_same_names() -> None:
    one = rule(count="messages", implied_by=["c", "d"], rate={"per": ["x", "y"]})
    other = rule(count="messages", implied_by=["d", "c", "d"], rate={"per": ["y", "x"]})
    assert points_digest(one) == points_digest(other)


def test_population_matters_to_relative_scales_only() -> None:
    first, second = (score(scale={"population": each}, bands={}) for each in ("known", "active"))
    assert points_digest(first) == points_digest(second)


def test_segments_and_campaigns() -> None:
    segment = Segment(segment="s", owner="team:x", where="true")
    assert segment_digest(segment) == segment_digest(segment.model_copy(update={"description": "x"}))
    assert segment_digest(segment) != segment_digest(segment.model_copy(update={"where": "false"}))
    fields: dict[str, Any] = {
        "campaign": "c",
        "goal": "Goal",
        "owner": "team:x",
        "audience": {"include": ["s"]},
        "channel": "email",
        "variants": [{"message": "a"}, {"message": "b", "when": "true"}],
    }
    campaign = Campaign.model_validate(fields)
    assert campaign_digest(campaign) == campaign_digest(campaign.model_copy(update={"goal": "Another"}))
    assert campaign_digest(campaign) != campaign_digest(campaign.model_copy(update={"holdout": 0.5}))
    swapped = Campaign.model_validate({**fields, "variants": fields["variants"][::-1]})
    assert campaign_digest(campaign) != campaign_digest(swapped), "the first variant that matches wins"


def test_a_digest_is_stable_and_takes_more() -> None:
    """A changed digest makes every stored score unsynced and every reference void: it must not drift."""
    segment = Segment(segment="s", owner="team:x", where="true")
    assert digest(segment) == "9f84e4e4eae8"
    assert digest(segment, "v2") != digest(segment)
    assert digest(segment, 1, "a") != digest(segment, "a", 1)
