"""Every kind of rule in words."""

from engagement_pipeline.catalog.specs import Score
from engagement_pipeline.orchestration.metadata import score_definition
from engagement_pipeline.reports import rules


def score(*given: dict[str, object], **more: object) -> Score:
    return Score.model_validate(
        {"score": "s", "goal": "test", "owner": "team:x", "window": 90, "rules": list(given), **more}
    )


def said(rule: dict[str, object]) -> dict[str, str]:
    """What a row says, empty columns left out."""
    (row,) = rules.rows(score({"weight": 1, **rule}))
    found = {name: cell for name, cell in zip(rules.HEADER, row, strict=True) if cell}
    assert found.pop("weight") == "+1"
    return found


def test_what_is_counted() -> None:
    opened = {"event": "opened"}
    assert said(opened) == {"event": "opened", "quantity": "count"}
    assert said({"channel": ["web", "app"]}) == {"event": "anything chosen on app, web", "quantity": "count"}
    for given, words in [
        ({"count": "days"}, "days"),
        ({"count": "first"}, "the first time"),
        ({"count": "messages", "implied_by": "clicked"}, "messages, also shown by clicked"),
        ({"streak": 7}, "7 days in a row"),
        ({"inactive_for": 30}, "once, if there was none for 30 days"),
        ({"per": 10, "unit": "EUR", "ceiling": 500}, "value, per 10 EUR, at most 500"),
        ({"rate": {"per": "sent", "at_least": 5}}, "count per sent, from 5 on"),
    ]:
        assert said({**opened, **given})["quantity"] == words


def test_whom_it_concerns_and_how_far_it_goes() -> None:
    assert said(
        {
            "event": "opened",
            "where": "category = 'x'",
            "applies_to": "profile.vip",
            "cap": {"per_day": 2, "points": 20},
            "window": 7,
            "decay": {"s_curve": 10},
            "machine": "exclude",
        }
    ) == {
        "event": "opened",
        "where": "category = 'x'",
        "people": "profile.vip",
        "quantity": "count",
        "daily cap": "2",
        "cap": "20 points",
        "window": "7 days",
        "decay": "an S, half after 10 days, nothing after 20",
        "machines": "excluded",
    }
    assert said({"when": "profile.vip"}) == {"people": "profile.vip", "quantity": "once"}
    assert said({"score": "email"}) == {"event": "score email", "quantity": "its score"}


def test_a_score_shows_its_caps_and_what_missing_parts_do() -> None:
    composite = score(
        {"score": "email", "weight": 0.6, "group": "mail"},
        {"when": "profile.vip", "weight": 2},
        groups={"mail": 5},
        cap=20,
        missing_parts="reweight",
    )
    shown = score_definition(composite)
    assert shown["rules"].value.splitlines()[2:] == [
        "| +0.6 | score email |  | its score | mail |",
        "| +2 |  | profile.vip | once |  |",
    ]
    assert shown["window"] == "none: no rule reads events"
    assert (shown["group caps"], shown["cap"]) == ("mail 5 points", "20 points in all")
    assert shown["missing parts"] == "who lacks one is judged by the others, whose weights share its weight"
