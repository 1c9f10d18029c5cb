"""What changed between two definitions, in words; and that nothing changes without words."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_pipeline.catalog.differences import described, differences
from engagement_pipeline.catalog.digests import digest
from engagement_pipeline.catalog.drafted import as_data
from engagement_pipeline.catalog.specs import Campaign, EventRule, Project, Score, Segment

SCORE: dict[str, Any] = {
    "score": "email",
    "goal": "Do they read?",
    "owner": "team:a",
    "window": "90d",
    "decay": {"half_life": "30d"},
    "rules": [
        {"event": "opened", "weight": 3, "cap": {"per_day": 1}},
        {"event": "clicked", "weight": 5, "cap": {"per_day": 3}},
        {"event": "clicked", "where": "category = 'insurance'", "weight": 8},
        {"event": "unsubscribed", "weight": -10},
    ],
    "scale": {"method": "percentile", "range": [1, 10]},
    "bands": {"low": [1, 4], "medium": [4, 7], "high": [7, 10]},
}
CAMPAIGN: dict[str, Any] = {
    "campaign": "perks",
    "goal": "Reward them",
    "owner": "team:a",
    "audience": {"include": ["loyal"], "exclude": ["buyers"]},
    "channel": "email",
    "variants": [{"when": "score.x >= 8", "message": "extra"}, {"when": "score.x >= 5", "message": "offer"}],
    "holdout": "10%",
    "outcome": {"event": "ordered", "within": "14d"},
}


def rules(*changed: dict[str, Any]) -> dict[str, Any]:
    return {"rules": list(changed)}


OPENED, CLICKED, INSURED, GONE = SCORE["rules"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"window": "60d"}, ["window 90d → 60d"]),
        ({"decay": {"half_life": "14d"}}, ["decay half life 30d → 14d"]),
        ({"decay": "none"}, ["decay half life 30d → none"]),
        ({"decay": {"linear": "60d"}}, ["decay half life 30d → linear 60d"]),
        (rules(OPENED, {**CLICKED, "weight": 6}, INSURED, GONE), ["weight of clicked 5 → 6"]),
        (rules({**OPENED, "cap": {"per_day": 2}}, CLICKED, INSURED, GONE), ["daily cap of opened 1 → 2"]),
        (rules({**OPENED, "cap": None}, CLICKED, INSURED, GONE), ["daily cap of opened 1 → none"]),
        (rules(OPENED, CLICKED, INSURED), ["rule removed: unsubscribed, weight -10"]),
        (
            rules(*SCORE["rules"], {"event": "read", "count": "days", "weight": 1, "cap": {"points": 9}}),
            ["rule added: read, weight 1, count days, cap 9"],
        ),
        (
            rules(*SCORE["rules"], {"when": "profile.plan = 'gold'", "weight": 2}),
            ["rule added: profile.plan = 'gold', weight 2"],
        ),
        (
            rules(OPENED, CLICKED, {**INSURED, "where": "category = 'cars'"}, GONE),
            ["condition of clicked is now category = 'cars', was category = 'insurance'"],
        ),
        (
            rules(CLICKED, OPENED, INSURED, GONE),
            ["rules in another order: clicked, opened, clicked where category = 'insurance', unsubscribed"],
        ),
        (
            {"bands": {"low": [1, 4], "medium": [4, 7.5], "high": [7.5, 10]}},
            ["band high starts at 7.5, was 7"],
        ),
        (
            {"bands": {"low": [1, 4], "high": [4, 10]}},
            ["band high starts at 4, was 7", "band medium removed: from 4 to 7"],
        ),
        (
            {"scale": {"method": "percentile", "range": [1, 50]}},
            ["scale range 1 to 10 → 1 to 50", "band high no longer includes its upper edge"],
        ),
        ({"cap": 100, "groups": {"mail": 20}}, ["group mail added: 20", "cap none → 100"]),
        ({"goal": "Do they still?"}, ["goal Do they read? → Do they still?"]),
    ],
)
def test_a_score_in_words(changed: dict[str, Any], words: list[str]) -> None:
    before, after = Score.model_validate(SCORE), Score.model_validate({**SCORE, **changed})
    assert differences(before, after) == words
    assert differences(after, after) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"holdout": "20%"}, ["holdout 10% → 20%"]),
        ({"outcome": {"event": "ordered", "within": "7d"}}, ["outcome within 14d → 7d"]),
        (
            {"audience": {"include": ["loyal", "new"], "exclude": []}},
            ["audience include: new added", "audience exclude: buyers removed"],
        ),
        (
            {"variants": [{"when": "score.x >= 9", "message": "extra"}, {"message": "rest"}]},
            [
                "condition of extra is now score.x >= 9, was score.x >= 8",
                "variant added: rest, for everyone else",
                "variant removed: offer, when score.x >= 5",
            ],
        ),
        ({"variants": CAMPAIGN["variants"][::-1]}, ["variants in another order: offer, extra"]),
    ],
)
def test_a_campaign_in_words(changed: dict[str, Any], words: list[str]) -> None:
    before, after = Campaign.model_validate(CAMPAIGN), Campaign.model_validate({**CAMPAIGN, **changed})
    assert differences(before, after) == words


def test_new_and_gone() -> None:
    segment = Segment(segment="a", owner="team:a", where="score.x > 1")
    assert differences(None, segment) == ["new"]
    assert differences(segment, None) == ["removed"]
    assert differences(None, None) == []
    assert described(EventRule(event=["a", "b"], channel="email", weight=2)) == "a or b on email, weight 2"


def test_settings_are_told_in_the_units_they_are_written_in() -> None:
    plain = {"project": "corner", "start_date": "2026-01-01"}
    changed = {
        **plain,
        "limits": {"reject_share": "5%"},
        "lateness_horizon": "2w",
        "keep_unknown_events": True,
    }
    assert differences(Project.model_validate(plain), Project.model_validate(changed)) == [
        "lateness horizon 30d → 14d",
        "keep unknown events no → yes",
        "limits reject share 20% → 5%",
    ]


RULE = st.fixed_dictionaries(
    {"event": st.sampled_from(["a", "b", "c"]), "weight": st.sampled_from([1, 2, -3])},
    optional={
        "where": st.sampled_from(["x = 1", "x = 2"]),
        "cap": st.sampled_from([{"per_day": 1}, {"per_day": 2}, {"points": 5}]),
        "label": st.sampled_from(["one", "two"]),
        "window": st.sampled_from(["7d", "30d"]),
        "channel": st.sampled_from(["email", ["email", "push"]]),
        "streak": st.just("3d"),
    },
)
EDGE = st.sampled_from([3, 4, 5])
SCORES = st.fixed_dictionaries(
    {
        **{key: st.just(SCORE[key]) for key in ("score", "goal", "owner")},
        "window": st.sampled_from(["30d", "60d"]),
        "rules": st.lists(RULE, min_size=1, max_size=5),
        "bands": EDGE.map(lambda edge: {"low": [None, edge], "high": [edge, None]}),
    },
    optional={
        "decay": st.sampled_from([{"half_life": 9}, {"linear": 9}, {"s_curve": 9}]),
        "cap": st.sampled_from([10, 20]),
        "groups": st.sampled_from([{"a": 1}, {"a": 2}, {"b": 1}]),
        "missing_parts": st.sampled_from(["zero", "reweight"]),
        "applies_to": st.just("profile.plan = 'gold'"),
    },
)


@settings(max_examples=150, deadline=None)
@given(SCORES, SCORES)
def test_whatever_changes_is_said_and_what_is_stored_reads_back(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    before, after = Score.model_validate(one), Score.model_validate(two)
    words = differences(before, after)
    assert bool(words) == (before != after)
    assert all(text.strip() == text and "Spec" not in text and "(" not in text for text in words)
    if digest(before) != digest(after):
        assert words
    assert Score.model_validate(as_data(before)) == before
